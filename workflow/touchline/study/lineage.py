"""What a file of a study was made from, and what has changed since, from the study's record.

The record is that of `touchline provenance`.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from touchline.core.digest import digest
from touchline.core.files import checksum
from touchline.jobs import attempts
from touchline.study.job_arguments import ENVIRONMENTS, versions

LARGE = 100 * 2**20  # bytes; larger files, such as videos, are compared by size and time
TEXT, TEXT_OR_NULL = {"type": "string"}, {"type": ["string", "null"]}
TEXTS = {"type": "array", "items": TEXT}


def object_schema(**fields: object) -> dict:
    return {"type": "object", "properties": fields, "required": list(fields)}


def _mapping(values: dict) -> dict:
    return {"type": "object", "additionalProperties": values}


# What is read of the record.
RECORD_SCHEMA = object_schema(
    settings=TEXTS,
    commit=TEXT_OR_NULL,
    python=TEXT,
    packages=_mapping(TEXT),
    attempts=_mapping(attempts.SCHEMA),
    raw=_mapping(TEXT_OR_NULL),
    made=_mapping(
        object_schema(
            rule=TEXT,
            ended=TEXT,
            by=TEXT,
            inputs=TEXTS,
            code=_mapping(TEXT),
            content=TEXT_OR_NULL,
        )
    ),
)


def fingerprint(path: Path) -> str | None:
    """Return a checksum of a file or of a folder's files, or None if nothing is there.

    In place of the content of more than `LARGE` bytes it is the size and, of a file, the time.
    """
    if path.is_file():
        status = path.stat()
        large = status.st_size > LARGE
        return f"{status.st_size} bytes, {status.st_mtime_ns}" if large else checksum(path)
    if not path.is_dir():
        return None
    sizes = {file: file.stat().st_size for file in sorted(path.rglob("*")) if file.is_file()}
    large = sum(sizes.values()) > LARGE
    lines = [
        f"{file.relative_to(path)} {size if large else checksum(file)}"
        for file, size in sizes.items()
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def installed() -> dict[str, str]:
    """Return the versions of all packages that the environments name."""
    pairs = " ".join(versions(path.stem) for path in sorted(ENVIRONMENTS.glob("*.yaml"))).split()
    return dict(pair.split("=", 1) for pair in pairs)


def present_code(module: str) -> str | None:
    """Return the digest of a module's code as it is now, or None where there is no such module."""
    try:
        return digest(module)
    except ModuleNotFoundError:
        return None


def ancestors(record: dict, name: str) -> dict[str, None]:
    """Return all files that a file was made from, raw and made, each after its own inputs."""
    made: dict[str, None] = {}

    def inputs(path: str) -> Iterator[str]:
        return iter(record["made"].get(path, {}).get("inputs", []))

    started, branch = {name}, [(name, inputs(name))]
    while branch:
        path, rest = branch[-1]
        source = next((source for source in rest if source not in started), None)
        if source is not None:
            started.add(source)
            branch.append((source, inputs(source)))
        else:
            branch.pop()
            if branch:
                made[path] = None
    return made


def describe(record: dict, name: str, file: Path) -> Iterator[str]:
    """Yield lines of text: what a file was made from, and what has changed since."""
    made = record["made"][name]
    sources = ancestors(record, name)
    yield f"{name} was made by the rule {made['rule']}, {made['ended']}, by {made['by']}, from:"
    by_rule: dict[str, list[str]] = {}
    for source in sources:
        by_rule.setdefault(record["made"].get(source, {}).get("rule", "raw files"), []).append(
            source
        )
    for rule, paths in by_rule.items():
        shown = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
        yield f"  {rule}: {shown}"
        jobs = [record["made"][path] for path in paths if path in record["made"]]
        if jobs:
            makers = ", ".join(sorted({job["by"] for job in jobs}))
            ends = sorted(job["ended"] for job in jobs)
            code = {module: value for job in jobs for module, value in job["code"].items()}
            yield f"    {ends[0]} to {ends[-1]}, by {makers}"
            yield f"    code: {', '.join(f'{module} {value}' for module, value in code.items())}"
    for model, rows in record["attempts"].items():
        if f"results/models/{model}" in sources and rows:
            yield f"  {model} was trained in {len(rows)} attempt{'s' * (len(rows) > 1)}:"
            for row in rows:
                steps = f"steps {row['from_step']} to {row['to_step']}; " * bool(row["to_step"])
                yield f"    {row['began']}, job {row['job']} on {row['node']}: {steps}{row['why']}"
    yield f"Settings: {', '.join(record['settings'])}; all of them are in {file}."
    yield f"Git commit of the code: {record['commit'] or 'not known'}. Python {record['python']}."
    changed = list(changes(record, [*sources, name]))
    yield "Since then:" if changed else "Nothing of this has changed since."
    yield from (f"  {line}" for line in changed)


def changes(record: dict, names: list[str]) -> Iterator[str]:
    """Yield a sentence for each file, module and package changed since these files were made."""
    known = record["raw"] | {name: made["content"] for name, made in record["made"].items()}
    for path in [*record["settings"], *names]:
        content = fingerprint(Path(path))
        if path not in known:
            yield f"{path} is not in the record, so nothing is known of its content."
        elif content != known[path]:
            yield f"{path} {'is gone' if content is None else 'has another content'}."
    used = [record["made"][name]["code"] for name in names if name in record["made"]]
    for module, value in sorted({pair for code in used for pair in code.items()}):
        if present_code(module) != value:
            yield f"the code of {module} has changed what it computes."
    present = installed()
    for package, version in record["packages"].items():
        if present.get(package) != version:
            yield f"{package} was {version} and is {present.get(package, 'not installed')}."
