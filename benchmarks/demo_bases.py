"""The demo's tiny bases, made again: are they those of the package, and what is their F1?

    python benchmarks/demo_bases.py --out demo-bases [--only mistral]

Makes the bases anew (`touchline demo_base`, one thread each, side by side), then runs the demo's
study with the package's bases and with the new ones: on the demo's two test matches, and on
`FURTHER` other ones. Prints F1 (every chunk, many-to-many) of all models, and ends with status 1
where F1 of a new base differs from that of the package's in two digits. What is in the folder
already is not made again.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import yaml

from touchline.demo.demo_base import RECIPES
from touchline.models import shipped_bases

ROOT = Path(__file__).parents[1]
FURTHER, FURTHER_SEED = 12, 2  # matches, none of which is among those of the bases or of the demo
MODELS = ["constant", "qwen2-vl", "qwen2-vl-blanked", "qwen2-vl-zero-shot", "mistral"]


def run(*command: object, cwd: Path | None = None) -> None:
    """Run a command with one thread; end where it fails."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(list(map(str, command)), cwd=cwd, env=environment, check=True)


def make_bases(out: Path, names: list[str]) -> None:
    """Make the bases that are not there, side by side."""
    missing = [name for name in names if not (out / name).exists()]
    command = [sys.executable, "-m", "touchline", "demo_base", "--name"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen([*command, name, "--out", str(out / f".{name}")], env=environment)
        for name in missing
    ]
    for name, process in zip(missing, running, strict=True):
        if process.wait():
            raise SystemExit(f"{name} was not made")
        (out / f".{name}").rename(out / name)


def draw_matches(folder: Path, *options: object) -> pl.DataFrame:
    """Draw matches into a folder and return their sheet, with absolute paths."""
    run(sys.executable, "-m", "touchline", "demo_matches", "--out", folder, *options)
    arguments = ["--soccernet", "SoccerNet", "--echoes", "sn-echoes", "--splits", "splits.csv"]
    run(sys.executable, "-m", "touchline", "sheet", *arguments, cwd=folder)
    sheet = pl.read_csv(folder / "matches.csv")
    prefix = pl.lit(f"{folder.resolve()}/")
    return sheet.with_columns(prefix + pl.col("video", "labels", "commentary"))


def lay_sheets(out: Path) -> dict[str, Path]:
    """Return the sheets of both test sets, by their names; the train matches are the demo's."""
    demo = draw_matches(out / "demo")
    further = draw_matches(out / "further", "--matches", FURTHER, "--seed", FURTHER_SEED)
    others = demo.filter(pl.col("split") != "test")
    sheets = {"demo": demo, "further": others.vstack(further.with_columns(split=pl.lit("test")))}
    for name, sheet in sheets.items():
        sheet.write_csv(out / f"{name}.csv")
    return {name: (out / f"{name}.csv").resolve() for name in sheets}


def study_f1(folder: Path, sheet: Path, bases: dict[str, str]) -> dict[str, float]:
    """Run the demo's study on a sheet with these bases; return the F1 of each model."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = yaml.safe_load((ROOT / "profiles/demo/study.yaml").read_text())["models"]
    changed = {
        model: {"base": bases[entry["base"].removeprefix(shipped_bases.PREFIX)]}
        for model, entry in entries.items()
        if "base" in entry
    }
    overlay = {"sheet": str(sheet), "compare": MODELS, "models": changed}
    (folder / "study.yaml").write_text(yaml.safe_dump(overlay))
    files = [ROOT / "profiles/demo/study.yaml", (folder / "study.yaml").resolve()]
    command = ["snakemake", "--profile", ROOT / "profiles/demo", "--directory", folder]
    run(*command, "results/metrics.csv", "--configfile", *files, cwd=ROOT)
    pooled = pl.read_csv(folder / "results/metrics.csv").filter(
        action="all", protocol="full", matching="many"
    )
    return dict(pooled.select("model", "f1").iter_rows())


def main() -> None:
    """Make the bases, run the studies and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--only", choices=RECIPES, help="make this base alone")
    args = parser.parse_args()
    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    names = [args.only] if args.only else list(RECIPES)
    make_bases(out, names)
    package = {name: f"{shipped_bases.PREFIX}{name}" for name in RECIPES}
    made = package | {name: str(out / name) for name in names}
    for name in names:
        files = shipped_bases.files(package[name])
        same = all(file.read_bytes() == (out / name / file.name).read_bytes() for file in files)
        print(f"{name}: {'the same files as' if same else 'other files than'} the package's")
    rows = []
    for matches, sheet in lay_sheets(out).items():
        shipped_f1 = study_f1(out / f"{matches}-package", sheet, package)
        made_f1 = study_f1(out / f"{matches}-made", sheet, made)
        rows += [(matches, model, shipped_f1[model], made_f1[model]) for model in MODELS]
    print("| matches | model | the package's base | made again |\n| --- | --- | --- | --- |")
    for matches, model, shipped, again in rows:
        print(f"| {matches} | {model} | {shipped:.4f} | {again:.4f} |")
    if any(round(shipped, 2) != round(again, 2) for *_, shipped, again in rows):
        raise SystemExit("F1 differs")


if __name__ == "__main__":
    main()
