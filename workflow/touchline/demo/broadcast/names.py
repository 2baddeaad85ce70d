"""Names of invented teams and players; no real club and no real person is meant."""

from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Team:
    """A team: its name, three-letter code, the colours of shirt and shorts, and its players.

    `players` are 16 surnames: the first 11 start, the keeper first, the rest sit on the bench.
    A player's shirt number is the place in the list, from 1.
    """

    name: str
    code: str
    shirt: Colour
    shorts: Colour
    players: tuple[str, ...]


# Name, code, shirt, shorts. Opponents are 1 or 3 places from each other in this list (which wraps
# around), so those shirts differ clearly, and all of them from the referee's and from the grass.
CLUBS: tuple[tuple[str, str, Colour, Colour], ...] = (
    ("Aldermoor", "ALD", (200, 30, 40), (240, 240, 240)),
    ("Brackwater", "BRA", (40, 80, 200), (40, 80, 200)),
    ("Castelvane", "CAS", (245, 245, 245), (30, 30, 40)),
    ("Dunmarrow", "DUN", (250, 235, 90), (30, 30, 60)),
    ("Eastholme Vale", "EAS", (115, 30, 60), (130, 190, 235)),
    ("Ferrowick", "FER", (120, 195, 240), (250, 250, 250)),
    ("Harrowquay", "HAR", (235, 110, 20), (20, 20, 20)),
    ("Kestrelby", "KES", (150, 150, 160), (60, 20, 30)),
    ("Ostervane", "OST", (240, 240, 240), (190, 30, 50)),
    ("Port Vellen", "PVE", (90, 40, 140), (245, 245, 245)),
    ("Ravensholt", "RAV", (250, 220, 60), (30, 110, 60)),
    ("Thornmouth", "THO", (20, 40, 110), (240, 240, 240)),
)

SURNAMES: tuple[str, ...] = (
    "Abrask", "Alvendo", "Arkwell", "Baltrin", "Bessaro", "Brandeck", "Calvero", "Corvane",
    "Dareski", "Delmoor", "Drossan", "Elvarin", "Endrick", "Fasholm", "Ferenko", "Galdane",
    "Gorrick", "Halvero", "Harnesk", "Idrano", "Ilbrun", "Jansova", "Jorvane", "Kaldero",
    "Kestrin", "Korbane", "Lamdros", "Lindorf", "Lorvano", "Maresk", "Melvane", "Morradin",
    "Nardesk", "Nolvero", "Ondrak", "Orsalvo", "Parvane", "Pelgrin", "Quarles", "Rastovan",
    "Revolto", "Sandrik", "Sorvino", "Stelmark", "Tamrick", "Tolvane", "Trevando", "Ulverik",
    "Valdoro", "Varnesk", "Veltran", "Wendrik", "Wolvane", "Yardley", "Zandero", "Zorvick",
)  # fmt: skip
