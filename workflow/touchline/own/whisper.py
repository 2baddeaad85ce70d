"""Speech recognition with Whisper (Radford et al., 2022) through faster-whisper and CTranslate2.

Weights are in CTranslate2's format, which holds numbers and no program code.
"""

import ctypes
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from touchline.core.cli import given_threads
from touchline.core.errors import disk_errno
from touchline.core.problems import InputError, quoted
from touchline.data.transcripts import Line

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

AUTO = "auto"
MODEL_ON_CPU, MODEL_ON_GPU = "base", "large-v3"
_FILES = ("model.bin", "config.json", "tokenizer.json")
_NAME_ON_HUB = re.compile(r"[\w.-]+/[\w.-]+")
_INSTEAD = "Or give an existing transcript (--commentary, or the sheet's column `commentary`)."
_CUBLAS = "libcublas.so.12"  # which CTranslate2 loads on a GPU
_WINDOWS = 4  # of 30 s of speech at most, from which the language is detected
# A new line starts after a pause of this length, after a sentence once the line has lasted as long
# as the second, and after a comma or where Whisper starts a segment once it has lasted as long as the
# third.
_PAUSE_S, _SENTENCE_S, _LINE_S = 1.0, 2.0, 6.0
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]]*$")
_CLAUSE_END = re.compile(r"[,;:，、；：]$")
# Voice is least probable in the average over this many windows of 32 ms where a stretch is cut.
_WINDOW, _SMOOTHED = 512, 16


class Word(NamedTuple):
    """A recognised word, with its times in seconds; `first` says that it starts a segment."""

    start: float
    end: float
    word: str
    first: bool = False


def find_weights(model: str, device: str) -> tuple[str, Path, str]:
    """Return a model's name, the folder of its weights, and the device: cpu or cuda.

    `model` is a name that faster-whisper knows, one of a repository on the Hugging Face hub, a
    folder, or auto: base, or large-v3 where there is a GPU. Weights of the hub are fetched where
    they are not there yet. Raises `InputError` where they, or the device, are not to be had.
    """
    from faster_whisper import available_models

    device = _choose_device(device)
    if model == AUTO:
        model = MODEL_ON_GPU if device == "cuda" else MODEL_ON_CPU
    folder = Path(model)
    if model in available_models() or not folder.is_dir():  # ./base is a folder of this name
        if model not in available_models() and not _NAME_ON_HUB.fullmatch(model):
            raise InputError(
                f"there is no Whisper model '{quoted(model)}', and no such folder. Name a folder "
                f"with weights in CTranslate2's format, or one of {', '.join(available_models())}."
            )
        folder = _fetch(model)
    if missing := [name for name in _FILES if not (folder / name).is_file()]:
        raise InputError(
            f"{folder}: no Whisper model in CTranslate2's format is there: {', '.join(missing)} "
            "is missing. Copy or convert it again (ct2-transformers-converter)."
        )
    return model, folder, device


def _choose_device(device: str) -> str:
    """Return cpu or cuda for auto; raise `InputError` for cuda where there is no usable GPU."""
    import ctranslate2

    if device == "cpu":
        return device
    missing = "no GPU of NVIDIA is found"
    if ctranslate2.get_cuda_device_count():
        try:
            ctypes.CDLL(_CUBLAS)
            return "cuda"
        except OSError:
            missing = (
                f"{_CUBLAS} is not found: install CUDA 12's cuBLAS (pip install nvidia-cublas-cu12) "
                "and add its folder to LD_LIBRARY_PATH"
            )
            if device == AUTO:
                print(f"The GPU is not used: {missing}.", file=sys.stderr)
    if device != AUTO:
        raise InputError(f"device cuda: {missing}. Or set the device to auto or cpu.")
    return "cpu"


def _fetch(model: str) -> Path:
    """Return the folder of a model of the Hugging Face hub, downloaded where it is not there yet."""
    from faster_whisper import download_model

    try:
        folder = Path(download_model(model, local_files_only=True))
        if all((folder / name).is_file() for name in _FILES):
            return folder
    except (OSError, ValueError):  # it is not in the cache
        pass
    print(f"Fetching the weights of Whisper {model} from the Hugging Face hub …", flush=True)
    try:
        return Path(download_model(model))
    except Exception as error:  # of the network and of the hub, of many libraries
        if disk_errno(error) is not None:
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"the weights of Whisper {model} cannot be fetched from the Hugging Face hub "
            f"({quoted(reason)}). Run this once with a network, or copy a folder of weights here (such "
            f"as Systran/faster-whisper-base of the hub) and name it (--whisper of touchline reel, --model of "
            f"touchline transcribe, transcribe.model of a study). {_INSTEAD}"
        ) from error


def load(folder: Path, device: str) -> "WhisperModel":
    """Return the model of a folder, which draws the same random numbers as any other new one.

    They are drawn where a text is sampled again, since it was improbable or repeated itself.
    """
    import ctranslate2
    from faster_whisper import WhisperModel

    ctranslate2.set_random_seed(0)  # a thread takes it when it starts, and each model has new ones
    try:
        return WhisperModel(
            str(folder),
            device=device,
            compute_type="int8" if device == "cpu" else "default",
            cpu_threads=given_threads(),
        )
    except Exception as error:  # RuntimeError, ValueError and others, by what is damaged
        raise InputError(
            f"{folder}: the Whisper model cannot be loaded ({quoted(str(error))}). Copy or fetch it "
            f"again{'' if device == 'cpu' else ', or set the device to cpu'}."
        ) from error


def check_language(language: str, known: Sequence[str]) -> None:
    """Raise `InputError` for a language that is none of those that a model knows."""
    if language == AUTO or language in known:
        return
    if list(known) == ["en"]:
        raise InputError(
            f"language '{quoted(language)}': this model knows English alone. Take one whose name "
            "does not end in .en, such as base."
        )
    raise InputError(
        f"language '{quoted(language)}': the model does not know it. It knows auto, "
        f"{', '.join(sorted(known))}."
    )


def has_speech(sound: np.ndarray) -> bool:
    """Return whether the voice detection finds speech in sound, (n,) at `RATE`."""
    from faster_whisper.vad import get_speech_timestamps

    return bool(get_speech_timestamps(sound))


def quiet_place(sound: np.ndarray) -> int:
    """Return the sample of sound, (n,) at `RATE`, around which speech is least probable."""
    from faster_whisper.vad import get_vad_model

    whole = len(sound) // _WINDOW * _WINDOW
    voice = get_vad_model()(sound[:whole]).reshape(-1)  # probability of speech in each window
    smooth = np.convolve(voice, np.full(_SMOOTHED, 1 / _SMOOTHED), "valid")
    latest = len(smooth) - 1 - int(np.argmin(smooth[::-1]))
    return (latest + _SMOOTHED // 2) * _WINDOW


def recognise(
    model: "WhisperModel",
    sound: np.ndarray,
    language: str | None,
    translate: bool,
    progress: Callable[[float], None],
) -> tuple[str, list[Line]]:
    """Return the language of sound, (n,) at `RATE`, and what is said in it.

    The language is detected where none is given. `translate` translates to English. `progress` is
    called with the seconds that were recognised.
    """
    try:
        if language is None and model.model.is_multilingual:
            language = model.detect_language(
                sound, vad_filter=True, language_detection_segments=_WINDOWS
            )[0]
        language = language or "en"
        segments, _ = model.transcribe(
            sound,
            language=language,
            task="translate" if translate and language != "en" else "transcribe",
            # On a CPU more beams took up to 1.4 times as long (benchmarks/README.md).
            beam_size=1 if model.model.device == "cpu" else 5,
            vad_filter=True,
            word_timestamps=True,
            condition_on_previous_text=False,
        )
        words: list[Word] = []
        for segment in segments:
            words += _words(segment)
            progress(segment.end)
    except RuntimeError as error:
        if model.model.device == "cpu":
            raise
        raise InputError(
            f"the GPU failed ({quoted(str(error))}). Run the same command again, with a smaller model "
            "where its memory was full, or set the device to cpu."
        ) from error
    return language, join_words(words)


def _words(segment: Any) -> Iterable[Word]:
    """Return the words of a segment, or all of it as one where they have no times."""
    for number, word in enumerate(segment.words or ()):
        yield Word(float(word.start), float(word.end), word.word, number == 0)
    if not segment.words:
        yield Word(segment.start, segment.end, segment.text, True)


def join_words(words: Sequence[Word]) -> list[Line]:
    """Return the lines that words make: about a sentence each, with the times of its words.

    Whisper may give the first word of a sentence the time before the pause that the voice detection
    took out: it is moved to the others.
    """
    lines: list[Line] = []
    line: list[Word] = []
    for word, following in zip(words, [*words[1:], None], strict=True):
        line.append(word)
        lasted_s = word.end - line[0].start
        ends = _SENTENCE_END.search(word.word)
        pause_s = following.start - word.end if following else 0.0
        if following and pause_s > _PAUSE_S and len(line) == 1 and lines and not ends:
            line[0] = word._replace(start=following.start, end=following.start)
            continue
        if (
            following is None
            or pause_s > _PAUSE_S
            or (ends and lasted_s >= _SENTENCE_S)
            or ((following.first or _CLAUSE_END.search(word.word)) and lasted_s >= _LINE_S)
        ):
            text = "".join(word.word for word in line).strip()
            lines += [(line[0].start, max(line[-1].end, line[0].start), text)] if text else []
            line = []
    return lines
