"""Inference: the predictions of one model for the samples of one match."""

import argparse
from pathlib import Path

from touchline.core import cli, schema
from touchline.models.backend import Match, read_answers
from touchline.models.catalogue import load_backend


def main(argv: list[str]) -> None:
    """Write the predictions for all samples of a match."""
    parser = argparse.ArgumentParser(prog="touchline infer", description=__doc__)
    parser.add_argument("--backend", required=True, help="such as constant or linear")
    parser.add_argument(
        "--settings", type=cli.json_object(), default={}, metavar="JSON", help="of the backend"
    )
    parser.add_argument("--folder", type=Path, help="of the trained model, if the backend trains")
    parser.add_argument("--match", required=True, help="the match's name")
    parser.add_argument("--samples", type=Path, required=True, metavar="PARQUET")
    parser.add_argument(
        "--manifests",
        type=Path,
        nargs="*",
        default=[],
        metavar="PARQUET",
        help="of the match's chunk videos, for models that read video",
    )
    parser.add_argument(
        "--scoreboards",
        type=Path,
        nargs="*",
        default=[],
        metavar="PARQUET",
        help="what touchline scoreboard read in the match's videos, for models that need it",
    )
    parser.add_argument(
        "--answers", type=cli.json_object({"type": "string"}), default={}, metavar="JSON",
        help="""the answers of each model that is joined, such as '{"tcn": "tcn.parquet"}'""",
    )  # fmt: skip
    parser.add_argument(
        "--further", type=Path, metavar="PARQUET",
        help="further transcripts of the match, for models that read several",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="PARQUET")
    args = parser.parse_args(argv)
    samples = schema.read(args.samples, schema.SAMPLES)
    model = load_backend(args.backend).load(args.settings, args.folder)
    match = Match(
        args.match, samples, manifests=args.manifests, scoreboards=args.scoreboards,
        answers=read_answers(args.match, args.answers),
        further=schema.read(args.further, schema.FURTHER) if args.further else None,
    )  # fmt: skip
    predictions = model.answer(match)
    key = ["half", "chunk", "action"]
    assert predictions.select(key).equals(samples.select(key)), "a backend answers each sample once"
    cli.report(model.problems)
    schema.write(args.out, predictions, schema.PREDICTIONS, model.problems)
