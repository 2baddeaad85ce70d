"""Speed of making samples from JSON: games/s of the stages, against plain Python loops.

Both run in this process on the same games, in turn, and must make the same samples.

    python benchmarks/tables.py --soccernet DIR [--games 40] [--rounds 3]
"""

import argparse
import json
import re
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import yaml
from tabulate import tabulate

from touchline.core import schema
from touchline.data import commentary, labels, loops, matches, samples, sheet

CONFIG = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text(encoding="utf-8"))
ACTIONS = CONFIG["samples"]["actions"]


def read_sheet(
    folder: Path,
    splits: dict[str, str],
    versions: Sequence[str] = ("whisper_v1_en", "whisper_v1"),
    further: Sequence[str] = (),
) -> pl.DataFrame:
    """Return the sheet of these games; `folder` is laid out as for `make soccernet`.

    `versions` are those of the commentary, the most wanted first, and `further` those beside it.
    """
    lengths = sheet.read_columns(folder / "half_lengths.csv", ["game", "half", "duration_s"])
    rows, _ = sheet.from_soccernet(
        folder / "SoccerNet",
        folder / "sn-echoes",
        splits,
        {(game, half): float(length_s) for game, half, length_s in lengths.iter_rows()},
        list(versions),
        [],
        further,
    )
    return rows


def read_game(
    halves: list[dict],
    actions: list[str] = ACTIONS,
    action_of: dict[str, str] = CONFIG["labels"],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (samples, events) of one game, by the workflow's own functions.

    `action_of` maps SoccerNet's labels to the actions of the events.
    """
    match, durations = halves[0]["match"], {half["half"]: half["duration_s"] for half in halves}
    events, _ = labels.read_labels(halves[0]["labels"], match, durations, action_of)
    segments = pl.concat(
        commentary.read_commentary(
            matches.transcripts_of(half["commentary"])[0], match, half["half"]
        )[0]
        for half in halves
        if half["commentary"]
    )
    made = samples.make_samples(loops.collapse_loops(segments), durations, actions, 60.0, 0.0)
    return made, events


def with_stages(halves: list[dict]) -> tuple[pl.DataFrame, int]:
    """Return (samples, number of events) of one game as the workflow makes them."""
    made, events = read_game(halves)
    return made, len(events)


def with_loops(halves: list[dict]) -> tuple[list, int]:
    """Return the same from plain Python loops over lists and dictionaries."""
    durations = {half["half"]: half["duration_s"] for half in halves}
    events = 0
    for entry in json.loads(Path(halves[0]["labels"]).read_text())["annotations"]:
        half, time_s = int(entry["gameTime"].split(" - ")[0]), int(entry["position"]) / 1000
        events += half in durations and 0 <= time_s <= durations[half]
    rows = []
    for half in halves:
        lines, before = [], None
        entries = json.loads(Path(half["commentary"]).read_text())["segments"].values()
        for start_s, end_s, text in sorted(entries, key=lambda entry: entry[:2]):
            text = " ".join(text.split())
            words = re.sub(r"[\W_]+", " ", text.lower())
            if text and words != before:
                lines.append({"start_s": start_s, "end_s": end_s, "text": text})
            before = words if text else before
        chunk = 0
        while chunk * 60.0 < half["duration_s"]:
            start_s, end_s = chunk * 60.0, min(chunk * 60.0 + 60.0, half["duration_s"])
            overlapping = [
                line
                for line in lines
                if line["start_s"] < end_s
                and (line["end_s"] > start_s or line["start_s"] >= start_s)
            ]
            rows += [
                (half["half"], chunk, start_s, end_s, action, overlapping) for action in ACTIONS
            ]
            chunk += 1
    return rows, events


def with_loops_to_table(halves: list[dict]) -> tuple[pl.DataFrame, int]:
    """Return the loops' samples as the table that the workflow needs."""
    rows, events = with_loops(halves)
    return pl.DataFrame(rows, schema=schema.SAMPLES, orient="row"), events


WAYS = {
    "stages (polars)": with_stages,
    "plain loops, then a table": with_loops_to_table,
    "plain loops, lists only": with_loops,
}


def main() -> None:
    """Time both in turns and print games per second."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--soccernet", type=Path, required=True)
    parser.add_argument("--games", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    splits = dict(list(sheet.soccernet_splits().items())[: args.games])
    rows = read_sheet(args.soccernet, splits)
    games = [halves.to_dicts() for _, halves in rows.group_by("match", maintain_order=True)]
    speeds = {name: [] for name in WAYS}
    for _ in range(args.rounds):
        made = {}
        for name, make in WAYS.items():
            start = time.perf_counter()
            made[name] = [make(halves) for halves in games]
            speeds[name].append(len(games) / (time.perf_counter() - start))
        tables, *others = made.values()
        rows = [(table.rows(), count) for table, count in tables]
        same = [(table.rows(), count) for table, count in others[0]] == others[1] == rows
        print(f"same samples and events: {same}")
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    table = [
        [name, f"{medians[name]:.1f}", f"{min(values):.1f} to {max(values):.1f}",
         f"{medians[name] / medians['plain loops, then a table']:.2f}"]
        for name, values in speeds.items()
    ]  # fmt: skip
    print(tabulate(table, ["", "games/s", "range", "ratio"], disable_numparse=True))


if __name__ == "__main__":
    main()
