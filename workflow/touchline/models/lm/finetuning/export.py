"""Write the training set as conversations, to train elsewhere and compare.

    touchline export --settings JSON --matches NAME … --out train.json

REQUIRES results/samples and results/labels of the matches and, where the settings' inputs have
    video, the manifests of their chunks.
PRODUCES the JSON that LLaMA-Factory (`formatting: sharegpt` with the columns `conversations`,
    `videos`, `system`) and Qwen's fine-tuning scripts (`conversations`, `video`) read: an entry per
    sample, with `<video>` where its chunk's video goes. Those tools sample the frames themselves.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from touchline.core import schema
from touchline.core.files import write_text
from touchline.core.problems import InputError
from touchline.models.backend import Match
from touchline.models.lm.finetuning.dataset import Listed, choose
from touchline.models.lm.lm_settings import Settings, read_settings, sources
from touchline.prompts import prompt_text
from touchline.video.chunk_store import ChunkStore


def conversations(
    listed: Listed, actions: Sequence[str], footage: ChunkStore, settings: Settings
) -> Iterator[dict]:
    """Yield the samples of a chunk as conversations whose instructions name all `actions`."""
    chunk = listed.chunk
    prefix = prompt_text.messages(
        chunk.half,
        chunk.start_s,
        chunk.end_s,
        chunk.lines,
        actions,
        settings.prompt,
    )
    videos = footage.paths(chunk.half, chunk.chunk, sources(settings))
    for action, answer in listed.answers.items():
        system, user = prompt_text.ask(prefix, action)
        yield {
            "id": f"{chunk.match}/{chunk.half}/{chunk.chunk:03d}/{action}",
            "system": _value(system),
            "conversations": [
                {"from": "human", "value": _value(user)},
                {"from": "gpt", "value": answer},
            ],
            "videos": videos,
            "video": videos[0] if len(videos) == 1 else videos,
        }


def _value(message: dict) -> str:
    return "".join(part.get("text", "<video>\n") for part in message["content"])


def main(argv: list[str]) -> None:
    """Write the conversations of the matches' chosen samples."""
    parser = argparse.ArgumentParser(prog="touchline export", description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True, metavar="JSON")
    parser.add_argument("--matches", nargs="+", required=True)
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="JSON")
    args = parser.parse_args(argv)
    settings = read_settings(args.settings)
    if settings.prompt.time_marks:
        raise InputError(
            "time_marks: other trainers cannot show a video in pieces; set it to false."
        )
    entries = []
    for name in args.matches:
        samples = schema.read(args.results / f"samples/{name}.parquet", schema.SAMPLES)
        labels = schema.read(args.results / f"labels/{name}.parquet", schema.LABELS)
        footage = ChunkStore(sorted((args.results / "chunks" / name).glob("*.parquet")))
        match = Match(name, samples, labels)
        actions = samples["action"].unique(maintain_order=True).to_list()
        for listed in choose(
            [match], settings.prompt, settings.negative_fraction, settings.training.seed
        ):
            if footage.has(listed.chunk.half, listed.chunk.chunk, sources(settings)):
                entries += conversations(listed, actions, footage, settings)
    write_text(args.out, json.dumps(entries, ensure_ascii=False, indent=1))
