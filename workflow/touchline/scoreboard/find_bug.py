"""Where the score bug is: the places of the clock, the two cells of the score, the names.

Places are in px of the pictures that are read. An advertisement moves the score bug as a whole, so a
frame's texts are moved back by how far its clock is from the usual place of the clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from operator import itemgetter

import numpy as np

from touchline.scoreboard import texts
from touchline.scoreboard.goals import MOST, find_course
from touchline.scoreboard.ocr import Line
from touchline.scoreboard.readings import FrameText
from touchline.scoreboard.texts import ClockText

_SAME = 0.33  # heights between digits of one cell in different frames
_LEAST_SHARE = 0.2  # of frames in which a cell was read
_LEAST_FRAMES = 3
_FARTHEST = 16.0  # heights between the two cells
_MOST_DIGITS = 60  # places of digits that are compared
_MARGIN = 0.15  # heights around the clock's box in which digits are the clock's
_MORE_READ = 0.1  # rank by which a pair is better that counts digits as near to a name as letters
_WORD = 1.45  # times the distance between letters, within which a digit is one of a word


@dataclass(frozen=True)
class Cell:
    """The place of one side's number: its middle and half its width, px; digits `near_name` count."""

    x: float
    y: float
    reach: float
    near_name: bool = False


@dataclass(frozen=True)
class Bug:
    """The score bug: height of its letters, the usual middle of the clock, the cells of the score."""

    height: float
    clock: tuple[float, float]
    left: Cell | None
    right: Cell | None


def usual_place(clocks: Sequence[ClockText]) -> tuple[tuple[float, float], float]:
    """Return the most frequent middle of the clock (x, y) and its height, px."""
    middles = np.array([(c.x + c.w / 2, c.y + c.h / 2) for c in clocks])
    height = float(np.median([c.h for c in clocks]))
    near = (np.abs(middles[:, None] - middles[None]) < 0.5 * height).all(axis=2)
    best = near[near.sum(axis=1).argmax()]
    x, y = np.median(middles[best], axis=0)
    return (float(x), float(y)), height


def shift_of(clock: ClockText, usual: tuple[float, float], height: float) -> tuple[float, float]:
    """Return how far a clock is from its usual place, px; (0, 0) for the tremor of its box."""
    dx, dy = clock.x + clock.w / 2 - usual[0], clock.y + clock.h / 2 - usual[1]
    return (0.0, 0.0) if abs(dx) < 0.6 * height and abs(dy) < 0.4 * height else (dx, dy)


def _digits(
    line: Line, clock: ClockText, shift: tuple[float, float], near_name: bool
) -> list[tuple[float, float, str]]:
    """Return the digits of a line, (x, y, digit), without those of the clock and of long numbers.

    Without `near_name`, neither those that stand as near to a word as its letters do.
    """
    if not line.at:
        return []
    left, right = clock.x - _MARGIN * clock.h, clock.x + clock.w + _MARGIN * clock.h
    inside_y = abs(line.y + line.h / 2 - clock.y - clock.h / 2) < 0.6 * clock.h
    taken = [
        (found.start, found.end)
        for found in texts.find_clocks(line.text)
        if inside_y and left < float(np.mean(line.at[found.start : found.end])) < right
    ]
    found = []
    text = "".join(
        " " if any(first <= k < last for first, last in taken) else character
        for k, character in enumerate(line.text)
    )
    pitch = None if near_name else _pitch(line)
    for start, end in texts.find_numbers(text):
        if pitch is not None:
            start, end = _without_letters(line, start, end, _WORD * pitch)
        for k in range(start, end):
            x, y = line.at[k], line.y + line.h / 2
            if inside_y and left < x < right:
                continue
            digit = texts.to_number(line.text[k])
            if digit is not None:
                found.append((x - shift[0], y - shift[1], str(digit)))
    return found


def _pitch(line: Line) -> float | None:
    """Return the distance between neighbouring letters of a line, px; None without such."""
    pairs = zip(line.text, line.text[1:], line.at, line.at[1:], strict=False)
    steps = [b - a for first, second, a, b in pairs if first.isalpha() and second.isalpha()]
    return float(np.median(steps)) if steps else None


def _without_letters(line: Line, start: int, end: int, nearest: float) -> tuple[int, int]:
    """Return the span of a number without what stands as near to a word as its letters do.

    The O of a name may be read as 0, in its place in the word.
    """
    text, at = line.text, line.at
    if end < len(text) and text[end].isalpha():
        while end > start and at[end] - at[end - 1] < nearest:
            end -= 1
    if start and text[start - 1].isalpha():
        while start < end and at[start] - at[start - 1] < nearest:
            start += 1
    return start, end


def find_cells(
    frames: Sequence[FrameText],
    clocks: Sequence[ClockText],
    usual: tuple[float, float],
    height: float,
) -> tuple[Cell, Cell] | None:
    """Return the cells of the score, in reading order, or None where there is no such pair.

    `clocks` are the clocks of the frames. Candidates are the places where many frames have a digit;
    the pair is chosen whose numbers are explained best by a score: they start at 0 and rise by one.
    Digits as near to a name as its letters count where there is no pair without them, or where the
    same pair is read far oftener with them.
    """
    apart, near = (_find_pair(frames, clocks, usual, height, near) for near in (False, True))
    if apart is None or near is None:
        return (apart or near or (0.0, None))[1]
    same = all(
        abs(a.x - b.x) < _SAME * height and abs(a.y - b.y) < _SAME * height
        for a, b in zip(apart[1], near[1], strict=True)
    )
    return near[1] if same and near[0] > apart[0] + _MORE_READ else apart[1]


def _find_pair(
    frames: Sequence[FrameText],
    clocks: Sequence[ClockText],
    usual: tuple[float, float],
    height: float,
    near_name: bool,
) -> tuple[float, tuple[Cell, Cell]] | None:
    """Return the best pair and its rank, or None; digits near a name count with `near_name` alone."""
    places: list[list[tuple[int, float, float, str]]] = []
    for number, (frame, clock) in enumerate(zip(frames, clocks, strict=True)):
        shift = shift_of(clock, usual, height)
        for line in (*frame.rows, *frame.lines):
            for x, y, digit in _digits(line, clock, shift, near_name):
                for place in places:
                    _, px, py, _ = place[0]
                    if abs(px - x) < _SAME * height and abs(py - y) < 0.5 * height:
                        place.append((number, x, y, digit))
                        break
                else:
                    places.append([(number, x, y, digit)])
    least = max(_LEAST_FRAMES, _LEAST_SHARE * len(frames))
    places = [place for place in places if len({p[0] for p in place}) >= least]
    places.sort(key=lambda place: -len(place))
    candidates = [_candidate(place, len(frames)) for place in places[:_MOST_DIGITS]]
    candidates = [c for c in candidates if not _is_separator(c, candidates, height)]
    ranked = [(_rank(a, b, height, len(frames)), a, b) for a, b in permutations(candidates, 2)]
    rank, (ax, ay, _), (bx, by, _) = max(ranked, key=itemgetter(0), default=(0.0, _NO, _NO))
    if rank <= 0:
        return None
    reach = 1.0 * height
    if abs(ay - by) < 0.5 * height:
        reach = min(reach, (0.35 if near_name else 0.5) * abs(bx - ax))
    return rank, (Cell(ax, ay, reach, near_name), Cell(bx, by, reach, near_name))


_Candidate = tuple[float, float, list[int | None]]  # place, and the digit in each frame
_NO: _Candidate = (0.0, 0.0, [])


def _candidate(place: list[tuple[int, float, float, str]], frames: int) -> _Candidate:
    values: list[int | None] = [None] * frames
    for number, _, _, digit in reversed(place):  # rows, which come first, count
        values[number] = int(digit)
    return (
        float(np.median([p[1] for p in place])),
        float(np.median([p[2] for p in place])),
        values,
    )


def _is_separator(one: _Candidate, candidates: list[_Candidate], height: float) -> bool:
    """Say whether a place is a bar between two others that is read as the digit 1."""
    x, y, values = one
    if {value for value in values if value is not None} != {1}:
        return False
    same_row = [c for c in candidates if c is not one and abs(c[1] - y) < 0.4 * height]
    return any(
        a[0] < x < b[0] and abs((a[0] + b[0]) / 2 - x) < 0.15 * (b[0] - a[0])
        for a in same_row
        for b in same_row
    )


def _rank(a: _Candidate, b: _Candidate, height: float, frames: int) -> float:
    """Return how well two places serve as the score, a on the left of or above b; 0: not at all."""
    across, down = (b[0] - a[0]) / height, (b[1] - a[1]) / height
    beside = abs(down) < 0.4 and 0.4 < across < _FARTHEST
    stacked = abs(across) < 0.7 and 0.8 < down < 2.6
    if not (beside or stacked):
        return 0.0
    wrong = 0.0
    both = sum(x is not None and y is not None for x, y in zip(a[2], b[2], strict=True))
    if both < max(2, 0.5 * _LEAST_SHARE * frames):
        return 0.0
    for values in (a[2], b[2]):
        course = find_course(values, [1.0] * len(values))
        wrong += sum(v is not None and v != c for v, c in zip(values, course, strict=True))
        falls = np.diff(course).clip(max=0).sum()
        wrong += 2 * abs(int(falls)) + 2 * max(0, int(course[0]) - 2)
        wrong += 0.05 * len(values) * (course[0] > 0)  # such as the number of the half
    known = sum(v is not None for values in (a[2], b[2]) for v in values)
    return known / (2 * frames) - 2 * wrong / (2 * frames) - 0.005 * (abs(across) + abs(down)) + 0.1


def read_cell(line: Line, cell: Cell, shift: tuple[float, float], clock: ClockText) -> int | None:
    """Return the number that a line of text has in a cell, or None."""
    x0, y0 = cell.x + shift[0], cell.y + shift[1]
    if abs(line.y + line.h / 2 - y0) > 0.5 * clock.h:
        return None
    inside = [
        (x, digit)
        for x, _, digit in _digits(line, clock, (0.0, 0.0), cell.near_name)
        if abs(x - x0) < cell.reach
    ]
    if not 1 <= len(inside) <= 2:
        return None
    value = int("".join(digit for _, digit in sorted(inside)))
    return value if value <= MOST else None


def find_names(
    frames: Sequence[FrameText],
    clocks: Sequence[ClockText],
    bug: Bug,
) -> tuple[str | None, str | None]:
    """Return the texts that most frames have beside the two cells, left (or upper) and right.

    The names are left and right of a score in the middle, or each before its own number, or after.
    """
    if bug.left is None or bug.right is None:
        return None, None
    counts: tuple[dict[str, int], dict[str, int]] = ({}, {})
    stacked = bug.right.y - bug.left.y > 0.6 * bug.height
    for frame, clock in zip(frames, clocks, strict=True):
        dx, dy = shift_of(clock, bug.clock, bug.height)
        words = [
            (x - dx, y - dy, word)
            for line in frame.rows or frame.lines
            for x, y, word in texts.find_words(line)
        ]
        for side, cell in enumerate((bug.left, bug.right)):
            row = [w for w in words if abs(w[1] - cell.y) < 0.5 * bug.height]
            name = _beside(row, side, bug, stacked)
            if name:
                counts[side][name] = counts[side].get(name, 0) + 1
    least = max(2, 0.1 * len(frames))
    best = [max(c, key=lambda n, c=c: (c[n], n)) if c else None for c in counts]  # type: ignore[misc]
    left, right = (
        name if name and count[name] >= least else None
        for name, count in zip(best, counts, strict=True)
    )
    return left, right


def _beside(row: list[tuple[float, float, str]], side: int, bug: Bug, stacked: bool) -> str | None:
    """Return the name of a side in a row of words."""
    assert bug.left is not None, "the cells are known"
    assert bug.right is not None, "the cells are known"
    cell = (bug.left, bug.right)[side]
    before = [w for w in row if w[0] < cell.x]
    after = [w for w in row if w[0] > cell.x]
    if stacked:
        nearest = before or after
        return min(nearest, key=lambda w: abs(w[0] - cell.x))[2] if nearest else None
    between = [w for w in row if bug.left.x < w[0] < bug.right.x]
    outer_left = [w for w in row if w[0] < bug.left.x]
    outer_right = [w for w in row if w[0] > bug.right.x]
    if not between or (outer_left and outer_right):
        choices = (outer_left, outer_right)[side]
    elif outer_left:  # HOM 1 AWA 0
        choices = (outer_left, between)[side]
    else:  # 1 HOM 0 AWA
        choices = (between, outer_right)[side]
    return min(choices, key=lambda w: abs(w[0] - cell.x))[2] if choices else None
