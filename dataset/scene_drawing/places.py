"""Places under the sky: the ground, and what stands around a crowd."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

from gatherset.dataset.scene_drawing.canvas import HEIGHT, STREET, WIDTH, Canvas, Point
from gatherset.dataset.scene_drawing.sketches import PAINT, RGB, darker, lighter, mix, sketchbook
from gatherset.dataset.scenes import COLOURS

SNOW: RGB = (236, 240, 248)
TREE = "rect -.04 0 .04 .42 brown; at -.17 .18: disc 0 .53 .2 .2 *-; disc 0 .72 .25 .25 *; disc -.06 .78 .14 .14 *+"
FLOODLIGHT = "line .14 0 0 0 1.7 grey; rect -.9 1.6 .9 2.3 silver; at -.7 -.35 0 .35 .7: rect -.12 1.68 .12 2.22 white~"
PALM = (  # leaning to the right, one unit high
    "line .07 0 0 .06 .5 .2 1 brown;"
    "poly .2 1.04 -.02 1.14 -.2 .95 .2 .96 leaf; poly .2 1.04 .42 1.14 .6 .95 .2 .96 leaf;"
    "poly .2 1.04 0 1 -.12 .78 .2 .96 leaf; poly .2 1.04 .4 1 .5 .78 .2 .96 leaf;"
    "poly .16 .98 .1 1.26 .3 1.26 .24 .98 leaf"
)
PAVING: tuple[tuple[RGB, RGB], ...] = (  # near and far
    ((196, 182, 164), (216, 204, 188)),
    ((176, 178, 186), (204, 204, 208)),
    ((190, 164, 142), (212, 190, 168)),
)
LAWNS: tuple[tuple[RGB, RGB], ...] = (
    ((112, 170, 92), (152, 198, 112)),
    ((134, 180, 84), (176, 206, 116)),
    ((92, 156, 98), (138, 188, 124)),
)
ROOFS: tuple[RGB, ...] = ((150, 76, 62), (112, 88, 84), (92, 98, 116))
WALLS: dict[str, tuple[RGB, ...]] = {  # that great buildings may have
    "parliament": ((226, 218, 200), (206, 200, 196), (236, 224, 196)),
    "church": ((240, 232, 216), (204, 146, 120), (206, 200, 192)),
    "mosque": ((244, 236, 216), (226, 232, 236), (238, 216, 180)),
    "temple": ((196, 66, 58), (214, 160, 92), (226, 210, 180)),
}


def faded(c: Canvas, tint: str) -> RGB:
    """A wall near the colour `tint`, no two quite the same."""
    return mix(mix(PAINT[tint], (240, 226, 206), c.rng.uniform(0.18, 0.4)), (150, 130, 130), c.rng.uniform(0, 0.15))


def ground(c: Canvas, near: RGB, far: RGB) -> None:
    """The ground from the floor line down: white where it snows, shining where it rains."""
    if c.scene.weather == "snow":
        near, far = mix(near, SNOW, 0.82), mix(far, SNOW, 0.78)
    elif c.scene.weather == "rain":
        near, far = mix(near, c.sky[1], 0.18), mix(far, c.sky[-1], 0.3)
    c.gradient(c.floor, HEIGHT, [c.lit(far), c.lit(mix(far, near, 0.6)), c.lit(near)])


def joints(c: Canvas, colour: RGB, step: float = 0.34) -> None:
    """Joints of paving or boards that run into the distance, and some across."""
    if c.scene.weather == "snow":
        colour = mix(colour, SNOW, 0.85)
    for k in range(-14, 15):
        slope = 2 * k * step
        top, low = (c.vanish + slope * (y - c.horizon) for y in (c.floor, HEIGHT))
        c.line([(top, c.floor), (low, HEIGHT)], 2, colour)
    for k in range(1, 7):
        y = c.floor + (HEIGHT - c.floor) * (k / 7) ** 1.8
        c.line([(0, y), (WIDTH, y)], 2, colour)


def _glass(c: Canvas) -> RGB:
    """The colour of a window: lit in the evening, by day with some of the sky in it."""
    if c.scene.time == "day":
        return mix(c.lit((122, 158, 184)), c.sky[1], 0.3)
    if c.rng.random() < (0.75 if c.dark else 0.5):
        return c.rng.choice(((255, 214, 128), (255, 230, 166), (246, 190, 104)))
    return c.lit((70, 78, 104))


def _trees(c: Canvas, size: float) -> None:
    """A row of trees along the floor line, of `size` pixels or so."""
    x = c.rng.uniform(-40, 0)
    while x < WIDTH + 40:
        height = size * c.rng.uniform(0.7, 1.25)
        green = mix(PAINT["leaf"], c.rng.choice(((60, 120, 90), (130, 160, 70), (96, 140, 60))), 0.6)
        c.sketch(TREE, x, c.floor + 4, height, mix(green, SNOW, 0.6 if c.scene.weather == "snow" else 0.0))
        x += height * c.rng.uniform(0.4, 0.9)


def _street(c: Canvas) -> None:
    """Two rows of houses that run to the vanishing point, and a road or floodwater between them."""
    wet, far, near = c.scene.place == "flood", c.floor - c.horizon, HEIGHT - c.horizon
    ground(c, *(((92, 136, 158), (140, 176, 190)) if wet else ((150, 150, 154), (176, 174, 174))))
    c.haze = 0.12
    for sign in (-1, 1):
        edges = [1.05 * near]
        while edges[-1] > far:
            edges.append(edges[-1] * c.rng.uniform(0.66, 0.82))
        for outer, inner in reversed(list(pairwise(edges))):
            _facade(c, sign, outer, max(inner, far * 0.75), c.rng.uniform(1.3, 2.5))
    c.haze = 0.0
    if wet:
        _ripples(c)
        return
    _road(c, STREET * 0.72, far, near, (104, 106, 116))
    t = far
    while t < near:
        _road(c, 0.02, t, min(t * 1.16, near), (232, 228, 214))
        t *= 1.36


def _road(c: Canvas, half: float, far: float, near: float, colour: RGB) -> None:
    """A strip towards the vanishing point, between `far` and `near` pixels below the horizon."""
    if c.scene.weather == "snow":
        colour = mix(colour, SNOW, 0.85)
    corners = [(c.vanish + side * half * t, c.horizon + t) for t, side in ((far, -1), (far, 1), (near, 1), (near, -1))]
    c.poly(corners, colour)


def _ripples(c: Canvas) -> None:
    for _ in range(60):
        y = c.rng.uniform(c.floor + 6, HEIGHT)
        x, w = c.rng.uniform(0, WIDTH), c.height(y) * c.rng.uniform(0.15, 0.5)
        c.line([(x - w, y), (x + w, y)], 2, (186, 210, 218))


def _facade(c: Canvas, sign: int, outer: float, inner: float, storeys: float) -> None:
    """A house front in perspective, from `outer` (near) to `inner` (far) pixels below the horizon."""
    wall = faded(c, c.scene.tint)

    def at(t: float, level: float) -> Point:
        return (c.vanish + sign * STREET * t, c.horizon + t * (1 - level * (1 + storeys)))

    c.poly([at(outer, 0), at(outer, 1), at(inner, 1), at(inner, 0)], darker(wall, 0.12) if sign > 0 else wall)
    rows = max(3, round(storeys * 2))
    for column in range(3):
        a, b = (outer + (inner - outer) * (column + part) / 3 for part in (0.25, 0.75))
        for row in range(rows):
            low, high = (row + 0.35) / rows, (row + 0.85) / rows
            c.poly([at(a, low), at(a, high), at(b, high), at(b, low)], _glass(c), own=True)
    c.poly([at(outer, 1), at(outer, 1.03), at(inner, 1.03), at(inner, 1)], darker(wall, 0.35))


def _square(c: Canvas) -> None:
    near, far = c.rng.choice(PAVING)
    ground(c, near, far)
    joints(c, mix(near, (120, 110, 100), 0.28))
    unit, x = max(28.0, c.height(c.floor)), c.rng.uniform(-60, 0)
    c.haze = 0.1
    while x < WIDTH:
        width = unit * c.rng.uniform(1.7, 3.0)
        _house(c, x, width, min(unit * c.rng.uniform(2.6, 4.4), c.floor - 40))
        x += width
    c.haze = 0.0


def _house(c: Canvas, x: float, width: float, height: float) -> None:
    wall, roof = faded(c, c.scene.tint), c.rng.choice(ROOFS)
    base, top = c.floor + 3, c.floor - height
    c.rect(x, top, x + width, base, wall)
    gables = ("poly -.04 0 .5 .42 1.04 0 *", "poly -.03 0 .16 .24 .84 .24 1.03 0 *", "rect -.04 0 1.04 .06 *-")
    c.sketch(c.rng.choice(gables), x, top, width, roof)
    columns, rows = max(2, round(width / 34)), max(2, round(height / 46))
    storey = height / (rows + 0.6)
    for column in range(columns):
        for row in range(rows):
            wx, wy = x + (column + 0.5) * width / columns, top + (row + 0.62) * storey
            w, h = width / columns * 0.24, storey * 0.3
            c.rect(wx - w - 2, wy - h - 2, wx + w + 2, wy + h + 2, lighter(wall, 0.5))
            c.rect(wx - w, wy - h, wx + w, wy + h, _glass(c), own=True)
    c.rect(x + width * 0.44, base - storey * 0.62, x + width * 0.6, base, darker(roof, 0.3))


def _park(c: Canvas) -> None:
    near, far = c.rng.choice(LAWNS)
    c.haze = 0.14
    _trees(c, max(70.0, c.height(c.floor) * 3.2))
    c.haze = 0.0
    ground(c, near, far)
    if c.scene.place == "park" and c.rng.random() < 0.6:
        _road(c, c.rng.uniform(0.25, 0.5), c.floor - c.horizon, HEIGHT - c.horizon, (226, 208, 170))
    blade = darker(near, 0.14) if c.scene.weather != "snow" else mix(near, SNOW, 0.9)
    for _ in range(50):
        y = c.rng.uniform(c.floor + 8, HEIGHT)
        x, w = c.rng.uniform(0, WIDTH), max(3.0, c.height(y) * 0.06)
        c.line([(x - w, y - w), (x, y), (x + w, y - w)], 2, blade)


def _garden(c: Canvas) -> None:
    """A lawn before a hedge with flowers."""
    _park(c)
    hedge, high = mix(PAINT["leaf"], (40, 90, 60), 0.35), c.height(c.floor) * 0.75
    c.rect(0, c.floor - high, WIDTH, c.floor + 6, hedge)
    for x in range(0, WIDTH + 30, 30):
        c.disc(x, c.floor - high, 22, hedge, 10)
        flower = PAINT[c.rng.choice(("pink", "white", "yellow"))]
        c.disc(x + c.rng.uniform(-12, 12), c.floor - c.rng.uniform(0.1, 0.9) * high, 5, flower)


def _beach(c: Canvas) -> None:
    sea, top = mix((46, 132, 176), c.sky[1], 0.25), c.horizon + 4
    ground(c, (232, 206, 152), (246, 226, 178))
    c.gradient(top, c.floor + 6, [c.lit(mix(sea, c.sky[-1], 0.4)), c.lit(sea)])
    for _ in range(26):
        y = c.rng.uniform(top + 4, c.floor)
        x, w = c.rng.uniform(0, WIDTH), 12 + (y - top) * 0.4
        c.line([(x - w, y), (x + w, y)], 2, lighter(sea, 0.4))
    c.line([(x, c.floor + 5 + 4 * math.sin(x / 46)) for x in range(-10, WIDTH + 20, 12)], 7, (250, 250, 246))
    if c.rng.random() < 0.7:
        c.sketch(PALM, c.rng.choice((0.05, 0.84)) * WIDTH, c.floor + 26, max(150.0, c.height(c.floor) * 3.4), sea)


def tiers(c: Canvas) -> tuple[int, float, float]:
    """Rows of the stand, pixels from row to row, and where the feet of the lowest row are."""
    rows, pitch = (4, 30.0) if c.scene.crowd < 60 else (6, 25.0) if c.scene.crowd < 120 else (9, 20.0)
    return rows, min(pitch, (c.floor - 64) / rows), c.floor - 26


def stand(c: Canvas) -> None:
    """The stand behind a field, with empty seats where the crowd is not there to sit."""
    rows, pitch, low = tiers(c)
    wall, top = PAINT[c.rng.choice(("blue", "red", "purple", "green", "orange"))], low - rows * pitch
    c.rect(0, top - 6, WIDTH, c.floor, mix(wall, (90, 94, 110), 0.62))
    for row in range(rows):
        y = low - row * pitch
        c.rect(0, y - 3, WIDTH, y + 3, mix(wall, (70, 74, 92), 0.55 if row % 2 else 0.7))
        for x in range(c.rng.randrange(14), 0 if c.seats else WIDTH, 22):
            c.disc(x, y - pitch * 0.42, 5, lighter(wall, 0.15))
    c.rect(0, c.floor - 22, WIDTH, c.floor + 4, (238, 238, 240))
    for x in range(0, WIDTH, 128):
        c.rect(x, c.floor - 20, x + 118, c.floor, PAINT[c.rng.choice(COLOURS)])


def _stadium(c: Canvas) -> None:
    rows, pitch, low = tiers(c)
    top = low - rows * pitch
    ground(c, (96, 164, 88), (118, 182, 100))
    stand(c)
    c.rect(0, top - 44, WIDTH, top - 26, PAINT["silver"])
    for x in range(40, WIDTH, 172):
        c.line([(x, top - 30), (x, top + 6)], 6, PAINT["grey"])
    for x in (70, WIDTH - 70):
        c.sketch(FLOODLIGHT, x, top - 44, 46, PAINT["white"])
        if c.scene.time != "day":
            c.glow(x, top - 132, 120, (255, 246, 214), 0.7)


def _landmark(c: Canvas) -> None:
    """A square before one great building; trees stand beside it."""
    near, far = c.rng.choice(PAVING)
    c.haze = 0.12
    _trees(c, max(60.0, c.height(c.floor) * 2.2))
    c.haze = 0.0
    ground(c, near, far)
    joints(c, darker(near, 0.1))
    size = min(c.floor - 30, 380.0, max(200.0, c.height(c.floor) * 4.6))
    x = min(max(c.rng.uniform(0.25, 0.75) * WIDTH, size * 0.95), WIDTH - size * 0.95)
    c.haze = 0.06
    text = sketchbook()["buildings"][c.scene.place][1]
    c.sketch(text, x, c.floor + 4, size, c.rng.choice(WALLS[c.scene.place]))
    c.haze = 0.0


PLACES: dict[str, Callable[[Canvas], None]] = {
    "street": _street,
    "flood": _street,
    "square": _square,
    "park": _park,
    "garden": _garden,
    "beach": _beach,
    "stadium": _stadium,
    **dict.fromkeys(WALLS, _landmark),
}
