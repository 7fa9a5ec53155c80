"""How a picture is put together: the place, the things, the crowd, from the back to the front, and the weather."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from PIL import Image

from gatherset.dataset.scene_drawing.canvas import HEIGHT, WIDTH, Canvas, Point
from gatherset.dataset.scene_drawing.interiors import INTERIORS
from gatherset.dataset.scene_drawing.people import Look, passer_by, person
from gatherset.dataset.scene_drawing.places import PLACES, tiers
from gatherset.dataset.scene_drawing.sketches import PAINT, RGB, sketchbook, top_of
from gatherset.dataset.scene_drawing.sky import sky, weather
from gatherset.dataset.scene_drawing.things import AT, BACKGROUND, BEFORE, BEHIND, build, confetti
from gatherset.dataset.scenes import CARRIED, Scene, Thing

Act = tuple[float, Callable[[], object]]  # where on the ground it stands, and what draws it
TEAMS = frozenset({"team", "second team"})
WORN = {"party hats": "party", "witch hats": "witch"}
# What the crowd does: pose, arms, and whether it is seen from behind
DOINGS: dict[str, tuple[str, str, bool]] = {
    "march": ("walk", "down", False),
    "stroll": ("walk", "down", False),
    "flee": ("run", "front", False),
    "stand": ("stand", "down", False),
    "queue": ("stand", "down", False),
    "line": ("stand", "down", False),
    "ring": ("stand", "down", False),
    "mingle": ("stand", "front", False),
    "cheer": ("stand", "up", False),
    "wave": ("stand", "up", True),
    "watch": ("stand", "down", True),
    "seated": ("seat", "down", True),
    "seats": ("seat", "down", False),
    "sit": ("sit", "front", False),
    "kneel": ("kneel", "front", True),
    "wade": ("wade", "wide", False),
}


@dataclass(frozen=True)
class Patch:
    """Ground on which a thing stands: nobody of the crowd stands there or hides it."""

    x: float
    y: float
    half: float  # pixels to either side
    clear: float  # pixels above y up to which heads may cover it
    top: float  # pixels from y to its top

    def spares(self, x: float, y: float, h: float) -> bool:
        """Whether somebody of height `h` at (x, y) leaves it free, and is not hidden behind it."""
        if abs(x - self.x) > self.half + 0.16 * h:
            return True
        if y > self.y:
            return y - h > self.y - self.clear
        return y < self.y - 0.25 * h and y - 0.55 * h < self.y - self.top


def draw(scene: Scene, size: tuple[int, int] = (384, 288)) -> Image.Image:
    """The picture of `scene`, RGB, `size` as width and height in pixels: always the same for the same scene.

    It is drawn on a board of 768 x 576 pixels: a size of another shape than 4:3 stretches it, a larger one blurs it.
    """
    c = Canvas(scene)
    if c.inside:
        INTERIORS[scene.place](c)
    else:
        sky(c)
        PLACES[scene.place](c)
    acts: list[Act] = []
    patches: list[Patch] = []
    for thing in scene.things:
        colour = PAINT.get(thing.colour, PAINT["navy"])
        if thing.kind in BACKGROUND:
            BACKGROUND[thing.kind](c, thing, colour)
        elif thing.kind in TEAMS:
            acts.extend(_team(c, thing, colour))
        elif thing.kind == "tennis players":
            acts.extend(_tennis_players(c, thing, colour))
        elif thing.kind in sketchbook()["standing"]:
            acts.extend(_standing(c, thing, colour, patches))
    acts.extend(_crowd(c, patches))
    for y, act in sorted(acts, key=lambda pair: pair[0]):
        c.haze = 0.0 if c.inside else round(0.3 * max(0.0, 1 - c.height(y) / 70), 1)
        act()
    c.haze = 0.0
    if any(thing.kind == "confetti" for thing in scene.things):
        confetti(c)
    weather(c)
    if size == (WIDTH // 2, HEIGHT // 2):
        return c.image.reduce(2)
    return c.image.resize(size, Image.Resampling.LANCZOS)


def _standing(c: Canvas, thing: Thing, colour: RGB, patches: list[Patch]) -> Iterator[Act]:
    """Where a thing stands, and the ground that it takes up."""
    numbers, text = sketchbook()["standing"][thing.kind]
    back = c.horizon + c.tall * c.far
    y = back + (HEIGHT - 26 - back) * min(1.0, max(0.0, numbers["depth"] + c.rng.uniform(-0.03, 0.03)))
    u, gap = max(c.height(y), numbers["least"]), numbers.get("gap", 0.0)
    rows = 2 if gap and thing.count > 6 else 1
    columns = math.ceil(thing.count / rows) if gap else 1
    half = (numbers["half"] + gap * ((columns - 1) / 2 + 0.4 * (rows - 1))) * u
    left, right = c.span(y)
    x = left + (right - left) * (AT[thing.side] + c.rng.uniform(-0.04, 0.04) * bool(thing.side))
    if half < WIDTH / 2:
        x = min(max(x, half + 6), WIDTH - half - 6)
    if thing.kind == "flagpoles":
        for k in range(thing.count):
            yield y - 1, partial(c.sketch, text, WIDTH * (k + 0.35) / thing.count, y, u, colour)
        return
    patches.append(Patch(x, y, half, numbers.get("hidden", 0.0) * u, top_of(text) * u))
    way = 1 if x < WIDTH / 2 else -1  # vehicles look into the picture
    for k in range(thing.count if gap else 1):
        column, row = divmod(k, rows)
        at = (x + (column - (columns - 1) / 2 + 0.4 * row) * gap * u, y - 0.36 * u * row)
        yield at[1], partial(_thing, c, thing, text, *at, u, colour, way)


def _thing(c: Canvas, thing: Thing, text: str, x: float, y: float, u: float, colour: RGB, way: int) -> None:
    if thing.kind in BEHIND:
        BEHIND[thing.kind](c, thing, x, y, u, colour)
    build(c, text, x, y, u, colour, way)
    if thing.kind in BEFORE:
        BEFORE[thing.kind](c, thing, x, y, u, colour)


def _team(c: Canvas, thing: Thing, colour: RGB) -> Iterator[Act]:
    """The players of a team, the first on the left of the field, the second on the right; and the ball."""
    second = thing.kind == "second team"
    for k in range(thing.count):
        y = c.floor + (HEIGHT - c.floor) * (0.18 + 0.7 * (k + 0.5 * second) / thing.count)
        x = (0.2 + 0.36 * second + 0.26 * c.rng.random()) * WIDTH
        shorts = PAINT["black" if second else "white"]
        arms = c.rng.choice(("down", "wide", "front"))
        yield (
            y,
            partial(
                person, c, x, y, c.height(y), passer_by(c.rng, colour, pose="run", arms=arms, long="", trousers=shorts)
            ),
        )
    if second:
        ball = PAINT["white" if c.scene.theme == "football" else "orange"]
        yield HEIGHT * 0.8, partial(c.disc, WIDTH * 0.5, HEIGHT * 0.8, 9, ball)


def _tennis_players(c: Canvas, thing: Thing, colour: RGB) -> Iterator[Act]:
    """One on either side of the net, each with a racket."""
    for deep, left, back in ((0.24, 0.3, False), (0.8, 0.62, True)):
        x, y = (left + 0.1 * c.rng.random()) * WIDTH, c.floor + (HEIGHT - c.floor) * deep
        look = passer_by(c.rng, colour, pose="run", arms="one", long="", trousers=PAINT["white"], back=back)
        yield (
            y,
            partial(
                _bearer, c, x, y, c.height(y), look, "line .05 0 0 .06 .16 black; ring .1 .3 .14 .035 black", colour
            ),
        )


def _bearer(c: Canvas, x: float, y: float, h: float, look: Look, burden: str, colour: RGB) -> None:
    """Somebody with a thing in the right hand."""
    hand = person(c, x, y, h, look)
    c.sketch(burden, *hand, h, colour)


def _crowd(c: Canvas, patches: list[Patch]) -> Iterator[Act]:
    scene, rng = c.scene, c.rng
    spots = crowd_spots(c, patches)
    burdens = [thing for thing in scene.things if thing.kind in CARRIED for _ in range(thing.count)]
    middle = [k for k, (x, _) in enumerate(spots) if 0.06 * WIDTH < x < 0.94 * WIDTH]
    bearers = sorted(middle, key=lambda k: rng.random() - 0.4 * spots[k][1] / HEIGHT)  # rather in front
    bearers += [k for k in range(len(spots)) if k not in set(middle)]
    carried = dict(zip(bearers, burdens, strict=False))
    pose, arms, back = DOINGS[scene.doing]
    first = round(0.62 * len(spots))
    second = round(0.9 * len(spots)) - first
    shirts = [scene.clothes[0]] * first + [scene.clothes[1]] * second
    shirts += [rng.choice(("grey", "brown", "navy")) for _ in range(len(spots) - len(shirts))]
    rng.shuffle(shirts)
    for k, ((x, y), shirt) in enumerate(zip(spots, shirts, strict=True)):
        h = tiers(c)[1] * 1.45 if c.seats else c.height(y) * rng.uniform(0.93, 1.06)
        look = passer_by(rng, PAINT[shirt], pose=pose, arms=arms, back=back)
        if arms == "up":
            look = replace(look, arms=rng.choice(("up", "up", "one")))
        if scene.doing == "ring":
            look = replace(look, back=y > (c.floor + HEIGHT) / 2 + 30)
        yield y, partial(_member, c, x, y, h, look, carried.get(k))


def _member(c: Canvas, x: float, y: float, h: float, look: Look, burden: Thing | None) -> None:
    """Somebody of the crowd, with what they carry or wear."""
    if burden is None:
        person(c, x, y, h, look)
        return
    colour = PAINT.get(burden.colour, PAINT["white"])
    if burden.kind in WORN:
        person(c, x, y, h, replace(look, hat=WORN[burden.kind], hat_colour=colour))
        return
    numbers, text = sketchbook()["carried"][burden.kind]
    _bearer(c, x, y, h, replace(look, arms="down" if numbers.get("hangs") else "one"), text, colour)


# Where the crowd stands


def crowd_spots(c: Canvas, patches: list[Patch]) -> list[Point]:
    """As many spots as the crowd has people, the farthest first: as loose as they fit around the things."""
    count, rng = c.scene.crowd, c.rng
    layout = {"seats": _seats, "ring": _rings, "queue": _queue}.get(c.scene.doing, _rows)
    spacing = 3.4
    for attempt in range(24):
        spots = layout(c, spacing)
        if attempt < 20:  # a crowd that fits nowhere else stands before the things
            spots = [(x, y) for x, y in spots if all(patch.spares(x, y, c.height(y)) for patch in patches)]
        if len(spots) >= count * 1.06:
            break
        spacing *= 0.86
    lean = rng.choice((0.0, 0.0, 1.5, -1.5))  # a crowd may be denser on one side
    weights = [rng.random() ** math.exp(lean * (x / WIDTH - 0.5)) for x, _ in spots]
    chosen = sorted(range(len(spots)), key=weights.__getitem__, reverse=True)[:count]
    return sorted((spots[k] for k in chosen), key=lambda spot: spot[1])


def _bottom(c: Canvas) -> float:
    return HEIGHT - 12 if c.scene.crowd < 60 else HEIGHT + 22


def _rows(c: Canvas, spacing: float) -> list[Point]:
    """All over the ground, in rows that are not too straight."""
    rng, spots = c.rng, []
    y = c.horizon + c.tall * c.far + rng.uniform(0, 8)
    while y < _bottom(c):
        h = c.height(y)
        margin = 0.2 * h if c.scene.crowd < 60 else 0.0
        left, right = c.span(y)[0] + margin, c.span(y)[1] - margin
        x = left + rng.uniform(0.0, 0.2) * spacing * h
        while x < right:
            spot = (x + rng.uniform(-0.09, 0.09) * spacing * h, y + rng.uniform(-0.06, 0.06) * spacing * h)
            if left < spot[0] < right and spot[1] < _bottom(c) and _fits(c, *spot):
                spots.append(spot)
            x += 0.34 * spacing * h
        y += 0.2 * spacing * h
    return spots


def _fits(c: Canvas, x: float, y: float) -> bool:
    """Whether somebody of a crowd that does this would stand there."""
    left, right = c.span(y)
    aside = abs((x - left) / (right - left) * 2 - 1)  # 0 in the middle, 1 at an edge
    if c.scene.doing == "line":
        return aside > 0.6 or y < c.floor + 0.16 * (HEIGHT - c.floor)
    return c.scene.doing != "march" or aside < 0.86


def _seats(c: Canvas, spacing: float) -> list[Point]:
    rows, pitch, low = tiers(c)
    return [
        (14 + (WIDTH - 28) * (k + 0.3 * (row % 2)) / 46, low - row * pitch) for row in range(rows) for k in range(46)
    ]


def _queue(c: Canvas, spacing: float) -> list[Point]:
    """One behind the other across the picture, and back again where one row is too short."""
    rows = 1 if c.scene.crowd < 14 else 2 if c.scene.crowd < 25 else 3
    number, spots = round(4 * c.scene.crowd / rows / spacing), []
    for row in range(rows):
        deep = 0.5 if rows == 1 else 0.25 + 0.55 * row / (rows - 1)
        for k in range(number):
            y = c.floor + (HEIGHT - c.floor) * (deep + 0.12 * (k + 0.5) / number)
            left, right = c.span(y)
            spots.append((left + (right - left) * (0.05 + 0.9 * (k + 0.5) / number), y))
    return spots


def _rings(c: Canvas, spacing: float) -> list[Point]:
    """Around the middle, in one ring or more, open towards the camera."""
    middle, spots = c.floor + 0.5 * (HEIGHT - c.floor), []
    for ring in range(1 if c.scene.crowd < 25 else 3):
        number = round((22 + 8 * ring) * 2.4 / spacing)
        for k in range(number):
            turn = math.pi * (0.7 + 1.6 * (k + 0.5 * (ring % 2)) / number)
            y = middle + math.sin(turn) * (0.34 + 0.09 * ring) * (HEIGHT - c.floor) + c.rng.uniform(-4, 4)
            left, right = c.span(y)
            x = (left + right) / 2 + math.cos(turn) * (0.33 + 0.07 * ring) * (right - left)
            if y < _bottom(c) and c.height(y) > 10:
                spots.append((x, y))
    return spots
