"""Scenes: what a synthetic gathering shows, as a description from which both its picture and its captions are made."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white")
CLOTHES = (*COLOURS, "black")
INDOORS = frozenset({"hall", "room", "chapel", "station"})
SIDED = ("left", "middle", "right")
EDGES = ("left", "right")


@dataclass(frozen=True)
class Thing:
    """Something that stands in a scene, or is carried in it, and that a caption may mention."""

    kind: str  # what scene_drawing knows how to draw, e.g. "placards"
    colour: str  # "" where its colour is always the same
    count: int  # of the objects or persons drawn
    side: str  # left, middle, right; "" where it spreads over the scene


@dataclass(frozen=True)
class Scene:
    """One gathering. Everything in it is drawn, and nothing else is told."""

    event_type: str
    theme: str  # the kind of event within its type, e.g. "tennis"
    place: str
    tint: str  # colour of the walls or houses; "" where the place has none
    time: str  # day, dusk, night
    weather: str  # clear, cloudy, rain, snow, fog; "" indoors
    doing: str  # what the crowd does, e.g. "sit": decides how it stands and where it looks
    crowd: int  # people in the crowd, beside those who are things (police, players, …)
    clothes: tuple[str, str]  # the colour that most of the crowd wears, and the second one
    things: tuple[Thing, ...]
    seed: int  # of what no caption tells: who stands where, the skyline, the height of the camera


@dataclass(frozen=True)
class Offer:
    """A thing that a theme shows, always or sometimes."""

    kind: str
    colours: tuple[str, ...] = ("",)
    counts: tuple[int, int] = (1, 1)  # least and most
    sides: tuple[str, ...] = ("",)  # where it may stand; a side is given to one thing only
    chance: float = 1.0  # that the theme shows it


@dataclass(frozen=True)
class Theme:
    """One kind of event within a type, and what may vary in it."""

    name: str
    places: tuple[str, ...]
    doings: tuple[str, ...]
    crowds: tuple[str, ...]  # names in CROWDS
    offers: tuple[Offer, ...]
    times: tuple[str, ...] = ("day", "day", "dusk", "night")
    weathers: tuple[str, ...] = ("clear", "clear", "clear", "cloudy", "cloudy", "rain", "snow", "fog")


# Bands that the words of the captions name: "eight", "about twenty", "around thirty", "about fifty", "hundreds of"
CROWDS = {
    "few": (6, 12),
    "twenty": (19, 21),
    "thirty": (29, 31),
    "fifty": (47, 53),
    "hundred": (92, 108),
    "hundreds": (210, 330),
}
MIDDLING = ("twenty", "thirty", "fifty", "hundred")
FEW, SOME, MANY = (
    ("few", "few", "twenty"),
    ("few", "twenty", "thirty", "fifty"),
    ("thirty", "fifty", "hundred", "hundreds"),
)
ANY = ("few", "twenty", "thirty", "fifty", "hundred", "hundreds")
FINE = ("clear", "clear", "cloudy")
EVENING = ("dusk", "night", "night")

THEMES: dict[str, tuple[Theme, ...]] = {
    "protest": (
        Theme("march", ("street", "street", "square", "parliament"), ("march",), ANY, (
            Offer("placards", COLOURS, (3, 11)),
            Offer("banner", COLOURS, sides=SIDED, chance=0.75),
            Offer("flags", COLOURS, (2, 6), chance=0.4),
            Offer("speaker van", COLOURS, sides=EDGES, chance=0.3),
        )),
        Theme("picket", ("parliament", "square", "park", "street"), ("stand", "cheer"), SOME, (
            Offer("placards", COLOURS, (4, 12)),
            Offer("megaphone", COLOURS, sides=SIDED, chance=0.65),
            Offer("banner", COLOURS, sides=SIDED, chance=0.4),
            Offer("flags", COLOURS, (2, 6), chance=0.3),
        )),
        Theme("sit-in", ("parliament", "square", "street", "park"), ("sit",), SOME, (
            Offer("placards", COLOURS, (3, 9)),
            Offer("banner", COLOURS, sides=SIDED, chance=0.6),
            Offer("tents", COLOURS, (2, 3), EDGES, chance=0.35),
            Offer("candles", counts=(4, 9), chance=0.35),
        )),
    ),
    "political_rally": (
        Theme("speech", ("hall", "hall", "square", "parliament", "stadium", "park"), ("watch", "wave"), MANY, (
            Offer("podium", COLOURS, sides=SIDED),
            Offer("flagpoles", COLOURS, (3, 8)),
            Offer("hand flags", COLOURS, (8, 24), chance=0.55),
            Offer("screen", COLOURS, sides=SIDED, chance=0.45),
        )),
        Theme("motorcade", ("street", "street", "square"), ("line",), MIDDLING, (
            Offer("open car", COLOURS, sides=("middle",)),
            Offer("hand flags", COLOURS, (6, 14)),
            Offer("bunting", COLOURS, chance=0.4),
        ), times=("day", "day", "dusk")),
    ),
    "riot_response": (
        Theme("police line", ("street", "square", "parliament"), ("flee", "cheer", "stand"), MIDDLING, (
            Offer("police", counts=(5, 14), sides=SIDED),
            Offer("burning barricade", sides=SIDED, chance=0.6),
            Offer("water cannon", ("blue", "green", "white"), sides=EDGES, chance=0.45),
            Offer("helicopter", ("blue", "green", "black"), sides=EDGES, chance=0.25),
        )),
        Theme("burning car", ("street", "square"), ("flee", "stand", "cheer"), SOME, (
            Offer("burning car", COLOURS, sides=SIDED),
            Offer("police", counts=(4, 10), sides=SIDED),
            Offer("helicopter", ("blue", "green", "black"), sides=EDGES, chance=0.25),
        ), times=("day", "dusk", "night", "night")),
        Theme("tear gas", ("street", "square", "parliament", "park"), ("flee",), ("twenty", "thirty", "fifty"), (
            Offer("tear gas", ("white", "yellow"), sides=SIDED),
            Offer("police", counts=(4, 10), sides=SIDED),
            Offer("burning barricade", sides=SIDED, chance=0.4),
            Offer("flags", COLOURS, (2, 5), chance=0.3),
        )),
    ),
    "festival_celebration": (
        Theme("parade", ("street", "street", "square", "beach"), ("line",), MIDDLING, (
            Offer("float", COLOURS, sides=("middle",)),
            Offer("dancers", COLOURS, (3, 6), EDGES, chance=0.6),
            Offer("bunting", COLOURS, chance=0.5),
            Offer("confetti", chance=0.45),
            Offer("balloons", COLOURS, (4, 9), EDGES, chance=0.3),
        ), times=("day", "day", "dusk"), weathers=FINE),
        Theme("fireworks", ("beach", "square", "park", "stadium"), ("watch", "wave"), MANY, (
            Offer("fireworks", COLOURS[:7], (2, 5)),
            Offer("ferris wheel", COLOURS, sides=EDGES, chance=0.5),
            Offer("lanterns", COLOURS[:7], (6, 9), chance=0.5),
        ), times=EVENING, weathers=FINE),
        Theme("fair", ("park", "square", "beach"), ("stroll", "stand"), ANY, (
            Offer("ferris wheel", COLOURS, sides=SIDED),
            Offer("circus tent", COLOURS, sides=SIDED, chance=0.7),
            Offer("hot-air balloons", COLOURS, (1, 4), chance=0.4),
            Offer("bunting", COLOURS, chance=0.35),
            Offer("balloons", COLOURS, (4, 9), SIDED, chance=0.3),
        ), weathers=FINE),
        Theme("dragon dance", ("street", "square", "temple"), ("line",), MIDDLING, (
            Offer("dragon", ("red", "orange", "yellow", "green", "blue"), sides=("middle",)),
            Offer("lanterns", COLOURS[:7], (6, 9)),
            Offer("drummers", COLOURS, (2, 4), EDGES, chance=0.6),
            Offer("confetti", chance=0.4),
        ), weathers=FINE),
    ),
    "holiday_party": (
        Theme("birthday", ("room", "room", "garden", "hall"), ("mingle", "cheer"), FEW, (
            Offer("birthday cake", COLOURS, (3, 9), SIDED),
            Offer("balloons", COLOURS, (3, 9), SIDED),
            Offer("presents", COLOURS, (2, 6), SIDED, chance=0.7),
            Offer("bunting", COLOURS, chance=0.5),
            Offer("party hats", COLOURS, (4, 6), chance=0.4),
        ), weathers=FINE),
        Theme("christmas", ("room", "room", "hall"), ("mingle", "cheer", "stand"), FEW, (
            Offer("christmas tree", COLOURS, sides=SIDED),
            Offer("presents", COLOURS, (2, 7), SIDED),
            Offer("santa", sides=SIDED, chance=0.6),
            Offer("garland", COLOURS, chance=0.5),
        ), weathers=("clear", "snow")),
        Theme("wedding", ("garden", "garden", "beach", "hall"), ("watch", "mingle", "cheer"), FEW, (
            Offer("wedding couple", ("black", "blue", "white"), sides=SIDED),
            Offer("flower arch", ("red", "yellow", "pink", "white", "purple"), sides=SIDED, chance=0.75),
            Offer("confetti", chance=0.35),
            Offer("garland", COLOURS, chance=0.4),
        ), times=("day", "day", "dusk"), weathers=FINE),
        Theme("halloween", ("room", "garden", "hall"), ("mingle", "cheer"), FEW, (
            Offer("pumpkins", counts=(3, 7), sides=SIDED),
            Offer("ghosts", counts=(2, 4), sides=SIDED),
            Offer("garland", ("orange", "purple", "green"), chance=0.5),
            Offer("witch hats", ("black", "purple", "green"), (4, 6), chance=0.6),
            Offer("balloons", ("orange", "purple", "green"), (3, 6), SIDED, chance=0.4),
        ), times=EVENING, weathers=FINE),
    ),
    "religious_gathering": (
        Theme("service", ("chapel",), ("kneel", "seated", "watch"), SOME, (
            Offer("priest", ("white", "purple", "green", "red"), sides=SIDED),
            Offer("cross", ("brown", "yellow"), sides=SIDED),
            Offer("choir", COLOURS, (4, 8), SIDED, chance=0.65),
            Offer("candles", counts=(3, 6), chance=0.4),
        )),
        Theme("procession", ("church", "church", "street"), ("march",), MIDDLING, (
            Offer("carried statue", ("white", "blue", "pink", "yellow"), sides=SIDED),
            Offer("candles", counts=(5, 12), chance=0.7),
            Offer("flags", ("white", "yellow", "red", "purple"), (2, 5), chance=0.45),
        ), weathers=("clear", "clear", "cloudy", "fog")),
        Theme("communal prayer", ("mosque",), ("kneel",), ("twenty", "thirty", "fifty", "hundred", "hundreds"), (
            Offer("carpets", ("red", "green", "blue", "purple")),
            Offer("imam", ("white", "black", "green", "blue"), sides=SIDED),
            Offer("lanterns", ("yellow", "orange", "green", "blue"), (6, 9), chance=0.4),
        ), weathers=FINE),
        Theme("temple ceremony", ("temple",), ("kneel", "stand"), SOME, (
            Offer("monks", ("orange", "red", "yellow", "white"), (3, 8), SIDED),
            Offer("incense burner", sides=SIDED, chance=0.7),
            Offer("golden buddha", sides=SIDED, chance=0.6),
            Offer("lanterns", COLOURS[:7], (6, 9), chance=0.45),
        ), weathers=("clear", "clear", "cloudy", "fog", "rain")),
    ),
    "concert_performance": (
        Theme("band", ("hall", "hall", "park", "square", "stadium", "beach"), ("wave", "watch"), MANY, (
            Offer("stage", COLOURS[:7], (2, 5), SIDED),
            Offer("screen", COLOURS, sides=SIDED, chance=0.4),
            Offer("phone lights", counts=(8, 20), chance=0.35),
            Offer("balloons", COLOURS, (4, 9), EDGES, chance=0.2),
        ), times=("day", "dusk", "night", "night"), weathers=("clear", "clear", "cloudy", "rain")),
        Theme("theatre", ("hall",), ("seated",), MIDDLING, (
            Offer("curtain stage", COLOURS, (2, 6)),
        )),
        Theme("street artist", ("square", "street", "park", "beach"), ("ring",), SOME, (
            Offer("juggler", COLOURS, (3, 6), ("middle",)),
            Offer("guitarist", COLOURS, sides=EDGES, chance=0.5),
            Offer("drummers", COLOURS, (2, 3), EDGES, chance=0.35),
        ), times=("day", "day", "dusk")),
    ),
    "sports_event": (
        Theme("football", ("stadium",), ("seats",), ("hundred", "hundreds"), (
            Offer("pitch", ("green",)),
            Offer("team", COLOURS, (3, 6)),
            Offer("second team", CLOTHES, (3, 6)),
            Offer("goal", sides=EDGES),
            Offer("scoreboard", COLOURS[:5], sides=EDGES, chance=0.4),
        )),
        Theme("tennis", ("stadium",), ("seats",), ("fifty", "hundred", "hundreds"), (
            Offer("court", ("blue", "green", "orange", "purple")),
            Offer("tennis players", COLOURS, (2, 2)),
            Offer("umpire chair", COLOURS, sides=EDGES),
            Offer("scoreboard", COLOURS[:5], sides=EDGES, chance=0.5),
        ), times=("day", "day", "dusk"), weathers=FINE),
        Theme("race", ("street", "street", "park", "beach"), ("line",), MIDDLING, (
            Offer("runners", COLOURS, (4, 9), ("middle",)),
            Offer("finish arch", COLOURS, chance=0.7),
            Offer("hand flags", COLOURS, (5, 10), chance=0.4),
        ), times=("day", "day", "dusk")),
        Theme("basketball", ("hall",), ("seats",), ("fifty", "hundred"), (
            Offer("court", ("orange", "blue", "green", "purple")),
            Offer("team", COLOURS, (3, 5)),
            Offer("second team", CLOTHES, (3, 5)),
            Offer("hoop", COLOURS, sides=EDGES),
            Offer("scoreboard", COLOURS[:5], sides=EDGES, chance=0.5),
        )),
    ),
    "emergency_evacuation": (
        Theme("house fire", ("street", "square", "park"), ("flee", "stand"), SOME, (
            Offer("burning house", COLOURS, sides=SIDED),
            Offer("fire engine", ("red", "yellow"), sides=SIDED),
            Offer("firefighters", ("yellow", "orange", "red"), (2, 6), SIDED, chance=0.7),
            Offer("helicopter", ("red", "yellow", "white"), sides=EDGES, chance=0.3),
        )),
        Theme("accident", ("street", "square"), ("stand", "flee"), SOME, (
            Offer("crashed car", COLOURS, sides=SIDED),
            Offer("ambulance", ("white", "yellow", "orange"), sides=SIDED),
            Offer("paramedics", ("green", "orange", "blue"), (2, 4), SIDED, chance=0.6),
        )),
        Theme("flood", ("flood",), ("wade",), SOME, (
            Offer("boats", COLOURS, (1, 3), SIDED),
            Offer("suitcases", COLOURS, (3, 8), chance=0.6),
            Offer("helicopter", ("red", "yellow", "white"), sides=EDGES, chance=0.5),
            Offer("umbrellas", COLOURS, (3, 7), chance=0.3),
        ), times=("day", "day", "dusk"), weathers=("cloudy", "rain", "rain")),
        Theme("shelter", ("park", "beach"), ("queue", "sit", "stroll"), SOME, (
            Offer("tents", COLOURS, (2, 4), SIDED),
            Offer("relief truck", COLOURS, sides=SIDED, chance=0.7),
            Offer("suitcases", COLOURS, (3, 8)),
            Offer("ambulance", ("white", "yellow", "orange"), sides=SIDED, chance=0.35),
        )),
    ),
    "public_assembly": (
        Theme("market", ("square", "street", "park"), ("stroll", "stand"), ANY, (
            Offer("stalls", COLOURS, (2, 3), EDGES),
            Offer("shopping bags", COLOURS, (3, 8), chance=0.6),
            Offer("fountain", sides=SIDED, chance=0.3),
        )),
        Theme("queue", ("street", "square", "park"), ("queue",), ("few", "twenty", "thirty"), (
            Offer("kiosk", COLOURS, sides=EDGES),
            Offer("bus", COLOURS, sides=SIDED, chance=0.45),
            Offer("shopping bags", COLOURS, (3, 6), chance=0.4),
        )),
        Theme("picnic", ("park", "park", "beach", "garden"), ("sit",), SOME, (
            Offer("picnic blankets", COLOURS, (3, 6)),
            Offer("kites", COLOURS, (1, 3), chance=0.5),
            Offer("parasol", COLOURS, sides=SIDED, chance=0.45),
        ), times=("day", "day", "dusk"), weathers=FINE),
        Theme("station", ("station",), ("stand", "stroll"), ANY, (
            Offer("train", COLOURS),
            Offer("suitcases", COLOURS, (3, 9), chance=0.8),
            Offer("kiosk", COLOURS, sides=EDGES, chance=0.5),
        )),
        Theme("sights", ("square", "temple", "church", "mosque", "parliament"), ("stand", "stroll"), SOME, (
            Offer("guide", COLOURS, sides=SIDED),
            Offer("shopping bags", COLOURS, (3, 6), chance=0.3),
            Offer("fountain", sides=SIDED, chance=0.45),
            Offer("statue", ("green", "white", "black"), sides=SIDED, chance=0.5),
        )),
    ),
}  # fmt: skip

# What may stand about in any scene under the sky
SURROUNDINGS = (
    Offer("tree", ("green", "orange", "pink"), sides=EDGES, chance=0.3),
    Offer("street lamp", sides=EDGES, chance=0.2),
    Offer("dog", ("brown", "black", "white"), sides=EDGES, chance=0.2),
    Offer("bicycle", COLOURS, sides=EDGES, chance=0.2),
    Offer("birds", counts=(4, 8), chance=0.12),
)
# What people of the crowd hold or wear: one thing each, so never more than there are people
CARRIED = frozenset(
    {"placards", "flags", "hand flags", "candles", "phone lights", "umbrellas"}
    | {"suitcases", "shopping bags", "party hats", "witch hats"}
)
RAINWEAR = Offer("umbrellas", COLOURS, (3, 7))
TINTED = frozenset({"street", "square", "hall", "room", "flood"})


def make_scene(event_type: str, rng: Random) -> Scene:
    """A scene of `event_type`, one of THEMES, drawn by lot from what its themes allow."""
    theme = rng.choice(THEMES[event_type])
    place = rng.choice(theme.places)
    inside = place in INDOORS
    weather = "" if inside else rng.choice(theme.weathers)
    if weather == "snow" and place == "beach":
        weather = "cloudy"
    offers = theme.offers if inside or place == "stadium" else (*theme.offers, *SURROUNDINGS)
    if weather == "rain" and theme.name != "flood":
        offers = (*offers, RAINWEAR)
    first, second = rng.sample(CLOTHES, 2)
    crowd = rng.randint(*CROWDS[rng.choice(theme.crowds)])
    return Scene(
        event_type=event_type,
        theme=theme.name,
        place=place,
        tint=rng.choice(COLOURS) if place in TINTED else "",
        time=rng.choice(theme.times),
        weather=weather,
        doing=rng.choice(theme.doings),
        crowd=crowd,
        clothes=(first, second),
        things=_things(offers, crowd, rng),
        seed=rng.getrandbits(32),
    )


def _things(offers: tuple[Offer, ...], crowd: int, rng: Random) -> tuple[Thing, ...]:
    """Take up `offers`, no two things on one side: what finds no free side, or nobody to carry it, is left out."""
    free, hands = list(SIDED), crowd
    things: list[Thing] = []
    for offer in offers:
        if offer.chance < 1.0 and rng.random() >= offer.chance:
            continue
        sides = [side for side in offer.sides if side == "" or side in free]
        least, most = offer.counts
        if offer.kind in CARRIED:
            most = min(most, hands)
        if not sides or most < least:
            continue
        side, count = rng.choice(sides), rng.randint(least, most)
        if side:
            free.remove(side)
        if offer.kind in CARRIED:
            hands -= count
        worn = {thing.colour for thing in things if thing.kind == "team"} if offer.kind == "second team" else set()
        things.append(Thing(offer.kind, rng.choice([name for name in offer.colours if name not in worn]), count, side))
    return tuple(things)
