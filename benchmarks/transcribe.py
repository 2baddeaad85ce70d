"""CPU time, word errors and times of `touchline transcribe` on invented commentary over crowd noise.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/transcribe.py --model FOLDER [--minutes 12]
        [--ways shipped] [--noise 1.0]

espeak-ng speaks the commentary of an invented half over its crowd, whistles and kicks; `--noise` is
the loudness of these against the demo's. `FOLDER` has Whisper's weights in CTranslate2's format, or
is a model's name. A way is `shipped` or what is changed of it: `previous` conditions each window on
the text before, `beam5` searches with five beams, `no_fallback` never samples again. CPU time is user +
system of the whole process, without making the video.
"""

import argparse
import difflib
import random
import re
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

from speech import RATE, film, speak
from touchline.demo.broadcast.phrases import MENTIONS
from touchline.demo.broadcast.script import invent
from touchline.demo.broadcast.sound import sound as crowd
from touchline.demo.broadcast.speech import speak as speech_of
from touchline.own.transcribe import TranscribeSettings, transcribe

CHANGES = {
    "shipped": {},
    "previous": {"condition_on_previous_text": True},
    "beam5": {"beam_size": 5},
    "no_fallback": {"temperature": 0.0},
}
SPEECH = 0.5  # largest amplitude of speech


def spoken_half(minutes: float, noise: float) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Return the sound of a half, (n,) float32 at 16 kHz, and the lines that are spoken in it."""
    script = invent("transcribe", 60 * minutes)
    samples = noise * crowd(script, 1)

    lines, free_s = [], 0.0
    for line in speech_of(random.Random(0), script, 1, MENTIONS):
        voice = speak(line.text, words_per_minute=170)
        start_s = max(line.start_s, free_s)
        first = round(start_s * RATE)
        if first + len(voice) > len(samples):
            break
        samples[first : first + len(voice)] += SPEECH * voice / np.abs(voice).max()
        lines.append((start_s, line.text))
        free_s = start_s + len(voice) / RATE + 0.2
    return samples.clip(-1, 1), lines


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def compare(
    said: list[tuple[float, str]], heard: list[tuple[float, str]]
) -> tuple[float, list[float]]:
    """Return the share of the words that were recognised, and the errors of the lines' times (s)."""
    spoken = [word for _, text in said for word in words_of(text)]
    written = [word for _, text in heard for word in words_of(text)]
    blocks = difflib.SequenceMatcher(None, spoken, written, autojunk=False).get_matching_blocks()
    errors_s = []
    for start_s, text in said:
        near = [line for line in heard if abs(line[0] - start_s) < 10]
        ratios = [difflib.SequenceMatcher(None, text, line[1]).ratio() for line in near]
        if ratios and max(ratios) > 0.6:
            errors_s.append(abs(near[int(np.argmax(ratios))][0] - start_s))
    return sum(block.size for block in blocks) / len(spoken), errors_s


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", required=True)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--noise", type=float, default=1.0)
    parser.add_argument("--ways", nargs="+", choices=CHANGES, default=["shipped"])
    args = parser.parse_args()
    original = WhisperModel.transcribe
    with tempfile.TemporaryDirectory() as folder:
        samples, said = spoken_half(args.minutes, args.noise)
        video = film(Path(folder) / "half.mkv", samples, len(samples) / RATE)
        for way in args.ways:

            def changed(self, audio, way=way, **settings):
                return original(self, audio, **settings | CHANGES[way])

            WhisperModel.transcribe = changed
            began_s = time.process_time()
            made = transcribe(
                video,
                Path(folder) / f"{way}.json",
                TranscribeSettings(model=args.model, device="cpu"),
            )
            cpu_s = time.process_time() - began_s
            heard = list(made.lines.select("start_s", "text").iter_rows())
            share, errors_s = compare(said, heard)
            repeated = sum(a[1] == b[1] for a, b in pairwise(heard))
            print(
                f"{way}: {cpu_s / (len(samples) / RATE):.3f} CPU s per second of video; "
                f"{len(said)} lines spoken, {len(heard)} written, {repeated} repeated; "
                f"{share:.1%} of the words",
                flush=True,
            )
            if errors_s:
                print(
                    f"    of {len(errors_s)} lines that were recognised the start is off by "
                    f"{statistics.median(errors_s):.2f} s (median), "
                    f"{np.mean(np.array(errors_s) <= 1):.1%} within 1 s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
