"""What is read from a user's own videos before a model answers: score bugs and speech, kept in the cache."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from touchline.core import cli, errors
from touchline.core.clock import format_time
from touchline.core.problems import InputError
from touchline.own import transcribe
from touchline.own.cache import Cache
from touchline.own.transcribe import TranscribeSettings
from touchline.scoreboard import scoreboard

AUTO, ALWAYS, NEVER = "auto", "always", "never"  # when speech is transcribed


def read_scoreboards(videos: Mapping[Path, float], cache: Cache) -> dict[Path, Path]:
    """Return the file of readings of each video's score bug; none where the extra is not installed.

    `videos` maps each to its duration in seconds.
    """
    if missing := errors.missing_modules("scoreboard"):
        print(
            f"The score and the clock in the picture are not read: {', '.join(missing)} is not "
            f"installed. {errors.how_to_install('scoreboard')}"
        )
        return {}
    settings = scoreboard.Settings(threads=cli.given_threads())
    depends_on = {"step_s": settings.step_s}

    def make(video: Path, path: Path) -> None:
        print(f"Reading the match clock and the score in {video} …", flush=True)
        with _bar("reading the score", videos[video]) as bar:

            def progress(time_s: float) -> None:
                bar.update(max(0.0, time_s - bar.n))

            scoreboard.write_readings(video, path, settings, progress)

    return {
        video: cache.get(
            "scoreboard", ".parquet", video, depends_on, scoreboard.__name__,
            partial(make, video),
        )
        for video in videos
    }  # fmt: skip


def transcribe_all(
    videos: Mapping[Path, float],
    settings: TranscribeSettings,
    cache: Cache,
    spans_s: Mapping[Path, Sequence[tuple[float, float]]] | None = None,
) -> dict[Path, list[Path]]:
    """Return the transcripts of each video as SoccerNet-Echoes' JSON, in seconds of the video.

    With `spans_s` only these parts of the videos are transcribed, one file each. Raises `InputError`
    for weights that are not to be had, ModuleNotFoundError without the extra `transcribe`.
    """
    whole = {video: [(0.0, duration_s)] for video, duration_s in videos.items()}
    spans = whole if spans_s is None else spans_s
    total_s = sum(end_s - start_s for parts in spans.values() for start_s, end_s in parts)
    depends_on = dataclasses.asdict(settings)
    transcripts: dict[Path, list[Path]] = {}
    done_s = 0.0
    with _bar("transcribing", total_s) as bar:
        for video, parts in spans.items():
            transcripts[video] = []
            for start_s, end_s in parts:
                span_s = None if spans_s is None else (start_s, end_s)

                def progress(part_s: float, _: float, done_s: float = done_s) -> None:
                    bar.update(max(0.0, done_s + part_s - bar.n))

                path = cache.get(
                    "transcripts", ".json", video, depends_on | {"span_s": span_s},
                    transcribe.__name__,
                    partial(_transcribe, video, settings, span_s, progress),
                )  # fmt: skip
                transcripts[video].append(path)
                done_s += end_s - start_s
                bar.update(max(0.0, done_s - bar.n))
    return transcripts


def _transcribe(
    video: Path,
    settings: TranscribeSettings,
    span_s: tuple[float, float] | None,
    progress: Callable[[float, float], None],
    path: Path,
) -> None:
    print(f"Transcribing {_part_of(video, span_s)} …", flush=True)
    transcribe.transcribe(video, path, settings, span_s, progress)


def _part_of(video: Path, span_s: tuple[float, float] | None) -> str:
    if span_s is None:
        return str(video)
    return f"{video}, {format_time(span_s[0])} to {format_time(span_s[1])}"


def settings_of(section: Mapping[str, Any], **given: str | None) -> TranscribeSettings:
    """Return the settings of the configuration's `transcribe:`, with others where they are given."""
    values = dict(section) | {name: value for name, value in given.items() if value is not None}
    names = [field.name for field in dataclasses.fields(TranscribeSettings)]
    return TranscribeSettings(**{name: values[name] for name in names if name in values})


def transcripts(
    model: str,
    videos: Mapping[Path, float],
    settings: TranscribeSettings,
    cache: Cache,
    spans_s: Mapping[Path, Sequence[tuple[float, float]]] | None = None,
) -> dict[Path, list[Path]]:
    """Return the transcripts that a model reads: of the whole videos, or of the spans of goals.

    Where it is not possible to transcribe, the spans, which the goals can do without, are left out
    with a message. For whole videos, this raises `InputError`.
    """
    try:
        return transcribe_all(videos, settings, cache, spans_s)
    except (InputError, ModuleNotFoundError) as error:
        reason = errors.explain(error)
        if reason is None:
            raise
        if spans_s is None:
            raise InputError(
                f"{model} reads commentary alone, and there is none (--commentary): {reason}"
            ) from error
        print(f"What is said about the goals is not transcribed: {reason}")
        return {}


def _bar(title: str, seconds: float) -> tqdm:
    """Return a bar with the time left; nothing is shown where the output is no terminal."""
    form = "{desc}: {percentage:3.0f} %|{bar}| {remaining} left"
    return tqdm(desc=title, total=seconds, bar_format=form, disable=None, leave=False)
