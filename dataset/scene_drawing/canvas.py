"""The canvas of a scene: its camera, the light of the hour, flat shapes, glows and smoke."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from random import Random

from PIL import Image, ImageChops, ImageDraw

from gatherset.dataset.scene_drawing.sketches import RGB, Mark, mix, read_sketch
from gatherset.dataset.scenes import INDOORS, Scene

Point = tuple[float, float]

WIDTH, HEIGHT = 768, 576  # twice the default picture: halving it smooths every edge
STREET = 1.25  # half the width of a street between its houses, in pixels for each pixel below the horizon

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
}
GREY: dict[str, RGB] = {"day": (196, 204, 212), "dusk": (176, 136, 150), "night": (52, 56, 78)}  # of a clouded sky
GREYED = {"cloudy": 0.45, "rain": 0.65, "snow": 0.55, "fog": 0.7}  # how much of it
AMBIENT: dict[str, tuple[float, float, float]] = {  # light on red, green and blue
    "day": (1.0, 1.0, 1.0),
    "dusk": (0.94, 0.80, 0.82),
    "night": (0.55, 0.57, 0.76),
    "floodlit": (0.84, 0.86, 0.94),
    "indoors": (1.0, 0.97, 0.92),
}
# People in the crowd up to, height in pixels of the farthest, least and greatest height of the camera in people
CAMERAS = (
    (12, 86, 1.55, 2.1),
    (21, 62, 1.8, 2.4),
    (31, 50, 1.9, 2.5),
    (53, 38, 2.1, 2.8),
    (108, 27, 2.4, 3.3),
    (10**6, 18, 2.9, 3.9),
)
ROOM_FOR_THINGS = (0, 12, 21, 31, 53)  # with so many things a scene is seen from as far as a crowd of these
SEATS_CAMERA = (44, 2.3, 3.1)


@lru_cache(maxsize=256)
def _spot(radius: int, edge: int) -> Image.Image:
    """A round mask that fades outwards; the greater `edge`, the sharper."""
    gradient = Image.radial_gradient("L").resize((2 * radius, 2 * radius), Image.Resampling.BILINEAR)
    return gradient.point([max(0, min(255, (255 - round(value * 1.42)) * edge)) for value in range(256)])


class Canvas:
    """A board of 768 x 576 pixels, seen by a camera over flat ground.

    A person who stands at y is (y - horizon) / tall pixels high: `tall` is the height of the camera in people.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.rng = rng = Random(scene.seed)
        self.inside = scene.place in INDOORS
        self.seats = scene.doing == "seats"
        self.dark = scene.time == "night" and not self.inside  # lamps and windows shine
        things = sum(bool(thing.side) for thing in scene.things) + (scene.place == "street")  # streets are narrow
        size = max(scene.crowd, ROOM_FOR_THINGS[things])
        far, low, high = SEATS_CAMERA if self.seats else next(row[1:] for row in CAMERAS if size <= row[0])
        self.far = far  # height in pixels of a person at the back
        self.tall = rng.uniform(low, high)
        self.horizon = rng.uniform(0.24, 0.36 if self.inside or self.seats else 0.44) * HEIGHT
        self.floor = self.horizon + self.tall * far * 0.8  # where the ground meets what stands behind it
        self.vanish = rng.uniform(0.3, 0.7) * WIDTH  # where lines into the distance meet
        self.haze = 0.0  # share of haze on what is drawn next
        share = GREYED.get(scene.weather, 0.0)
        self.sky = tuple(mix(colour, GREY[scene.time], share) for colour in rng.choice(SKIES[scene.time]))
        self.ambient = AMBIENT[self._light()]
        self.image = Image.new("RGB", (WIDTH, HEIGHT))
        self.pen = ImageDraw.Draw(self.image)
        self._lit: dict[tuple[RGB, float], RGB] = {}

    def _light(self) -> str:
        if self.scene.theme == "band" and self.inside:
            return "night"  # so that the lights of the stage are seen
        if self.scene.place == "stadium" and self.dark:
            return "floodlit"
        return "indoors" if self.inside else self.scene.time

    def height(self, y: float) -> float:
        """Height in pixels of a person who stands at `y`."""
        return (y - self.horizon) / self.tall

    def span(self, y: float) -> tuple[float, float]:
        """The ground between the houses, or the edges of the picture, at `y`."""
        if self.scene.place not in ("street", "flood"):
            return 16.0, WIDTH - 16.0
        reach = STREET * (y - self.horizon) * 0.93
        return max(16.0, self.vanish - reach), min(WIDTH - 16.0, self.vanish + reach)

    def lit(self, colour: RGB) -> RGB:
        """`colour` in the light of the hour, paler with distance."""
        key = (colour, self.haze)
        if key not in self._lit:
            red, green, blue = (round(value * light) for value, light in zip(colour, self.ambient, strict=True))
            self._lit[key] = mix((red, green, blue), self.sky[-1], self.haze)
        return self._lit[key]

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

    def mark(self, mark: Mark, x: float, y: float, u: float, colour: RGB, way: int = 1) -> None:
        """One shape of a sketch whose foot stands at (x, y), `u` pixels to its unit, `colour` for its `*`.

        `way` is -1 for its mirror image.
        """
        v = mark.numbers if way > 0 else mark.mirrored
        ink, own = mark.ink(colour), mark.own
        if mark.paint == "glass" and self.dark:
            ink, own = (255, 218, 138), True
        fill = ink if own else self.lit(ink)
        if mark.shape == "poly":
            self.pen.polygon([(x + a * u, y - b * u) for a, b in zip(v[::2], v[1::2], strict=True)], fill=fill)
        elif mark.shape == "line":
            points = [(x + a * u, y - b * u) for a, b in zip(v[1::2], v[2::2], strict=True)]
            self.pen.line(points, fill=fill, width=max(1, round(v[0] * u)), joint="curve")
        elif mark.shape == "rect":
            self.pen.rectangle((x + v[0] * u, y - v[3] * u, x + v[2] * u, y - v[1] * u), fill=fill)
        elif mark.shape == "round":
            box = (x + v[0] * u, y - v[3] * u, x + v[2] * u, y - v[1] * u)
            self.pen.rounded_rectangle(box, v[4] * u, fill=fill)
        elif mark.shape == "glow":
            self.glow(x + v[0] * u, y - v[1] * u, v[2] * u, ink, 0.8)
        elif mark.shape == "star":
            radii, turns = (v[2] * u, v[2] * u * 0.42) * 5, [math.radians(36 * k - 90) for k in range(10)]
            at = (x + v[0] * u, y - v[1] * u)
            corners = zip(radii, turns, strict=True)
            self.pen.polygon([(at[0] + r * math.cos(t), at[1] + r * math.sin(t)) for r, t in corners], fill=fill)
        else:
            rx, ry = v[2] * u, (v[2] if mark.shape == "ring" else v[3]) * u
            box = (x + v[0] * u - rx, y - v[1] * u - ry, x + v[0] * u + rx, y - v[1] * u + ry)
            if mark.shape == "disc":
                self.pen.ellipse(box, fill=fill)
            elif mark.shape == "dome":
                self.pen.chord(box, 180, 360, fill=fill)
            else:
                self.pen.ellipse(box, outline=fill, width=max(2, round(v[3] * u)))

    def sketch(self, text: str, x: float, y: float, u: float, colour: RGB) -> None:
        for mark in read_sketch(text):
            self.mark(mark, x, y, u, colour)

    # Soft shapes

    def gradient(self, y0: float, y1: float, colours: Sequence[RGB]) -> None:
        """Fill the board from `y0` down to `y1` with `colours` that run into each other."""
        height = max(1, round(y1) - round(y0))
        strip = Image.new("RGB", (1, len(colours)))
        strip.putdata(colours)
        column = strip.resize((1, height), Image.Resampling.BICUBIC)
        self.image.paste(column.resize((WIDTH, height), Image.Resampling.NEAREST), (0, round(y0)))

    def glow(self, x: float, y: float, r: float, colour: RGB, strength: float = 1.0) -> None:
        """Light around a lamp: brightens, never darkens."""
        radius = max(2, round(r / 4) * 4)
        x0, y0 = round(x) - radius, round(y) - radius
        inner = (max(0, x0), max(0, y0), min(WIDTH, x0 + 2 * radius), min(HEIGHT, y0 + 2 * radius))
        if inner[0] >= inner[2] or inner[1] >= inner[3]:
            return
        mask = _spot(radius, 1).crop((inner[0] - x0, inner[1] - y0, inner[2] - x0, inner[3] - y0))
        channels = [mask.point([round(value * part * strength / 255) for value in range(256)]) for part in colour]
        light = Image.merge("RGB", channels)
        self.image.paste(ImageChops.screen(self.image.crop(inner), light), inner[:2])

    def puff(self, x: float, y: float, r: float, colour: RGB, strength: float = 0.8) -> None:
        """A soft ball of smoke or gas."""
        radius = max(2, round(r / 4) * 4)
        mask = _spot(radius, 3).point([round(value * strength) for value in range(256)])
        self.image.paste(self.lit(colour), (round(x) - radius, round(y) - radius), mask)

    def beams(self, shapes: Sequence[Sequence[Point]], colour: RGB, strength: float) -> None:
        """Shafts of light, which let what is behind them through."""
        mask = Image.new("L", (WIDTH // 2, HEIGHT // 2))
        pen = ImageDraw.Draw(mask)
        for shape in shapes:
            pen.polygon([(x / 2, y / 2) for x, y in shape], fill=round(255 * strength))
        self.image.paste(colour, (0, 0), mask.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR))
