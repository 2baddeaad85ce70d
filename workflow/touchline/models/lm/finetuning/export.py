"""Export of the training set as conversations, for other fine-tuning tools.

    touchline export --settings JSON --matches NAME … --out train.json

REQUIRES results/samples and results/labels of the matches and, where the settings' inputs have
    video, the manifests of their chunks.
PRODUCES the JSON that LLaMA-Factory (`formatting: sharegpt` with the columns `conversations`,
    `videos`, `system`) and Qwen's fine-tuning scripts (`conversations`, `video`) read: an entry per
    sample, with `<video>` where its chunk's video goes. `<out>-videos/` gets the chunks' videos as
    MP4, without another encoding: LLaMA-Factory takes the number of frames from the file, and
    Matroska has none. Their paths are relative to the JSON's folder, so that both move together.
    Those tools sample the frames by their own settings. A chunk whose video has a single frame, at a
    half's end, is listed and left out, since Qwen's video reader (qwen-vl-utils) refuses it; fit and
    infer show such a frame twice.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from touchline.core import cli, schema
from touchline.core.cli import report
from touchline.core.files import write_text
from touchline.core.problems import InputError
from touchline.models.backend import Match
from touchline.models.lm.finetuning.dataset import TrainingItem, select_training_items
from touchline.models.lm.lm_settings import LanguageModelSettings, parse_settings, video_sources
from touchline.prompts import prompt_text
from touchline.video.chunk_store import ChunkStore, UnreadChunk, unread_problems
from touchline.video.encoder import copy_to_mp4

FEWEST_FRAMES = 2  # of a video that qwen-vl-utils reads
_CUT = "Let a study with this video cut it (results/chunks), unless it was set aside there."


def to_conversations(
    item: TrainingItem, actions: Sequence[str], videos: list[str], settings: LanguageModelSettings
) -> Iterator[dict]:
    """Yield the samples of a chunk as conversations whose instructions list all `actions`.

    `videos` are the paths of the chunk's videos.
    """
    chunk = item.chunk
    prefix = prompt_text.build_prefix(
        chunk.half,
        chunk.start_s,
        chunk.end_s,
        chunk.lines,
        actions,
        settings.prompt,
    )
    for action, answer in item.answers.items():
        system, user = prompt_text.add_question(prefix, action)
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
    """Return the text of a message, with `<video>` in place of a video."""
    return "".join(part.get("text", "<video>\n") for part in message["content"])


def main(argv: list[str]) -> None:
    """Write the conversations of the matches' training samples."""
    parser = argparse.ArgumentParser(prog="touchline export", description=__doc__)
    parser.add_argument("--settings", type=cli.json_object(), required=True, metavar="JSON")
    parser.add_argument("--matches", nargs="+", required=True)
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="JSON")
    args = parser.parse_args(argv)
    settings = parse_settings(args.settings)
    if settings.prompt.time_marks:
        raise InputError(
            "time_marks: other trainers cannot show a video in pieces; set it to false."
        )
    sources = video_sources(settings)
    entries: list[dict] = []
    folder = f"{args.out.stem}-videos"
    for name in tqdm(args.matches, desc="exporting", unit="match"):
        samples = schema.read(args.results / f"samples/{name}.parquet", schema.SAMPLES)
        labels = schema.read(args.results / f"labels/{name}.parquet", schema.LABELS)
        videos = ChunkStore(sorted((args.results / "chunks" / name).glob("*.parquet")))
        match = Match(name, samples, labels)
        actions = samples["action"].unique(maintain_order=True).to_list()
        left_out: list[UnreadChunk] = []
        for item in select_training_items(
            [match], settings.prompt, settings.negative_fraction, settings.training.seed
        ):
            half, chunk = item.chunk.half, item.chunk.chunk
            if not videos.has(half, chunk, sources):
                left_out.append(UnreadChunk(name, half, chunk, "it has no video here.", _CUT))
            elif sources and (frames := videos.frame_count(half, chunk)) < FEWEST_FRAMES:
                problem = f"its video has {frames} frame; other tools read {FEWEST_FRAMES} or more."
                left_out.append(UnreadChunk(name, half, chunk, problem, "Nothing is to be done."))
            else:
                copies = []
                paths = videos.paths(half, chunk, sources) if sources else []
                for path in map(Path, paths):
                    copies.append(f"{folder}/{name}/{half}/{path.stem}.mp4")
                    copy_to_mp4(path, args.out.parent / copies[-1])
                entries += to_conversations(item, actions, copies, settings)
        report(unread_problems(left_out, "export", "Its samples are not exported."))
    if not entries:
        raise InputError(
            f"{args.results}: there is nothing to export of {', '.join(args.matches)}. Name matches "
            "with labels and, where prompts have video, with chunks."
        )
    write_text(args.out, json.dumps(entries, ensure_ascii=False, indent=1))
