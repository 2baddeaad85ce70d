"""Choreography of shots, goals and clearances, and the table of the plays of all labels.

Every play takes the `Stage` at its event and returns its part of the choreography. Times are in
seconds from the event; `u` and `v` are metres in the coordinates of the event's side (see `plan`).
"""

from touchline.demo.broadcast import stoppages
from touchline.demo.broadcast.plan import (
    CENTRE,
    GOAL_V,
    LENGTH_M,
    Choreography,
    Knot,
    Point,
    Stage,
    keeper,
    outfield,
)
from touchline.demo.broadcast.script import opponent

# When the replay of a goal is on screen, in seconds from the goal.
REPLAY_FROM_S, REPLAY_TO_S = 9.0, 15.5


def shot_on_target(stage: Stage) -> Choreography:
    """Choreograph a shot that the goalkeeper dives for and holds."""
    rivals = opponent(stage.event.team)
    aim = stage.rng.choice((-2.6, 2.6))
    hit = _shooting_place(stage)
    held = stage.at(103.6, GOAL_V + aim)
    knots = [
        *_run_up(stage, hit),
        stage.knot(0, hit, lift=0.6, holder=stage.actor),
        stage.knot(0.75, held, z=0.8),
        stage.knot(1.3, held, z=0.2),
        stage.knot(4.5, held, z=0.4),
        stage.knot(6.2, stage.at(99, GOAL_V), z=1, lift=8, holder=keeper(rivals)),
        stage.knot(8.2, stage.at(50, stage.rng.uniform(15, 53))),
    ]
    moves = [stage.move(0.75, 4.5, [keeper(rivals)], [held], leave_s=-0.2)]
    return Choreography(
        knots=knots,
        moves=moves,
        poses=[stage.pose(0.3, 3.6, keeper(rivals), "dive")],
        cuts=[stage.cut(1.8, 4.2, "close", held)],
    )


def shot_off_target(stage: Stage) -> Choreography:
    """Choreograph a shot over the bar or past the post."""
    hit = _shooting_place(stage)
    wide = GOAL_V + stage.rng.choice((-8.5, 8.5, -1))
    return Choreography(
        knots=[
            *_run_up(stage, hit),
            stage.knot(0, hit, lift=2, holder=stage.actor),
            stage.knot(0.9, stage.at(LENGTH_M + 2, wide), z=4.2),
        ]
    )


def goal(stage: Stage) -> Choreography:
    """Choreograph a goal: the ball in the net, a celebration, a replay, the way back."""
    side = stage.event.team
    rivals = opponent(side)
    hit = stage.at(stage.rng.uniform(88, 95), stage.rng.uniform(26, 42))
    aim = stage.rng.choice((-2.4, 2.4))
    net = stage.at(LENGTH_M + 1.5, GOAL_V + aim)
    celebration_u, celebration_y = 97.0, 61.0
    celebration = (stage.at(celebration_u, 0)[0], celebration_y)
    cluster = [
        (celebration[0] + stage.rng.uniform(-3, 3), celebration[1] + stage.rng.uniform(-2, 2))
        for _ in outfield(side)
    ]
    knots = [
        *_run_up(stage, hit, -0.8),
        stage.knot(-0.8, hit, lift=0.8, holder=stage.actor),
        stage.knot(0, net, z=1),
        stage.knot(0.6, net),
        stage.knot(11, net, dead=True),
        stage.knot(18.5, CENTRE, dead=True),
    ]
    kick_off = stage.next(["Kick-off"], 30)
    replays = [stage.cut(REPLAY_FROM_S, REPLAY_TO_S, "replay")]
    if kick_off and kick_off.visibility == "not shown":  # a second replay hides it
        replays.append(stage.cut(REPLAY_TO_S, kick_off.time_s - stage.time_s + 1.5, "replay"))
    return Choreography(
        knots=knots,
        moves=[
            stage.move(4.5, 14, outfield(side), cluster, leave_s=0.3),
            stage.move(-0.5, 4, [keeper(rivals)], [stage.at(103.5, GOAL_V - aim / 2)], -1.0),
        ],
        poses=[
            stage.pose(-0.5, 3, keeper(rivals), "dive"),
            *(stage.pose(1.0, 14, player, "cheer") for player in outfield(side)),
        ],
        cuts=[
            stage.cut(4.0, REPLAY_FROM_S, "close", celebration),
            *replays,
        ],
    )


def clearance(stage: Stage) -> Choreography:
    """Choreograph a cross into the box that a defender kicks far away."""
    rivals = opponent(stage.event.team)
    box = stage.at(stage.rng.uniform(7, 13), stage.rng.uniform(26, 42))
    flank = stage.rng.choice((6, 62))
    cross = [
        stage.knot(-3.5, stage.at(38, flank)),
        stage.knot(-1.5, stage.at(24, flank), lift=5, holder=outfield(rivals)[7]),
    ]
    return Choreography(
        knots=[
            *([] if _after_corner(stage) else cross),
            stage.knot(0, box, z=0.4, lift=15, holder=stage.actor),
            stage.knot(2.9, stage.at(stage.rng.uniform(58, 68), stage.rng.uniform(10, 58))),
        ]
    )


def _after_corner(stage: Stage) -> bool:
    """Return whether a corner was taken just before."""
    return stage.previous("Corner", 3) is not None


def _shooting_place(stage: Stage) -> Point:
    """Return where a shot is struck: after a corner, where the cross was headed to."""
    if _after_corner(stage):
        return stage.at(97, stage.rng.uniform(30, 38))
    return stage.at(stage.rng.uniform(82, 90), stage.rng.uniform(22, 46))


def _run_up(stage: Stage, hit: Point, struck_s: float = 0.0) -> list[Knot]:
    """Return the knots of the dribble that ends at `hit`; none after a corner."""
    if _after_corner(stage):
        return []
    u, v = stage.frame(hit)
    return [stage.knot(struck_s - 1.8, stage.at(u - 9, v + 3), holder=stage.actor)]


PLAYS = {
    "Kick-off": stoppages.kick_off,
    "Corner": stoppages.corner,
    "Shots on target": shot_on_target,
    "Shots off target": shot_off_target,
    "Goal": goal,
    "Clearance": clearance,
    "Foul": stoppages.foul,
    "Yellow card": stoppages.yellow_card,
    "Direct free-kick": stoppages.direct_free_kick,
    "Indirect free-kick": stoppages.indirect_free_kick,
    "Substitution": stoppages.substitution,
    "Throw-in": stoppages.throw_in,
    "Ball out of play": stoppages.ball_out,
}
