"""What runs again after a change: the table in docs/reruns.md, and a study that was moved.

The table is made here. When it is right and the page is not, the failing test prints it.
"""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import timecode
from chunks import tiny_base
from code_changes import add_code, describe_otherwise, reword
from project import ENVIRONMENT, ROOT, Study, lay_study, run

BACKENDS = {"constant": "constant", "linear": "linear", "reading": "causal_lm", "watching": "vlm"}
MATCHES = 5
# How each rule announces a job.
MESSAGES = {
    "labels": "Labels of (?P<match>.*)",
    "commentary": "Commentary of (?P<match>.*)",
    "samples": "Samples of (?P<match>.*)",
    "chunks": "Chunks of half . of (?P<match>.*)",
    "fit": "Train (?P<model>.*)",
    "infer": "Answers of (?P<model>.*) to (?P<match>.*)",
    "score": "Score of (?P<model>.*)",
    "metrics": "Metrics of all models",
    "other": ".*",
}
SMALL = {
    "fps": 0.1,
    "max_new_tokens": 4,
    "prompt": {"examples": False, "instructions": True},
    "training": {"batch_size": 3, "dataloader_workers": 0, "gradient_checkpointing": False},
}


def fill(folder: Path) -> None:
    """Run a study: two train, one valid and two test matches with videos, all kinds of models."""
    study = lay_study(folder)
    demo = study.folder / "demo"
    timecode.make(demo / "film.mkv", timecode.steady(1, 60), size=(64, 36))
    sheet = pl.read_csv(demo / "matches.csv").with_columns(duration_s=pl.lit(60.0))
    kept = sheet[2:]  # two of the three train matches
    for match, half in kept.select("match", "half").rows():
        shutil.copy(demo / "film.mkv", demo / f"{match}-{half}.mkv")
    video = pl.format("{}-{}.mkv", "match", "half")
    kept.with_columns(video=video).write_csv(demo / "matches.csv")
    tiny_base(demo / "reader", "mistral")
    reading = {"prompt": SMALL["prompt"] | {"inputs": ["commentary"]}}
    study.configure(
        compare=list(BACKENDS),
        samples={"actions": ["goal", "foul"]},
        chunks={"when": "needed"},
        models={
            "watching": {"backend": "vlm", "base": "touchline:qwen2-vl", "fine_tune": False}
            | SMALL,
            "reading": {"backend": "causal_lm", "base": "reader"} | SMALL | reading,
            "added": {"backend": "constant", "length_s": 20},
        },
    )
    study.snakemake("--cores", 1)


@pytest.fixture(scope="session")
def done(made_once) -> Study:
    return Study(made_once("reruns", fill))


def test_what_a_training_waits_for_comes_first(done):
    """The study was run on one core, so that the times of its files are the order of its jobs."""
    results = done.folder / "demo/results"
    sheet = pl.read_csv(done.folder / "demo/matches.csv")
    train = set(sheet.filter(split="train")["match"])
    made = {True: [], False: []}
    for table in ("labels", "commentary", "samples"):
        for path in (results / table).glob("*.parquet"):
            made[path.stem in train].append(path.stat().st_mtime)
    trained = (results / "models/linear/model.safetensors").stat().st_mtime
    assert max(made[True]) < trained < min(made[False])


def changes() -> dict[str, Callable[[Study], None]]:
    """Return the kinds of change, as the page names them."""

    def in_file(column: str, split: str, old: str, new: str) -> Callable[[Study], None]:
        def change(study: Study) -> None:
            sheet = pl.read_csv(study.folder / "demo/matches.csv")
            study.edit(study.folder / "demo" / sheet.filter(split=split)[column][0], old, new)

        return change

    def in_code(module: str, change: Callable[[Path], None] = add_code) -> Callable[[Study], None]:
        return lambda study: change(study.library / module)

    def in_words(*modules: str) -> Callable[[Study], None]:
        def change(study: Study) -> None:
            for module in modules:
                reword(study.library / module)

        return change

    def in_settings(**settings: object) -> Callable[[Study], None]:
        return lambda study: study.configure(**settings)

    def in_sheet(change_rows: Callable[[list[str]], list[str]]) -> Callable[[Study], None]:
        def change(study: Study) -> None:
            path = study.folder / "demo/matches.csv"
            path.write_text("\n".join(change_rows(path.read_text().splitlines())) + "\n")

        return change

    def another_video(study: Study) -> None:
        sheet = pl.read_csv(study.folder / "demo/matches.csv").filter(split="test")
        video = study.folder / "demo" / sheet["video"][0]
        timecode.make(video, timecode.steady(1, 60), size=(72, 40))

    def another_version(study: Study) -> None:
        folder = study.folder / "packages/peft-99.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: peft\nVersion: 99.0\n")

    def another_match(rows: list[str]) -> list[str]:
        """Add a match with the files of the last one."""
        halves = [row.split(",") for row in rows[-2:]]
        return rows + [",".join(["own-match", *cells[1:]]) for cells in halves]

    def every_module_described_otherwise(study: Study) -> None:
        for path in study.library.rglob("*.py"):
            describe_otherwise(path)

    def another_base(study: Study) -> None:
        with (study.library / "demo/bases/qwen2-vl/model.safetensors").open("r+b") as weights:
            weights.seek(-1, os.SEEK_END)
            weights.write(b"\x01")

    def jobs_code(study: Study) -> None:
        for path in (study.library / "jobs").glob("*.py"):
            add_code(path)

    position = ('"position": "', '"position": "1')
    return {
        "one label of a test match": in_file("labels", "test", *position),
        "one label of a train match": in_file("labels", "train", *position),
        "a commentary file of a test match": in_file("commentary", "test", "0.", "1."),
        "a commentary file of a train match": in_file("commentary", "train", "0.", "1."),
        "a video of a test match": another_video,
        "a test match added": in_sheet(another_match),
        "a test match removed": in_sheet(lambda rows: rows[:-2]),
        "a train match removed": in_sheet(lambda rows: rows[:1] + rows[3:]),
        "`grid.length_s`": in_settings(grid={"length_s": 30}),
        "`chunks.fps`": in_settings(chunks={"fps": 2}),
        "the text of the prompts": in_code("prompts/prompt_text.py"),
        "how answers are read": in_code("prompts/answer_parser.py"),
        "the arithmetic of the training": in_code("models/lm/finetuning/trainer.py"),
        "the code of `linear`": in_code("models/words/linear.py"),
        "the code of the score": in_code("evaluation/matching.py"),
        "a comment or a docstring": every_module_described_otherwise,
        "the words of an error or of `--help`": in_words(
            "models/fit.py", "models/words/linear_fit.py", "models/lm/loader.py", "data/labels.py",
        ),
        "the code for Slurm, locks, checkpoints and attempts": jobs_code,
        "how a model answers (`max_new_tokens`)": in_settings(
            models={"reading": {"max_new_tokens": 5}}
        ),
        "a model added to `compare`": in_settings(compare=[*BACKENDS, "added"]),
        "the weights of a base that comes with Touchline": another_base,
        "the version of `peft`": another_version,
    }  # fmt: skip


def plan(study: Study) -> dict[tuple[str, str], list[str]]:
    """Return the jobs of a dry run, (rule, model) to matches; model and match are empty without one."""
    packages = f"{study.folder / 'packages'}:{ENVIRONMENT['PYTHONPATH']}"
    done = study.snakemake(
        "--dry-run", "--quiet", "host", environment=ENVIRONMENT | {"PYTHONPATH": packages}
    )
    jobs: dict[tuple[str, str], list[str]] = {}
    for message in re.findall(r"^Job \d+: (.*)$", done.stdout + done.stderr, re.MULTILINE):
        for rule, pattern in MESSAGES.items():
            if found := re.fullmatch(pattern, message):
                groups = found.groupdict("")
                key = (rule, groups.get("model", ""))
                jobs.setdefault(key, []).append(groups.get("match", ""))
                break
    return jobs


def describe(jobs: dict[tuple[str, str], list[str]]) -> str:
    """Return the cells of a row: how many matches, or which models."""
    cells = []
    for rule in ("labels", "commentary", "samples", "chunks"):
        matches = set(jobs.get((rule, ""), []))
        cells.append("all" if len(matches) == MATCHES else str(len(matches)) if matches else "–")
    for rule in ("fit", "infer", "score"):
        models = {model: set(matches) for (name, model), matches in jobs.items() if name == rule}
        known = [model for model in BACKENDS if rule != "fit" or model in ("linear", "reading")]
        names = ", ".join(f"`{BACKENDS.get(model, 'added')}`" for model in sorted(models))
        cell = "all" if set(models) == set(known) else names or "–"
        one = rule == "infer" and models and all(len(matches) == 1 for matches in models.values())
        cells.append(f"{cell}, 1 match" if one else cell)
    cells.append("yes" if ("metrics", "") in jobs else "–")
    return " | ".join(cells)


def test_the_docs_say_what_runs_again_after_each_change(done, tmp_path):
    assert plan(done) == {}
    head = [
        "change",
        "labels",
        "commentary",
        "samples",
        "chunks",
        "fit",
        "infer",
        "score",
        "tables",
    ]
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for number, (name, change) in enumerate(changes().items()):
        study = done.copy(tmp_path / str(number))
        change(study)
        lines.append(f"| {name} | {describe(plan(study))} |")
        shutil.rmtree(study.folder)
    table = "\n".join(lines)
    assert table in (ROOT / "docs/reruns.md").read_text(), table


def test_a_study_that_was_moved_plans_nothing(done, tmp_path):
    if shutil.which("rsync") is None and os.environ.get("CI") != "true":
        pytest.skip("rsync is not installed")
    run("rsync", "-a", f"{done.folder}/", tmp_path / "elsewhere", cwd=tmp_path)
    assert plan(Study(tmp_path / "elsewhere")) == {}
