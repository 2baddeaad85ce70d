"""Transcribe what is said in a video, for the models that read commentary.

    touchline transcribe match.mp4 --out match.json
    touchline transcribe match.mp4 --out match.json --model small --language de --no-translate

REQUIRES a video with sound, and the extra `transcribe`. The weights of Whisper are fetched from the
    Hugging Face hub once, unless --model names a folder.
PRODUCES OUT as SoccerNet-Echoes' JSON, {"segments": {"0": [start, end, text]}} in seconds from the
    video's first picture, and beside it the same as SRT.

The sound is recognised in stretches of some minutes, which are cut where nobody speaks. Each is kept
in a hidden folder beside OUT when it is done, so that the same command goes on after an interruption,
with the same result.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
from tqdm import tqdm

from touchline.core.digest import digest
from touchline.core.files import checksum, write_text
from touchline.core.problems import InputError
from touchline.data.loops import drop_repeats
from touchline.data.transcripts import Line, format_json, format_srt
from touchline.own import whisper
from touchline.own.sound import RATE, SoundBuffer, read_sound
from touchline.own.stretches import Stretch, StretchFolder, language_of, note_of
from touchline.own.whisper import AUTO
from touchline.video.frame_reader import VideoError, probe
from touchline.video.source import Source

# A stretch ends within this share of its length after it, where speech is least probable.
_SEARCHED = 0.2
_SHORTEST_STRETCH_S = 10.0


@dataclass(frozen=True)
class TranscribeSettings:
    """Settings of a transcription.

    `model` is auto (base, or large-v3 on a GPU), the name of a Whisper model or a folder; `language`
    is auto (detected in the first stretch with speech) or a code such as en; `translate` translates
    other languages to English; `device` is auto, cpu or cuda; a stretch lasts about `stretch_s`.
    """

    model: str = AUTO
    language: str = AUTO
    translate: bool = True
    device: str = AUTO
    stretch_s: float = 300.0


@dataclass(frozen=True)
class Transcript:
    """A transcript as it was written to `path`.

    `lines` has the columns start_s, end_s (seconds of the video) and text; `language` is that which
    was spoken, None where nothing was; `translated` says that the lines are a translation to
    English; `note` says why there are no lines, and is empty where there are some.
    """

    path: Path
    lines: pl.DataFrame
    language: str | None
    translated: bool
    note: str


def transcribe(
    video: Path,
    out: Path,
    settings: TranscribeSettings | None = None,
    span_s: tuple[float, float] | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> Transcript:
    """Transcribe a video, or its part `span_s` (start and end), write it to `out` and return it.

    Times are always those of the video. `progress` is called with the seconds done and those in all.
    A video without sound, silent or without speech gives an empty transcript with a note. Raises
    `VideoError` for a file that is no video, and `InputError` for a model or a language that is not
    to be had.
    """
    settings = settings or TranscribeSettings()
    start_s, end_s = span_s or (0.0, probe(video).duration_s)
    with closing(Source(video)) as source:
        if source.sound is None:
            return _write(out, [], [], settings, "", "it has no sound.")
        name, folder, device = whisper.find_weights(settings.model, settings.device)
        weights = checksum(folder / "model.bin")
        made_from = checksum(video), asdict(settings), span_s, weights, device, digest(__name__)
        done = StretchFolder(out.with_name(f".{out.name}.stretches"), made_from)
        sound = SoundBuffer(read_sound(source, start_s, end_s))
        sound.drop(done.end)
        while True:
            begin_s = done.end / RATE

            def report(time_s: float, begin_s: float = begin_s) -> None:
                if progress:
                    progress(begin_s + time_s, end_s - start_s)

            report(0.0)
            samples = _next_stretch(sound, settings.stretch_s)
            if not len(samples):
                break
            given = None if settings.language == AUTO else settings.language
            language = given or language_of(done.stretches)
            done.add(_recognise(samples, done.end, language, settings, folder, device, report))
            sound.drop(len(samples))
    lines = [
        (round(start_s + since_s, 2), round(start_s + until_s, 2), text)
        for stretch in done.stretches
        for since_s, until_s, text in stretch.lines
    ]
    note = note_of(done.stretches)
    transcript = _write(out, lines, done.stretches, settings, name, note)
    done.delete()
    return transcript


def _next_stretch(sound: SoundBuffer, stretch_s: float) -> np.ndarray:
    """Return the sound of the next stretch, (n,), which ends where speech is least probable."""
    least, most = round(stretch_s * RATE), round(stretch_s * (1 + _SEARCHED) * RATE)
    samples = sound.peek(most)
    if len(samples) == most:
        return samples[: least + whisper.quiet_place(samples[least:])]
    return samples


def _recognise(
    samples: np.ndarray,
    begin: int,
    language: str | None,
    settings: TranscribeSettings,
    folder: Path,
    device: str,
    progress: Callable[[float], None],
) -> Stretch:
    """Recognise a stretch that begins at a sample of the span; its lines count from the span's start."""
    lines: list[Line] = []
    has_speech = whisper.has_speech(samples)
    if has_speech:
        model = whisper.load(folder, device)
        whisper.check_language(settings.language, model.supported_languages)
        language, lines = whisper.recognise(model, samples, language, settings.translate, progress)
    begin_s = begin / RATE
    return Stretch(
        begin + len(samples),
        language if has_speech else None,
        float(np.abs(samples).max()),
        has_speech,
        [(begin_s + since_s, begin_s + until_s, text) for since_s, until_s, text in lines],
    )


def _write(
    out: Path,
    lines: Sequence[Line],
    stretches: Sequence[Stretch],
    settings: TranscribeSettings,
    model: str,
    note: str,
) -> Transcript:
    """Write a transcript as SRT and then as JSON, and return it."""
    language = language_of(stretches)
    translated = settings.translate and language not in (None, "en")
    table = drop_repeats(lines)
    header = {"language": language, "translated": translated, "model": model}
    header |= {"note": note} if note else {}
    write_text(out.with_suffix(".srt"), format_srt(table.rows()))
    write_text(out, format_json(table.rows(), header))
    return Transcript(out, table, language, translated, note)


class _Bar:
    """Progress with the time left: a bar on a terminal, elsewhere a line for each stretch."""

    def __init__(self, stretch_s: float) -> None:
        self.stretch_s = stretch_s
        self.bar: tqdm | None = None
        self.shown_s = 0.0

    def __call__(self, done_s: float, total_s: float) -> None:
        if self.bar is None:
            # What an earlier run did says nothing of the time left.
            self.bar = tqdm(
                desc="transcribing",
                total=round(total_s),
                initial=int(done_s),
                unit=" s",
                disable=None,
            )
            self.began_s, self.first_s, self.shown_s = time.monotonic(), int(done_s), done_s
        self.bar.update(int(done_s) - self.bar.n)
        if self.bar.disable and done_s >= self.shown_s + self.stretch_s:
            self.shown_s = done_s
            line = tqdm.format_meter(
                int(done_s), round(total_s), time.monotonic() - self.began_s,
                prefix="transcribing", unit=" s", initial=self.first_s, ncols=80,
            )  # fmt: skip
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.bar is not None:
            self.bar.close()


def main(argv: list[str]) -> None:
    """Write the transcript of a video."""
    parser = argparse.ArgumentParser(
        prog="touchline transcribe", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("video", type=Path, metavar="VIDEO", help="whose sound is recognised")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="JSON",
        help="the transcript, in seconds of the video; the same as SRT is written beside it",
    )  # fmt: skip
    defaults = TranscribeSettings()
    parser.add_argument(
        "--model", default=defaults.model,
        help="a Whisper model by name, or a folder with its weights in CTranslate2's format; auto is "
        f"{whisper.MODEL_ON_CPU}, or {whisper.MODEL_ON_GPU} where there is a GPU (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--language", default=defaults.language,
        help="what is spoken, such as en or de; auto detects it where somebody first speaks "
        "(%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--translate", action=argparse.BooleanOptionalAction, default=defaults.translate,
        help="translate other languages to English, which the model that comes with Touchline reads "
        "(%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--device", choices=[AUTO, "cpu", "cuda"], default=defaults.device,
        help="auto is a GPU where there is one (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--stretch-s", type=float, default=defaults.stretch_s, metavar="S",
        help="about how much an interruption may cost, in seconds of the video (%(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--on-problem", choices=["stop", "set-aside"], default="stop",
        help="stop at a video that cannot be read (the default), or write an empty transcript",
    )  # fmt: skip
    args = parser.parse_args(argv)
    if not args.stretch_s >= _SHORTEST_STRETCH_S:
        raise InputError(f"--stretch-s: give {_SHORTEST_STRETCH_S:g} or more.")
    if args.out.suffix == ".srt":
        raise InputError(f"--out {args.out}: name the JSON file; the SRT is written beside it.")
    settings = TranscribeSettings(
        args.model, args.language, args.translate, args.device, args.stretch_s
    )
    bar = _Bar(settings.stretch_s)
    try:
        transcript = transcribe(args.video, args.out, settings, progress=bar)
    except VideoError as error:
        if args.on_problem == "stop":
            raise
        transcript = _write(args.out, [], [], settings, "", f"{error.problem} {error.remedy}")
    finally:
        bar.close()
    if transcript.note:
        print(f"{args.video}: {transcript.note} The transcript {args.out} is empty.")
        return
    translated = ", translated to English" if transcript.translated else ""
    spoken = f"language {transcript.language}{translated}"
    print(f"{args.out}: {len(transcript.lines)} lines, {spoken}; {args.out.with_suffix('.srt')}")
