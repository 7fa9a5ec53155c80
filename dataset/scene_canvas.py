"""The canvas of a scene: its camera, the light of the hour, flat shapes and glows, and the people drawn with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

from PIL import Image, ImageChops, ImageDraw

from gatherset.dataset.scenes import INDOORS, Scene

RGB = tuple[int, int, int]
Point = tuple[float, float]

WIDTH, HEIGHT = 768, 576  # twice the default picture: halving it smooths every edge

PAINT: dict[str, RGB] = {
    "red": (219, 62, 68), "orange": (242, 139, 48), "yellow": (248, 205, 66), "green": (66, 160, 92),
    "blue": (58, 112, 200), "purple": (132, 84, 176), "pink": (242, 142, 178), "white": (247, 245, 240),
    "black": (44, 44, 52), "brown": (134, 92, 62), "gold": (226, 178, 60), "grey": (142, 146, 156),
    "navy": (38, 48, 82), "wood": (164, 116, 76), "silver": (205, 210, 218), "stone": (206, 198, 184),
    "leaf": (84, 146, 82), "tyre": (52, 52, 58), "glass": (170, 206, 226), "flame": (250, 152, 48), "ember": (255, 224, 120),
}  # fmt: skip
SKINS: tuple[RGB, ...] = ((250, 214, 186), (236, 188, 152), (205, 150, 110), (160, 108, 76), (112, 76, 56))
HAIRS: tuple[RGB, ...] = ((44, 36, 34), (84, 56, 40), (130, 88, 52), (206, 164, 92), (150, 74, 44), (176, 174, 172))
TROUSERS: tuple[RGB, ...] = ((62, 74, 108), (74, 70, 78), (112, 98, 84), (54, 58, 66), (98, 108, 130))

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

    def ring(self, x: float, y: float, r: float, width: float, colour: RGB) -> None:
        self.pen.ellipse((x - r, y - r, x + r, y + r), outline=self.lit(colour), width=max(1, round(width)))

    def dome(self, x: float, y: float, rx: float, ry: float, colour: RGB) -> None:
        """The upper half of an ellipse that stands on `y`."""
        self.pen.chord((x - rx, y - ry, x + rx, y + ry), 180, 360, fill=self.lit(colour))

    def star(self, x: float, y: float, r: float, colour: RGB, own: bool = False) -> None:
        angles = [(-90 + 36 * k) * math.pi / 180 for k in range(10)]
        radii = [r, r * 0.42] * 5
        points = [(x + q * math.cos(a), y + q * math.sin(a)) for a, q in zip(angles, radii, strict=True)]
        self.poly(points, colour, own)

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


@dataclass(frozen=True)
class Look:
    """How a person looks."""

    shirt: RGB
    trousers: RGB = TROUSERS[0]
    skin: RGB = SKINS[0]
    hair: RGB = HAIRS[0]
    pose: str = "stand"  # stand, walk, run, sit, kneel, seat, wade
    arms: str = "down"  # down, up, one, front, mixed
    back: bool = False  # seen from behind
    long: str = ""  # "hair", "skirt" or "robe": what is long
    hat: str = ""  # helmet, party, witch, santa, cap, veil
    hat_colour: RGB = (0, 0, 0)


def passer_by(rng: Random, shirt: RGB, **changes: object) -> Look:
    """Somebody in a `shirt`, the rest by lot."""
    look = Look(
        shirt, rng.choice(TROUSERS), rng.choice(SKINS), rng.choice(HAIRS), long=rng.choice(("", "", "hair", "hair", "skirt"))
    )
    return replace(look, **changes)  # type: ignore[arg-type]


def person(c: Canvas, x: float, y: float, h: float, look: Look) -> Point:
    """Draw a person of height `h` whose feet stand at (x, y); the answer is where the raised or right hand is."""
    sinks = {"sit": 0.30, "kneel": 0.24, "seat": 0.34, "wade": 0.36}.get(look.pose, 0.0) * h
    hip = y - 0.43 * h + sinks
    neck = y - 0.80 * h + sinks
    shirt, skin = c.lit(look.shirt), c.lit(look.skin)
    pen = c.pen
    if look.long == "hair" and h >= 24:
        pen.ellipse((x - 0.115 * h, neck - 0.2 * h, x + 0.115 * h, neck + 0.13 * h), fill=c.lit(look.hair))
    _legs(c, x, y, hip, h, look)
    half = 0.125 * h
    if look.long == "robe" and look.pose not in ("sit", "kneel", "seat"):
        pen.polygon([(x - 0.1 * h, neck), (x + 0.1 * h, neck), (x + 0.19 * h, y), (x - 0.19 * h, y)], fill=shirt)
    else:
        pen.polygon(
            [(x - 0.09 * h, neck), (x + 0.09 * h, neck), (x + 0.14 * h, neck + 0.05 * h), (x + half, hip), (x - half, hip), (x - 0.14 * h, neck + 0.05 * h)],
            fill=shirt,
        )  # fmt: skip
    hand = _arms(c, x, neck, h, look)
    _head(c, x, neck - 0.085 * h, 0.098 * h, look, skin)
    return hand


def _legs(c: Canvas, x: float, y: float, hip: float, h: float, look: Look) -> None:
    cloth = c.lit(look.trousers)
    pen = c.pen
    if look.pose in ("sit", "kneel"):
        pen.ellipse((x - 0.25 * h, hip - 0.08 * h, x + 0.25 * h, hip + 0.12 * h), fill=cloth)
    elif look.pose == "seat":
        pen.rectangle((x - 0.12 * h, hip, x + 0.12 * h, hip + 0.09 * h), fill=cloth)
    elif look.pose == "wade":
        pen.ellipse((x - 0.24 * h, hip + 0.0 * h, x + 0.24 * h, hip + 0.1 * h), fill=c.lit((176, 204, 214)))
    elif look.long == "robe":
        return
    elif look.long == "skirt" and look.pose != "run":
        pen.rectangle((x - 0.08 * h, hip + 0.2 * h, x - 0.02 * h, y), fill=c.lit(look.skin))
        pen.rectangle((x + 0.02 * h, hip + 0.2 * h, x + 0.08 * h, y), fill=c.lit(look.skin))
        pen.polygon([(x - 0.12 * h, hip - 1), (x + 0.12 * h, hip - 1), (x + 0.18 * h, hip + 0.24 * h), (x - 0.18 * h, hip + 0.24 * h)], fill=cloth)
    else:
        spread = {"walk": 0.09, "run": 0.17}.get(look.pose, 0.0) * h
        width = max(1, round(0.1 * h))
        lift = 0.08 * h if look.pose == "run" else 0.0
        pen.line([(x - 0.06 * h, hip - 1), (x - 0.065 * h - spread, y)], fill=cloth, width=width)
        pen.line([(x + 0.06 * h, hip - 1), (x + 0.065 * h + spread, y - lift)], fill=cloth, width=width)


# Elbow and hand of the right arm, in heights from the shoulder, by pose of the arms
REACH: dict[str, tuple[Point, Point]] = {
    "down": ((0.055, 0.16), (0.045, 0.33)),
    "up": ((0.08, -0.12), (0.06, -0.32)),
    "wide": ((0.14, -0.03), (0.26, -0.14)),
    "front": ((0.04, 0.15), (-0.06, 0.2)),
}
BOTH = {"down": ("down", "down"), "up": ("up", "up"), "one": ("up", "down"), "wide": ("wide", "wide"), "front": ("front", "front")}


def _arms(c: Canvas, x: float, neck: float, h: float, look: Look) -> Point:
    sleeve, skin = c.lit(darker(look.shirt, 0.12)), c.lit(look.skin)
    width = max(1, round(0.068 * h))
    hands: list[Point] = []
    for sign, reach in zip((1, -1), BOTH[look.arms], strict=True):
        (ex, ey), (hx, hy) = REACH[reach]
        shoulder = (x + sign * 0.12 * h, neck + 0.04 * h)
        elbow = (shoulder[0] + sign * ex * h, shoulder[1] + ey * h)
        hand = (shoulder[0] + sign * hx * h, shoulder[1] + hy * h)
        hands.append(hand)
        if h >= 22 or reach != "down":
            c.pen.line([shoulder, elbow, hand], fill=sleeve, width=width, joint="curve")
            r = 0.042 * h
            c.pen.ellipse((hand[0] - r, hand[1] - r, hand[0] + r, hand[1] + r), fill=skin)
    return hands[0]


def _head(c: Canvas, x: float, y: float, r: float, look: Look, skin: RGB) -> None:
    pen = c.pen
    hair = c.lit(look.hair)
    pen.ellipse((x - r, y - r, x + r, y + r), fill=hair if look.back else skin)
    if not look.back:
        pen.chord((x - r * 1.06, y - r * 1.1, x + r * 1.06, y + r * 0.9), 180, 360, fill=hair)
        if r > 7:
            for side in (-0.36, 0.36):
                e = r * 0.11
                pen.ellipse((x + side * r - e, y + r * 0.14 - e, x + side * r + e, y + r * 0.14 + e), fill=c.lit((50, 40, 44)))
            pen.arc((x - r * 0.4, y - r * 0.05, x + r * 0.4, y + r * 0.62), 30, 150, fill=c.lit((170, 84, 80)), width=max(1, round(r * 0.12)))
    if look.hat:
        _hat(c, x, y, r, look)


def _hat(c: Canvas, x: float, y: float, r: float, look: Look) -> None:
    colour = look.hat_colour
    if look.hat == "helmet":
        c.dome(x, y + r * 0.1, r * 1.22, r * 1.35, colour)
        c.rect(x - r * 1.22, y - r * 0.05, x + r * 1.22, y + r * 0.2, darker(colour))
    elif look.hat == "party":
        c.poly([(x - r * 0.75, y - r * 0.6), (x + r * 0.75, y - r * 0.6), (x, y - r * 2.6)], colour)
        c.disc(x, y - r * 2.6, r * 0.26, PAINT["white"])
    elif look.hat == "witch":
        c.poly([(x - r * 0.85, y - r * 0.6), (x + r * 0.85, y - r * 0.6), (x + r * 0.3, y - r * 2.8)], colour)
        c.disc(x, y - r * 0.6, r * 1.55, colour, r * 0.3)
    elif look.hat == "santa":
        c.poly([(x - r, y - r * 0.4), (x + r, y - r * 0.4), (x + r * 1.2, y - r * 2.1)], PAINT["red"])
        c.rect(x - r * 1.1, y - r * 0.65, x + r * 1.1, y - r * 0.2, PAINT["white"])
        c.disc(x + r * 1.2, y - r * 2.1, r * 0.36, PAINT["white"])
    elif look.hat == "cap":
        c.dome(x, y - r * 0.1, r * 1.1, r * 1.1, colour)
    elif look.hat == "veil":
        c.poly([(x - r * 0.9, y - r * 0.7), (x + r * 0.9, y - r * 0.7), (x + r * 2.0, y + r * 5), (x - r * 2.0, y + r * 5)], colour)
        c.disc(x, y, r, look.skin)
        c.dome(x, y - r * 0.15, r * 1.05, r * 1.0, look.hair)
