"""Arguments of `touchline reel`."""

import argparse
import re
from pathlib import Path

from touchline.core.config import WORKFLOW
from touchline.core.problems import InputError
from touchline.own.cache import default_folder
from touchline.own.halves import MAX_HALVES
from touchline.own.look_and_listen import ALWAYS, AUTO, NEVER
from touchline.reels.highlights import add_settings

DEFAULT_MODEL = "commentary"  # which comes with Touchline
_SPAN = re.compile(r"[\d:.]+-[\d:.]+")
_TRANSCRIPTS = (".json", ".srt", ".vtt", ".txt")
_VIDEOS = (".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".mts", ".ts", ".webm")


def read_arguments(argv: list[str], description: str) -> argparse.Namespace:
    """Return the arguments of a command line; raise `InputError` for impossible ones.

    A video may stand anywhere, also behind the values of an option that takes several.
    """
    parser = _parser(description)
    args = parser.parse_intermixed_args(argv)
    args.videos += _take_videos(args)
    if not args.videos:
        parser.error("name the VIDEO, such as: touchline reel match.mp4 --query goals")
    if len(args.videos) > MAX_HALVES or len(args.commentary) > len(args.videos):
        raise InputError(
            f"give 1 to {MAX_HALVES} videos, and no more files of commentary than videos."
        )
    for path in args.commentary:
        if not path.is_file():
            raise InputError(f"{path}: there is no such file. Correct --commentary.")
    if args.out.exists() and not args.out.is_dir():
        raise InputError(f"{args.out}: is no folder. Name another one with --out.")
    if args.threshold is not None and not 0 <= args.threshold <= 1:
        raise InputError(f"--threshold {args.threshold:g}: a confidence is between 0 and 1.")
    return args


def _take_videos(args: argparse.Namespace) -> list[Path]:
    """Take the videos out of the values of --commentary and --halves, and return them.

    A file that is neither a transcript nor a video by its name is a video where none is named otherwise.
    """
    known = [Path(text) for text in args.halves if not _SPAN.fullmatch(text) and _is_file(text)]
    known += [path for path in args.commentary if path.suffix.lower() in _VIDEOS]
    if not (known or args.videos):
        known = [path for path in args.commentary if path.suffix.lower() not in _TRANSCRIPTS]
    args.halves = [text for text in args.halves if Path(text) not in known]
    args.commentary = [path for path in args.commentary if path not in known]
    return known


def _is_file(text: str) -> bool:
    return Path(text).suffix.lower() in _VIDEOS or Path(text).is_file()


def _parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="touchline reel", description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "videos", type=Path, nargs="*", metavar="VIDEO",
        help="the match in one file, or a file for each half, in their order",
    )  # fmt: skip
    parser.add_argument(
        "--query", required=True,
        help='what to show, in words: "the goals of the second half", "top 5 corners"',
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=Path("reel"), metavar="DIR",
        help="folder for the page, the reel and the lists (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--halves", nargs="+", action="extend", default=[], metavar="START-END",
        help="where each half is in the video, such as 5:10-50:00 1:02:40-1:51:00, in place of what the "
        "match clock says: in the single video, or in each of the videos in order",
    )  # fmt: skip
    parser.add_argument(
        "--commentary", type=Path, nargs="*", action="extend", default=[], metavar="FILE",
        help="a transcript of each video: SRT, WebVTT, or JSON of Whisper, WhisperX or SoccerNet-Echoes; "
        "without it, what is said is transcribed",
    )  # fmt: skip
    parser.add_argument(
        "--teams", nargs=2, metavar=("HOME", "AWAY"),
        help="the clubs' names, for queries that name one (the names on the score bug)",
    )  # fmt: skip
    parser.add_argument(
        "--match",
        help="the match's name, the title of the page; date-time-Home-1-0-Away tells the clubs (the "
        "names on the score bug, else of the files)",
    )  # fmt: skip
    _add_reading(parser)
    _add_model(parser)
    add_settings(parser)
    return parser


def _add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of what is read from the videos."""
    parser.add_argument(
        "--transcribe", choices=[AUTO, ALWAYS, NEVER], default=AUTO,
        help="auto: where the query needs commentary and none is given; of goals that the score shows, "
        "what is said about them (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--language", help="what is spoken, such as en (transcribe.language of the configuration)"
    )
    parser.add_argument(
        "--whisper", metavar="MODEL",
        help="a Whisper model such as small, or the folder of its weights (transcribe.model of the "
        "configuration)",
    )  # fmt: skip
    parser.add_argument(
        "--scoreboard", action=argparse.BooleanOptionalAction, default=True,
        help="read the match clock and the score in the picture (yes)",
    )  # fmt: skip
    parser.add_argument(
        "--cache", type=Path, default=default_folder(), metavar="DIR",
        help="of what was read from videos (%(default)s)",
    )  # fmt: skip


def _add_model(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the model that answers."""
    parser.add_argument(
        "--model", default=DEFAULT_MODEL,
        help="a model of the configuration (%(default)s, which comes with Touchline)",
    )  # fmt: skip
    parser.add_argument(
        "--config", type=Path, default=WORKFLOW.parent / "config.yaml", metavar="YAML",
        help="the configuration (that of Touchline)",
    )  # fmt: skip
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="of a trained model (results/models/MODEL)"
    )
    parser.add_argument(
        "--threshold", type=float, metavar="P",
        help="confidence, 0 to 1, from which an answer counts (the model's own)",
    )  # fmt: skip
