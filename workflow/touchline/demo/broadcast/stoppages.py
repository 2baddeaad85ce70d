"""Choreography of fouls, cards, set pieces, substitutions and the ball going out of play.

Every play takes the `Stage` at its event and returns its part of the choreography. Times are in
seconds from the event; `u` and `v` are metres in the coordinates of the event's side (see `plan`).
"""

from touchline.demo.broadcast.plan import (
    CENTRE,
    GOAL_V,
    LENGTH_M,
    REFEREE,
    WIDTH_M,
    Choreography,
    Knot,
    Move,
    Point,
    Stage,
    in_formation,
    keeper,
    outfield,
)
from touchline.demo.broadcast.script import AWAY, HOME, opponent

FREE_KICKS = ("Direct free-kick", "Indirect free-kick")
WALL_M = 9.15


def kick_off(stage: Stage) -> Choreography:
    """Choreograph a kick-off: all players in their own halves, the ball on the centre spot."""
    sides = [(side, place) for side in (HOME, AWAY) for place in range(11)]
    points = []
    for side, place in sides:
        u, v = in_formation(place, LENGTH_M / 2, WIDTH_M / 2)
        points.append(stage.at(min(u, 48), v, side))
    back = stage.at(38, 30)
    knots = [
        stage.knot(-3, CENTRE),
        stage.knot(0, CENTRE, holder=stage.actor),
        stage.knot(1.1, back, holder=outfield(stage.event.team)[1]),
    ]
    players = [keeper(side) + place for side, place in sides]
    return Choreography(knots=knots, moves=[stage.move(-5, 0.3, players, points)])


def corner(stage: Stage) -> Choreography:
    """Choreograph a corner: the ball at the flag, most players in the box, a high cross."""
    left = stage.frame(stage.spot)[1] < GOAL_V
    flag = stage.at(LENGTH_M - 0.4, 0.6 if left else WIDTH_M - 0.6)
    taker = stage.actor
    rivals = opponent(stage.event.team)
    crowd = (*outfield(stage.event.team)[2:], *outfield(rivals))
    box = [player for player in crowd if player != taker]
    places = [stage.at(stage.rng.uniform(91, 103), stage.rng.uniform(25, 43)) for _ in box]
    header = stage.at(97, stage.rng.uniform(29, 39))
    knots = [
        stage.knot(-4.5, flag),
        stage.knot(-4, flag),
        stage.knot(0, flag, lift=6, holder=taker),
        stage.knot(1.8, header, z=1.8, lift=1),
        stage.knot(2.8, stage.at(103, GOAL_V), z=1.5, holder=keeper(rivals)),
        stage.knot(5, stage.at(99, GOAL_V), z=1, lift=9, holder=keeper(rivals)),
        stage.knot(7, stage.at(55, stage.rng.uniform(15, 53))),
    ]
    moves = [
        stage.move(-6, 2.6, box, places),
        stage.move(-6, 0.2, [taker], [stage.at(LENGTH_M + 0.8, -0.5 if left else WIDTH_M + 0.5)]),
    ]
    return Choreography(knots=knots, moves=moves, cuts=[stage.cut(-3.6, -1.2, "close", flag)])


def foul(stage: Stage) -> Choreography:
    """Choreograph a foul: a player goes down, the whistle, the referee runs up."""
    kick = stage.next(FREE_KICKS, 25)
    is_near_goal = kick is not None and kick.label == "Direct free-kick"
    u = stage.rng.uniform(78, 84) if is_near_goal else stage.rng.uniform(45, 70)
    spot = stage.at(u, stage.rng.uniform(20, 48), opponent(stage.event.team))
    stage.spot = spot
    knots = [
        stage.knot(-1.2, (spot[0] - 3, spot[1]), holder=stage.victim),
        stage.knot(0, spot, holder=stage.victim),
        stage.knot(0.7, (spot[0] + 2, spot[1] + 1), dead=True),
    ]
    moves = [
        stage.move(-1.5, 5.5, [stage.victim], [(spot[0] + 0.6, spot[1])]),
        stage.move(-0.8, 5.5, [stage.actor], [(spot[0] - 1.2, spot[1] - 0.6)]),
        stage.move(2.0, 7.5, [REFEREE], [(spot[0] + 3, spot[1] - 1.5)], leave_s=0.2),
    ]
    poses = [stage.pose(0.1, 6.0, stage.victim, "down")]
    return Choreography(
        knots=knots, moves=moves, poses=poses, cuts=[stage.cut(1.2, 4.6, "close", spot)]
    )


def yellow_card(stage: Stage) -> Choreography:
    """Choreograph a yellow card: the referee holds it up in front of the player."""
    spot = stage.spot
    return Choreography(
        knots=[stage.knot(1, (spot[0] + 2, spot[1] + 1), dead=True)],
        moves=[
            stage.move(-2, 3, [stage.actor], [(spot[0] + 1.4, spot[1] - 1.3)]),
            stage.move(-2, 3, [REFEREE], [(spot[0] + 3, spot[1] - 1.5)]),
        ],
        poses=[stage.pose(-0.4, 2.4, REFEREE, "card")],
        cuts=[stage.cut(-1.0, 2.6, "close", (spot[0] + 2, spot[1] - 1.3))],
    )


def direct_free_kick(stage: Stage) -> Choreography:
    """Choreograph a direct free-kick: a wall, a run-up, a shot over or into the wall."""
    spot = stage.spot
    over = stage.rng.random() < 0.6
    wall = _wall(stage, spot, 5)
    if over:
        target = stage.at(LENGTH_M + 1.5, GOAL_V + stage.rng.choice((-4.5, 4.5)))
        flight = [stage.knot(0.95, target, z=2.8), stage.knot(2, target)]
    else:
        block = wall.points[2]
        loose = stage.at(72, stage.rng.uniform(15, 53))
        flight = [stage.knot(0.4, block, z=1.2, lift=2), stage.knot(1.9, loose)]
    return Choreography(
        knots=[*_placed(stage, spot), stage.knot(0, spot, lift=2.2, holder=stage.actor), *flight],
        moves=[wall, _kicker(stage, spot)],
        cuts=[stage.cut(-6, -2.6, "close", spot)],
    )


def indirect_free_kick(stage: Stage) -> Choreography:
    """Choreograph an indirect free-kick: a wall, a run-up, a pass."""
    spot = stage.spot
    mate = stage.at(min(stage.frame(spot)[0] + 18, 95), stage.rng.uniform(18, 50))
    receiver = outfield(stage.event.team)[8]
    return Choreography(
        knots=[
            *_placed(stage, spot),
            stage.knot(0, spot, lift=4, holder=stage.actor),
            stage.knot(1.5, mate, holder=receiver),
        ],
        moves=[_wall(stage, spot, 4), _kicker(stage, spot)],
        cuts=[stage.cut(-6, -2.6, "close", spot)],
    )


def substitution(stage: Stage) -> Choreography:
    """Choreograph a substitution: play stops, the board goes up, a player leaves the pitch."""
    line = (LENGTH_M / 2 + 1, WIDTH_M + 2.5)
    dead = (LENGTH_M / 2 + stage.rng.uniform(-14, 14), WIDTH_M + 1.0)
    return Choreography(
        knots=[
            stage.knot(-4, dead),
            stage.knot(-3.5, dead),
            stage.knot(7.5, dead, z=1.8, lift=1.5),
            stage.knot(8.6, (dead[0] + 6, WIDTH_M - 12)),
        ],
        moves=[stage.move(-3, 4.2, [stage.actor], [line])],
        cuts=[
            stage.cut(-2.2, 1.8, "board"),
            stage.cut(1.8, 5.2, "close", (LENGTH_M / 2, WIDTH_M - 2)),
        ],
    )


def throw_in(stage: Stage) -> Choreography:
    """Choreograph a throw-in: a player throws the ball in from the touchline."""
    spot = stage.spot
    inside = (spot[0] + stage.rng.uniform(-8, 8), abs(spot[1] - 11))
    return Choreography(
        knots=[
            stage.knot(-2.8, spot),
            stage.knot(0, spot, z=2.0, lift=1, holder=stage.actor),
            stage.knot(1.1, inside, holder=outfield(stage.event.team)[5]),
        ],
        moves=[stage.move(-3, 0.5, [stage.actor], [spot])],
    )


def ball_out(stage: Stage) -> Choreography:
    """Choreograph the ball going out, where the corner or throw-in after it requires."""
    corner_next = stage.next(["Corner"], 9)
    if shot := stage.previous("Shots off target", 2):
        over = stage.at(LENGTH_M + 4, GOAL_V + 9, shot.team)
        keeper_spot = stage.at(100, GOAL_V + 6, shot.team)
        return Choreography(
            knots=[stage.knot(0.6, over), stage.knot(4, over), stage.knot(6, keeper_spot)]
        )
    if corner_next:
        v = stage.rng.choice((18, 50))
        line = stage.at(LENGTH_M + 0.2, v, corner_next.team)
        beyond = stage.at(LENGTH_M + 3, v, corner_next.team)
    else:
        y = stage.rng.choice((-0.2, WIDTH_M + 0.2))
        line = (stage.rng.uniform(20, 85), y)
        beyond = (line[0] + 2, y * 1.03 - 1)
    stage.spot = line
    return Choreography(
        knots=[
            stage.knot(-1.4, _inside(line)),
            stage.knot(0, line),
            stage.knot(0.9, beyond, dead=True),
        ]
    )


def _inside(point: Point) -> Point:
    """Return a point moved a quarter of the way towards the centre spot."""
    return 0.75 * point[0] + 0.25 * CENTRE[0], 0.75 * point[1] + 0.25 * CENTRE[1]


def _placed(stage: Stage, spot: Point) -> list[Knot]:
    """Return the knots of a ball that lies at the spot until it is kicked."""
    return [stage.knot(-7.5, spot), stage.knot(-0.4, spot)]


def _kicker(stage: Stage, spot: Point) -> Move:
    """Return the kicker's move to a few steps behind the ball, and the wait there."""
    u, v = stage.frame(spot)
    return stage.move(-7, -1.2, [stage.actor], [stage.at(u - 4, v - 2)])


def _wall(stage: Stage, spot: Point, size: int) -> Move:
    """Return the move of `size` defenders into a wall between the ball and their goal."""
    u, v = stage.frame(spot)
    away_u, away_v = LENGTH_M - u, GOAL_V - v
    distance = (away_u**2 + away_v**2) ** 0.5
    away_u, away_v = away_u / distance, away_v / distance
    wall_u, wall_v = u + WALL_M * away_u, v + WALL_M * away_v
    steps = [1.4 * (place - (size - 1) / 2) for place in range(size)]
    points = [stage.at(wall_u - away_v * step, wall_v + away_u * step) for step in steps]
    return stage.move(-8, 0.6, outfield(opponent(stage.event.team))[4 : 4 + size], points)
