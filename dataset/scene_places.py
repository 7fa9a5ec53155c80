"""Where scenes are set: the canvas with its camera and the light of the hour, the sky, the places, the weather."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from PIL import Image, ImageChops, ImageDraw

from gatherset.dataset.scenes import COLOURS, INDOORS, Scene

RGB = tuple[int, int, int]
Point = tuple[float, float]

WIDTH, HEIGHT = 768, 576  # twice the default picture: halving it smooths every edge

PAINT: dict[str, RGB] = {
    "red": (219, 62, 68), "orange": (242, 139, 48), "yellow": (248, 205, 66), "green": (66, 160, 92),
    "blue": (58, 112, 200), "purple": (132, 84, 176), "pink": (242, 142, 178), "white": (247, 245, 240),
    "black": (44, 44, 52), "brown": (134, 92, 62), "gold": (226, 178, 60), "grey": (142, 146, 156),
    "wood": (164, 116, 76), "silver": (205, 210, 218), "stone": (206, 198, 184),
    "leaf": (84, 146, 82), "tyre": (52, 52, 58), "slate": (84, 96, 112), "copper": (94, 148, 136), "navy": (38, 48, 82), "glass": (170, 206, 226), "flame": (250, 152, 48), "ember": (255, 224, 120),
}  # fmt: skip
# Sky colours from the zenith to the horizon; one row is taken by lot
SKIES: dict[str, tuple[tuple[RGB, ...], ...]] = {
    "day": (
        ((92, 166, 226), (156, 206, 240), (218, 238, 246)),
        ((116, 190, 228), (178, 220, 238), (244, 240, 224)),
        ((70, 142, 212), (128, 188, 232), (196, 226, 242)),
        ((136, 196, 222), (190, 224, 226), (250, 232, 206)),
    ),
    "dusk": (
        ((74, 64, 128), (206, 104, 126), (254, 190, 120)),
        ((58, 78, 142), (216, 136, 150), (252, 214, 168)),
        ((104, 58, 112), (234, 104, 78), (255, 202, 112)),
        ((88, 92, 158), (238, 152, 124), (255, 226, 160)),
    ),
    "night": (
        ((12, 16, 46), (28, 36, 86), (60, 66, 122)),
        ((10, 24, 44), (22, 52, 84), (50, 92, 116)),
        ((26, 16, 54), (52, 34, 92), (104, 66, 122)),
    ),
}  # fmt: skip
AMBIENT: dict[str, tuple[float, float, float]] = {
    "day": (1.0, 1.0, 1.0), "dusk": (0.93, 0.80, 0.82), "night": (0.55, 0.57, 0.76), "indoors": (1.0, 0.97, 0.92),
}  # fmt: skip
GREYED = {"clear": 0.0, "": 0.0, "cloudy": 0.45, "rain": 0.7, "snow": 0.6, "fog": 0.75}  # how much grey hides the sky
# people in the crowd up to, height in pixels of the farthest, least and greatest height of the camera in people
CAMERAS = (
    (12, 86, 1.55, 2.1), (21, 62, 1.8, 2.4), (31, 50, 1.9, 2.5), (53, 38, 2.1, 2.8), (108, 27, 2.4, 3.3), (10**6, 18, 2.9, 3.9),
)  # fmt: skip


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """`a` with `share` (0 to 1) of `b` in it."""
    return tuple(round(x + (y - x) * share) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def darker(colour: RGB, share: float = 0.18) -> RGB:
    return mix(colour, (24, 22, 44), share)


def lighter(colour: RGB, share: float = 0.3) -> RGB:
    return mix(colour, (255, 255, 250), share)


@lru_cache(maxsize=256)
def _spot(radius: int, edge: int) -> Image.Image:
    """A round mask that fades outwards; the greater `edge`, the sharper."""
    gradient = Image.radial_gradient("L").resize((2 * radius, 2 * radius), Image.Resampling.BILINEAR)
    return gradient.point([max(0, min(255, (255 - round(value * 1.42)) * edge)) for value in range(256)])


@dataclass(frozen=True)
class Mark:
    """One shape of a sketch, in units from its foot, y upwards."""

    shape: str  # rect x0 y0 x1 y1, disc x y rx ry, dome x y rx ry, ring x y r width, star x y r, glow x y r, poly x y …, line width x y …
    numbers: tuple[float, ...]
    paint: str  # a name in PAINT; * the colour of the thing; ! a colour that stands out against it
    tone: str  # + lighter, - darker, = much darker, or nothing
    own: bool  # shines by itself

    def ink(self, colour: RGB) -> RGB:
        if self.paint == "!":
            base = PAINT["white"] if min(colour) < 150 else PAINT["red"]
        else:
            base = colour if self.paint == "*" else PAINT[self.paint]
        return {"+": lighter(base, 0.35), "-": darker(base), "=": darker(base, 0.42)}.get(self.tone, base)


@lru_cache(maxsize=512)
def marks(text: str) -> tuple[Mark, ...]:
    """Read a sketch: shapes parted by `;`, each a name, numbers and a paint, as in `rect -1 0 1 2 *-; disc 0 2 .5 .5 gold~`."""
    found = []
    for line in text.split(";"):
        shape, *numbers, paint = line.split()
        own = paint.endswith("~")
        paint = paint.rstrip("~")
        tone = paint[-1] if paint[-1] in "+-=" else ""
        found.append(Mark(shape, tuple(map(float, numbers)), paint.rstrip("+-="), tone, own))
    return tuple(found)


class Canvas:
    """A board of 768 x 576 pixels, seen by a camera over flat ground.

    A person who stands at y is (y - horizon) / tall pixels high: `tall` is the height of the camera in people.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.rng = rng = Random(scene.seed)
        self.inside = scene.place in INDOORS
        self.seats = scene.doing == "seats"
        self.night = scene.time == "night" and not self.inside
        self.dark = self.night or (self.inside and scene.event_type == "concert_performance")
        far, low, high = next(row[1:] for row in CAMERAS if scene.crowd <= row[0])
        if self.seats:
            far, low, high = 44, 2.3, 3.1
        self.far = far  # height in pixels of a person at the back
        self.tall = rng.uniform(low, high)
        self.horizon = rng.uniform(0.24, 0.36 if self.inside or self.seats else 0.44) * HEIGHT
        self.floor = self.horizon + self.tall * far * 0.8  # where the ground meets what stands behind it
        self.vanish = rng.uniform(0.3, 0.7) * WIDTH  # where lines into the distance meet
        self.haze = 0.0  # share of haze on what is drawn next
        self.sky = self._sky_colours()
        self.ambient = AMBIENT["night" if self.dark else "indoors" if self.inside else scene.time]
        if scene.weather in ("rain", "cloudy"):
            self.ambient = tuple(value * 0.93 for value in self.ambient)  # type: ignore[assignment]
        self.image = Image.new("RGB", (WIDTH, HEIGHT))
        self.pen = ImageDraw.Draw(self.image)
        self._painted: dict[tuple[RGB, float], RGB] = {}

    def _sky_colours(self) -> tuple[RGB, ...]:
        grey: RGB = {"day": (196, 204, 212), "dusk": (158, 138, 150), "night": (52, 56, 78)}[self.scene.time]  # type: ignore[assignment]
        share = GREYED[self.scene.weather]
        return tuple(mix(colour, grey, share) for colour in self.rng.choice(SKIES[self.scene.time]))

    def height(self, y: float) -> float:
        """Height in pixels of a person who stands at `y`."""
        return (y - self.horizon) / self.tall

    def y_of(self, height: float) -> float:
        """Where a person of `height` pixels stands."""
        return self.horizon + self.tall * height

    def lit(self, colour: RGB) -> RGB:
        """`colour` in the light of the hour, paler with distance."""
        key = (colour, self.haze)
        if key not in self._painted:
            shaded = tuple(round(value * light) for value, light in zip(colour, self.ambient, strict=True))
            self._painted[key] = mix(shaded, self.sky[-1], self.haze)  # type: ignore[arg-type]
        return self._painted[key]

    # Flat shapes. `own` colours shine by themselves: neither hour nor distance changes them.

    def rect(self, x0: float, y0: float, x1: float, y1: float, colour: RGB, own: bool = False) -> None:
        self.pen.rectangle((x0, y0, max(x0, x1), max(y0, y1)), fill=colour if own else self.lit(colour))

    def poly(self, points: Sequence[Point], colour: RGB, own: bool = False) -> None:
        self.pen.polygon(points, fill=colour if own else self.lit(colour))

    def disc(self, x: float, y: float, rx: float, colour: RGB, ry: float | None = None, own: bool = False) -> None:
        ry = rx if ry is None else ry
        self.pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill=colour if own else self.lit(colour))

    def line(self, points: Sequence[Point], width: float, colour: RGB, own: bool = False) -> None:
        self.pen.line(points, fill=colour if own else self.lit(colour), width=max(1, round(width)), joint="curve")

    def rounded(self, x0: float, y0: float, x1: float, y1: float, r: float, colour: RGB) -> None:
        self.pen.rounded_rectangle((x0, y0, x1, y1), r, fill=self.lit(colour))

    def mark(self, mark: Mark, x: float, y: float, u: float, colour: RGB) -> None:
        """One shape of a sketch whose foot stands at (x, y), `u` pixels to its unit, `colour` for its `*`."""
        shape, ink, own, v = mark.shape, mark.ink(colour), mark.own, mark.numbers
        if shape == "poly":
            self.poly([(x + a * u, y - b * u) for a, b in zip(v[::2], v[1::2], strict=True)], ink, own)
        elif shape == "line":
            self.line([(x + a * u, y - b * u) for a, b in zip(v[1::2], v[2::2], strict=True)], v[0] * u, ink, own)
        elif shape == "rect":
            self.rect(x + v[0] * u, y - v[3] * u, x + v[2] * u, y - v[1] * u, ink, own)
        elif shape == "disc":
            self.disc(x + v[0] * u, y - v[1] * u, v[2] * u, ink, v[-1] * u, own)
        elif shape == "dome":  # the upper half of a disc
            box = (x + (v[0] - v[2]) * u, y - (v[1] + v[3]) * u, x + (v[0] + v[2]) * u, y - (v[1] - v[3]) * u)
            self.pen.chord(box, 180, 360, fill=ink if own else self.lit(ink))
        elif shape == "ring":
            box = (x + (v[0] - v[2]) * u, y - (v[1] + v[2]) * u, x + (v[0] + v[2]) * u, y - (v[1] - v[2]) * u)
            self.pen.ellipse(box, outline=self.lit(ink), width=max(2, round(v[3] * u)))
        elif shape == "star":
            turns = [math.radians(36 * k - 90) for k in range(10)]
            radii = (v[2] * u, v[2] * u * 0.42) * 5
            centre = (x + v[0] * u, y - v[1] * u)
            corners = [(centre[0] + r * math.cos(t), centre[1] + r * math.sin(t)) for t, r in zip(turns, radii, strict=True)]
            self.poly(corners, ink, own)
        else:
            self.glow(x + v[0] * u, y - v[1] * u, v[2] * u, ink, 0.8)

    def sketch(self, text: str, x: float, y: float, u: float, colour: RGB) -> None:
        for mark in marks(text):
            self.mark(mark, x, y, u, colour)

    def gradient(self, y0: float, y1: float, colours: Sequence[RGB]) -> None:
        """Fill the board from `y0` down to `y1` with `colours` that run into each other."""
        height = max(1, round(y1) - round(y0))
        strip = Image.new("RGB", (1, len(colours)))
        strip.putdata(colours)
        column = strip.resize((1, height), Image.Resampling.BICUBIC)
        self.image.paste(column.resize((WIDTH, height), Image.Resampling.NEAREST), (0, round(y0)))

    # Soft shapes

    def glow(self, x: float, y: float, r: float, colour: RGB, strength: float = 1.0) -> None:
        """Light around a lamp: brightens, never darkens."""
        radius = max(2, round(r / 4) * 4)
        box = (round(x) - radius, round(y) - radius, round(x) + radius, round(y) + radius)
        inner = (max(0, box[0]), max(0, box[1]), min(WIDTH, box[2]), min(HEIGHT, box[3]))
        if inner[0] >= inner[2] or inner[1] >= inner[3]:
            return
        mask = _spot(radius, 1).crop((inner[0] - box[0], inner[1] - box[1], inner[2] - box[0], inner[3] - box[1]))
        channels = [mask.point([round(value * part * strength / 255) for value in range(256)]) for part in colour]
        light = Image.merge("RGB", channels)
        self.image.paste(ImageChops.screen(self.image.crop(inner), light), inner[:2])

    def puff(self, x: float, y: float, r: float, colour: RGB, strength: float = 0.8, edge: int = 3) -> None:
        """A soft ball of smoke, cloud or fog."""
        radius = max(2, round(r / 4) * 4)
        mask = _spot(radius, edge).point([round(value * strength) for value in range(256)])
        self.image.paste(self.lit(colour), (round(x) - radius, round(y) - radius), mask)

    def beams(self, shapes: Sequence[Sequence[Point]], colour: RGB, strength: float) -> None:
        """Shafts of light, or any shapes that let what is behind them through."""
        mask = Image.new("L", (WIDTH // 4, HEIGHT // 4))
        pen = ImageDraw.Draw(mask)
        for shape in shapes:
            pen.polygon([(x / 4, y / 4) for x, y in shape], fill=round(255 * strength))
        self.image.paste(colour, (0, 0), mask.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR))



def backdrop(c: Canvas) -> None:
    """Draw the sky or the walls, and the place up to the feet of the crowd."""
    if not c.inside:
        _sky(c)
    PLACES[c.scene.place](c)


def _sky(c: Canvas) -> None:
    rng, scene = c.rng, c.scene
    c.gradient(0, c.floor + 2, c.sky)
    x, y, r = rng.uniform(0.1, 0.9) * WIDTH, rng.uniform(0.25, 0.6) * c.horizon, rng.uniform(22, 40)
    if scene.weather == "clear":
        if scene.time == "night":
            for _ in range(70):
                c.disc(rng.uniform(0, WIDTH), rng.uniform(0, c.horizon), rng.choice((1.2, 1.6, 2.4)), (236, 236, 250), own=True)
            c.glow(x, y, r * 4, (120, 130, 170), 0.8)
            c.disc(x, y, r, (244, 240, 214), own=True)
            c.disc(x + r * 0.45, y - r * 0.2, r * 0.82, mix(c.sky[0], c.sky[1], y / c.horizon), own=True)
        else:
            y = y if scene.time == "day" else c.horizon * rng.uniform(0.62, 0.85)
            c.glow(x, y, r * 5, (255, 226, 150), 0.75)
            c.disc(x, y, r, (255, 244, 196) if scene.time == "day" else (255, 214, 130), own=True)
    clouds = {"clear": rng.randint(0, 2), "fog": 0}.get(scene.weather, rng.randint(5, 8))
    pale = scene.weather in ("clear", "snow")
    white = mix(c.sky[1], (255, 250, 244) if pale else (214, 216, 224), 0.16 if scene.time == "night" else 0.62 if pale else 0.45)
    for _ in range(clouds):
        _cloud(c, rng.uniform(0, WIDTH), rng.uniform(0.05, 0.7) * c.horizon, rng.uniform(22, 46), white)
    _skyline(c)


def _cloud(c: Canvas, x: float, y: float, r: float, colour: RGB) -> None:
    for dx, dy, share in ((-1.5, 0.25, 0.62), (-0.6, -0.2, 0.9), (0.5, -0.35, 1.0), (1.5, 0.2, 0.7)):
        c.disc(x + dx * r, y + dy * r, r * share, colour, r * share * 0.75, own=True)
    c.pen.rounded_rectangle((x - 2.1 * r, y + 0.1 * r, x + 2.2 * r, y + 0.75 * r), 0.32 * r, fill=colour)


def _skyline(c: Canvas) -> None:
    """Far silhouettes in two layers: hills by the sea and in parks, towers in towns."""
    rng, place = c.rng, c.scene.place
    base = c.floor + 2
    town = place not in ("park", "beach", "garden", "temple")
    for layer, share in enumerate((0.30, 0.52)):
        dark = (30, 34, 66) if c.scene.time != "day" else (84, 112, 140)
        colour = mix(c.sky[-1], dark, share)
        top = c.horizon * (0.52 + 0.22 * layer)
        if not town:
            points = [(x, top + rng.uniform(-0.14, 0.2) * c.horizon) for x in range(-40, WIDTH + 120, 120)]
            curve = [(x + 120 * t, a + (b - a) * (1 - math.cos(t * math.pi)) / 2) for (x, a), (_, b) in zip(points, points[1:], strict=False) for t in (0, 0.2, 0.4, 0.6, 0.8)]
            c.poly([(-40, base), *curve, (WIDTH + 40, base)], colour, own=True)
            continue
        x = rng.uniform(-40, 0)
        while x < WIDTH:
            width = rng.uniform(34, 84)
            y = top - rng.uniform(-0.16, 0.34) * c.horizon
            c.rect(x, y, x + width, base, colour, own=True)
            if rng.random() < 0.25:
                c.poly([(x, y), (x + width / 2, y - width * 0.5), (x + width, y)], colour, own=True)
            if c.night:
                _windows(c, x + 6, y + 8, x + width - 6, base, 3, int((base - y) / 22) + 1, mix(colour, (255, 214, 130), 0.7), 0.3, 4)
            x += width + rng.choice((0, 0, 8))


def _windows(c: Canvas, x0: float, y0: float, x1: float, y1: float, columns: int, rows: int, colour: RGB, share: float = 1.0, size: float = 0.0) -> None:
    """A grid of windows, `share` of them drawn, `size` pixels wide or as wide as fits."""
    dx, dy = (x1 - x0) / columns, (y1 - y0) / rows
    w, h = (size, size * 1.4) if size else (dx * 0.55, dy * 0.6)
    for column in range(columns):
        for row in range(rows):
            if c.rng.random() < share:
                x, y = x0 + (column + 0.5) * dx, y0 + (row + 0.5) * dy
                c.rect(x - w / 2, y - h / 2, x + w / 2, y + h / 2, colour, own=True)


def _glass(c: Canvas) -> RGB:
    """The colour of a window: lit at night, else with some of the sky in it."""
    if c.scene.time == "day":
        return mix(c.lit((122, 158, 184)), c.sky[1], 0.3)
    return c.rng.choice(((255, 214, 128), (255, 230, 166), (246, 190, 104))) if c.rng.random() < (0.75 if c.night else 0.5) else c.lit((70, 78, 104))


def _shade(c: Canvas, tint: str) -> RGB:
    """A wall near the colour `tint`, no two quite the same."""
    return mix(mix(PAINT[tint], (240, 226, 206), c.rng.uniform(0.18, 0.4)), (150, 130, 130), c.rng.uniform(0, 0.15))


def _ground(c: Canvas, near: RGB, far: RGB) -> None:
    """The ground from the floor line down, white where it snows."""
    if c.scene.weather == "snow" and not c.inside:
        near, far = mix(near, (240, 244, 250), 0.82), mix(far, (226, 234, 244), 0.82)
    if c.scene.weather == "rain":
        near, far = mix(near, c.sky[1], 0.18), mix(far, c.sky[-1], 0.3)
    c.gradient(c.floor, HEIGHT, [c.lit(far), c.lit(mix(far, near, 0.6)), c.lit(near)])


def _rays(c: Canvas, colour: RGB, step: float = 0.34) -> None:
    """Joints of paving or boards that run into the distance, and some across."""
    at = c.floor - c.horizon
    for k in range(-14, 15):
        slope = k * step
        c.line([(c.vanish + slope * at * 2, c.floor), (c.vanish + slope * (HEIGHT - c.horizon) * 2, HEIGHT)], 2, colour)
    for k in range(1, 7):
        y = c.floor + (HEIGHT - c.floor) * (k / 7) ** 1.8
        c.line([(0, y), (WIDTH, y)], 2, colour)


def tree(c: Canvas, x: float, y: float, size: float, colour: RGB) -> None:
    """A round tree of height `size`."""
    c.rect(x - size * 0.04, y - size * 0.42, x + size * 0.04, y, PAINT["brown"])
    if c.scene.weather == "snow":
        colour = mix(colour, (240, 244, 250), 0.6)
    for dx, dy, r, shade in ((-0.17, -0.52, 0.2, 0.16), (0.18, -0.54, 0.2, 0.08), (0.0, -0.72, 0.25, 0.0), (-0.06, -0.78, 0.14, -0.12)):
        c.disc(x + dx * size, y + dy * size, r * size, darker(colour, shade) if shade >= 0 else lighter(colour, -shade))


def _treeline(c: Canvas, base: float, size: float) -> None:
    x = c.rng.uniform(-40, 0)
    while x < WIDTH + 40:
        height = size * c.rng.uniform(0.7, 1.25)
        tree(c, x, base, height, mix(PAINT["leaf"], c.rng.choice(((60, 120, 90), (130, 160, 70), (96, 140, 60))), 0.6))
        x += height * c.rng.uniform(0.4, 0.9)


def _house(c: Canvas, x: float, width: float, height: float, wall: RGB) -> None:
    base, top = c.floor + 3, c.floor - height
    c.rect(x, top, x + width, base, wall)
    roof = c.rng.choice(((150, 76, 62), (112, 88, 84), (92, 98, 116)))
    style = c.rng.random()
    if style < 0.5:
        c.poly([(x - 4, top), (x + width / 2, top - width * 0.42), (x + width + 4, top)], roof)
    elif style < 0.75:
        c.poly([(x - 3, top), (x + width * 0.16, top - width * 0.24), (x + width * 0.84, top - width * 0.24), (x + width + 3, top)], roof)
    else:
        c.rect(x - 4, top - 8, x + width + 4, top, darker(wall, 0.3))
    columns, rows = max(2, round(width / 34)), max(2, round(height / 46))
    storey = height / (rows + 0.6)
    for column in range(columns):
        for row in range(rows):
            wx, wy = x + (column + 0.5) * width / columns, top + (row + 0.62) * storey
            w, h = width / columns * 0.24, storey * 0.3
            c.rect(wx - w - 2, wy - h - 2, wx + w + 2, wy + h + 2, lighter(wall, 0.5))
            c.rect(wx - w, wy - h, wx + w, wy + h, _glass(c), own=True)
    c.rect(x + width * 0.44, base - storey * 0.62, x + width * 0.6, base, darker(roof, 0.3))


def _street(c: Canvas) -> None:
    """Two rows of houses that run to the vanishing point, pavements, and a road between them."""
    rng = c.rng
    wet = c.scene.place == "flood"
    _ground(c, *(((92, 136, 158), (140, 176, 190)) if wet else ((150, 150, 154), (176, 174, 174))))
    c.haze = 0.12
    far = c.floor - c.horizon
    for sign in (-1, 1):
        near = 1.05 * (HEIGHT - c.horizon)
        edges = [near]
        while edges[-1] > far:
            edges.append(edges[-1] * rng.uniform(0.66, 0.82))
        for outer, inner in reversed(list(zip(edges, edges[1:], strict=False))):
            _facade(c, sign, outer, max(inner, far * 0.75), rng.uniform(1.3, 2.5))
    c.haze = 0.0
    if wet:
        for _ in range(60):
            y = rng.uniform(c.floor + 6, HEIGHT)
            x, w = rng.uniform(0, WIDTH), c.height(y) * rng.uniform(0.15, 0.5)
            c.line([(x - w, y), (x + w, y)], 2, (186, 210, 218))
        return
    wide = STREET * 0.72
    tar = (226, 230, 236) if c.scene.weather == "snow" else (104, 106, 116)
    end = HEIGHT - c.horizon
    c.poly([(c.vanish - wide * far, c.floor), (c.vanish + wide * far, c.floor), (c.vanish + wide * end, HEIGHT), (c.vanish - wide * end, HEIGHT)], tar)
    t = far
    while t < end:
        s = min(t * 1.16, end)
        c.poly([(c.vanish - 0.02 * t, c.horizon + t), (c.vanish + 0.02 * t, c.horizon + t), (c.vanish + 0.02 * s, c.horizon + s), (c.vanish - 0.02 * s, c.horizon + s)], (232, 228, 214))
        t *= 1.36


STREET = 1.25  # half the width of a street between its houses, in pixels for each pixel below the horizon


def _facade(c: Canvas, sign: int, outer: float, inner: float, storeys: float) -> None:
    """A house front in perspective, from `outer` (near) to `inner` (far) pixels below the horizon."""
    wall = _shade(c, c.scene.tint)

    def at(t: float, level: float) -> Point:
        return (c.vanish + sign * STREET * t, c.horizon + t * (1 - level * (1 + storeys)))

    c.poly([at(outer, 0), at(outer, 1), at(inner, 1), at(inner, 0)], darker(wall, 0.12) if sign > 0 else wall)
    columns, rows = 3, max(3, round(storeys * 2))
    for column in range(columns):
        a, b = (outer + (inner - outer) * (column + part) / columns for part in (0.25, 0.75))
        for row in range(rows):
            low, high = (row + 0.35) / rows, (row + 0.85) / rows
            c.poly([at(a, low), at(a, high), at(b, high), at(b, low)], _glass(c), own=True)
    c.poly([at(outer, 1), at(outer, 1.03), at(inner, 1.03), at(inner, 1)], darker(wall, 0.35))


def _square(c: Canvas) -> None:
    near, far = c.rng.choice((((196, 182, 164), (216, 204, 188)), ((176, 178, 186), (204, 204, 208)), ((190, 164, 142), (212, 190, 168))))
    _ground(c, near, far)
    _rays(c, c.rng.choice((mix(near, (120, 110, 100), 0.28),)) if c.scene.weather != "snow" else (222, 228, 236))
    unit = max(28.0, c.height(c.floor))
    x = c.rng.uniform(-60, 0)
    c.haze = 0.1
    while x < WIDTH:
        width = unit * c.rng.uniform(1.7, 3.0)
        _house(c, x, width, min(unit * c.rng.uniform(2.6, 4.4), c.floor - 40), _shade(c, c.scene.tint))
        x += width
    c.haze = 0.0


def _park(c: Canvas) -> None:
    near, far = c.rng.choice((((112, 170, 92), (152, 198, 112)), ((134, 180, 84), (176, 206, 116)), ((92, 156, 98), (138, 188, 124))))
    c.haze = 0.14
    _treeline(c, c.floor + 4, max(70, c.height(c.floor) * 3.2))
    c.haze = 0.0
    _ground(c, near, far)
    if c.scene.place == "park" and c.rng.random() < 0.6:
        end, x = HEIGHT - c.horizon, c.rng.uniform(0.2, 0.8) * WIDTH
        path = (226, 208, 170) if c.scene.weather != "snow" else (214, 220, 230)
        c.poly([(c.vanish - 8, c.floor), (c.vanish + 8, c.floor), (x + end * 0.5, HEIGHT), (x - end * 0.3, HEIGHT)], path)
    for _ in range(50):
        y = c.rng.uniform(c.floor + 8, HEIGHT)
        x, w = c.rng.uniform(0, WIDTH), max(3.0, c.height(y) * 0.06)
        c.line([(x - w, y - w), (x, y), (x + w, y - w)], 2, darker(near, 0.14) if c.scene.weather != "snow" else (218, 226, 236))


def _garden(c: Canvas) -> None:
    _park(c)
    unit = c.height(c.floor)
    c.rect(0, c.floor - unit * 0.75, WIDTH, c.floor + 6, mix(PAINT["leaf"], (40, 90, 60), 0.35))
    for x in range(0, WIDTH + 30, 30):
        c.disc(x, c.floor - unit * 0.75, 22, mix(PAINT["leaf"], (40, 90, 60), 0.35), 10)
        c.disc(x + c.rng.uniform(-12, 12), c.floor - c.rng.uniform(0.1, 0.7) * unit, 5, PAINT[c.rng.choice(("pink", "white", "yellow"))])


def _beach(c: Canvas) -> None:
    sea = mix((46, 132, 176), c.sky[1], 0.25)
    _ground(c, (232, 206, 152), (246, 226, 178))
    top = c.horizon + 4
    c.gradient(top, c.floor + 6, [c.lit(mix(sea, c.sky[-1], 0.4)), c.lit(sea)])
    for _ in range(26):
        y = c.rng.uniform(top + 4, c.floor)
        x, w = c.rng.uniform(0, WIDTH), 12 + (y - top) * 0.4
        c.line([(x - w, y), (x + w, y)], 2, lighter(sea, 0.4))
    c.line([(x, c.floor + 5 + 4 * math.sin(x / 46)) for x in range(-10, WIDTH + 20, 12)], 7, (250, 250, 246))
    if c.rng.random() < 0.7:
        x, lean, tall = c.rng.choice((0.06, 0.94)) * WIDTH, c.rng.uniform(-40, 40), max(150, c.height(c.floor) * 3.4)
        y = c.floor + 26
        c.line([(x, y), (x + lean * 0.3, y - tall * 0.5), (x + lean, y - tall)], 11, PAINT["brown"])
        for angle in (-170, -140, -95, -50, -15, 20, 160):
            a = math.radians(angle)
            tip = (x + lean + math.cos(a) * tall * 0.4, y - tall + math.sin(a) * tall * 0.26 + 18)
            c.poly([(x + lean, y - tall - 6), ((x + lean + tip[0]) / 2, min(y - tall, tip[1]) - 14), tip, (x + lean, y - tall + 6)], PAINT["leaf"])


def tiers(c: Canvas) -> tuple[int, float, float]:
    """Rows of the stand, pixels from row to row, and where the lowest row is."""
    rows = 4 if c.scene.crowd < 60 else 6 if c.scene.crowd < 120 else 9
    pitch = min(30.0 if rows == 4 else 25.0 if rows == 6 else 20.0, (c.floor - 64) / rows)
    return rows, pitch, c.floor - 26


def _stand(c: Canvas) -> None:
    """The stand behind a field; its seats are filled by the crowd where the crowd has come to sit."""
    rows, pitch, low = tiers(c)
    top = low - rows * pitch
    wall = PAINT[c.rng.choice(("blue", "red", "purple", "green", "orange"))]
    c.rect(0, top - 6, WIDTH, c.floor, mix(wall, (90, 94, 110), 0.62))
    for row in range(rows):
        y = low - row * pitch
        c.rect(0, y - 3, WIDTH, y + 3, mix(wall, (70, 74, 92), 0.55 if row % 2 else 0.7))
        if not c.seats:
            for x in range(round(c.rng.uniform(0, 14)), WIDTH, 22):
                c.disc(x, y - pitch * 0.42, 5, lighter(wall, 0.15))
    c.rect(0, c.floor - 22, WIDTH, c.floor + 4, (238, 238, 240))
    for k in range(6):
        c.rect(k * 128, c.floor - 20, k * 128 + 118, c.floor, PAINT[c.rng.choice(COLOURS)])
    if c.inside:
        return
    c.poly([(0, top - 44), (WIDTH, top - 44), (WIDTH, top - 26), (0, top - 26)], (226, 230, 236))
    for x in range(40, WIDTH, 172):
        c.line([(x, top - 30), (x, top + 6)], 6, (160, 166, 178))
    for x in (70, WIDTH - 70):
        c.line([(x, top - 40), (x, top - 120)], 7, (150, 154, 164))
        c.rect(x - 44, top - 150, x + 44, top - 116, (226, 230, 238))
        _windows(c, x - 42, top - 148, x + 42, top - 118, 5, 2, (255, 250, 226), size=9)
        if c.scene.time != "day":
            c.glow(x, top - 132, 120, (255, 246, 214), 0.7)


def _stadium(c: Canvas) -> None:
    _ground(c, (96, 164, 88), (118, 182, 100))
    _stand(c)


def _floorboards(c: Canvas, wood: RGB) -> None:
    _ground(c, wood, lighter(wood, 0.18))
    _rays(c, darker(wood, 0.12), 0.2)


def _hall(c: Canvas) -> None:
    wall = mix(PAINT[c.scene.tint], (236, 226, 212), 0.22)
    c.gradient(0, c.floor + 2, [c.lit(darker(wall, 0.4)), c.lit(darker(wall, 0.12)), c.lit(wall)])
    count = c.rng.randint(4, 7)
    for k in range(count + 1):
        x = WIDTH * k / count
        c.rect(x - 13, 0, x + 13, c.floor, lighter(wall, 0.25))
        c.rect(x - 18, c.floor - 16, x + 18, c.floor, lighter(wall, 0.4))
    if not c.seats:
        for k in range(count):
            x = WIDTH * (k + 0.5) / count
            c.line([(x, 0), (x, 34)], 3, (80, 76, 80))
            c.disc(x, 42, 12, (255, 240, 196), own=True)
            c.glow(x, 42, 70, (255, 220, 150), 0.55)
    _floorboards(c, c.rng.choice(((176, 128, 88), (150, 112, 92), (190, 150, 112))))
    if c.seats:
        _stand(c)


def _room(c: Canvas) -> None:
    wall = mix(PAINT[c.scene.tint], (248, 238, 226), 0.34)
    c.gradient(0, c.floor + 2, [c.lit(wall), c.lit(darker(wall, 0.06))])
    for x in range(0, WIDTH, 48) if c.rng.random() < 0.5 else ():
        c.rect(x, 0, x + 20, c.floor, lighter(wall, 0.12))
    unit = c.height(c.floor)
    x, y, w, h = c.rng.choice((0.14, 0.5, 0.8)) * WIDTH, c.floor - unit * 1.5, unit * 0.75, unit * 0.62
    c.rect(x - w, y - h, x + w, y + h, PAINT["white"])
    for row in range(6):
        c.rect(x - w + 8, y - h + 8 + row * h / 3.2, x + w - 8, y + h - 8, c.sky[row // 2], own=True)
    if c.scene.weather == "" and c.scene.time == "night":
        for _ in range(8):
            c.disc(x + c.rng.uniform(-w, w) * 0.8, y + c.rng.uniform(-h, h) * 0.8, 2.4, (240, 240, 250), own=True)
    c.rect(x - 3, y - h, x + 3, y + h, PAINT["white"])
    c.rect(x - w, y - 3, x + w, y + 3, PAINT["white"])
    for sign in (-1, 1):
        c.poly([(x + sign * w * 1.35, y - h * 1.2), (x + sign * w * 0.6, y - h * 1.2), (x + sign * w * 1.2, y + h * 1.5), (x + sign * w * 1.45, y + h * 1.5)], darker(wall, 0.3))
    px = (x + WIDTH * 0.42) % WIDTH
    c.rect(px - 46, y - 40, px + 46, y + 30, PAINT["wood"])
    c.rect(px - 38, y - 32, px + 38, y + 22, c.rng.choice(((170, 206, 220), (236, 200, 170), (190, 214, 160))))
    c.poly([(px - 38, y + 22), (px - 8, y - 14), (px + 8, y + 4), (px + 20, y - 8), (px + 38, y + 22)], (98, 134, 112))
    c.rect(0, c.floor - 14, WIDTH, c.floor, PAINT["white"])
    _floorboards(c, c.rng.choice(((188, 138, 94), (160, 116, 84), (206, 168, 128))))
    c.disc(WIDTH / 2, (c.floor + HEIGHT) / 2 + 30, WIDTH * 0.42, _shade(c, c.rng.choice(COLOURS)), (HEIGHT - c.floor) * 0.36)


def _chapel(c: Canvas) -> None:
    stone = c.rng.choice(((206, 192, 170), (186, 182, 186), (216, 204, 190)))
    c.gradient(0, c.floor + 2, [c.lit(darker(stone, 0.45)), c.lit(stone)])
    count = c.rng.randint(3, 6)
    glass = (((250, 220, 140), (240, 140, 110), (120, 180, 220)) if c.scene.time == "day" else ((120, 100, 160), (150, 80, 110), (60, 90, 150)))
    for k in range(count):
        x, w, top = WIDTH * (k + 0.5) / count, WIDTH / count * 0.26, c.floor * 0.24
        c.sketch(f"dome 0 0 1 {1.5} *+", x, top + 2, w + 8, stone)
        c.rect(x - w - 8, top, x + w + 8, c.floor * 0.72, lighter(stone))
        c.pen.chord((x - w, top - w * 1.5, x + w, top + w * 1.5), 180, 360, fill=glass[k % 3])
        for row in range(4):
            y = top + row * (c.floor * 0.7 - top) / 4
            c.rect(x - w, y, x, y + (c.floor * 0.7 - top) / 4, glass[(k + row) % 3], own=True)
            c.rect(x, y, x + w, y + (c.floor * 0.7 - top) / 4, glass[(k + row + 1) % 3], own=True)
        if k:
            c.rect(WIDTH * k / count - 12, 0, WIDTH * k / count + 12, c.floor, darker(stone, 0.1))
    _floorboards(c, (168, 156, 146))
    c.poly([(c.vanish - 40, c.floor), (c.vanish + 40, c.floor), (c.vanish + 150, HEIGHT), (c.vanish - 150, HEIGHT)], (176, 62, 70))


def _station(c: Canvas) -> None:
    c.gradient(0, c.floor + 2, [c.lit((120, 130, 146)), c.lit((206, 212, 216))])
    pane = c.sky[1]
    for k in range(7):
        r = 1 - k / 7
        c.pen.ellipse((c.vanish - WIDTH * 0.62 * r, c.horizon * (1 - 0.98 * r), c.vanish + WIDTH * 0.62 * r, c.horizon * (1 + 1.2 * r)), fill=mix(pane, c.lit((190, 200, 206)), k / 9), outline=c.lit((84, 92, 106)), width=5)
    for k in range(-5, 6):
        c.line([(c.vanish, c.horizon * 0.9), (c.vanish + k * 120, 0)], 3, (96, 104, 118))
    c.rect(0, c.floor - max(12, c.height(c.floor) * 0.5), WIDTH, c.floor + 2, (150, 150, 158))
    _ground(c, (186, 178, 170), (206, 200, 192))
    _rays(c, (170, 162, 156))
    x = (c.vanish + 240) % WIDTH
    c.line([(x, 0), (x, 50)], 6, (70, 74, 84))
    c.disc(x, 78, 34, (60, 64, 76))
    c.disc(x, 78, 28, (250, 248, 240))
    c.line([(x, 78), (x, 58)], 4, (50, 50, 60))
    c.line([(x, 78), (x + 14, 84)], 4, (50, 50, 60))


def _landmark(c: Canvas) -> None:
    """A square before one great building; trees stand beside it."""
    near, far = c.rng.choice((((206, 192, 168), (222, 212, 194)), ((184, 182, 184), (210, 208, 208))))
    c.haze = 0.12
    _treeline(c, c.floor + 3, max(60, c.height(c.floor) * 2.2))
    _ground(c, near, far)
    c.haze = 0.0
    _rays(c, darker(near, 0.1) if c.scene.weather != "snow" else (222, 228, 236))
    c.haze = 0.06
    size = min(c.floor - 30, max(150.0, c.height(c.floor) * 4.6))
    walls, text = BUILDINGS[c.scene.place]
    c.sketch(text, c.rng.uniform(0.3, 0.7) * WIDTH, c.floor + 4, size, c.rng.choice(walls))
    c.haze = 0.0


# Great buildings, one unit high or a little more: walls they may have, and their sketch (`*` is the wall)
BUILDINGS: dict[str, tuple[tuple[RGB, ...], str]] = {
    "parliament": (((226, 218, 200), (206, 200, 196), (236, 224, 196)), (
        "rect -1.3 0 1.3 .42 *-;" + ";".join(f"rect {x / 100 - .03:.2f} {y} {x / 100 + .03:.2f} {y + .1:.2f} glass" for y in (0.07, 0.25) for x in range(-124, 125, 12))
        + ";rect -.24 .5 .24 .74 *;dome 0 .73 .24 .25 copper;line .015 0 .97 0 1.12 grey;rect -.5 0 .5 .48 *+;poly -.56 .48 0 .66 .56 .48 white;"
        + ";".join(f"rect {x - .055:.3f} 0 {x + .055:.3f} .42 *=;rect {x - .032:.3f} 0 {x + .032:.3f} .44 white" for x in (-0.45, -0.3, -0.15, 0, 0.15, 0.3, 0.45))
        + ";rect -.6 0 .6 .06 white;rect -.65 0 .65 .04 *+;rect -.7 0 .7 .02 *")),
    "church": (((240, 232, 216), (204, 146, 120), (206, 200, 192)), (
        "rect -.2 0 .62 .5 *;poly -.26 .5 .2 .78 .68 .5 brown-;rect -.43 0 -.13 .72 *+;poly -.47 .72 -.28 1 -.09 .72 brown=;line .016 -.28 1 -.28 1.13 gold;"
        "line .016 -.325 1.08 -.235 1.08 gold;disc -.28 .58 .07 .07 white;line .012 -.28 .58 -.28 .63 black;line .012 -.28 .58 -.245 .58 black;"
        + ";".join(f"rect {x - .035:.3f} .14 {x + .035:.3f} .33 glass;dome {x} .33 .035 .05 glass" for x in (-0.02, 0.15, 0.32, 0.49))
        + ";dome -.28 .12 .07 .09 brown=;rect -.35 0 -.21 .12 brown=")),
    "mosque": (((244, 236, 216), (226, 232, 236), (238, 216, 180)), (
        ";".join(f"rect {x - .045:.3f} 0 {x + .045:.3f} .92 *+;rect {x - .07:.3f} .68 {x + .07:.3f} .72 *-;poly {x - .05:.3f} .92 {x} 1.08 {x + .05:.3f} .92 copper;dome {x * .535:.3f} .44 .17 .17 copper" for x in (-0.86, 0.86))
        + ";rect -.7 0 .7 .44 *;rect -.3 .4 .3 .54 *+;dome 0 .53 .3 .34 copper;line .015 0 .86 0 .98 gold;"
        + ";".join(f"dome {x} .2 .065 .1 slate;rect {x - .065:.3f} 0 {x + .065:.3f} .2 slate" for x in (-0.57, -0.38, -0.19, 0, 0.19, 0.38, 0.57)))),
    "temple": (((196, 66, 58), (214, 160, 92), (226, 210, 180)), (
        ";".join(
            f"rect {-.78 * h:.3f} {b} {.78 * h:.3f} {b + .24:.2f} *;" + ";".join(f"rect {k * .34 * h - .018:.3f} {b} {k * .34 * h + .018:.3f} {b + .24:.2f} *+" for k in (-2, -1, 0, 1, 2))
            + f";poly {-1.18 * h:.3f} {b + .27:.2f} {-1.0 * h:.3f} {b + .23:.2f} {h:.3f} {b + .23:.2f} {1.18 * h:.3f} {b + .27:.2f} {.6 * h:.3f} {b + .36:.2f} {-.6 * h:.3f} {b + .36:.2f} slate"
            for b, h in ((0, 0.7), (0.34, 0.52), (0.68, 0.34)))
        + ";line .018 0 1.02 0 1.16 gold;rect -.1 0 .1 .19 *=")),
}  # fmt: skip
PLACES: dict[str, Callable[[Canvas], None]] = {
    "street": _street, "flood": _street, "square": _square, "park": _park, "garden": _garden, "beach": _beach,
    "stadium": _stadium, "hall": _hall, "room": _room, "chapel": _chapel, "station": _station,
    "parliament": _landmark, "church": _landmark, "mosque": _landmark, "temple": _landmark,
}  # fmt: skip


def weather(c: Canvas) -> None:
    """What falls or hangs before everything else: rain, snow, fog."""
    rng = c.rng
    if c.scene.weather == "rain":
        pale = mix(c.sky[-1], (236, 242, 250), 0.5)
        for _ in range(170):
            x, y, length = rng.uniform(-40, WIDTH), rng.uniform(-20, HEIGHT), rng.uniform(14, 30)
            c.line([(x, y), (x + length * 0.28, y + length)], 2, pale, own=True)
    elif c.scene.weather == "snow":
        for _ in range(190):
            c.disc(rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.choice((2.2, 3.0, 4.2)), (250, 252, 255), own=True)
    elif c.scene.weather == "fog":
        fog = Image.new("L", (1, 5))
        fog.putdata([70, 120, 190, 90, 30])
        mask = fog.resize((1, HEIGHT), Image.Resampling.BICUBIC).resize((WIDTH, HEIGHT))
        c.image.paste(mix(c.sky[-1], (236, 238, 240) if not c.night else (96, 104, 128), 0.5), (0, 0), mask)
