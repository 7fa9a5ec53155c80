"""Captions of a scene in plain English: each tells some of what is drawn, in words of its own, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from gatherset.dataset.scenes import Scene, Thing

MOST_WORDS = 22
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
SIDES = {
    "left": ("on the left", "to the left", "on the left side"),
    "right": ("on the right", "to the right", "on the right side"),
    "middle": ("in the middle", "in the centre"),
}
PEOPLE: dict[str, tuple[str, ...]] = {  # by theme
    "march": ("protesters", "demonstrators", "marchers"),
    "picket": ("protesters", "demonstrators", "people"),
    "sit-in": ("protesters", "demonstrators", "activists"),
    "speech": ("supporters", "followers", "people"),
    "motorcade": ("supporters", "onlookers", "people"),
    "police line": ("people", "demonstrators"),
    "burning car": ("people", "bystanders"),
    "tear gas": ("people", "demonstrators"),
    "parade": ("spectators", "onlookers", "revellers"),
    "fireworks": ("people", "revellers", "onlookers"),
    "fair": ("visitors", "people", "fairgoers"),
    "dragon dance": ("spectators", "onlookers", "people"),
    "birthday": ("guests", "friends", "people"),
    "christmas": ("guests", "friends", "people"),
    "wedding": ("guests", "wedding guests", "people"),
    "halloween": ("guests", "friends", "people"),
    "service": ("worshippers", "churchgoers", "people"),
    "procession": ("believers", "worshippers", "pilgrims"),
    "communal prayer": ("worshippers", "believers"),
    "temple ceremony": ("worshippers", "pilgrims", "people"),
    "band": ("fans", "listeners", "people"),
    "theatre": ("spectators", "theatregoers", "people"),
    "street artist": ("onlookers", "passers-by", "people"),
    "football": ("fans", "spectators"),
    "tennis": ("spectators", "tennis fans"),
    "race": ("spectators", "onlookers", "people"),
    "basketball": ("fans", "spectators"),
    "house fire": ("residents", "people", "onlookers"),
    "accident": ("onlookers", "bystanders", "people"),
    "flood": ("residents", "people"),
    "shelter": ("evacuees", "displaced people", "people"),
    "market": ("shoppers", "people", "visitors"),
    "queue": ("people", "customers"),
    "picnic": ("people", "friends", "picnickers"),
    "station": ("travellers", "passengers", "people"),
    "sights": ("tourists", "visitors", "sightseers"),
}
VERBS: dict[str, tuple[tuple[str, str], ...]] = {  # by what the crowd does: "they …", "seen …"
    "march": (("march", "marching"), ("walk together", "walking together")),
    "stroll": (("walk around", "walking around"), ("stroll about", "strolling about")),
    "flee": (("run away", "running away"), ("flee", "fleeing"), ("are running", "running")),
    "stand": (("stand together", "standing together"), ("gather", "gathering"), ("stand around", "standing around")),
    "queue": (("stand in line", "standing in line"), ("wait in a queue", "waiting in a queue")),
    "line": (("line the way", "lining the way"), ("stand along both sides", "standing along both sides")),
    "ring": (("stand in a circle", "standing in a circle"), ("form a ring", "forming a ring")),
    "mingle": (("stand together", "standing together"), ("mingle", "mingling"), ("celebrate", "celebrating")),
    "cheer": (("raise their arms", "raising their arms"), ("cheer with raised arms", "cheering with raised arms")),
    "wave": (("wave their arms", "waving their arms"), ("hold up their hands", "holding up their hands")),
    "watch": (("stand and watch", "standing and watching"), ("look on", "looking on"), ("watch", "seen from behind")),
    "seated": (("sit and watch", "sitting and watching"), ("sit facing the front", "seated facing the front")),
    "seats": (("sit in the stands", "sitting in the stands"), ("watch from the stands", "watching from the stands")),
    "sit": (("sit on the ground", "sitting on the ground"), ("sit cross-legged", "sitting cross-legged")),
    "kneel": (("kneel", "kneeling"), ("kneel in prayer", "kneeling in prayer"), ("pray on their knees", "praying")),
    "wade": (("wade through the water", "wading through the water"), ("stand in deep water", "standing in deep water")),
}
PLACES: dict[str, tuple[str, ...]] = {
    "street": ("in a street", "on a city street", "between {tint} buildings", "in a street with {tint} houses"),
    "square": ("in a square", "in a town square", "in front of {tint} houses", "in a square with {tint} houses"),
    "park": ("in a park", "on open ground by the trees", "in a park with trees"),
    "garden": ("in a garden", "by a hedge with flowers", "in a garden with trees"),
    "beach": ("on a beach", "on the sand by the sea", "at the seaside"),
    "stadium": ("in a stadium", "inside a stadium", "in an open stadium"),
    "hall": ("in a hall", "in a hall with {tint} walls", "inside {a_tint} hall"),
    "room": ("in a living room", "in a room with {tint} walls", "inside {a_tint} room"),
    "chapel": ("in a church", "inside a church", "in a church with stained glass windows"),
    "station": ("in a railway station", "on a station platform", "at a train station"),
    "parliament": ("outside a domed building", "in front of a building with columns", "before a building with a dome"),
    "church": ("outside a church", "in front of a church", "near a church tower"),
    "mosque": ("outside a mosque", "in front of a mosque", "near a mosque with two minarets"),
    "temple": ("outside a temple", "in front of a pagoda", "near a temple"),
    "flood": ("in a flooded street", "between {tint} houses", "in floodwater between {tint} houses"),
}
SKY: dict[tuple[str, str], tuple[str, ...]] = {  # when it is: as a phrase; the first can be made "a sunny day in …"
    ("day", "clear"): ("on a sunny day", "under a blue sky", "in bright sunshine"),
    ("day", "cloudy"): ("on a cloudy day", "under a cloudy sky", "on an overcast day"),
    ("day", "rain"): ("on a rainy day", "in the rain", "while it rains"),
    ("day", "snow"): ("on a snowy day", "in the snow", "as snow falls"),
    ("day", "fog"): ("on a foggy day", "in the fog", "in thick mist"),
    ("dusk", "clear"): ("on a clear evening", "at dusk", "at sunset"),
    ("dusk", "cloudy"): ("on a cloudy evening", "at dusk", "under evening clouds"),
    ("dusk", "rain"): ("on a rainy evening", "in the rain at dusk", "in evening rain"),
    ("dusk", "snow"): ("on a snowy evening", "in the snow at dusk", "as snow falls at dusk"),
    ("dusk", "fog"): ("on a foggy evening", "in the fog at dusk", "in evening mist"),
    ("night", "clear"): ("on a clear night", "at night", "under the stars"),
    ("night", "cloudy"): ("on a cloudy night", "at night", "after dark"),
    ("night", "rain"): ("on a rainy night", "in the rain at night", "on a dark, wet night"),
    ("night", "snow"): ("on a snowy night", "in the snow at night", "as snow falls at night"),
    ("night", "fog"): ("on a foggy night", "in the fog at night", "in the mist after dark"),
}
# Things; {n} is their number, {s} makes a plural, {a} is the colour with an article. A leading + marks other plurals.
THINGS: dict[str, tuple[str, ...]] = {
    "placards": ("{n} {colour} placards", "{n} {colour} signs"),
    "banner": ("a long {colour} banner", "{a} banner"),
    "flags": ("{n} {colour} flags", "{n} large {colour} flags"),
    "speaker van": ("{a} van with loudspeakers", "{a} loudspeaker van"),
    "megaphone": ("a speaker with {a} megaphone", "a man on a box with {a} megaphone"),
    "tents": ("{n} {colour} tents", "{n} small {colour} tents"),
    "candles": ("{n} lit candles", "{n} burning candles"),
    "podium": ("a speaker at {a} podium", "a man speaking from {a} lectern"),
    "flagpoles": ("{n} {colour} flags on poles", "a row of {n} {colour} flags"),
    "hand flags": ("{n} small {colour} flags", "{n} {colour} paper flags"),
    "screen": ("a big screen with {a} background", "{a} video screen"),
    "open car": ("a man waving from {a} car", "{a} open car"),
    "bunting": ("{colour} bunting overhead", "+strings of {colour} pennants"),
    "police": ("{n} police officers with shields", "{n} helmeted police officers"),
    "burning barricade": ("a burning barricade", "a barricade of burning tyres"),
    "water cannon": ("{a} water cannon truck", "{a} truck spraying water"),
    "helicopter": ("{a} helicopter in the air", "{a} helicopter"),
    "burning car": ("a burning {colour} car", "{a} car in flames"),
    "tear gas": ("a cloud of {colour} gas", "{colour} tear gas"),
    "float": ("{a} float with dancers and a flower", "a decorated {colour} float"),
    "dancers": ("{n} dancers in {colour} costumes", "{n} {colour} feathered dancers"),
    "drummers": ("{n} drummers in {colour}", "{n} people in {colour} playing drums"),
    "confetti": ("confetti in the air", "colourful confetti"),
    "balloons": ("{n} {colour} balloons", "a bunch of {n} {colour} balloons"),
    "fireworks": ("{n} bursts of {colour} fireworks", "+{colour} fireworks"),
    "ferris wheel": ("a big wheel with {colour} cabins", "{a} Ferris wheel"),
    "lanterns": ("{n} {colour} lanterns", "+{colour} lanterns on a string"),
    "circus tent": ("{a} striped tent", "a big {colour} circus tent"),
    "hot-air balloons": ("{n} {colour} hot-air balloon{s}", "{n} hot-air balloon{s} in {colour}"),
    "dragon": ("a long {colour} dragon carried on poles", "{a} dragon"),
    "birthday cake": ("{a} cake with {n} candles", "{a} birthday cake"),
    "presents": ("{n} {colour} presents", "{n} {colour} gift boxes"),
    "party hats": ("{n} {colour} party hats", "+pointed {colour} hats"),
    "christmas tree": ("a Christmas tree with {colour} baubles", "a fir tree decorated in {colour}"),
    "santa": ("Santa Claus with a sack", "a man dressed as Santa"),
    "garland": ("+strings of {colour} lights", "+{colour} fairy lights"),
    "wedding couple": ("a bride and a groom in {colour}", "a bride in white beside her groom"),
    "flower arch": ("an arch of {colour} flowers", "a flower arch in {colour}"),
    "pumpkins": ("{n} carved pumpkins", "{n} glowing pumpkins"),
    "ghosts": ("{n} white ghosts", "{n} people dressed as ghosts"),
    "witch hats": ("{n} {colour} witch hats", "{n} guests in {colour} witch hats"),
    "priest": ("a priest in {colour}", "a priest wearing {a} robe"),
    "cross": ("a tall {colour} cross", "a large cross"),
    "choir": ("a choir of {n} in {colour}", "{n} singers in {colour} robes"),
    "carried statue": ("{a} statue carried on shoulders", "a saint in {colour} carried by four people"),
    "carpets": ("+rows of {colour} carpets", "+long {colour} prayer rugs"),
    "imam": ("an imam in {colour}", "a man in {a} robe leading the prayer"),
    "monks": ("{n} monks in {colour}", "{n} monks in {colour} robes"),
    "incense burner": ("smoke rising from an incense burner", "a smoking incense burner"),
    "golden buddha": ("a golden Buddha", "a seated golden statue"),
    "stage": ("a band of {n} under {colour} lights", "a stage lit in {colour}"),
    "phone lights": ("{n} glowing phones", "{n} phone lights held up"),
    "curtain stage": ("{n} performers on a stage with {colour} curtains", "a stage framed by {colour} curtains"),
    "juggler": ("a juggler with {n} {colour} balls", "a man juggling {n} {colour} balls"),
    "guitarist": ("a guitarist with {a} guitar", "a man playing {a} guitar"),
    "pitch": ("a green pitch", "a striped football pitch"),
    "court": ("{a} court", "a court painted {colour}"),
    "team": ("{n} players in {colour}", "{n} running players in {colour} shirts"),
    "second team": ("{n} opponents in {colour}", "{n} opposing players in {colour}"),
    "tennis players": ("two tennis players in {colour}", "two players in {colour} with rackets"),
    "goal": ("a goal", "a white goal"),
    "umpire chair": ("an umpire in {a} chair", "{a} umpire chair"),
    "scoreboard": ("{a} scoreboard", "a scoreboard glowing {colour}"),
    "runners": ("{n} runners in {colour}", "{n} runners in {colour} shirts"),
    "finish arch": ("{a} arch", "{a} finish arch"),
    "hoop": ("{a} basketball hoop", "a hoop on {a} post"),
    "burning house": ("a burning {colour} house", "{a} house with flames in its windows"),
    "fire engine": ("{a} fire engine", "{a} fire engine with a ladder"),
    "firefighters": ("{n} firefighters in {colour} helmets", "{n} firefighters"),
    "crashed car": ("a crashed {colour} car", "a smoking {colour} car against a pole"),
    "ambulance": ("{a} ambulance", "{a} ambulance with a blue light"),
    "paramedics": ("{n} paramedics in {colour}", "{n} medics in {colour} uniforms"),
    "boats": ("{n} {colour} boat{s} carrying people", "{n} {colour} rescue boat{s}"),
    "suitcases": ("{n} {colour} suitcases", "{n} {colour} bags of luggage"),
    "umbrellas": ("{n} {colour} umbrellas", "{n} open {colour} umbrellas"),
    "relief truck": ("{a} truck with a cross on it", "{a} relief truck"),
    "stalls": ("{n} stalls with {colour} awnings", "{n} {colour} market stalls"),
    "shopping bags": ("{n} {colour} shopping bags", "{n} {colour} bags"),
    "fountain": ("a fountain", "a stone fountain"),
    "kiosk": ("{a} kiosk", "{a} booth with a seller"),
    "bus": ("{a} bus", "a parked {colour} bus"),
    "picnic blankets": ("{n} {colour} blankets", "{n} {colour} picnic blankets"),
    "kites": ("{n} {colour} kite{s}", "{n} {colour} kite{s} in the air"),
    "parasol": ("a striped {colour} parasol", "{a} sunshade"),
    "train": ("{a} train", "a long {colour} train"),
    "statue": ("{a} statue on a pedestal", "a statue with a raised arm"),
    "guide": ("a guide holding up {a} umbrella", "a tour guide with {a} umbrella"),
    "tree": ("a tree with {colour} leaves", "{a} tree"),
    "street lamp": ("a street lamp", "an old street lamp"),
    "dog": ("{a} dog", "a small {colour} dog"),
    "bicycle": ("{a} bicycle", "a parked {colour} bicycle"),
    "birds": ("{n} birds in the sky", "{n} flying birds"),
}


def write_captions(scene: Scene, count: int, rng: Random) -> tuple[str, ...]:
    """`count` captions of `scene`, no two the same, of 6 to 22 words each.

    They take turns at its things, so that together they tell most of the scene.
    """
    words = _Words.of(scene, rng)
    found: dict[str, None] = {}  # a set in the order of writing
    forms = rng.sample(FORMS, len(FORMS))
    turn = 0
    while len(found) < count:
        head, parts = forms[turn % len(forms)](words, rng, turn)
        turn += 1
        text = _fill(head, parts, rng.randint(10, 20))
        if 6 <= text.count(" ") + 1 <= MOST_WORDS:
            found[text[0].upper() + text[1:] + "."] = None
    return tuple(found)


def _fill(head: str, parts: Sequence[str], aim: int) -> str:
    """`head`, and of `parts` as many as fit into `aim` words; at least one."""
    text, length = head, head.count(" ") + 1
    for k, part in enumerate(parts):
        words = part.count(" ") + (not part.startswith(","))
        if part and (k == 0 or length + words <= aim):
            text += part if part.startswith(",") else f" {part}"
            length += words
    return text


@dataclass(frozen=True)
class _Words:
    """The phrases that tell the facts of one scene, each in several ways."""

    numbers: tuple[str, ...]  # of the crowd
    people: tuple[str, ...]
    clothes: tuple[str, ...]
    verbs: tuple[tuple[str, str], ...]
    places: tuple[str, ...]
    sky: tuple[str, ...]  # empty indoors
    things: tuple[Thing, ...]  # in an order of their own

    @classmethod
    def of(cls, scene: Scene, rng: Random) -> _Words:
        first, second = scene.clothes
        return cls(
            _crowd_numbers(scene.crowd),
            PEOPLE[scene.theme],
            (
                f"mostly in {first}",
                f"in {first} and {second}",
                f"mainly dressed in {first}",
                f"wearing {first} or {second}",
            ),
            VERBS[scene.doing],
            _places(scene.place, scene.tint),
            SKY.get((scene.time, scene.weather), ()),
            tuple(rng.sample(scene.things, len(scene.things))),
        )

    def crowd(self, rng: Random, dressed: float) -> str:
        """Who is there, with the share `dressed` of what they wear."""
        who = f"{rng.choice(self.numbers)} {rng.choice(self.people)}"
        return f"{who} {rng.choice(self.clothes)}" if rng.random() < dressed else who

    def when(self, rng: Random) -> str:
        return rng.choice(self.sky) if self.sky else ""

    def beside(self, rng: Random, turn: int) -> str:
        """A thing, as what the crowd is with."""
        link = "near" if self.things[turn % len(self.things)].side and rng.random() < 0.6 else "with"
        return f"{link} {self.thing(rng, turn)[0]}"

    def thing(self, rng: Random, turn: int) -> tuple[str, str]:
        """A thing and whether there "is" or "are" such; the next turn has the next thing."""
        thing = self.things[turn % len(self.things)]
        text = rng.choice(THINGS[thing.kind])
        plural = text.startswith("+") or (text.startswith("{n}") and thing.count > 1)
        said = text.removeprefix("+").format(
            n=_number(thing.count, rng),
            s="s" if thing.count > 1 else "",
            colour=thing.colour,
            a=_article(thing.colour),
        )
        if thing.side and rng.random() < 0.75:
            said = f"{said} {rng.choice(SIDES[thing.side])}"
        return said, "are" if plural else "is"


@lru_cache(maxsize=256)
def _places(place: str, tint: str) -> tuple[str, ...]:
    return tuple(text.format(tint=tint, a_tint=_article(tint)) for text in PLACES[place])


def _article(colour: str) -> str:
    return f"an {colour}" if colour.startswith("o") else f"a {colour}"


def _number(count: int, rng: Random) -> str:
    if count < len(NUMBERS):
        return "a dozen" if count == 12 and rng.random() < 0.5 else NUMBERS[count]
    return "more than a dozen" if count < 18 else "about twenty" if count < 23 else "more than twenty"


def _crowd_numbers(count: int) -> tuple[str, ...]:
    if count < 12:
        return (NUMBERS[count], NUMBERS[count], "a small group of")
    if count == 12:
        return ("twelve", "a dozen", "a small group of")
    if count < 60:
        about = "twenty" if count < 25 else "thirty" if count < 40 else "fifty"
        return (f"about {about}", f"around {about}", "a group of" if count < 25 else "dozens of")
    if count < 150:
        return ("about a hundred", "around a hundred", "a large crowd of")
    return ("hundreds of", "hundreds of", "a huge crowd of")


# Forms of sentences: each gives its beginning and what may follow, the most telling first


def _they_do(words: _Words, rng: Random, turn: int) -> tuple[str, list[str]]:
    finite, _ = rng.choice(words.verbs)
    tail = [words.beside(rng, turn), words.when(rng)]
    return f"{words.crowd(rng, 0.6)} {finite} {rng.choice(words.places)}", rng.sample(tail, 2)


def _seen_doing(words: _Words, rng: Random, turn: int) -> tuple[str, list[str]]:
    _, seen = rng.choice(words.verbs)
    also = f"and {words.thing(rng, turn + 1)[0]}" if len(words.things) > 1 else ""
    return f"{words.crowd(rng, 0.4)} {seen} {rng.choice(words.places)}", [
        words.beside(rng, turn),
        also,
        words.when(rng),
    ]


def _when_and_where(words: _Words, rng: Random, turn: int) -> tuple[str, list[str]]:
    finite, _ = rng.choice(words.verbs)
    place = rng.choice(words.places)
    opening, rest = (words.when(rng), place) if words.sky else (place, "")
    return f"{opening}, {words.crowd(rng, 0.5)} {finite}", [words.beside(rng, turn), rest]


def _there_is(words: _Words, rng: Random, turn: int) -> tuple[str, list[str]]:
    finite, _ = rng.choice(words.verbs)
    thing, verb = words.thing(rng, turn)
    return f"there {verb} {thing} while {words.crowd(rng, 0.5)} {finite}", [rng.choice(words.places), words.when(rng)]


def _two_things(words: _Words, rng: Random, turn: int) -> tuple[str, list[str]]:
    _, seen = rng.choice(words.verbs)
    head = words.thing(rng, turn)[0]
    if len(words.things) > 1:
        head = f"{head} and {words.thing(rng, turn + 1)[0]}"
    return head, [f", with {words.crowd(rng, 0.5)} {seen}", rng.choice(words.places), words.when(rng)]


def _a_day_in(words: _Words, rng: Random, turn: int) -> tuple[str, list[str]]:
    place = rng.choice(words.places)
    thing = words.thing(rng, turn)[0]
    if not words.sky:
        return f"{thing} {place}", [f"in front of {words.crowd(rng, 0.5)}"]
    day = words.sky[0].removeprefix("on ")
    return f"{day} {place}: {words.crowd(rng, 0.6)}", [f"and {thing}"]


def _mostly_wearing(words: _Words, rng: Random, turn: int) -> tuple[str, list[str]]:
    _, seen = rng.choice(words.verbs)
    return f"{words.crowd(rng, 1.0)}, {seen}", [words.beside(rng, turn), words.when(rng), rng.choice(words.places)]


FORMS: tuple[Callable[[_Words, Random, int], tuple[str, list[str]]], ...] = (
    _they_do,
    _seen_doing,
    _when_and_where,
    _there_is,
    _two_things,
    _a_day_in,
    _mostly_wearing,
)
