"""Settings of clips and reels: those of the configuration's `highlights:`, as arguments of a command."""

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass

from touchline.core import cli
from touchline.core.config import read_defaults
from touchline.core.problems import quoted
from touchline.reels.clips import DEFAULT, Before, ClipSettings, merge_before


@dataclass(frozen=True)
class ReelSettings:
    """How a reel is cut and encoded: settings of the configuration's `highlights:`, and threads."""

    titles: bool = True
    fade_s: float = 0.05
    stream_copy: bool = False
    threads: int = 1


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add `ClipSettings` and `ReelSettings` to a command's arguments."""
    clip_defaults, reel_defaults = ClipSettings(), ReelSettings()
    parser.add_argument(
        "--before-s", type=_before, metavar="SECONDS",
        help="shown before an answer's interval: a number, or JSON such as "
        """'{"goal": 20, "default": 4}'; without `default` the other actions keep what config.yaml says""",
    )  # fmt: skip
    for name, meaning in (
        ("after_s", "shown after an answer's interval"),
        ("min_s", "a shorter clip is made this long"),
        ("max_s", "a longer clip is cut to this"),
    ):
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=float, default=getattr(clip_defaults, name),
            metavar="SECONDS", help=f"{meaning} (%(default)g)",
        )  # fmt: skip
    parser.add_argument(
        "--order", choices=["time", "confidence"], default=clip_defaults.order,
        help="of the clips: as they happen, or the surest first (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--titles", action=argparse.BooleanOptionalAction, default=reel_defaults.titles,
        help="write the action and the match clock into the first seconds of a clip (yes)",
    )  # fmt: skip
    parser.add_argument(
        "--fade-s", type=float, default=reel_defaults.fade_s, metavar="SECONDS",
        help="in which the sound of a clip comes and goes (%(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--stream-copy", action=argparse.BooleanOptionalAction, default=reel_defaults.stream_copy,
        help="copy instead of encoding: a clip then starts up to one key frame early (no)",
    )  # fmt: skip
    parser.add_argument(
        "--threads", type=int, default=reel_defaults.threads, metavar="N",
        help="that encode the reel (%(default)d)",
    )  # fmt: skip


def _before(text: str) -> Before:
    """Return an argument that is a number or a JSON object of numbers."""
    try:
        seconds = float(text)
    except ValueError:
        return cli.json_object({"type": "number"})(text)
    if not math.isfinite(seconds):
        raise argparse.ArgumentTypeError(f"'{quoted(text)}' is no number of seconds.")
    return seconds


def settings_from(args: argparse.Namespace) -> tuple[ClipSettings, ReelSettings]:
    """Return the settings that `add_settings` added."""
    before_s = {} if args.before_s is None else args.before_s
    if isinstance(before_s, Mapping) and DEFAULT not in before_s:
        before_s = merge_before(read_defaults()["highlights"]["before_s"], before_s)
    values = vars(args) | {"before_s": before_s}
    clip_values = {name: values[name] for name in ClipSettings.__dataclass_fields__}
    reel_values = {name: values[name] for name in ReelSettings.__dataclass_fields__}
    return ClipSettings(**clip_values), ReelSettings(**reel_values)
