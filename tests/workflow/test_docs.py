"""The documentation against the product: commands, settings, links, names of files and functions.

Every fenced block of the pages is checked by its language, and every line of a `sh` block by its
program. What cannot be checked is listed below with the reason; an entry that no page has fails too.
"""

import argparse
import ast
import configparser
import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from project import ROOT, Study, lay_study, run
from touchline import commands
from touchline.core.config import complete
from touchline.data.commentary import read_commentary

LIBRARY = ROOT / "workflow" / "touchline"
PAGES = sorted(
    ROOT / name
    for name in (
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "config/README.md",
        *(ROOT / "docs").glob("*.md"),
    )
)
LONGEST_README = 150  # lines, read aloud in two minutes
LARGEST_PICTURE = 200_000  # bytes

# Lines of `sh` blocks that are not run here, and why.
NOT_RUN = {
    "python3 -m venv .venv": "installs; .ci/run installs with make",
    "pip install -r requirements.lock": "installs; .ci/run installs with make",
    "pip install --no-deps --no-build-isolation -e .": "installs; .ci/run installs with make",
    "pip install --no-compile -c requirements.lock .": "installs the core, into another environment",
    "pip install -c requirements.lock '.[models]'": "installs an extra of what is there",
    ". .venv/bin/activate": "changes the reader's shell",
    "export SNAKEMAKE_OUTPUT_CACHE=/data/touchline-cache": "changes the reader's shell",
    "docker build --tag touchline .": "needs an engine, which was not at hand",
    'docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/study" touchline snakemake '
    "--snakefile /touchline/Snakefile --profile /touchline/profiles/local": "needs an engine",
    "apptainer build touchline.sif docker-daemon://touchline:latest": "needs an engine",
    'apptainer exec --nv --bind "$PWD:/study" --pwd /study touchline.sif snakemake '
    "--snakefile /touchline/Snakefile --profile /touchline/profiles/local": "needs an engine",
    "tensorboard --logdir results/training-logs": "a server, of a package that the user chooses",
    "rsync -a soccernet/ /elsewhere/soccernet/": "test_reruns.py moves a study so",
    "sudo apt-get install slurmctld slurmd slurm-client munge": "needs root; .ci/run does it",
    "sudo python3 tests/slurm/cluster.py start": "needs root; tests/slurm does it",
    "sudo python3 tests/slurm/cluster.py stop": "needs root; tests/slurm does it",
}
# Options of Snakemake that a dry run goes without, and why.
NOT_PLANNED = {
    "--report": "it is made of results; test_workflow.py makes one",
    "--cache": "it needs a folder; test_cache.py shares one",
    "--software-deployment-method": "it asks conda, which is not on every machine",
}
# First lines of `text` blocks, which hold no command.
TEXT = {
    "matches.csv ─┬─ labels ──────────────────────────────────┐": "a picture of the workflow",
    "/data/SoccerNet/<league>/<season>/<game>/Labels-v2.json   (and 1_224p.mkv, 2_224p.mkv where you "
    "have them)": "where the user's files are",
}
# Names of files that a run writes.
MADE = ("results/", "soccernet/", "demo/results", "demo/contact-sheet.png", "demo/base", "reel/",
        "reels/", "tables.md", ".snakemake/")  # fmt: skip
# How a name of a file in a code span looks: a path with a folder, or a source file.
PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)+/?|[\w-]+\.(?:py|smk|md)")


class Block(NamedTuple):
    """A fenced block: its page, the line of its first line, its language, and its lines."""

    page: Path
    line: int
    language: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class Command(NamedTuple):
    """A line of a `sh` block, with the lines that continue it."""

    block: Block
    text: str

    def __str__(self) -> str:
        return f"{self.block} {self.text[:60]}"

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)


def blocks() -> Iterator[Block]:
    for page in PAGES:
        language, lines, first = None, [], 0
        for number, line in enumerate(page.read_text().splitlines(), start=1):
            if line.lstrip().startswith("```"):
                if language is None:
                    language, lines, first = line.strip()[3:], [], number + 1
                else:
                    yield Block(page, first, language, tuple(lines))
                    language = None
            elif language is not None:
                lines.append(line)
        assert language is None, f"{page}: a block that begins at line {first} has no end"


def command_lines() -> Iterator[Command]:
    for block in BLOCKS:
        if block.language == "sh":
            for line in block.text.replace("\\\n", " ").splitlines():
                if line.strip() and not line.startswith("#"):
                    yield Command(block, " ".join(line.split()))


def spans(page: Path) -> Iterator[str]:
    """Yield the `code` in a page's prose and tables."""
    prose = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", prose)


def of_language(*languages: str) -> pytest.MarkDecorator:
    chosen = [block for block in BLOCKS if block.language in languages]
    assert chosen, f"no block of {languages}"
    return pytest.mark.parametrize("block", chosen, ids=str)


def of_program(*programs: str) -> pytest.MarkDecorator:
    chosen = [
        command
        for command in COMMANDS
        if command.text not in NOT_RUN and command.words[0] in programs
    ]
    assert chosen, f"no command of {programs}"
    return pytest.mark.parametrize("command", chosen, ids=str)


BLOCKS = list(blocks())
COMMANDS = list(command_lines())


def test_no_block_and_no_command_is_passed_over():
    known = {"sh", "yaml", "json", "snakemake", "text"}
    assert {block.language for block in BLOCKS} <= known, "give the block one of these languages"
    known = {"make", "touchline", "snakemake", "python", "pytest"}
    unknown = [
        str(command)
        for command in COMMANDS
        if command.text not in NOT_RUN and command.words[0] not in known
    ]
    assert not unknown, "let the tests run it, or list it in NOT_RUN with the reason"
    firsts = {block.lines[0] for block in BLOCKS if block.language == "text"}
    assert firsts == set(TEXT)
    assert set(NOT_RUN) <= {command.text for command in COMMANDS}, "no page has it any more"


@of_program("make")
def test_a_make_target_is_there(command):
    run(*command.words, "--dry-run", cwd=ROOT)


class _Parsed(Exception):  # noqa: N818
    """The parser of a command has accepted its arguments."""


@pytest.fixture
def parse(monkeypatch):
    """Return a function that gives a command its arguments and stops it when they are parsed."""

    def stopping(parse_args):
        def parse_and_stop(self, args=None, namespace=None):
            parse_args(self, args, namespace)
            raise _Parsed

        return parse_and_stop

    for name in ("parse_args", "parse_intermixed_args"):
        parse_args = getattr(argparse.ArgumentParser, name)
        monkeypatch.setattr(argparse.ArgumentParser, name, stopping(parse_args))

    def parse(command: str, arguments: list[str]) -> None:
        name = commands.module_of(command)
        assert name, f"there is no command {command}"
        with pytest.raises(_Parsed):
            importlib.import_module(name).main(arguments)

    return parse


@of_program("touchline")
def test_a_command_takes_its_arguments(command, parse):
    _, name, *arguments = command.words
    if arguments != ["--help"]:
        parse(name, arguments)


@pytest.mark.parametrize("arguments", [["--velocity", "9"], []], ids=["unknown", "missing"])
def test_wrong_arguments_are_noticed(parse, arguments):
    with pytest.raises(SystemExit):
        parse("labels", arguments)


@of_program("python", "pytest")
def test_a_script_has_its_arguments(command):
    program, path, *arguments = command.words
    source = (ROOT / path).read_text()
    for flag in (word for word in arguments if word.startswith("--")):
        assert f'add_argument("{flag}"' in source
    assert program == "python" or path.startswith("tests/")


@pytest.fixture(scope="module")
def planned(made_once) -> Study:
    """A study that is only planned, never run: it has the models and queries that the pages name."""

    def lay(folder: Path) -> None:
        lay_study(folder).configure(
            compare=["constant", "linear", "o4-mini"],
            queries={"late-goals": "the goals of the second half"},
        )

    return Study(made_once("planned", lay))


@of_program("snakemake")
def test_a_run_of_snakemake_can_be_planned(command, planned):
    words = command.words[1:]
    for option in NOT_PLANNED:
        if option in words:
            at = words.index(option)
            del words[at : at + 2]
    done = planned.snakemake("--dry-run", *words)
    assert "This was a dry-run" in done.stdout + done.stderr


def test_a_target_that_is_not_there_is_noticed(planned):
    done = planned.snakemake("--dry-run", "results/metric.csv", check=False)
    assert done.returncode != 0


@of_language("snakemake")
def test_the_workflow_is_a_module_of_another(block, planned, tmp_path):
    there = "/path/to/touchline"
    assert there in block.text
    snakefile = tmp_path / "Snakefile"
    snakefile.write_text(block.text.replace(there, str(planned.folder)) + "\n")
    done = run(
        "snakemake", "--snakefile", snakefile, "--directory", planned.folder / "demo", "--dry-run",
        "--cores", 1, "results/metrics.csv", cwd=tmp_path,
    )  # fmt: skip
    assert "metrics" in done.stdout + done.stderr


@of_language("yaml")
def test_an_example_of_settings_is_valid(block):
    config = complete(yaml.safe_load(block.text))
    assert set(config["compare"]) <= set(config["models"])


@of_language("json")
def test_an_example_of_commentary_is_read(block, tmp_path):
    path = tmp_path / "match.json"
    path.write_text(block.text)
    lines, problems = read_commentary(path, "match", 1)
    assert len(lines) == 1
    assert problems == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    local = [link.partition("#")[0] for link in links if not re.match(r"https?:", link)]
    # The picture has a test of its own.
    missing = [
        link
        for link in local
        if link and "images/" not in link and not (page.parent / link).exists()
    ]
    assert not missing


def test_the_readme_has_a_picture_that_loads_at_once():
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)\s]+)\)", (ROOT / "README.md").read_text())
    assert (ROOT / picture).stat().st_size < LARGEST_PICTURE


def test_the_readme_is_read_in_two_minutes():
    assert len((ROOT / "README.md").read_text().splitlines()) <= LONGEST_README


def missing_names(names: set[str]) -> list[str]:
    """Return those names of files, in the project or the library, that are not there.

    Only names that begin with a folder of the project or a package of the library count, and
    source files without a folder.
    """
    files = {path.name for path in ROOT.glob("*.md")} | {
        path.name
        for folder in ("workflow", "docs", "tests", "benchmarks", "config")
        for path in (ROOT / folder).rglob("*.*")
    }
    folders = {path.name: ROOT for path in ROOT.iterdir() if path.is_dir()}
    packages = {path.name: LIBRARY for path in LIBRARY.iterdir() if path.is_dir()}
    missing = []
    for name in sorted(names):
        if not PATH.fullmatch(name) or name.startswith(MADE):
            continue
        first, _, rest = name.partition("/")
        roots = [places[first] for places in (folders, packages) if first in places]
        there = name in files if not rest else any((root / name).exists() for root in roots)
        if (not rest or roots) and not there:
            missing.append(name)
    return missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_are_there(page):
    assert not missing_names({span.partition("::")[0] for span in spans(page)})


def test_a_file_that_is_not_there_is_noticed():
    names = {"core/clock.py", "core/watch.py", "tests/slurm/cluster.py", "docs/none.md", "none.py"}
    assert missing_names(names) == ["core/watch.py", "docs/none.md", "none.py"]


def defined(path: Path) -> set[str]:
    """Return the functions, classes, methods and constants that a module defines."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{one.name}" for one in node.body if hasattr(one, "name")}
    return found


def test_functions_that_are_named_are_there():
    named = [span for page in PAGES for span in spans(page) if re.fullmatch(r"\S+\.py::\S+", span)]
    assert len(named) > 20
    missing = []
    for span in named:
        path, _, name = span.partition("::")
        path = LIBRARY / path if (LIBRARY / path).is_file() else ROOT / path
        if not path.is_file() or name not in defined(path):
            missing.append(span)
    assert not missing


def test_commands_in_the_prose_are_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for span in spans(page):
            program, _, rest = span.partition(" ")
            name, *arguments = rest.split() or [""]
            if program == "make" and name:
                assert name in targets, f"{page}: {span}"
            if program == "touchline" and re.fullmatch(r"[a-z_]+", name):
                module = commands.module_of(name)
                assert module, f"{page}: {span}"
                place = ROOT / "workflow" / module.replace(".", "/")
                files = place.parent.glob(f"{place.name}*.py")  # such as reel_arguments.py
                source = "".join(file.read_text() for file in files)
                for flag in (word for word in arguments if word.startswith("--")):
                    assert flag == "--help" or f'"{flag}"' in source, f"{page}: {span}"


def test_the_packages_are_listed_as_their_imports_are_checked():
    contract = configparser.ConfigParser()
    contract.read(ROOT / ".importlinter")
    layers = contract["importlinter:contract:floors"]["layers"].split()
    layers.remove("commands")  # a module: the table of commands
    page = (ROOT / "docs/architecture.md").read_text()
    assert re.findall(r"^\| `(\w+)/` \|", page, re.MULTILINE) == layers[::-1]


def test_one_version_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()
