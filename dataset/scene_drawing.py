"""The picture of a scene: its people, the things that stand in it or are carried, and how they are put together."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from random import Random

from PIL import Image

from gatherset.dataset.scene_places import (
    HEIGHT,
    PAINT,
    RGB,
    STREET,
    WIDTH,
    Canvas,
    Point,
    backdrop,
    darker,
    lighter,
    mix,
    tiers,
    tree,
    weather,
)
from gatherset.dataset.scenes import CARRIED, Scene, Thing

SKINS: tuple[RGB, ...] = ((250, 214, 186), (236, 188, 152), (205, 150, 110), (160, 108, 76), (112, 76, 56))
HAIRS: tuple[RGB, ...] = ((44, 36, 34), (84, 56, 40), (130, 88, 52), (206, 164, 92), (150, 74, 44), (176, 174, 172))
TROUSERS: tuple[RGB, ...] = ((62, 74, 108), (74, 70, 78), (112, 98, 84), (54, 58, 66), (98, 108, 130))


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


# Soft things that shine or drift


def flames(c: Canvas, x: float, y: float, w: float, h: float) -> None:
    """Fire that is `w` wide and `h` high and stands on `y`."""
    c.glow(x, y - h * 0.5, max(w, h) * 1.5, (255, 150, 60), 0.85)
    for colour, share in (((232, 84, 40), 1.0), ((250, 152, 48), 0.72), ((255, 224, 120), 0.42)):
        tongues = 4
        for k in range(tongues):
            tx = x + (k - (tongues - 1) / 2) * w / tongues * 0.9 * (0.5 + share / 2)
            top = h * share * c.rng.uniform(0.65, 1.0)
            half = w / tongues * 0.8 * (0.5 + share / 2)
            lean = c.rng.uniform(-0.3, 0.3) * half
            c.poly([(tx - half, y), (tx - half * 0.9, y - top * 0.35), (tx + lean, y - top), (tx + half * 0.9, y - top * 0.35), (tx + half, y)], colour, own=True)


def smoke(c: Canvas, x: float, y: float, size: float, rise: float, colour: RGB) -> None:
    """A plume that grows from (x, y) up to `rise` pixels and drifts aside."""
    drift = c.rng.choice((-1, 1)) * c.rng.uniform(0.15, 0.5)
    for k in range(9):
        t = k / 8
        sway = c.rng.uniform(-0.3, 0.3) * size
        c.puff(x + drift * rise * t * t + sway, y - rise * t, size * (0.45 + t * 0.9), lighter(colour, 0.05 + 0.2 * t), 0.85 - 0.5 * t)


# What is carried: (hand x, hand y, height of the bearer, colour)


def _placard(c: Canvas, x: float, y: float, h: float, colour: RGB) -> None:
    w, t, lean = 0.27 * h, 0.2 * h, c.rng.uniform(-0.08, 0.08)
    top = y - 0.36 * h
    c.line([(x, y + 0.1 * h), (x + lean * h, top)], 0.035 * h, PAINT["wood"])
    cx = x + lean * h
    board = [(cx - w, top - t + lean * w), (cx + w, top - t - lean * w), (cx + w, top + t - lean * w), (cx - w, top + t + lean * w)]
    c.poly(board, colour)
    ink = PAINT["white"] if sum(colour) < 560 else PAINT["black"]
    for k, share in enumerate((0.75, 0.55, 0.68)):
        ly = top - t * 0.5 + k * t * 0.5
        c.line([(cx - w * share, ly + lean * w * share), (cx + w * share, ly - lean * w * share)], 0.045 * h, ink)


def _flag(c: Canvas, x: float, y: float, h: float, colour: RGB, size: float = 1.0) -> None:
    top = y - 0.62 * h * size
    c.line([(x, y + 0.1 * h), (x, top)], 0.035 * h * size, PAINT["wood"])
    w, t = 0.62 * h * size, 0.36 * h * size
    upper = [(x + w * k / 4, top + 0.05 * h * size * math.sin(k * 1.5)) for k in range(5)]
    c.poly([*upper, *((px - 0.01 * h, py + t) for px, py in reversed(upper))], colour)


def _candle(c: Canvas, x: float, y: float, h: float, colour: RGB) -> None:
    c.glow(x, y - 0.12 * h, 0.5 * h, (255, 200, 110), 0.9)
    c.rect(x - 0.03 * h, y - 0.1 * h, x + 0.03 * h, y + 0.04 * h, PAINT["white"])
    c.disc(x, y - 0.15 * h, 0.035 * h, (255, 214, 110), 0.065 * h, own=True)


def _phone(c: Canvas, x: float, y: float, h: float, colour: RGB) -> None:
    c.rect(x - 0.04 * h, y - 0.12 * h, x + 0.04 * h, y + 0.03 * h, PAINT["black"])
    c.disc(x, y - 0.05 * h, 0.05 * h, (255, 255, 250), own=True)
    c.glow(x, y - 0.05 * h, 0.42 * h, (226, 236, 255), 1.0)


def _umbrella(c: Canvas, x: float, y: float, h: float, colour: RGB) -> None:
    c.line([(x, y + 0.1 * h), (x, y - 0.3 * h)], 0.03 * h, PAINT["black"])
    c.dome(x, y - 0.08 * h, 0.46 * h, 0.34 * h, colour)
    c.dome(x, y - 0.08 * h, 0.17 * h, 0.34 * h, darker(colour, 0.12))


def _suitcase(c: Canvas, x: float, y: float, h: float, colour: RGB) -> None:
    c.line([(x - 0.05 * h, y + 0.1 * h), (x - 0.05 * h, y), (x + 0.05 * h, y), (x + 0.05 * h, y + 0.1 * h)], 0.03 * h, PAINT["black"])
    c.rect(x - 0.14 * h, y + 0.08 * h, x + 0.14 * h, y + 0.44 * h, colour)
    c.rect(x - 0.14 * h, y + 0.2 * h, x + 0.14 * h, y + 0.24 * h, darker(colour, 0.3))


def _bag(c: Canvas, x: float, y: float, h: float, colour: RGB) -> None:
    c.line([(x - 0.05 * h, y + 0.1 * h), (x, y), (x + 0.05 * h, y + 0.1 * h)], 0.025 * h, darker(colour, 0.4))
    c.poly([(x - 0.11 * h, y + 0.08 * h), (x + 0.11 * h, y + 0.08 * h), (x + 0.13 * h, y + 0.34 * h), (x - 0.13 * h, y + 0.34 * h)], colour)


def _scarf(c: Canvas, x: float, y: float, h: float, colour: RGB) -> None:
    c.rect(x - 0.42 * h, y - 0.06 * h, x + 0.08 * h, y + 0.08 * h, colour)
    c.rect(x - 0.25 * h, y - 0.06 * h, x - 0.1 * h, y + 0.08 * h, PAINT["white"])


def _flare(c: Canvas, x: float, y: float, h: float, colour: RGB) -> None:
    c.line([(x, y + 0.06 * h), (x, y - 0.12 * h)], 0.05 * h, PAINT["black"])
    c.glow(x, y - 0.15 * h, 0.6 * h, colour, 1.0)
    for k in range(4):
        c.puff(x + 0.12 * h * k, y - (0.2 + 0.2 * k) * h, (0.14 + 0.07 * k) * h, colour, 0.8 - 0.15 * k)
    c.disc(x, y - 0.14 * h, 0.05 * h, (255, 244, 214), own=True)


# How it is carried: arms of the bearer, and what is drawn at the hand; a hat is worn
BURDENS: dict[str, tuple[str, Callable[[Canvas, float, float, float, RGB], None]]] = {
    "placards": ("one", _placard), "posters": ("one", _placard), "flags": ("one", partial(_flag, size=1.15)),
    "hand flags": ("one", partial(_flag, size=0.6)), "candles": ("one", _candle), "phone lights": ("one", _phone),
    "umbrellas": ("one", _umbrella), "suitcases": ("down", _suitcase), "shopping bags": ("down", _bag),
    "scarves": ("up", _scarf), "flares": ("one", _flare),
}  # fmt: skip
HATS = {"party hats": "party", "witch hats": "witch"}


# Things that stand on the ground: (x, y of the foot, height of a person there, colour, thing)


def _banner(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    half, top, low = 1.55 * u, y - 0.92 * u, y - 0.3 * u
    for k in range(4):
        person(c, x + (k - 1.5) * half * 0.62, y, u, passer_by(c.rng, PAINT["navy"], arms="up"))
    for sign in (-1, 1):
        c.line([(x + sign * half, y), (x + sign * half, top - 0.22 * u)], 0.06 * u, PAINT["wood"])
    c.poly([(x - half, top), (x, top + 0.05 * u), (x + half, top), (x + half, low), (x, low + 0.06 * u), (x - half, low)], colour)
    ink = PAINT["white"] if sum(colour) < 560 else PAINT["black"]
    for row, share in ((0.2, 0.8), (0.42, 0.62)):
        bx = x - half * share
        while bx < x + half * share:
            word = u * c.rng.uniform(0.18, 0.42)
            c.rect(bx, top + row * u - 0.06 * u, min(bx + word, x + half * share), top + row * u + 0.06 * u, ink)
            bx += word + 0.09 * u


def _megaphone(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    c.rect(x - 0.36 * u, y - 0.34 * u, x + 0.36 * u, y, PAINT["wood"])
    c.rect(x - 0.36 * u, y - 0.34 * u, x + 0.36 * u, y - 0.28 * u, lighter(PAINT["wood"]))
    hx, hy = person(c, x, y - 0.34 * u, u, passer_by(c.rng, PAINT["black"], arms="one"))
    hy += 0.14 * u
    c.poly([(hx - 0.08 * u, hy - 0.05 * u), (hx + 0.34 * u, hy - 0.22 * u), (hx + 0.34 * u, hy + 0.2 * u), (hx - 0.08 * u, hy + 0.07 * u)], colour)
    c.disc(hx + 0.34 * u, hy, 0.07 * u, darker(colour, 0.3), 0.21 * u)


def _tents(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    for k in range(thing.count):
        tx, ty = x + (k - (thing.count - 1) / 2) * 1.25 * u, y - 0.18 * u * (k % 2)
        c.poly([(tx - 0.68 * u, ty), (tx, ty - 1.0 * u), (tx + 0.68 * u, ty)], colour)
        c.poly([(tx, ty - 1.0 * u), (tx + 0.68 * u, ty), (tx + 0.3 * u, ty)], darker(colour, 0.25))
        c.poly([(tx - 0.2 * u, ty), (tx, ty - 0.62 * u), (tx + 0.14 * u, ty)], darker(colour, 0.6))


def _podium(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    low = y - 0.75 * u
    c.poly([(x - 1.5 * u, low), (x + 1.5 * u, low), (x + 1.65 * u, y), (x - 1.65 * u, y)], PAINT["navy"])
    c.rect(x - 1.5 * u, low - 0.06 * u, x + 1.5 * u, low + 0.05 * u, lighter(PAINT["navy"]))
    c.glow(x, low - 0.6 * u, 1.8 * u, (255, 240, 210), 0.55)
    person(c, x, low, u, passer_by(c.rng, PAINT["black"], arms="wide", long=""))
    c.poly([(x - 0.06 * u, low - 0.8 * u), (x + 0.06 * u, low - 0.8 * u), (x, low - 0.62 * u)], PAINT["white"])
    c.poly([(x - 0.36 * u, low - 0.5 * u), (x + 0.36 * u, low - 0.5 * u), (x + 0.28 * u, low), (x - 0.28 * u, low)], colour)
    c.star(x, low - 0.26 * u, 0.13 * u, PAINT["white"] if sum(colour) < 640 else PAINT["blue"])
    c.line([(x - 0.1 * u, low - 0.5 * u), (x - 0.03 * u, low - 0.66 * u)], 0.03 * u, PAINT["black"])


def _flagpoles(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    gap = WIDTH / (thing.count + 0.4)
    for k in range(thing.count):
        px = (k + 0.45) * gap
        top = y - 2.7 * u
        c.line([(px, y), (px, top)], 0.07 * u, PAINT["silver"])
        w = min(0.95 * u, gap * 0.75)
        upper = [(px + w * j / 4, top + 0.08 * u * math.sin(j * 1.4 + k)) for j in range(5)]
        c.poly([*upper, *((a, b + 0.62 * u) for a, b in reversed(upper))], colour)


def _screen(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    for sign in (-1, 1):
        c.line([(x + sign * 1.05 * u, y), (x + sign * 1.05 * u, y - 1.3 * u)], 0.12 * u, PAINT["grey"])
    c.rect(x - 1.3 * u, y - 2.85 * u, x + 1.3 * u, y - 1.25 * u, PAINT["black"])
    c.rect(x - 1.2 * u, y - 2.75 * u, x + 1.2 * u, y - 1.35 * u, colour, own=True)
    box = c.rng.choice(SKINS)
    c.poly([(x - 0.6 * u, y - 1.35 * u), (x - 0.45 * u, y - 1.75 * u), (x + 0.45 * u, y - 1.75 * u), (x + 0.6 * u, y - 1.35 * u)], darker(colour, 0.6), own=True)
    c.disc(x, y - 2.1 * u, 0.36 * u, box, 0.42 * u, own=True)
    c.pen.chord((x - 0.4 * u, y - 2.58 * u, x + 0.4 * u, y - 1.8 * u), 180, 360, fill=c.rng.choice(HAIRS))
    if c.dark:
        c.glow(x, y - 2.0 * u, 2.4 * u, colour, 0.5)


def _scoreboard(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    top = 26 if c.inside else 30
    c.line([(x, 0), (x, top + 20)], 8, PAINT["grey"])
    c.rect(x - 92, top, x + 92, top + 74, darker(colour, 0.3))
    c.rect(x - 84, top + 8, x + 84, top + 66, PAINT["black"])
    for sign in (-1, 1):
        c.rect(x + sign * 42 - 26, top + 18, x + sign * 42 + 26, top + 56, colour, own=True)
        c.rect(x + sign * 42 - 8, top + 26, x + sign * 42 + 8, top + 48, (30, 30, 38), own=True)
    c.disc(x, top + 30, 4, (255, 240, 200), own=True)
    c.disc(x, top + 44, 4, (255, 240, 200), own=True)


@dataclass(frozen=True)
class Vehicle:
    """A vehicle seen from the side, in heights of a person."""

    length: float
    height: float
    windows: int = 0  # in the body, behind the cab
    beacon: bool = False  # a blue light on the roof


VEHICLES = {
    "speaker van": Vehicle(2.0, 0.95, 1), "water cannon": Vehicle(2.7, 1.15, 1, True), "fire engine": Vehicle(2.9, 1.1, 2, True),
    "ambulance": Vehicle(2.2, 1.1, 1, True), "bus": Vehicle(3.2, 1.25, 6), "relief truck": Vehicle(2.6, 1.2), "camera van": Vehicle(2.0, 1.0, 1),
}  # fmt: skip


def _vehicle(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    shape = VEHICLES[thing.kind]
    way = 1 if x < WIDTH / 2 else -1  # the cab looks into the picture
    half, top, low = shape.length * u / 2, y - (0.14 + shape.height) * u, y - 0.16 * u
    c.disc(x, y, half * 1.05, darker(mix(c.sky[-1], (90, 90, 96), 0.8)), 0.1 * u)
    c.pen.rounded_rectangle((x - half, top, x + half, low), 0.12 * u, fill=c.lit(colour))
    c.rect(x - half, low - 0.3 * u, x + half, low - 0.18 * u, PAINT["white"] if thing.colour != "white" else PAINT["red"])
    cab = x + way * half * 0.78
    c.rect(cab - 0.22 * u, top + 0.16 * u, cab + 0.2 * u, top + 0.5 * u, PAINT["glass"])
    for k in range(shape.windows):
        wx = x - way * half + way * (k + 0.6) * half * 1.5 / (shape.windows + 0.2)
        w = min(0.2 * u, half * 0.5 / shape.windows * 1.1)
        c.rect(wx - w, top + 0.16 * u, wx + w, top + 0.46 * u, _pane(c), own=True)
    for sign in (-0.62, 0.62):
        c.disc(x + sign * half, y - 0.14 * u, 0.2 * u, PAINT["tyre"])
        c.disc(x + sign * half, y - 0.14 * u, 0.09 * u, PAINT["silver"])
    if shape.beacon:
        c.rect(cab - 0.14 * u, top - 0.1 * u, cab + 0.14 * u, top, (84, 156, 255), own=True)
        c.glow(cab, top - 0.05 * u, 1.1 * u, (70, 130, 255), 0.9 if c.dark else 0.55)
    if thing.kind == "ambulance":
        m = x - way * half * 0.1
        for a, b in ((0.2, 0.07), (0.07, 0.2)):
            c.rect(m - a * u, top + (0.42 - b) * u, m + a * u, top + (0.42 + b) * u, PAINT["red"])
    elif thing.kind == "fire engine":
        c.line([(x - way * half, top - 0.06 * u), (x + way * half * 0.4, top - 0.42 * u)], 0.16 * u, PAINT["silver"])
        for k in range(7):
            lx = x - way * half + way * half * 1.4 * (k + 0.5) / 7
            c.line([(lx, top - 0.02 * u - 0.36 * u * k / 7), (lx, top - 0.14 * u - 0.36 * u * k / 7)], 0.05 * u, PAINT["grey"])
    elif thing.kind == "water cannon":
        nozzle = (x + way * half * 0.5, top - 0.16 * u)
        c.line([(x + way * half * 0.2, top), nozzle], 0.13 * u, darker(colour))
        reach = 2.6 * u
        arc = [(nozzle[0] + way * reach * t, nozzle[1] - 1.1 * u * math.sin(t * 2.4)) for t in (0, 0.2, 0.4, 0.6, 0.8, 1.0)]
        c.line(arc, 0.1 * u, (214, 236, 248))
        c.puff(*arc[-1], 0.5 * u, (220, 238, 248), 0.7)
    elif thing.kind == "speaker van":
        for dx in (-0.4, 0.1):
            c.rect(x + dx * u, top - 0.34 * u, x + (dx + 0.36) * u, top, PAINT["black"])
            c.disc(x + (dx + 0.18) * u, top - 0.17 * u, 0.11 * u, PAINT["grey"])
    elif thing.kind == "relief truck":
        c.poly([(x - way * half * 1.0, top), (x + way * half * 0.5, top), (x + way * half * 0.46, top - 0.22 * u), (x - way * half * 0.96, top - 0.22 * u)], darker(colour, 0.2))


def _pane(c: Canvas) -> RGB:
    return (255, 226, 150) if c.dark else c.lit(PAINT["glass"])


def _car(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    tip = 0.16 * u if thing.kind == "crashed car" else 0.0
    c.disc(x, y, 1.2 * u, darker(mix(c.sky[-1], (90, 90, 96), 0.8)), 0.1 * u)
    body = [(-1.15, -0.18), (-1.15, -0.42), (-0.75, -0.5), (0.8, -0.5), (1.15, -0.38), (1.15, -0.18)]
    roof = [(-0.72, -0.48), (-0.46, -0.82), (0.36, -0.82), (0.68, -0.48)]
    if thing.kind == "open car":
        hx, hy = person(c, x, y - 0.28 * u, u, passer_by(c.rng, PAINT["black"], arms="one", long=""))
        c.disc(hx, hy, 0.04 * u, PAINT["white"])
    else:
        c.poly([(x + a * u, y + b * u - tip * a) for a, b in roof], darker(colour, 0.1))
        for a, b in ((-0.6, -0.06), (0.0, 0.52)):
            c.poly([(x + (a + 0.06) * u, y - 0.5 * u - tip * a), (x + (a + 0.16) * u, y - 0.76 * u - tip * a), (x + (b - 0.1) * u, y - 0.76 * u - tip * b), (x + b * u, y - 0.5 * u - tip * b)], PAINT["glass"])
    c.poly([(x + a * u, y + b * u - tip * a) for a, b in body], colour)
    for a in (-0.68, 0.7):
        c.disc(x + a * u, y - 0.16 * u - tip * a, 0.19 * u, PAINT["tyre"])
        c.disc(x + a * u, y - 0.16 * u - tip * a, 0.08 * u, PAINT["silver"])
    if thing.kind == "burning car":
        smoke(c, x, y - 0.9 * u, 0.6 * u, 2.3 * u, (70, 66, 72))
        flames(c, x - 0.1 * u, y - 0.44 * u, 1.7 * u, 1.25 * u)
    elif thing.kind == "crashed car":
        c.poly([(x + 0.8 * u, y - 0.6 * u), (x + 1.25 * u, y - 0.7 * u), (x + 1.0 * u, y - 0.3 * u)], darker(colour, 0.35))
        smoke(c, x + 0.9 * u, y - 0.65 * u, 0.26 * u, 1.3 * u, (196, 196, 200))


def _row(c: Canvas, x: float, y: float, u: float, count: int, gap: float, look: Callable[[int], Look], rows: int = 1) -> list[Point]:
    """`count` persons side by side in `rows`; the answer is where their right hands are, from the back row to the front."""
    hands = []
    each = math.ceil(count / rows)
    for row in range(rows):
        members = range(row * each, min(count, (row + 1) * each))
        for k, member in enumerate(members):
            px = x + (k - (len(members) - 1) / 2 + 0.25 * (row % 2)) * gap * u
            hands.append(person(c, px, y + (row - rows + 1) * 0.3 * u, u, look(member)))
    return hands


def _police(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    def officer(_: int) -> Look:
        return Look(PAINT["navy"], (34, 38, 56), c.rng.choice(SKINS), arms="front", hat="helmet", hat_colour=(44, 60, 104))

    rows = 1 if thing.count < 7 else 2
    each = math.ceil(thing.count / rows)
    for row in range(rows):
        number = min(each, thing.count - row * each)
        base = y + (row - rows + 1) * 0.42 * u
        left = x - (number - 1) * 0.3 * u + 0.2 * u * row
        for k in range(number):
            person(c, left + k * 0.6 * u, base, u, officer(k))
        for k in range(number):
            sx = left + k * 0.6 * u
            c.pen.rounded_rectangle((sx - 0.23 * u, base - 0.72 * u, sx + 0.23 * u, base - 0.1 * u), 0.08 * u, fill=c.lit((176, 208, 230)), outline=c.lit((58, 74, 110)), width=max(1, round(0.035 * u)))
            c.rect(sx - 0.17 * u, base - 0.5 * u, sx + 0.17 * u, base - 0.38 * u, PAINT["navy"])


def _uniformed(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    kind, rng = thing.kind, c.rng

    def look(_: int) -> Look:
        skin, hair = rng.choice(SKINS), rng.choice(HAIRS)
        if kind == "firefighters":
            return Look((56, 58, 70), (56, 58, 70), skin, hair, arms=rng.choice(("front", "down", "one")), hat="helmet", hat_colour=colour)
        if kind == "paramedics":
            return Look(colour, darker(colour, 0.35), skin, hair, arms="front", hat="cap", hat_colour=PAINT["white"])
        if kind == "monks":
            return Look(colour, colour, skin, skin, arms="front", long="robe")
        if kind == "choir":
            return Look(colour, colour, skin, hair, arms="front", long="robe")
        if kind == "dancers":
            return Look(colour, darker(colour, 0.1), skin, hair, pose="walk", arms=rng.choice(("up", "wide")), long="skirt")
        if kind == "runners":
            return Look(colour, rng.choice(TROUSERS), skin, hair, pose="run", arms="front")
        return Look(colour, TROUSERS[3], skin, hair, arms="front")  # drummers

    if kind == "dancers":
        for k in range(thing.count):  # fans of feathers behind the heads
            dx = x + (k - (thing.count - 1) / 2) * 0.66 * u
            for angle in range(-160, -10, 25):
                a = math.radians(angle)
                c.line([(dx, y - 0.8 * u), (dx + 0.42 * u * math.cos(a), y - 0.85 * u + 0.42 * u * math.sin(a))], 0.09 * u, lighter(colour, 0.25))
    if kind == "runners":
        for k in range(thing.count):
            depth = (k % 3 - 2) * 0.42 * u
            runner = y + depth
            h = c.height(runner)
            rx = x + (k - (thing.count - 1) / 2) * 0.44 * u
            person(c, rx, runner, h, look(k))
            c.rect(rx - 0.08 * h, runner - 0.68 * h, rx + 0.08 * h, runner - 0.52 * h, PAINT["white"])
        return
    gap = {"choir": 0.42, "dancers": 0.66}.get(kind, 0.52)
    rows = 2 if thing.count > 5 else 1
    _row(c, x, y, u, thing.count, gap, look, rows)
    if kind == "firefighters":
        for k in range(thing.count if rows == 1 else 0):
            fx = x + (k - (thing.count - 1) / 2) * gap * u
            c.rect(fx - 0.13 * u, y - 0.56 * u, fx + 0.13 * u, y - 0.51 * u, PAINT["yellow"])
    if kind == "drummers":
        for k in range(thing.count):
            fx = x + (k - (thing.count - 1) / 2) * gap * u
            c.rect(fx - 0.2 * u, y - 0.52 * u, fx + 0.2 * u, y - 0.26 * u, darker(colour, 0.25))
            c.disc(fx, y - 0.52 * u, 0.2 * u, PAINT["white"], 0.07 * u)


def _barricade(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    smoke(c, x, y - 0.6 * u, 0.6 * u, 2.4 * u, (74, 70, 76))
    for k in range(7):
        c.disc(x + (k - 3) * 0.3 * u, y - 0.16 * u, 0.2 * u, PAINT["tyre"])
        c.disc(x + (k - 3) * 0.3 * u, y - 0.16 * u, 0.08 * u, (90, 88, 92))
    for k in range(3):
        c.line([(x + (k - 1.6) * 0.55 * u, y - 0.05 * u), (x + (k - 0.4) * 0.5 * u, y - 0.62 * u)], 0.09 * u, PAINT["brown"])
    flames(c, x, y - 0.2 * u, 1.9 * u, 1.1 * u)


def _tear_gas(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    pale = mix(colour, (226, 228, 226), 0.45)
    for k in range(11):
        c.puff(x + c.rng.uniform(-1.5, 1.5) * u, y - c.rng.uniform(0.1, 1.3) * u, c.rng.uniform(0.45, 0.85) * u, pale, 0.62)
    c.rect(x - 0.12 * u, y - 0.08 * u, x + 0.12 * u, y, PAINT["grey"])


def _bottles(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    for _ in range(thing.count):
        bx, by = x + c.rng.uniform(-1.2, 1.2) * u, y + c.rng.uniform(-0.2, 0.2) * u
        c.poly([(bx - 0.12 * u, by), (bx, by - 0.1 * u), (bx + 0.12 * u, by)], (96, 160, 110))


def _float(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    low = y - 0.85 * u
    for k in range(3):
        person(c, x + (k - 1) * 0.85 * u - (0.3 * u if k == 1 else 0), low, u * 0.9, passer_by(c.rng, lighter(colour, 0.45), arms=c.rng.choice(("up", "one", "wide"))))
    c.pen.rounded_rectangle((x - 1.7 * u, low, x + 1.7 * u, y - 0.08 * u), 0.16 * u, fill=c.lit(colour))
    for k in range(9):
        c.dome(x + (k - 4) * 0.38 * u, low + 0.3 * u, 0.19 * u, -0.01, colour)
        c.disc(x + (k - 4) * 0.38 * u, low + 0.06 * u, 0.19 * u, lighter(colour, 0.45), 0.14 * u)
    for k in range(5):
        c.star(x + (k - 2) * 0.64 * u, y - 0.42 * u, 0.15 * u, PAINT["yellow"] if thing.colour != "yellow" else PAINT["red"])
    for sign in (-1, 1):
        c.disc(x + sign * 1.1 * u, y - 0.08 * u, 0.16 * u, PAINT["tyre"])
    for k in range(6):  # a great flower at the end
        a = k * math.pi / 3
        c.disc(x + 1.35 * u + 0.3 * u * math.cos(a), low - 0.55 * u + 0.3 * u * math.sin(a), 0.22 * u, lighter(colour, 0.2))
    c.disc(x + 1.35 * u, low - 0.55 * u, 0.2 * u, PAINT["yellow"] if thing.colour != "yellow" else PAINT["orange"])


def _balloons(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    for k in range(thing.count):
        a = -math.pi / 2 + (k - (thing.count - 1) / 2) * min(0.34, 2.2 / thing.count)
        r = (1.55 + 0.34 * (k % 2)) * u
        bx, by = x + r * math.cos(a) * 0.8, y - 0.3 * u + r * math.sin(a)
        c.line([(x, y - 0.1 * u), (bx, by)], 0.02 * u, PAINT["grey"])
        c.disc(bx, by, 0.2 * u, colour, 0.25 * u)
        c.poly([(bx - 0.05 * u, by + 0.3 * u), (bx + 0.05 * u, by + 0.3 * u), (bx, by + 0.22 * u)], darker(colour))
        c.disc(bx - 0.07 * u, by - 0.09 * u, 0.045 * u, lighter(colour, 0.6), 0.07 * u)
    c.disc(x, y - 0.06 * u, 0.1 * u, PAINT["grey"], 0.07 * u)


def _ferris(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    r = min(2.5 * u, (y - 30) / 2.3, 190.0)
    cy = y - r * 1.15
    for sign in (-1, 1):
        c.line([(x, cy), (x + sign * r * 0.5, y)], 0.05 * r, PAINT["grey"])
    for share in (1.0, 0.9):
        c.pen.ellipse((x - r * share, cy - r * share, x + r * share, cy + r * share), outline=c.lit(PAINT["silver"]), width=max(2, round(r * 0.03)))
    for k in range(12):
        a = k * math.pi / 6 + 0.13
        gx, gy = x + r * math.cos(a), cy + r * math.sin(a)
        c.line([(x, cy), (gx, gy)], 0.015 * r, PAINT["silver"])
        c.rect(gx - 0.085 * r, gy, gx + 0.085 * r, gy + 0.14 * r, colour, own=c.night)
        c.dome(gx, gy + 0.02 * r, 0.1 * r, 0.08 * r, lighter(colour, 0.4))
        if c.night:
            c.glow(gx, gy, 0.22 * r, colour, 0.7)
    c.disc(x, cy, 0.09 * r, colour)


def _big_tent(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    w, top = 1.6 * u, y - 1.2 * u
    for k in range(8):
        shade = colour if k % 2 else (PAINT["white"] if thing.colour != "white" else PAINT["red"])
        a, b = x - w + k * w / 4, x - w + (k + 1) * w / 4
        c.rect(a, top, b, y, darker(shade, 0.08))
        c.poly([(x + (a - x) * 1.14, top), (x + (b - x) * 1.14, top), (x, top - 1.2 * u)], shade)
    c.poly([(x - 0.3 * u, y), (x, top + 0.2 * u), (x + 0.3 * u, y)], darker(colour, 0.55))
    c.line([(x, top - 1.2 * u), (x, top - 1.6 * u)], 0.05 * u, PAINT["grey"])
    c.poly([(x, top - 1.6 * u), (x + 0.4 * u, top - 1.48 * u), (x, top - 1.36 * u)], colour)


def _dragon(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    points = [(x + (k / 10 - 0.5) * 4.4 * u, y - 1.28 * u + 0.24 * u * math.sin(k * 1.05 + 0.4)) for k in range(11)]
    for k in (1, 3, 5, 7, 9):
        person(c, points[k][0], y, u * 0.95, passer_by(c.rng, lighter(colour, 0.35), arms="one", pose="walk"))
        c.line([(points[k][0] + 0.17 * u, y - 1.05 * u), points[k]], 0.05 * u, PAINT["wood"])
    for k, (px, py) in enumerate(points):
        c.poly([(px - 0.12 * u, py - 0.2 * u), (px + 0.12 * u, py - 0.2 * u), (px, py - 0.46 * u)], PAINT["gold"] if thing.colour not in ("yellow",) else PAINT["red"])
        c.disc(px, py, 0.26 * u, colour if k % 2 else lighter(colour, 0.25))
    c.line(points, 0.34 * u, colour)
    for k, (px, py) in enumerate(points):
        c.disc(px, py, 0.16 * u, lighter(colour, 0.4) if k % 2 else darker(colour, 0.15))
    hx, hy = points[-1][0] + 0.24 * u, points[-1][1] - 0.12 * u
    c.disc(hx, hy, 0.4 * u, colour, 0.34 * u)
    c.poly([(hx + 0.1 * u, hy + 0.02 * u), (hx + 0.62 * u, hy - 0.06 * u), (hx + 0.6 * u, hy + 0.26 * u), (hx + 0.1 * u, hy + 0.3 * u)], colour)
    c.poly([(hx + 0.2 * u, hy + 0.14 * u), (hx + 0.6 * u, hy + 0.1 * u), (hx + 0.58 * u, hy + 0.22 * u)], PAINT["white"])
    for dx in (-0.2, 0.1):
        c.line([(hx + dx * u, hy - 0.26 * u), (hx + (dx - 0.16) * u, hy - 0.58 * u)], 0.07 * u, PAINT["gold"])
    c.disc(hx + 0.14 * u, hy - 0.1 * u, 0.1 * u, PAINT["white"])
    c.disc(hx + 0.17 * u, hy - 0.09 * u, 0.05 * u, PAINT["black"])


def _table(c: Canvas, x: float, y: float, u: float, cloth: RGB) -> float:
    """A table with a cloth; the answer is where its top is."""
    top = y - 0.46 * u
    c.poly([(x - 0.72 * u, top), (x + 0.72 * u, top), (x + 0.8 * u, y - 0.06 * u), (x - 0.8 * u, y - 0.06 * u)], cloth)
    c.disc(x, top, 0.72 * u, lighter(cloth, 0.4), 0.1 * u)
    return top


def _cake(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    top = _table(c, x, y, u, PAINT["white"] if thing.colour != "white" else PAINT["blue"])
    if thing.kind == "wedding cake":
        for k in range(3):
            w = (0.4 - 0.11 * k) * u
            c.rect(x - w, top - (k + 1) * 0.26 * u, x + w, top - k * 0.26 * u, PAINT["white"])
            c.rect(x - w, top - k * 0.26 * u - 0.06 * u, x + w, top - k * 0.26 * u, PAINT["pink"])
        c.disc(x, top - 0.82 * u, 0.07 * u, PAINT["red"])
        return
    c.rect(x - 0.5 * u, top - 0.32 * u, x + 0.5 * u, top, colour)
    c.rect(x - 0.5 * u, top - 0.32 * u, x + 0.5 * u, top - 0.22 * u, lighter(colour, 0.6))
    for k in range(6):
        c.disc(x + (k - 2.5) * 0.17 * u, top - 0.22 * u, 0.07 * u, lighter(colour, 0.6))
    for k in range(thing.count):
        cx = x + (k - (thing.count - 1) / 2) * 0.9 * u / max(thing.count, 5)
        c.rect(cx - 0.022 * u, top - 0.54 * u, cx + 0.022 * u, top - 0.32 * u, PAINT["blue"] if thing.colour != "blue" else PAINT["red"])
        c.disc(cx, top - 0.6 * u, 0.032 * u, (255, 206, 96), 0.06 * u, own=True)
    c.glow(x, top - 0.55 * u, 0.9 * u, (255, 196, 110), 0.6)


def _presents(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    for k in range(thing.count):
        s = u * (0.17 + 0.05 * (k * 7 % 3))
        px, py = x + (k - (thing.count - 1) / 2) * 0.38 * u, y + 0.05 * u * (k % 2)
        ribbon = PAINT["yellow"] if thing.colour not in ("yellow", "white") else PAINT["red"]
        c.rect(px - s, py - 2 * s, px + s, py, colour if k % 2 else darker(colour, 0.14))
        c.rect(px - s * 0.18, py - 2 * s, px + s * 0.18, py, ribbon)
        c.rect(px - s, py - 1.25 * s, px + s, py - 0.95 * s, ribbon)
        for sign in (-1, 1):
            c.disc(px + sign * s * 0.32, py - 2.15 * s, s * 0.32, ribbon, s * 0.2)


def _christmas_tree(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    c.rect(x - 0.1 * u, y - 0.3 * u, x + 0.1 * u, y, PAINT["brown"])
    c.rect(x - 0.24 * u, y - 0.14 * u, x + 0.24 * u, y + 0.04 * u, PAINT["red"])
    for k in range(3):
        w, low = (0.85 - 0.2 * k) * u, y - (0.24 + 0.5 * k) * u
        c.poly([(x - w, low), (x + w, low), (x, low - 0.86 * u)], mix((44, 120, 78), (70, 150, 96), k / 3))
        for j in range(4 - k):
            bx, by = x + (j - (3 - k) / 2) * 0.4 * u, low - 0.12 * u - 0.06 * u * (j % 2)
            c.disc(bx, by, 0.075 * u, colour, own=True)
            c.glow(bx, by, 0.24 * u, colour, 0.6)
    c.star(x, y - 2.12 * u, 0.18 * u, (255, 220, 90), own=True)
    c.glow(x, y - 2.12 * u, 0.6 * u, (255, 220, 120), 0.7)


def _santa(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    red = PAINT["red"]
    hx, hy = person(c, x, y, u * 1.05, Look(red, red, SKINS[0], PAINT["white"], arms="one", hat="santa"))
    c.rect(x - 0.14 * u, y - 0.5 * u, x + 0.14 * u, y - 0.44 * u, PAINT["black"])
    c.disc(x, y - 0.84 * u, 0.1 * u, PAINT["white"], 0.11 * u)
    c.disc(x - 0.34 * u, y - 0.2 * u, 0.26 * u, PAINT["brown"], 0.3 * u)


def _couple(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    white = (252, 250, 248)
    person(c, x + 0.24 * u, y, u * 1.05, Look(colour, darker(colour, 0.2), c.rng.choice(SKINS), c.rng.choice(HAIRS)))
    c.poly([(x + 0.19 * u, y - 0.83 * u), (x + 0.29 * u, y - 0.83 * u), (x + 0.24 * u, y - 0.62 * u)], white)
    c.poly([(x - 0.32 * u, y - 0.5 * u), (x - 0.12 * u, y - 0.5 * u), (x + 0.12 * u, y), (x - 0.62 * u, y)], white)
    person(c, x - 0.24 * u, y, u, Look(white, white, c.rng.choice(SKINS[:4]), c.rng.choice(HAIRS[:5]), arms="front", long="robe", hat="veil", hat_colour=(236, 236, 244)))
    for k in range(5):
        c.disc(x - 0.24 * u + 0.07 * u * math.cos(k * 1.26), y - 0.56 * u + 0.06 * u * math.sin(k * 1.26), 0.05 * u, PAINT["pink"])


def _arch(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    for k in range(25):
        a = math.pi * k / 24
        px, py = x - 0.95 * u * math.cos(a), y - 0.95 * u - 0.85 * u * math.sin(a)
        if k in (0, 24):
            for j in range(5):
                c.disc(px, y - j * 0.22 * u, 0.12 * u, PAINT["leaf"] if j % 2 else colour)
        c.disc(px, py, 0.15 * u, PAINT["leaf"] if k % 3 == 0 else colour)
        c.disc(px + 0.04 * u, py - 0.05 * u, 0.07 * u, lighter(colour, 0.4))


def _pumpkins(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    for k in range(thing.count):
        px, py, r = x + (k - (thing.count - 1) / 2) * 0.5 * u, y - 0.05 * u * (k % 2), (0.22 + 0.05 * (k % 3)) * u
        c.glow(px, py - r, r * 2.4, (255, 150, 40), 0.6)
        c.disc(px - r * 0.5, py - r * 0.8, r * 0.72, darker(PAINT["orange"], 0.12), r * 0.8)
        c.disc(px + r * 0.5, py - r * 0.8, r * 0.72, darker(PAINT["orange"], 0.12), r * 0.8)
        c.disc(px, py - r * 0.8, r * 0.75, PAINT["orange"], r * 0.86)
        c.rect(px - r * 0.12, py - r * 2.0, px + r * 0.12, py - r * 1.5, PAINT["leaf"])
        for sign in (-1, 1):
            c.poly([(px + sign * r * 0.5, py - r * 0.85), (px + sign * r * 0.15, py - r * 0.85), (px + sign * r * 0.32, py - r * 1.2)], (255, 230, 120), own=True)
        c.poly([(px - r * 0.5, py - r * 0.6), (px + r * 0.5, py - r * 0.6), (px + r * 0.2, py - r * 0.3), (px - r * 0.2, py - r * 0.3)], (255, 230, 120), own=True)


def _ghosts(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    for k in range(thing.count):
        gx, gy = x + (k - (thing.count - 1) / 2) * 0.72 * u, y - 0.12 * u * (k % 2)
        c.dome(gx, gy - 0.6 * u, 0.26 * u, 0.42 * u, (246, 246, 252))
        wave = [(gx + 0.28 * u * (j / 3 - 1), gy - (0.1 * u if j % 2 else 0)) for j in range(7)]
        c.poly([(gx - 0.26 * u, gy - 0.62 * u), *wave, (gx + 0.26 * u, gy - 0.62 * u)], (246, 246, 252))
        for sign in (-1, 1):
            c.disc(gx + sign * 0.09 * u, gy - 0.76 * u, 0.04 * u, PAINT["black"], 0.06 * u)
        c.disc(gx, gy - 0.62 * u, 0.04 * u, PAINT["black"], 0.055 * u)


def _cleric(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    rise = 0.3 * u
    c.rect(x - 0.7 * u, y - rise, x + 0.7 * u, y, darker(PAINT["stone"], 0.1))
    hat = "cap" if thing.kind == "imam" else ""
    person(c, x, y - rise, u * 1.08, Look(colour, colour, c.rng.choice(SKINS), c.rng.choice(HAIRS), arms="wide", long="robe", hat=hat, hat_colour=PAINT["white"] if thing.colour != "white" else PAINT["green"]))
    if thing.kind == "priest":
        stole = PAINT["gold"] if thing.colour != "white" else PAINT["green"]
        for sign in (-1, 1):
            c.line([(x + sign * 0.06 * u, y - rise - 0.86 * u), (x + sign * 0.07 * u, y - rise - 0.2 * u)], 0.06 * u, stole)


def _cross(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    c.glow(x, y - 1.6 * u, 1.5 * u, (255, 236, 190), 0.45)
    c.rect(x - 0.09 * u, y - 2.3 * u, x + 0.09 * u, y, colour)
    c.rect(x - 0.5 * u, y - 1.85 * u, x + 0.5 * u, y - 1.67 * u, colour)


def _altar_candles(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    for k in range(thing.count):
        cx = WIDTH * (k + 0.5) / thing.count
        c.line([(cx, y), (cx, y - 0.9 * u)], 0.05 * u, PAINT["gold"])
        c.rect(cx - 0.05 * u, y - 1.2 * u, cx + 0.05 * u, y - 0.9 * u, PAINT["white"])
        c.glow(cx, y - 1.3 * u, 0.7 * u, (255, 200, 110), 0.8)
        c.disc(cx, y - 1.3 * u, 0.045 * u, (255, 216, 120), 0.09 * u, own=True)


def _carried_statue(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    for k in range(4):
        person(c, x + (k - 1.5) * 0.5 * u, y, u, passer_by(c.rng, PAINT["black"], arms="up", pose="walk"))
    low = y - 1.12 * u
    c.rect(x - 1.1 * u, low, x + 1.1 * u, low + 0.16 * u, PAINT["wood"])
    for k in range(9):
        c.disc(x + (k - 4) * 0.2 * u, low - 0.04 * u, 0.12 * u, PAINT[("pink", "white", "red")[k % 3]])
    c.glow(x, low - 0.7 * u, 1.2 * u, (255, 230, 160), 0.5)
    person(c, x, low - 0.06 * u, u * 1.1, Look(colour, colour, SKINS[1], PAINT["white"], arms="wide", long="robe", hat="veil", hat_colour=lighter(colour, 0.4)))


def _buddha(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    gold = PAINT["gold"]
    c.rect(x - 0.9 * u, y - 0.5 * u, x + 0.9 * u, y, darker(PAINT["red"], 0.2))
    c.rect(x - 1.0 * u, y - 0.56 * u, x + 1.0 * u, y - 0.42 * u, gold)
    c.glow(x, y - 1.5 * u, 1.5 * u, (255, 224, 130), 0.5)
    c.disc(x, y - 0.78 * u, 0.85 * u, gold, 0.28 * u)
    c.poly([(x - 0.3 * u, y - 1.5 * u), (x + 0.3 * u, y - 1.5 * u), (x + 0.55 * u, y - 0.75 * u), (x - 0.55 * u, y - 0.75 * u)], gold)
    c.disc(x, y - 0.86 * u, 0.26 * u, darker(gold, 0.15), 0.09 * u)
    c.disc(x, y - 1.74 * u, 0.27 * u, lighter(gold, 0.12), 0.3 * u)
    c.disc(x, y - 2.05 * u, 0.11 * u, darker(gold, 0.2))


def _incense(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    for k in range(3):
        smoke(c, x + (k - 1) * 0.22 * u, y - 0.75 * u, 0.2 * u, 1.4 * u, (206, 206, 212))
    c.poly([(x - 0.45 * u, y - 0.6 * u), (x + 0.45 * u, y - 0.6 * u), (x + 0.28 * u, y - 0.2 * u), (x - 0.28 * u, y - 0.2 * u)], (150, 104, 60))
    c.disc(x, y - 0.6 * u, 0.45 * u, (190, 140, 80), 0.09 * u)
    for sign in (-1, 0, 1):
        c.line([(x + sign * 0.2 * u, y - 0.22 * u), (x + sign * 0.3 * u, y)], 0.08 * u, (120, 82, 50))


def _stage(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    half, low = 2.35 * u, y - 0.85 * u
    top = low - 2.3 * u
    x = min(max(x, half + 6), WIDTH - half - 6)
    c.rect(x - half, top, x + half, low, (34, 30, 52), own=True)
    for k in range(6):
        c.glow(x + (k - 2.5) * half * 0.36, top + 0.2 * u, 1.1 * u, colour, 0.9)
    shafts = [[(x + k * half * 0.3 - 0.06 * u, top + 0.1 * u), (x + k * half * 0.3 + 0.06 * u, top + 0.1 * u), (x + (k + s) * half * 0.34 + 0.5 * u, low), (x + (k + s) * half * 0.34 - 0.5 * u, low)] for k, s in ((-2.4, 0.8), (-0.8, -0.5), (0.8, 0.5), (2.4, -0.8))]
    c.beams(shafts, lighter(colour, 0.2), 0.42)
    c.poly([(x - half, low), (x + half, low), (x + half * 1.04, y), (x - half * 1.04, y)], (52, 48, 66))
    c.rect(x - half, low - 0.06 * u, x + half, low + 0.06 * u, colour, own=True)
    for sign in (-1, 1):
        c.rect(x + sign * half - 0.09 * u, top - 0.1 * u, x + sign * half + 0.09 * u, y, (110, 112, 126))
        c.rect(x + sign * half * 0.82 - 0.26 * u, low - 1.0 * u, x + sign * half * 0.82 + 0.26 * u, low, (24, 22, 30))
        for dy in (0.28, 0.72):
            c.disc(x + sign * half * 0.82, low - dy * u, 0.16 * u, (74, 72, 84))
    c.rect(x - half * 1.05, top - 0.22 * u, x + half * 1.05, top + 0.04 * u, (110, 112, 126))
    for k in range(thing.count):
        mx = x + (k - (thing.count - 1) / 2) * 0.66 * u
        player = k == thing.count // 2
        drums = thing.count > 2 and k == 0
        look = passer_by(c.rng, lighter(colour, 0.55), arms="one" if player else "front", long="")
        person(c, mx, low, u, look)
        if drums:
            for dx, r in ((-0.2, 0.15), (0.22, 0.15), (0.0, 0.24)):
                c.disc(mx + dx * u, low - 0.26 * u, r * u, PAINT["white"])
                c.disc(mx + dx * u, low - 0.26 * u, r * 0.82 * u, PAINT["red"])
        elif player:
            c.line([(mx, low), (mx, low - 0.72 * u)], 0.04 * u, PAINT["silver"])
            c.disc(mx, low - 0.74 * u, 0.05 * u, PAINT["black"])
        else:
            _guitar(c, mx, low, u, PAINT["orange"])


def _guitar(c: Canvas, x: float, y: float, u: float, colour: RGB) -> None:
    c.line([(x, y - 0.5 * u), (x + 0.42 * u, y - 0.72 * u)], 0.05 * u, PAINT["brown"])
    c.disc(x - 0.02 * u, y - 0.48 * u, 0.15 * u, colour, 0.12 * u)
    c.disc(x - 0.02 * u, y - 0.48 * u, 0.05 * u, PAINT["black"])


def _curtain_stage(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    low, top = y - 0.6 * u, 20.0
    left, right = WIDTH * 0.1, WIDTH * 0.9
    c.rect(left, top, right, low, (58, 44, 60))
    c.beams([[(x - 14, top), (x + 14, top), (x + 2.2 * u, low), (x - 2.2 * u, low)]], (255, 238, 190), 0.42)
    c.disc(x, low, 2.2 * u, (255, 240, 200), 0.2 * u)
    for k in range(thing.count):
        look = Look(lighter(colour, 0.3), PAINT["white"], c.rng.choice(SKINS), c.rng.choice(HAIRS), arms=("up", "wide", "one")[k % 3], long="skirt")
        person(c, x + (k - (thing.count - 1) / 2) * 0.85 * u, low + 0.1 * u, u * 1.12, look)
    for sign, edge in ((1, left), (-1, right)):
        for k in range(5):
            fx = edge + sign * k * WIDTH * 0.034
            c.poly([(fx, top), (fx + sign * WIDTH * 0.036, top), (fx + sign * WIDTH * (0.03 - 0.004 * k), low), (fx - sign * 4 * k, low)], darker(colour, 0.22 * (k % 2)))
    for k in range(8):
        w = (right - left) / 8
        c.dome(left + (k + 0.5) * w, top, w / 2, 0.1, colour)
        c.disc(left + (k + 0.5) * w, top + 4, w / 2, darker(colour, 0.1 * (k % 2)), 34)
    c.rect(left, 0, right, top, darker(colour, 0.2))
    c.rect(left - 30, low, right + 30, y, PAINT["brown"])
    c.rect(left - 30, low - 3, right + 30, low + 5, PAINT["gold"])


def _piano(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    y -= 0.6 * u
    c.poly([(x - 0.7 * u, y - 0.6 * u), (x - 0.5 * u, y - 1.2 * u), (x + 0.5 * u, y - 0.95 * u), (x + 0.6 * u, y - 0.6 * u)], darker(colour, 0.2))
    c.rect(x - 0.7 * u, y - 0.6 * u, x + 0.6 * u, y - 0.36 * u, colour)
    c.rect(x - 0.7 * u, y - 0.44 * u, x - 0.3 * u, y - 0.36 * u, PAINT["white"])
    for dx in (-0.6, 0.5):
        c.rect(x + dx * u - 0.04 * u, y - 0.36 * u, x + dx * u + 0.04 * u, y, darker(colour, 0.3))


def _juggler(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    c.disc(x, y, 0.9 * u, darker(colour, 0.2), 0.18 * u)
    person(c, x, y, u * 1.1, passer_by(c.rng, PAINT["black"], arms="wide", long="", hat="cap", hat_colour=colour))
    for k in range(thing.count):
        a = math.pi * (k + 0.5) / thing.count
        c.disc(x - 0.5 * u * math.cos(a), y - 0.95 * u - 0.75 * u * math.sin(a), 0.1 * u, colour)


def _guitarist(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    person(c, x, y, u, passer_by(c.rng, PAINT["white"], arms="front", long=""))
    c.line([(x, y - 0.5 * u), (x + 0.5 * u, y - 0.74 * u)], 0.06 * u, PAINT["brown"])
    c.disc(x - 0.04 * u, y - 0.46 * u, 0.19 * u, colour, 0.16 * u)
    c.disc(x - 0.04 * u, y - 0.46 * u, 0.06 * u, PAINT["black"])


def _goal(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    w, h = 1.5 * u, 1.35 * u
    for k in range(1, 9):
        c.line([(x - w + k * w / 4.5, y - h), (x - w + k * w / 4.5, y)], 1, (226, 230, 236))
    for k in range(1, 5):
        c.line([(x - w, y - k * h / 5), (x + w, y - k * h / 5)], 1, (226, 230, 236))
    c.line([(x - w, y), (x - w, y - h), (x + w, y - h), (x + w, y)], 0.1 * u, PAINT["white"])


def _hoop(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    c.rect(x - 0.09 * u, y - 2.0 * u, x + 0.09 * u, y, colour)
    c.rect(x - 0.25 * u, y - 0.1 * u, x + 0.25 * u, y, darker(colour, 0.3))
    c.rect(x - 0.6 * u, y - 2.75 * u, x + 0.6 * u, y - 1.9 * u, PAINT["white"])
    c.rect(x - 0.25 * u, y - 2.4 * u, x + 0.25 * u, y - 2.02 * u, colour)
    c.rect(x - 0.19 * u, y - 2.34 * u, x + 0.19 * u, y - 2.08 * u, PAINT["white"])
    c.poly([(x - 0.26 * u, y - 1.98 * u), (x + 0.26 * u, y - 1.98 * u), (x + 0.16 * u, y - 1.55 * u), (x - 0.16 * u, y - 1.55 * u)], (226, 226, 230))
    c.disc(x, y - 1.98 * u, 0.28 * u, PAINT["orange"], 0.07 * u)


def _umpire(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    for sign in (-1, 1):
        c.line([(x + sign * 0.32 * u, y), (x + sign * 0.16 * u, y - 0.9 * u)], 0.07 * u, colour)
    for k in range(3):
        c.line([(x - 0.26 * u, y - (0.2 + 0.24 * k) * u), (x + 0.26 * u, y - (0.2 + 0.24 * k) * u)], 0.05 * u, colour)
    c.rect(x - 0.26 * u, y - 1.6 * u, x + 0.26 * u, y - 0.85 * u, darker(colour, 0.2))
    person(c, x, y - 0.55 * u, u * 0.95, passer_by(c.rng, PAINT["white"], pose="seat", long=""))


def _finish_arch(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    half = 2.1 * u
    x = min(max(c.vanish, half), WIDTH - half) if c.scene.place == "street" else WIDTH / 2
    for sign in (-1, 1):
        c.pen.rounded_rectangle((x + sign * half - 0.2 * u, y - 2.1 * u, x + sign * half + 0.2 * u, y), 0.16 * u, fill=c.lit(colour))
    c.pen.rounded_rectangle((x - half - 0.2 * u, y - 2.5 * u, x + half + 0.2 * u, y - 1.85 * u), 0.2 * u, fill=c.lit(colour))
    for k in range(16):
        for row in range(2):
            if (k + row) % 2:
                c.rect(x + (k - 8) * 0.2 * u, y - 2.34 * u + row * 0.18 * u, x + (k - 7) * 0.2 * u, y - 2.16 * u + row * 0.18 * u, PAINT["white"] if thing.colour != "white" else PAINT["black"])


def _burning_house(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    w, h = 1.5 * u, 2.5 * u
    smoke(c, x, y - h, 1.0 * u, 2.6 * u, (66, 62, 68))
    c.rect(x - w, y - h, x + w, y, colour)
    c.poly([(x - w * 1.12, y - h), (x - w * 0.5, y - h - 0.75 * u), (x + w * 0.5, y - h - 0.75 * u), (x + w * 1.12, y - h)], (110, 72, 66))
    flames(c, x + 0.2 * u, y - h - 0.4 * u, 1.7 * u, 1.2 * u)
    for row in range(2):
        for k in range(3):
            wx, wy = x + (k - 1) * 0.9 * u, y - (0.85 + row * 0.95) * u
            c.rect(wx - 0.25 * u, wy - 0.34 * u, wx + 0.25 * u, wy + 0.28 * u, (60, 40, 44))
            if row or k == 1:
                flames(c, wx, wy + 0.28 * u, 0.5 * u, 0.85 * u)
    c.rect(x - 0.22 * u, y - 0.6 * u, x + 0.22 * u, y, (74, 52, 48))


def _cones(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    for k in range(thing.count):
        cx, r = WIDTH * (k + 0.5) / thing.count, 0.2 * u
        c.rect(cx - r, y - 0.06 * u, cx + r, y, PAINT["black"])
        c.poly([(cx - r * 0.8, y - 0.06 * u), (cx + r * 0.8, y - 0.06 * u), (cx, y - 0.62 * u)], PAINT["orange"])
        c.rect(cx - r * 0.46, y - 0.32 * u, cx + r * 0.46, y - 0.22 * u, PAINT["white"])


def _boats(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    for k in range(thing.count):
        bx, by = x + (k - (thing.count - 1) / 2) * 2.1 * u, y - 0.24 * u * (k % 2)
        for dx in (-0.42, 0.1, 0.5):
            person(c, bx + dx * u, by + 0.28 * u, u * 0.9, passer_by(c.rng, PAINT["orange"] if dx < 0 else PAINT["yellow"], pose="seat", long=""))
        c.poly([(bx - 0.95 * u, by - 0.36 * u), (bx + 0.95 * u, by - 0.42 * u), (bx + 0.7 * u, by), (bx - 0.78 * u, by)], colour)
        c.line([(bx - 0.95 * u, by - 0.36 * u), (bx + 0.95 * u, by - 0.42 * u)], 0.08 * u, lighter(colour, 0.45))
        c.line([(bx - 1.1 * u, by + 0.03 * u), (bx + 1.0 * u, by + 0.03 * u)], 0.06 * u, (206, 224, 230))


def _stall(c: Canvas, x: float, y: float, u: float, colour: RGB, *, wide: float = 0.85, seller: bool = True) -> None:
    if seller:
        person(c, x, y - 0.04 * u, u, passer_by(c.rng, PAINT["white"], arms="front"))
    for sign in (-1, 1):
        c.line([(x + sign * wide * 0.94 * u, y), (x + sign * wide * 0.94 * u, y - 1.5 * u)], 0.06 * u, PAINT["wood"])
    c.rect(x - wide * u, y - 0.5 * u, x + wide * u, y, PAINT["wood"])
    for k in range(9):
        c.disc(x + (k - 4) * wide * 0.22 * u, y - 0.54 * u, 0.09 * u, PAINT[c.rng.choice(("red", "orange", "yellow", "green"))])
    for k in range(6):
        shade = colour if k % 2 == 0 else mix(colour, (255, 255, 255), 0.75 if colour != PAINT["white"] else 0.0)
        a, b = x + (k / 3 - 1) * wide * u, x + ((k + 1) / 3 - 1) * wide * u
        c.poly([(x + (a - x) * 0.86, y - 1.78 * u), (x + (b - x) * 0.86, y - 1.78 * u), (x + (b - x) * 1.12, y - 1.36 * u), (x + (a - x) * 1.12, y - 1.36 * u)], shade)
        c.disc(x + ((a + b) / 2 - x) * 1.12, y - 1.36 * u, wide * 0.186 * u, shade, 0.1 * u)


def _stalls(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    for k in range(thing.count):
        _stall(c, x + (k - (thing.count - 1) / 2) * 1.95 * u, y, u, colour)


def _fruit_cart(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    _stall(c, x, y - 0.12 * u, u, colour, wide=0.6)
    for sign in (-1, 1):
        c.disc(x + sign * 0.4 * u, y - 0.14 * u, 0.2 * u, PAINT["tyre"])
        c.disc(x + sign * 0.4 * u, y - 0.14 * u, 0.12 * u, PAINT["wood"])


def _kiosk(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    c.rect(x - 0.75 * u, y - 1.5 * u, x + 0.75 * u, y, colour)
    c.rect(x - 0.58 * u, y - 1.22 * u, x + 0.58 * u, y - 0.6 * u, (255, 236, 190), own=c.dark)
    person(c, x, y - 0.2 * u, u * 0.95, passer_by(c.rng, PAINT["white"], long=""))
    c.rect(x - 0.75 * u, y - 0.6 * u, x + 0.75 * u, y, darker(colour, 0.12))
    c.rect(x - 0.66 * u, y - 0.64 * u, x + 0.66 * u, y - 0.56 * u, PAINT["wood"])
    c.poly([(x - 0.95 * u, y - 1.3 * u), (x + 0.95 * u, y - 1.3 * u), (x + 0.75 * u, y - 1.62 * u), (x - 0.75 * u, y - 1.62 * u)], PAINT["white"] if thing.colour != "white" else PAINT["red"])
    c.rect(x - 0.5 * u, y - 1.95 * u, x + 0.5 * u, y - 1.62 * u, darker(colour, 0.3))


def _fountain(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    water = (176, 218, 238)
    c.disc(x, y - 0.12 * u, 1.25 * u, darker(PAINT["stone"], 0.14), 0.3 * u)
    c.disc(x, y - 0.18 * u, 1.1 * u, (110, 176, 210), 0.22 * u)
    c.rect(x - 0.1 * u, y - 1.0 * u, x + 0.1 * u, y - 0.16 * u, PAINT["stone"])
    c.disc(x, y - 1.0 * u, 0.5 * u, PAINT["stone"], 0.12 * u)
    for sign in (-1, 1):
        for reach in (0.4, 0.8):
            c.line([(x + sign * reach * u * t, y - (1.1 + 1.5 * t - 2.4 * t * t) * u) for t in (0, 0.2, 0.4, 0.6, 0.8, 1.0)], 0.05 * u, water)
    c.line([(x, y - 1.05 * u), (x, y - 1.5 * u)], 0.07 * u, water)


def _statue(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    bronze = mix(colour, (120, 140, 130), 0.4) if thing.colour != "white" else PAINT["white"]
    c.rect(x - 0.6 * u, y - 0.2 * u, x + 0.6 * u, y, PAINT["stone"])
    c.rect(x - 0.42 * u, y - 1.3 * u, x + 0.42 * u, y - 0.2 * u, darker(PAINT["stone"], 0.08))
    c.rect(x - 0.5 * u, y - 1.38 * u, x + 0.5 * u, y - 1.26 * u, PAINT["stone"])
    person(c, x, y - 1.36 * u, u * 1.25, Look(bronze, bronze, bronze, darker(bronze, 0.15), arms="one", long="robe"))


def _guide(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    hx, hy = person(c, x, y, u * 1.05, passer_by(c.rng, PAINT["white"], arms="one"))
    c.line([(hx, hy + 0.1 * u), (hx, hy - 0.4 * u)], 0.035 * u, PAINT["black"])
    c.dome(hx, hy - 0.14 * u, 0.5 * u, 0.38 * u, colour)
    c.dome(hx, hy - 0.14 * u, 0.18 * u, 0.38 * u, darker(colour, 0.14))


def _parasol(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    c.line([(x, y), (x, y - 1.7 * u)], 0.06 * u, PAINT["wood"])
    c.dome(x, y - 1.15 * u, 1.1 * u, 0.7 * u, colour)
    c.dome(x, y - 1.15 * u, 0.7 * u, 0.7 * u, mix(colour, (255, 255, 255), 0.7) if thing.colour != "white" else PAINT["blue"])
    c.dome(x, y - 1.15 * u, 0.28 * u, 0.7 * u, colour)


def _pigeons(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    for k in range(thing.count):
        px, py, s = WIDTH * (k + 0.5) / thing.count + c.rng.uniform(-14, 14), y + c.rng.uniform(-0.2, 0.1) * u, 0.14 * u
        way = c.rng.choice((-1, 1))
        c.poly([(px - way * s * 1.8, py - s * 0.7), (px, py - s * 1.3), (px, py - s * 0.4)], (96, 104, 122))
        c.disc(px, py - s * 0.9, s, (124, 132, 150), s * 0.62)
        c.disc(px + way * s * 0.9, py - s * 1.6, s * 0.42, (92, 110, 120))


def _tree(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    tree(c, x, y, 2.9 * u, mix(colour, PAINT["leaf"], 0.5 if thing.colour == "green" else 0.08))


def _lamp(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    c.line([(x, y), (x, y - 2.2 * u)], 0.08 * u, (66, 70, 80))
    c.rect(x - 0.16 * u, y - 0.1 * u, x + 0.16 * u, y, (66, 70, 80))
    c.poly([(x - 0.12 * u, y - 2.2 * u), (x + 0.12 * u, y - 2.2 * u), (x + 0.2 * u, y - 2.6 * u), (x - 0.2 * u, y - 2.6 * u)], (255, 240, 190), own=True)
    c.poly([(x - 0.26 * u, y - 2.6 * u), (x + 0.26 * u, y - 2.6 * u), (x, y - 2.8 * u)], (66, 70, 80))
    if c.scene.time != "day":
        c.glow(x, y - 2.4 * u, 1.6 * u, (255, 214, 130), 0.9)


def _dog(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    for dx in (-0.2, -0.12, 0.14, 0.22):
        c.line([(x + dx * u, y - 0.2 * u), (x + dx * u, y)], 0.06 * u, darker(colour))
    c.disc(x, y - 0.27 * u, 0.3 * u, colour, 0.13 * u)
    c.line([(x - 0.26 * u, y - 0.3 * u), (x - 0.42 * u, y - 0.48 * u)], 0.05 * u, colour)
    c.disc(x + 0.3 * u, y - 0.42 * u, 0.13 * u, colour)
    c.disc(x + 0.41 * u, y - 0.38 * u, 0.08 * u, lighter(colour), 0.06 * u)
    c.disc(x + 0.24 * u, y - 0.44 * u, 0.05 * u, darker(colour, 0.4), 0.11 * u)


def _bicycle(c: Canvas, x: float, y: float, u: float, colour: RGB, thing: Thing) -> None:
    r = 0.25 * u
    for sign in (-1, 1):
        cx = x + sign * 0.4 * u
        c.pen.ellipse((cx - r, y - 2 * r, cx + r, y), outline=c.lit(PAINT["tyre"]), width=max(2, round(0.04 * u)))
    c.line([(x - 0.4 * u, y - r), (x - 0.16 * u, y - 0.6 * u), (x + 0.26 * u, y - 0.6 * u), (x - 0.02 * u, y - r), (x - 0.4 * u, y - r)], 0.055 * u, colour)
    c.line([(x + 0.4 * u, y - r), (x + 0.24 * u, y - 0.74 * u), (x + 0.38 * u, y - 0.76 * u)], 0.05 * u, colour)
    c.line([(x - 0.02 * u, y - r), (x - 0.2 * u, y - 0.7 * u)], 0.05 * u, colour)
    c.rect(x - 0.3 * u, y - 0.74 * u, x - 0.1 * u, y - 0.69 * u, PAINT["black"])


# Where a thing stands: how it is drawn, depth (0 at the back, 1 at the front), half its width in heights of a person,
# how much of its foot heads may hide, in heights of a person, and the least height of a person to draw it for
@dataclass(frozen=True)
class Stand:
    draw: Callable[[Canvas, float, float, float, RGB, Thing], None]
    depth: float
    half: float
    hidden: float = 0.0
    least: float = 34.0


STANDS: dict[str, Stand] = {
    "banner": Stand(_banner, 0.72, 1.7), "megaphone": Stand(_megaphone, 0.45, 0.6, 0.4), "tents": Stand(_tents, 0.3, 1.6),
    "podium": Stand(_podium, 0.06, 1.7, 0.75, 58), "flagpoles": Stand(_flagpoles, 0.0, 9.0, 1.0, 52), "screen": Stand(_screen, 0.0, 1.3, 1.25, 58),
    "scoreboard": Stand(_scoreboard, 0.0, 0.0, 9.0), "open car": Stand(_car, 0.5, 1.2, 0.1), "burning car": Stand(_car, 0.34, 1.2, 0.1, 46),
    "crashed car": Stand(_car, 0.45, 1.2, 0.0, 46), "police": Stand(_police, 0.55, 1.9, 0.0), "burning barricade": Stand(_barricade, 0.4, 1.2, 0.1, 44),
    "tear gas": Stand(_tear_gas, 0.5, 1.4, 0.2, 50), "broken bottles": Stand(_bottles, 0.9, 1.2), "float": Stand(_float, 0.42, 1.9, 0.1, 44),
    "dancers": Stand(_uniformed, 0.75, 1.7), "drummers": Stand(_uniformed, 0.7, 1.1), "balloons": Stand(_balloons, 0.3, 0.6, 0.6, 44),
    "ferris wheel": Stand(_ferris, 0.0, 1.4, 1.0, 62), "circus tent": Stand(_big_tent, 0.04, 1.6, 0.8, 50), "food tent": Stand(_big_tent, 0.1, 1.6, 0.6, 40),
    "dragon": Stand(_dragon, 0.48, 2.4, 0.1, 44), "birthday cake": Stand(_cake, 0.5, 0.8, 0.0), "wedding cake": Stand(_cake, 0.5, 0.8, 0.0),
    "presents": Stand(_presents, 0.62, 1.2), "christmas tree": Stand(_christmas_tree, 0.12, 0.9, 0.4), "santa": Stand(_santa, 0.5, 0.5),
    "wedding couple": Stand(_couple, 0.35, 0.8, 0.05), "flower arch": Stand(_arch, 0.12, 1.0, 0.4), "pumpkins": Stand(_pumpkins, 0.7, 1.6),
    "ghosts": Stand(_ghosts, 0.4, 1.2, 0.1), "priest": Stand(_cleric, 0.05, 0.7, 0.3, 46), "imam": Stand(_cleric, 0.05, 0.7, 0.3, 46),
    "cross": Stand(_cross, 0.0, 0.3, 1.2, 50), "altar candles": Stand(_altar_candles, 0.0, 0.0, 9.0, 40), "choir": Stand(_uniformed, 0.1, 1.2, 0.3),
    "carried statue": Stand(_carried_statue, 0.5, 1.1, 0.3, 40), "monks": Stand(_uniformed, 0.4, 1.4, 0.1), "incense burner": Stand(_incense, 0.5, 0.5, 0.0),
    "golden buddha": Stand(_buddha, 0.06, 1.0, 0.4, 50), "stage": Stand(_stage, 0.02, 2.5, 0.95, 60), "curtain stage": Stand(_curtain_stage, 0.02, 9.0, 0.5, 60),
    "piano": Stand(_piano, 0.02, 0.8, 0.7, 60), "juggler": Stand(_juggler, 0.45, 0.9, 0.1, 46), "guitarist": Stand(_guitarist, 0.6, 0.6),
    "goal": Stand(_goal, 0.02, 1.5, 0.0, 46), "hoop": Stand(_hoop, 0.04, 0.7, 0.0, 50), "umpire chair": Stand(_umpire, 0.12, 0.4, 0.0, 48),
    "runners": Stand(_uniformed, 0.72, 2.2), "finish arch": Stand(_finish_arch, 0.12, 2.4, 1.0, 50), "burning house": Stand(_burning_house, 0.05, 1.6, 0.6, 52),
    "firefighters": Stand(_uniformed, 0.55, 1.3), "paramedics": Stand(_uniformed, 0.6, 0.9), "cones": Stand(_cones, 0.95, 0.0, 9.0),
    "boats": Stand(_boats, 0.55, 2.0, 0.0, 40), "stalls": Stand(_stalls, 0.14, 2.3, 0.5, 44), "fruit cart": Stand(_fruit_cart, 0.45, 0.8, 0.2, 40),
    "kiosk": Stand(_kiosk, 0.25, 0.9, 0.3, 46), "fountain": Stand(_fountain, 0.3, 1.25, 0.1, 46), "statue": Stand(_statue, 0.15, 0.6, 0.8, 46),
    "guide": Stand(_guide, 0.5, 0.5, 0.1), "parasol": Stand(_parasol, 0.4, 0.9, 0.4, 46), "pigeons": Stand(_pigeons, 0.97, 0.0, 9.0),
    "tree": Stand(_tree, 0.2, 0.7, 0.6, 46), "street lamp": Stand(_lamp, 0.3, 0.2, 0.6, 46), "dog": Stand(_dog, 0.85, 0.5), "bicycle": Stand(_bicycle, 0.8, 0.7),
    **{kind: Stand(_vehicle, 0.3, vehicle.length / 2 + 0.1, 0.15, 44) for kind, vehicle in VEHICLES.items()},
}  # fmt: skip
