"""Write an invented match of full length with known truth: what benchmarks/scoreboard.py reads.

    PYTHONPATH=workflow python benchmarks/long_match.py --out match.mkv [--look 3] [--seed 0]

98 minutes at 640x360 and 25 frames/s: studio, both halves with added time, advertisements; the score
bug fades, moves and goes in replays as its look has it. The pictures have a grain, so that decoding
them costs about what decoding a recording costs. Prints the kick-offs and goals.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from broadcast_videos import write
from broadcasts import Broadcast
from touchline.core.clock import format_time
from touchline.demo.drawing.broadcast_film import Truth
from touchline.demo.drawing.looks import LOOKS

# Seconds: 98 minutes together.
HALVES_S = {1: 45 * 60 + 130.0, 2: 45 * 60 + 230.0}
BEFORE_S, BETWEEN_S, AFTER_S = 50.0, 50.0, 20.0


def broadcast_of(look: int = 3, seed: int = 0) -> Broadcast:
    """Return what happens in the match, with one of the demo's looks."""
    return Broadcast(
        look=LOOKS[look],
        seed=seed,
        halves=HALVES_S,
        before_s=BEFORE_S,
        between_s=BETWEEN_S,
        after_s=AFTER_S,
        slope=1.0009,
        has_stadium_clock=True,
        picture_s=0.2,
        grain=8.0,
    )


def write_match(path: Path, look: int = 3, seed: int = 0) -> Truth:
    """Write the match; return what is true about it."""
    return write(path, broadcast_of(look, seed))


def main() -> None:
    """Write the match and print its truth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--look", type=int, default=3, choices=range(len(LOOKS)))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    truth = write_match(args.out, args.look, args.seed)
    for half, start_s in truth.starts_s.items():
        print(f"half {half}: {start_s:.2f} to {truth.ends_s[half]:.2f} s")
    for goal in truth.goals:
        home, away = goal.score
        print(f"{home}-{away} at {format_time(goal.time_s)}, shown at {format_time(goal.shown_s)}")


if __name__ == "__main__":
    main()
