"""Draw a match: any frame of any half, alone and in any order, at any size.

>>> draw(invent(1), half=2, time_s=61.2, size=(398, 224)).shape
(224, 398, 3)
"""

import zlib

import numpy as np
from PIL import Image

from touchline.demo.broadcast.motion import Moment, Motion, motion
from touchline.demo.broadcast.plan import REFEREE, Cut
from touchline.demo.broadcast.script import AWAY, HOME, Event, Script
from touchline.demo.drawing import overlays, sprites
from touchline.demo.drawing.sprites import Look
from touchline.demo.drawing.stadium import Camera, Size, ground

CLOSE_ZOOM, REPLAY_ZOOM = 2.3, 1.7
BODY_M = 2.3  # larger than life, to be seen on a small screen
BALL_M = 0.6
SCORE_CHANGES_S = 1.5  # after the goal
_BANNER_S = (0.7, 3.6)  # from the goal
_WIPE_S = 0.35  # half of the time that a wipe takes
_REPLAY_LEAD_S, _REPLAY_SPEED = 3.2, 0.75
_STRIDE_M = 0.7
_VARIANTS = 4
_KEEPER_SHIRTS = {HOME: (60, 220, 120), AWAY: (250, 120, 200)}
_REFEREE = Look((25, 25, 28), (25, 25, 28), sprites.SKINS[1], sprites.HAIRS[1])


def draw(script: Script, half: int, time_s: float, size: Size) -> np.ndarray:
    """Return the frame at `time_s` of the half as uint8 (height, width, 3); size (width, height).

    It depends on the arguments alone. Paths and sprites are made once per process and kept.
    """
    paths = motion(script, half)
    shown = _shown(paths, time_s)
    if shown is None:
        moment = paths.at(time_s)
        frame = _pitch(script, half, time_s, size, 1.0, tuple(moment.view))
    elif shown.kind == "close":
        frame = _pitch(script, half, time_s, size, CLOSE_ZOOM, shown.focus)
    elif shown.kind == "replay":
        frame = _replay(script, half, time_s, size, shown)
    else:
        frame = _board(script, time_s, size, shown)
    _overlay(frame, script, half, time_s, paths)
    return np.array(frame)


def variant(script: Script) -> int:
    """Return which of the few grounds the match is played on."""
    return zlib.crc32(script.seed.encode()) % _VARIANTS


def _shown(paths: Motion, time_s: float) -> Cut | None:
    """Return the cut that is on screen, None for the wide picture."""
    for cut in paths.plan.cuts:
        if cut.start_s <= time_s < cut.end_s:
            return cut
    return None


def _pitch(
    script: Script, half: int, time_s: float, size: Size, zoom: float, focus: tuple[float, float]
) -> Image.Image:
    """Draw the pitch and who is on it."""
    camera = Camera(size, zoom)
    left, top = camera.corner_of_frame(*focus)
    width, height = size
    frame = ground(camera, variant(script)).crop((left, top, left + width, top + height))
    paths = motion(script, half)
    moment = paths.at(time_s)
    poses = _poses(paths, time_s)
    columns, rows = camera.project(moment.bodies[:, 0], moment.bodies[:, 1])
    heights = BODY_M * camera.scale(moment.bodies[:, 1])
    for body in np.argsort(moment.bodies[:, 1]).tolist():
        column, row = int(columns[body]) - left, int(rows[body]) - top
        tall = max(3, round(heights[body]))
        if -tall < column < width + tall and 0 < row < height + tall:
            pose, right = _posed(moment, body, poses.get(body), time_s)
            sprite = sprites.body(_look(script, body), pose, right, tall)
            _put(frame, sprite, column, row)
    _put_ball(frame, camera, moment.ball, left, top)
    return frame


def _put(frame: Image.Image, sprite: sprites.Sprite, column: int, row: int) -> None:
    """Paste a sprite so that its foot is at the place."""
    place = (column - sprite.foot[0], row - sprite.foot[1])
    frame.paste(sprite.image, place, sprite.image)


def _put_ball(frame: Image.Image, camera: Camera, ball, left: int, top: int) -> None:
    x, y, z = ball
    diameter = max(2, round(BALL_M * camera.scale(y)))
    column, row = camera.project(x, y)
    _put(frame, sprites.ball_shadow(diameter + 1), int(column) - left, int(row) - top)
    row = camera.project(x, y, z)[1]
    _put(frame, sprites.ball(diameter), int(column) - left, int(row) - top)


def _poses(paths: Motion, time_s: float) -> dict[int, str]:
    """Return the players that do something else than run: player -> pose."""
    return {
        pose.player: pose.name for pose in paths.plan.poses if pose.start_s <= time_s < pose.end_s
    }


def _posed(moment: Moment, body: int, pose: str | None, time_s: float) -> tuple[str, bool]:
    """Return the body's pose and whether it faces right."""
    speed_x, speed_y = moment.speeds[body]
    right = bool(speed_x >= 0)
    if pose == "cheer" and int(time_s * 4 + body) % 3 == 0:
        pose = None  # arms go up and down
    if pose is None:
        moving = speed_x * speed_x + speed_y * speed_y > 0.8
        pose = f"run{int(moment.strides[body] / _STRIDE_M) % 4}" if moving else "stand"
    return pose, right


def _look(script: Script, body: int) -> Look:
    """Return what a body wears: two kits, two keepers, the referee."""
    if body == REFEREE:
        return _REFEREE
    side = HOME if body < 11 else AWAY
    team = script.team(side)
    shirt = _KEEPER_SHIRTS[side] if body % 11 == 0 else team.shirt
    tone = (body * 7 + len(team.name)) % 4
    return Look(shirt, team.shorts, sprites.SKINS[tone], sprites.HAIRS[(tone + body) % 4])


def _replay(script: Script, half: int, time_s: float, size: Size, cut: Cut) -> Image.Image:
    """Draw the event again, nearer and slower, under the mark."""
    again_s = cut.event.time_s - _REPLAY_LEAD_S + (time_s - cut.start_s) * _REPLAY_SPEED
    again_s = min(again_s, cut.event.time_s + 1.5)
    x, y = motion(script, half).at(again_s).view
    frame = _pitch(script, half, again_s, size, REPLAY_ZOOM, (x, y))
    mark = overlays.replay_mark(size)
    frame.paste(mark, (size[0] - mark.width - size[1] // 20, size[1] // 20))
    return frame


def _board(script: Script, time_s: float, size: Size, cut: Cut) -> Image.Image:
    """Draw the fourth official's board; the hand-held camera sways a little."""
    players = script.team(cut.event.team).players
    off, on = (players.index(name) + 1 for name in (cut.event.player, cut.event.other))
    large = (round(size[0] * 1.04), round(size[1] * 1.04))
    picture = overlays.board(large, off, on, variant(script))
    spare_x, spare_y = large[0] - size[0], large[1] - size[1]
    left = round(spare_x * (0.5 + 0.5 * np.sin(1.3 * time_s)))
    top = round(spare_y * (0.5 + 0.5 * np.sin(1.9 * time_s)))
    return picture.crop((left, top, left + size[0], top + size[1]))


def _overlay(frame: Image.Image, script: Script, half: int, time_s: float, paths: Motion) -> None:
    """Lay the graphics over the frame."""
    size = frame.size
    score = script.score(half, time_s - SCORE_CHANGES_S)
    bug = overlays.score_bug(size, script.home, script.away, score, overlays.clock(half, time_s))
    frame.paste(bug, overlays.score_bug_box(size)[:2])
    for event in script.of_half(half):
        _event_graphics(frame, script, event, time_s - event.time_s)
    for cut in paths.plan.cuts:
        if cut.kind == "replay":
            for edge_s in (cut.start_s, cut.end_s):
                _wipe(frame, script, (time_s - edge_s) / _WIPE_S)


def _event_graphics(frame: Image.Image, script: Script, event: Event, after_s: float) -> None:
    """Draw the goal banner, and captions for goals, cards and substitutions."""
    width, height = frame.size
    if event.label == "Goal" and _BANNER_S[0] <= after_s < _BANNER_S[1]:
        picture = overlays.banner(frame.size, script.team(event.team))
        slide = max(0.0, 1 - (after_s - _BANNER_S[0]) / 0.4)
        frame.paste(picture, (round(-width * slide), round(height * 0.6)))
        return
    for label, start_s, end_s, title in _CAPTIONS:
        if event.label == label and start_s <= after_s < end_s:
            team = script.team(event.team)
            text = f"{event.other} for {event.player}" if label == "Substitution" else event.player
            picture = overlays.caption(frame.size, team, title, text)
            frame.paste(picture, (height // 12, round(height * 0.94) - picture.height))


_CAPTIONS = (
    ("Goal", 4.2, 8.8, "GOAL"),
    ("Yellow card", 0.2, 4.0, "YELLOW CARD"),
    ("Substitution", -0.6, 5.0, "SUBSTITUTION"),
)


def _wipe(frame: Image.Image, script: Script, share: float) -> None:
    """Sweep the bars over the frame; `share` runs from -1 to 1, and at 0 they hide it all."""
    if -1 < share < 1:
        width, height = frame.size
        bars = overlays.wipe((width, height), (script.home.shirt, script.away.shirt))
        left = round(-width * 0.3 + share * width * 1.7)
        frame.paste(bars, (left, 0), bars)
