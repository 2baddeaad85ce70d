"""Publish a trained model, or an exported training set, as a repository of the Hugging Face hub.

    touchline publish results/models/qwen2-vl --to NAME [--dry-run DIR]
    touchline publish train.json --to NAME [--dry-run DIR]

REQUIRES the folder of a model that a study trained, and for the card the study's results around it;
    or the JSON of `touchline export`.
PRODUCES a private repository of the hub (`--public`: a public one): the weights, with a card that says
    the base, data, settings, scores beside the baseline, and provenance; of a training set the
    samples without videos. `--dry-run` writes the same files into a new folder, and sends nothing.
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
from touchline.models.shipped_bases import HUB

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
# Settings with which an adapter is asked as it was trained.
_ASKED_WITH = ("base", "quantize", "fps", "prompt")
_NAME = re.compile(r"(?:[\w.-]{1,96}/)?[\w.-]{1,96}")


def write_model(folder: Path, out: Path, results: Path, name: str) -> None:
    """Write the files of a model's repository `name`, with its card, into the folder `out`.

    `results` are those of the model's study. Raises `InputError` for a folder without a model, and
    for a model that joins others.
    """
    if not any((folder / name).is_file() for name in WEIGHTS):
        raise InputError(
            f"{folder}: has no weights ({' or '.join(WEIGHTS)}). Name a trained model."
        )
    made_from = _read(folder / "trained_on.json")
    if not isinstance(made_from.get("settings"), dict):
        raise InputError(f"{folder / 'trained_on.json'}: has no settings. Train the model again.")
    if made_from.get("backend") == "fused":
        raise InputError(
            f"{folder}: joins the answers of other models, and is fitted in seconds where they are. "
            "Publish those."
        )
    for file in FILES:
        if (folder / file).is_file():
            shutil.copyfile(folder / file, out / file)
    write_text(out / "README.md", model_card(folder.name, made_from, results, name))


def model_card(model: str, made_from: dict, results: Path, name: str) -> str:
    """Return the card of a model; `made_from` is the content of its trained_on.json."""
    settings = made_from["settings"]
    base, backend = settings.get("base"), made_from.get("backend")
    matches = made_from.get("matches") or []
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
        _use(model, backend, settings, name),
        f"## Settings\n\n```json\n{json.dumps(settings, indent=1, ensure_ascii=False)}\n```\n",
        _provenance(model, results),
    ]
    return "\n".join(part for part in parts if part)


def _use(model: str, backend: object, settings: dict, name: str) -> str:
    """Return the section with the entry of a study's configuration that answers with the model."""
    given = {"backend": backend, "weights": f"{HUB}{name}"}
    given |= {key: settings[key] for key in _ASKED_WITH if key in settings}
    entry = yaml.safe_dump({"models": {model: given}}, sort_keys=False)
    return (
        "## Use\n\nThis entry of a study's configuration answers with the model, asked as it was "
        "trained. Give it a `threshold` too: a confidence from which an answer counts, or `tuned`.\n\n"
        f"```yaml\n{entry}```\n"
    )


def _scores(model: str, results: Path) -> str:
    """Return the section with the model's scores and the baseline's, or what there is to say."""
    path = results / "metrics.csv"
    if not path.is_file():
        return "## Scores\n\nThis model has not been scored where it was published from.\n"
    columns = ["action", "model", "events", "precision", "recall", "f1", "f1_low", "f1_high"]
    try:
        table = read_csv(path).filter(protocol="full", matching="many").select(columns)
        rows = table.filter(pl.col("model").is_in([model, BASELINE]))
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = quoted((str(error).splitlines() or ["it is empty"])[0])
        raise InputError(
            f"{path}: is no table of scores ({reason}). Make it again: snakemake {path}"
        ) from error
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
    packages, jobs = record.get("packages"), record.get("made")
    if not isinstance(packages, dict) or not isinstance(jobs, dict):
        raise InputError(f"{path}: is no record of provenance. Make it again: snakemake {path}")
    made = jobs.get(f"results/models/{model}", {})
    lines = [f"- commit of the code: {record.get('commit') or 'not known'}"]
    lines += [f"- Python {record.get('python')}"]
    lines += [f"- made {made['ended']} by the rule {made['rule']}"] if made else []
    lines += [f"- {name} {packages[name]}" for name in _PACKAGES if name in packages]
    return "## Provenance\n\n" + "\n".join(lines) + "\n"


def write_dataset(path: Path, out: Path) -> None:
    """Write the files of a training set's repository: its samples without videos, and a card."""
    samples = _read(path, list)
    if not samples:
        raise InputError(f"{path}: has no samples. Export some.")
    for sample in samples:
        if not _is_sample(sample):
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


def _is_sample(sample: Any) -> bool:
    """Say whether a value has the form of a sample that `touchline export` writes."""
    if not isinstance(sample, dict) or "conversations" not in sample:
        return False
    videos = sample.get("videos", [])
    return isinstance(videos, list) and all(isinstance(video, str) for video in videos)


def _read(path: Path, kind: type = dict) -> Any:
    """Return the content of a JSON file; raise `InputError` for none, or one of another kind."""
    try:
        content = read_json(path)
    except UnreadableError as error:
        raise InputError(
            f"{path}: cannot be read ({error}). Name the folder of a trained model, or the JSON of "
            "`touchline export`."
        ) from error
    if not isinstance(content, kind):
        raise InputError(f"{path}: is not what Touchline writes. Name a file that it wrote.")
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
    parser.add_argument(
        "--dry-run", type=Path, metavar="DIR", help="write it into this new folder, send nothing"
    )
    args = parser.parse_args(argv)
    if not _NAME.fullmatch(args.to):
        raise InputError(f"--to: '{quoted(args.to)}' is no name of a repository. Write user/name.")
    if args.dry_run and args.dry_run.exists():
        raise InputError(f"--dry-run: {args.dry_run} is there already. Name a new folder.")
    is_dataset = not args.source.is_dir()
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary)
        if is_dataset:
            write_dataset(args.source, out)
        else:
            source = args.source.absolute()
            write_model(source, out, args.results or source.parent.parent, args.to)
        if args.dry_run:
            with atomic_folder(args.dry_run) as partial:
                shutil.copytree(out, partial, dirs_exist_ok=True)
            print(f"{args.dry_run}: {', '.join(sorted(path.name for path in out.iterdir()))}")
            return
        print(upload(out, args.to, "dataset" if is_dataset else "model", not args.public))
