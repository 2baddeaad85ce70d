"""Publish a trained model, or an exported training set, as a repository of the Hugging Face hub.

    touchline publish results/models/qwen2-vl --to NAME [--dry-run DIR]
    touchline publish train.json --to NAME [--dry-run DIR]

REQUIRES the folder of a model that a study trained, and for the card the study's results around it;
    or the JSON of `touchline export`.
PRODUCES a private repository of the hub (`--public`: a public one): the weights, with a card that says
    the base, data, settings, scores beside the baseline, and provenance; of a training set the
    samples without videos. `--dry-run` writes the same files into a folder, and sends nothing.
"""

import argparse
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from touchline.core.errors import how_to_install
from touchline.core.files import atomic_folder, write_text
from touchline.core.problems import InputError, quoted
from touchline.core.schema import ALL, read_csv
from touchline.core.text_files import UnreadableError, read_json
from touchline.evaluation.table_format import format_interval, format_number

WEIGHTS = ("adapter_model.safetensors", "model.safetensors")
# Files of a model's folder that belong to its repository; the others are about the machine.
FILES = (
    *WEIGHTS,
    "adapter_config.json",
    "model.json",
    "words.json",
    "trained_on.json",
    "log.parquet",
)
BASELINE = "constant"
_PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "trl",
    "bitsandbytes",
    "numpy",
    "scikit-learn",
    "polars",
)
_NAME = re.compile(r"(?:[\w.-]{1,96}/)?[\w.-]{1,96}")


def write_model(folder: Path, out: Path, results: Path) -> None:
    """Write the files of a model's repository, with its card, into the folder `out`.

    `results` are those of the model's study. Raises `InputError` for a folder without a model.
    """
    if not any((folder / name).is_file() for name in WEIGHTS):
        raise InputError(
            f"{folder}: has no weights ({' or '.join(WEIGHTS)}). Name a trained model."
        )
    made_from = _read(folder / "trained_on.json")
    for name in FILES:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, out / name)
    write_text(out / "README.md", model_card(folder.name, made_from, results))


def model_card(model: str, made_from: dict, results: Path) -> str:
    """Return the card of a model; `made_from` is the content of its trained_on.json."""
    settings = made_from.get("settings", {})
    base, backend = settings.get("base"), made_from.get("backend")
    matches = made_from.get("matches", [])
    front: dict[str, Any] = {"library_name": "peft" if base else "touchline"}
    if isinstance(base, str) and _NAME.fullmatch(base) and "/" in base:
        front["base_model"] = base
    front |= {"tags": ["touchline", "soccer", "action-spotting"], "metrics": ["f1"]}
    header = yaml.safe_dump(front, sort_keys=False)
    parts = [
        f"---\n{header}---\n\n# {model}\n",
        "A model that finds actions in soccer broadcasts, trained by Touchline with its backend "
        f"`{backend}`" + (f" on the base `{base}`." if base else ".") + "\n",
        f"## Data\n\nIt was trained on {len(matches)} matches, which `trained_on.json` lists.\n",
        _scores(model, results),
        f"## Settings\n\n```json\n{json.dumps(settings, indent=1, ensure_ascii=False)}\n```\n",
        _provenance(model, results),
    ]
    return "\n".join(part for part in parts if part)


def _scores(model: str, results: Path) -> str:
    """Return the section with the model's scores and the baseline's, or what there is to say."""
    path = results / "metrics.csv"
    if not path.is_file():
        return "## Scores\n\nThis model has not been scored where it was published from.\n"
    table = read_csv(path).filter(protocol="full", matching="many")
    rows = table.filter(pl.col("model").is_in([model, BASELINE]))
    if rows.filter(model=model).is_empty():
        return "## Scores\n\nThis model has not been scored where it was published from.\n"
    rows = rows.sort(pl.col("action") != ALL, "action", pl.col("model") != model)
    lines = [
        "| action | model | events | precision | recall | F1 | interval |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows.iter_rows(named=True):
        numbers = (format_number(row[name]) for name in ("precision", "recall", "f1"))
        interval = format_interval(row["f1_low"], row["f1_high"])
        cells = (row["action"], row["model"], str(row["events"]), *numbers, interval)
        lines.append(f"| {' | '.join(cells)} |")
    return (
        "## Scores\n\nEvery chunk of the scored matches counts; a hit is an answer with IoU > 0.3 "
        f"with an event, many to many. `{BASELINE}` is the constant baseline. Intervals are those of "
        "a bootstrap over matches.\n\n" + "\n".join(lines) + "\n"
    )


def _provenance(model: str, results: Path) -> str:
    """Return the section that says what the study's record of provenance has about the model."""
    path = results / "provenance.json"
    if not path.is_file():
        return ""
    record = _read(path)
    made = record.get("made", {}).get(f"results/models/{model}", {})
    lines = [f"- commit of the code: {record.get('commit') or 'not known'}"]
    lines += [f"- Python {record.get('python')}"]
    lines += [f"- made {made['ended']} by the rule {made['rule']}"] if made else []
    versions = record.get("packages", {})
    lines += [f"- {name} {versions[name]}" for name in _PACKAGES if name in versions]
    return "## Provenance\n\n" + "\n".join(lines) + "\n"


def write_dataset(path: Path, out: Path) -> None:
    """Write the files of a training set's repository: its samples without videos, and a card."""
    samples = _read(path, list)
    for sample in samples:
        if not isinstance(sample, dict) or "conversations" not in sample:
            raise InputError(f"{path}: is no training set of `touchline export`. Name its --out.")
        # Local paths are nobody else's: a chunk is named by match, half and file.
        videos = ["/".join(Path(video).parts[-3:]) for video in sample.get("videos", [])]
        sample["videos"] = videos
        sample["video"] = videos[0] if len(videos) == 1 else videos
    write_text(out / path.name, json.dumps(samples, ensure_ascii=False, indent=1))
    matches = {str(sample.get("id", "")).split("/")[0] for sample in samples}
    front = {
        "tags": ["touchline", "soccer", "action-spotting"],
        "task_categories": ["video-text-to-text"],
    }
    write_text(
        out / "README.md",
        f"---\n{yaml.safe_dump(front, sort_keys=False)}---\n\n# {path.stem}\n\n"
        f"{len(samples)} samples of {len(matches)} matches, as conversations of LLaMA-Factory "
        "(sharegpt) and Qwen's scripts. The videos are not part of it: `videos` names a sample's chunk "
        "by match, half and file. The commentary and the labels have the terms of their sources.\n",
    )


def _read(path: Path, kind: type = dict) -> Any:
    """Return the content of a JSON file; raise `InputError` for none, or one of another kind."""
    try:
        content = read_json(path)
    except UnreadableError as error:
        raise InputError(f"{path}: cannot be read ({error}). Name a trained model.") from error
    if not isinstance(content, kind):
        raise InputError(f"{path}: is not what Touchline writes there. Make it again.")
    return content


def upload(folder: Path, name: str, repo_type: str, private: bool) -> str:
    """Upload a folder as a repository of the hub, and return its address."""
    try:
        import httpx2
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError
    except ModuleNotFoundError as error:
        raise InputError(f"{error.name} is not installed. {how_to_install('soccernet')}") from error
    api = HfApi()
    try:
        url = api.create_repo(name, repo_type=repo_type, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=url.repo_id, folder_path=folder, repo_type=repo_type,
            commit_message="Published by touchline publish",
        )  # fmt: skip
    except (HfHubHTTPError, httpx2.HTTPError, LocalTokenNotFoundError) as error:
        reason = quoted((str(error).strip().splitlines() or [type(error).__name__])[0])
        raise InputError(
            f"{api.endpoint}: {name} cannot be written ({reason}). Log in with `hf auth login`, with "
            "a token that may write, or name a repository of your own."
        ) from error
    return str(url)


def main(argv: list[str]) -> None:
    """Publish a model or a training set, or write what would be published."""
    parser = argparse.ArgumentParser(
        prog="touchline publish", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("source", type=Path, help="folder of a trained model, or an exported JSON")
    parser.add_argument("--to", required=True, metavar="NAME", help="such as user/qwen2-vl-soccer")
    parser.add_argument(
        "--results", type=Path, metavar="DIR", help="of the study (around the model)"
    )
    parser.add_argument("--public", action="store_true", help="for everybody; else it is private")
    parser.add_argument("--dry-run", type=Path, metavar="DIR", help="write it there, send nothing")
    args = parser.parse_args(argv)
    if not _NAME.fullmatch(args.to):
        raise InputError(f"--to: '{quoted(args.to)}' is no name of a repository. Write user/name.")
    is_dataset = not args.source.is_dir()
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary)
        if is_dataset:
            write_dataset(args.source, out)
        else:
            write_model(args.source, out, args.results or args.source.absolute().parent.parent)
        if args.dry_run:
            with atomic_folder(args.dry_run) as partial:
                shutil.copytree(out, partial, dirs_exist_ok=True)
            print(f"{args.dry_run}: {', '.join(sorted(path.name for path in out.iterdir()))}")
            return
        print(upload(out, args.to, "dataset" if is_dataset else "model", not args.public))
