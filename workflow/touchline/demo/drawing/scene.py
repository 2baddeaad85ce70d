"""Frames of a match: the picture at any time of a half, independent of other frames, at any size.

>>> draw(invent(1), half=2, time_s=61.2, size=(398, 224)).shape
(224, 398, 3)
"""

import zlib

import numpy as np
from PIL import Image

from touchline.demo.broadcast.motion import Moment, Motion, motion
from touchline.demo.broadcast.plan import REFEREE, Cut
from touchline.demo.broadcast.script import AWAY, HOME, Event, Script
from touchline.demo.drawing import overlays, score_bug, sprites
from touchline.demo.drawing.bug_schedule import BugState, state_at
from touchline.demo.drawing.looks import Look, look_of
from touchline.demo.drawing.sprites import Appearance
from touchline.demo.drawing.stadium import Camera, Size, ground

CLOSE_ZOOM, REPLAY_ZOOM = 2.3, 1.7
BODY_M = 2.3  # height of a player; exaggerated, to be visible in small frames
BALL_M = 0.6  # diameter, exaggerated too
_BANNER_S = (0.7, 3.6)  # start and end, seconds after the goal
_REPLAY_LEAD_S, _REPLAY_SPEED = 3.2, 0.75  # start before the event; speed relative to real time
_STRIDE_M = 0.7
_VARIANTS = 4  # number of stadiums
_KEEPER_SHIRTS = {HOME: (60, 220, 120), AWAY: (250, 120, 200)}
_REFEREE = Appearance((25, 25, 28), (25, 25, 28), sprites.SKINS[1], sprites.HAIRS[1])


def draw(
    script: Script, half: int, time_s: float, size: Size, look: Look | None = None
) -> np.ndarray:
    """Return the frame at `time_s`, uint8 (height, width, 3); `size` is (width, height).

    `look` is that of the score bug, by default the match's own. The frame depends on the arguments
    alone. Paths and sprites are cached in the process.
    """
    look = look or look_of(script)
    bug = state_at(script, look, half, time_s)
    if bug.is_black:
        return np.zeros((size[1], size[0], 3), np.uint8)
    paths = motion(script, half)
    cut = _current_cut(paths, time_s)
    if cut is None:
        moment = paths.at(time_s)
        frame = _pitch(script, half, time_s, size, 1.0, tuple(moment.view))
    elif cut.kind == "close":
        frame = _pitch(script, half, time_s, size, CLOSE_ZOOM, cut.focus)
    elif cut.kind == "replay":
        frame = _replay(script, half, time_s, size, cut)
    else:
        frame = _board(script, time_s, size, cut)
    _paste_score_bug(frame, script, look, half, time_s, bug)
    _overlay(frame, script, half, time_s, paths)
    return np.array(frame)


def variant(script: Script) -> int:
    """Return the number of the stadium that the match is played in."""
    return zlib.crc32(script.seed.encode()) % _VARIANTS


def _current_cut(paths: Motion, time_s: float) -> Cut | None:
    """Return the cut that is on screen, None for the wide picture."""
    for cut in paths.choreography.cuts:
        if cut.start_s <= time_s < cut.end_s:
            return cut
    return None


def _pitch(
    script: Script, half: int, time_s: float, size: Size, zoom: float, focus: tuple[float, float]
) -> Image.Image:
    """Draw the pitch, the players, the referee and the ball, centred near `focus` (m)."""
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
        height_px = max(3, round(heights[body]))
        if -height_px < column < width + height_px and 0 < row < height + height_px:
            pose, right = _choose_pose(moment, body, poses.get(body), time_s)
            sprite = sprites.body(_appearance(script, body), pose, right, height_px)
            _put(frame, sprite, column, row)
    _put_ball(frame, camera, moment.ball, left, top)
    return frame


def _put(frame: Image.Image, sprite: sprites.Sprite, column: int, row: int) -> None:
    """Paste a sprite with its foot at a column and row of the frame."""
    place = (column - sprite.foot[0], row - sprite.foot[1])
    frame.paste(sprite.image, place, sprite.image)


def _put_ball(
    frame: Image.Image,
    camera: Camera,
    position: tuple[float, float, float],
    left: int,
    top: int,
) -> None:
    """Paste the ball and its shadow; the frame starts at `left` and `top` of the stadium's picture."""
    x, y, z = position
    diameter = max(2, round(BALL_M * camera.scale(y)))
    column, row = camera.project(x, y)
    _put(frame, sprites.ball_shadow(diameter + 1), int(column) - left, int(row) - top)
    row = camera.project(x, y, z)[1]
    _put(frame, sprites.ball(diameter), int(column) - left, int(row) - top)


def _poses(paths: Motion, time_s: float) -> dict[int, str]:
    """Return the pose of each player who has one at this time: player -> pose."""
    return {
        pose.player: pose.name
        for pose in paths.choreography.poses
        if pose.start_s <= time_s < pose.end_s
    }


def _choose_pose(moment: Moment, body: int, pose: str | None, time_s: float) -> tuple[str, bool]:
    """Return the name of the body's sprite pose, and whether it faces right."""
    speed_x, speed_y = moment.speeds[body]
    right = bool(speed_x >= 0)
    if pose == "cheer" and int(time_s * 4 + body) % 3 == 0:
        pose = None  # the arms go up and down
    if pose is None:
        moving = speed_x * speed_x + speed_y * speed_y > 0.8
        pose = f"run{int(moment.strides[body] / _STRIDE_M) % 4}" if moving else "stand"
    return pose, right


def _appearance(script: Script, body: int) -> Appearance:
    """Return the colours of a body: of its team, of a goalkeeper or of the referee."""
    if body == REFEREE:
        return _REFEREE
    side = HOME if body < 11 else AWAY
    team = script.team(side)
    shirt = _KEEPER_SHIRTS[side] if body % 11 == 0 else team.shirt
    tone = (body * 7 + len(team.name)) % 4
    return Appearance(shirt, team.shorts, sprites.SKINS[tone], sprites.HAIRS[(tone + body) % 4])


def _replay(script: Script, half: int, time_s: float, size: Size, cut: Cut) -> Image.Image:
    """Draw the replay of an event, closer and in slow motion, with the replay mark."""
    replayed_s = cut.event.time_s - _REPLAY_LEAD_S + (time_s - cut.start_s) * _REPLAY_SPEED
    replayed_s = min(replayed_s, cut.event.time_s + 1.5)
    x, y = motion(script, half).at(replayed_s).view
    frame = _pitch(script, half, replayed_s, size, REPLAY_ZOOM, (x, y))
    mark = overlays.replay_mark(size)
    frame.paste(mark, (size[0] - mark.width - size[1] // 20, size[1] // 20))
    return frame


def _board(script: Script, time_s: float, size: Size, cut: Cut) -> Image.Image:
    """Draw the substitution board as from a hand-held camera, which sways a little."""
    players = script.team(cut.event.team).players
    off, on = (players.index(name) + 1 for name in (cut.event.player, cut.event.other))
    larger = (round(size[0] * 1.04), round(size[1] * 1.04))
    picture = overlays.board(larger, off, on, variant(script))
    spare_x, spare_y = larger[0] - size[0], larger[1] - size[1]
    left = round(spare_x * (0.5 + 0.5 * np.sin(1.3 * time_s)))
    top = round(spare_y * (0.5 + 0.5 * np.sin(1.9 * time_s)))
    return picture.crop((left, top, left + size[0], top + size[1]))


def _paste_score_bug(
    frame: Image.Image, script: Script, look: Look, half: int, time_s: float, bug: BugState
) -> None:
    """Paste the score bug, and the advertisement that moves it."""
    shift = bug.advert * overlays.ADVERT_HEIGHT
    if shift:
        strip = overlays.advert(frame.size, half + variant(script))
        height = round(shift * frame.height)
        top = height - strip.height if look.vertical == "top" else frame.height - height
        frame.paste(strip, (0, top))
    reading = score_bug.read(look, half, time_s, bug.score)
    score_bug.paste(frame, look, script.home, script.away, reading, bug.opacity, shift)


def _overlay(frame: Image.Image, script: Script, half: int, time_s: float, paths: Motion) -> None:
    """Paste what is not always there: banner, captions, wipes."""
    for event in script.of_half(half):
        _event_graphics(frame, script, event, time_s - event.time_s)
    for cut in paths.choreography.cuts:
        if cut.kind == "replay":
            for edge_s in (cut.start_s, cut.end_s):
                _wipe(frame, script, (time_s - edge_s) / overlays.WIPE_S)


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
    """Paste the wipe's bars; `share` runs from -1 to 1, and at 0 they cover the whole frame."""
    if -1 < share < 1:
        width, height = frame.size
        bars = overlays.wipe((width, height), (script.home.shirt, script.away.shirt))
        left = round(-width * 0.3 + share * width * 1.7)
        frame.paste(bars, (left, 0), bars)
