"""People: flat figures with head, body and limbs, in many poses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from gatherset.dataset.scene_drawing.canvas import Canvas, Point
from gatherset.dataset.scene_drawing.sketches import PAINT, RGB, Mark, darker, lighter, sketchbook

SKINS: tuple[RGB, ...] = ((250, 214, 186), (236, 188, 152), (205, 150, 110), (160, 108, 76), (112, 76, 56))
HAIRS: tuple[RGB, ...] = ((44, 36, 34), (84, 56, 40), (130, 88, 52), (206, 164, 92), (150, 74, 44), (176, 174, 172))
TROUSERS: tuple[RGB, ...] = ((62, 74, 108), (74, 70, 78), (112, 98, 84), (54, 58, 66), (98, 108, 130))
CHAIR: RGB = (132, 66, 74)
SHIRTS = ("navy", "grey", "brown", "black", "red", "green", "yellow")

# How far hips and shoulders are below where they are when standing, in heights
SINKS = {"sit": 0.33, "kneel": 0.28, "seat": 0.34, "wade": 0.36}
STRIDES = {"walk": 0.09, "run": 0.17}
# Elbow and hand of the right arm, in heights from the shoulder; the left arm of `one` hangs down
ARMS: dict[str, tuple[Point, Point]] = {
    "down": ((0.055, 0.16), (0.045, 0.33)),
    "up": ((0.08, -0.12), (0.06, -0.32)),
    "one": ((0.08, -0.12), (0.06, -0.32)),
    "wide": ((0.14, -0.03), (0.26, -0.14)),
    "front": ((0.04, 0.15), (-0.06, 0.2)),
}


@dataclass(frozen=True)
class Look:
    """How a person looks."""

    shirt: RGB
    trousers: RGB
    skin: RGB
    hair: RGB
    pose: str = "stand"  # stand, walk, run, or a key of SINKS
    arms: str = "down"  # a key of ARMS
    back: bool = False  # seen from behind
    long: str = ""  # hair, skirt or robe: what is long
    hat: str = ""  # a hat of sketches.txt
    hat_colour: RGB = (0, 0, 0)


def passer_by(rng: Random, shirt: RGB, **chosen: Any) -> Look:
    """Somebody in a `shirt`; what is not chosen is taken by lot."""
    long = rng.choice(("", "", "hair", "hair", "skirt"))
    look = Look(shirt, rng.choice(TROUSERS), rng.choice(SKINS), rng.choice(HAIRS), long=long)
    return replace(look, **chosen)


def look_of(rng: Random, mark: Mark, colour: RGB) -> Look:
    """The look of somebody in a sketch, as in `who-up-helmet`; a hat has the colour of the thing."""
    shirt = PAINT[rng.choice(SHIRTS)] if mark.paint == "lot" else mark.ink(colour)
    look = passer_by(rng, shirt, long="")
    for word in mark.shape.split("-")[1:]:
        if word in ARMS:
            look = replace(look, arms=word)
        elif word in sketchbook()["hats"]:
            look = replace(look, hat=word, hat_colour=lighter(colour) if word == "veil" else colour)
        elif word in ("robe", "skirt"):
            look = replace(look, long=word, trousers=darker(look.shirt))
        elif word == "bald":
            look = replace(look, hair=look.skin)
        elif word == "plain":  # of one colour from head to foot, as statues are
            look = replace(look, skin=look.shirt, hair=darker(look.shirt), trousers=look.shirt)
        else:
            look = replace(look, pose=word)
    return look


def person(c: Canvas, x: float, y: float, h: float, look: Look) -> Point:
    """Draw somebody of height `h` whose feet stand at (x, y); the answer is where the right hand is."""
    sinks = SINKS.get(look.pose, 0.0) * h
    hip, neck = y - 0.43 * h + sinks, y - 0.80 * h + sinks
    shirt, pen = c.lit(look.shirt), c.pen
    if look.long == "hair" and h >= 24:
        pen.ellipse((x - 0.115 * h, neck - 0.2 * h, x + 0.115 * h, neck + 0.13 * h), fill=c.lit(look.hair))
    _legs(c, x, y, hip, h, look)
    if look.long == "robe" and look.pose not in SINKS:
        pen.polygon([(x - 0.1 * h, neck), (x + 0.1 * h, neck), (x + 0.19 * h, y), (x - 0.19 * h, y)], fill=shirt)
    else:
        right = [(x + 0.09 * h, neck), (x + 0.14 * h, neck + 0.05 * h), (x + 0.125 * h, hip)]
        pen.polygon([*right, *((2 * x - a, b) for a, b in reversed(right))], fill=shirt)
    hand = _arms(c, x, neck + 0.04 * h, h, look)
    if look.pose == "seat" and look.back:
        pen.rounded_rectangle((x - 0.19 * h, hip - 0.09 * h, x + 0.19 * h, hip + 0.14 * h), 0.05 * h, fill=c.lit(CHAIR))
    _head(c, x, neck - 0.085 * h, 0.098 * h, look)
    return hand


def _legs(c: Canvas, x: float, y: float, hip: float, h: float, look: Look) -> None:
    cloth, pen = c.lit(look.trousers), c.pen
    if look.pose in ("sit", "kneel"):
        knee = 0.24 * h
        width = max(1, round(0.11 * h))
        for sign in (-1, 1):  # thighs to the knees, shins back to the middle
            bend = (x + sign * knee, hip + 0.04 * h)
            pen.line(
                [(x + sign * 0.06 * h, hip - 0.02 * h), bend, (x - sign * 0.04 * h, hip + 0.09 * h)],
                cloth,
                width,
                "curve",
            )
    elif look.pose == "seat":
        pen.rectangle((x - 0.12 * h, hip, x + 0.12 * h, hip + 0.09 * h), fill=cloth)
    elif look.pose == "wade":
        pen.ellipse((x - 0.24 * h, hip, x + 0.24 * h, hip + 0.1 * h), fill=c.lit((176, 204, 214)))
    elif look.long == "skirt" and look.pose != "run":
        skin = c.lit(look.skin)
        pen.rectangle((x - 0.08 * h, hip + 0.2 * h, x - 0.02 * h, y), fill=skin)
        pen.rectangle((x + 0.02 * h, hip + 0.2 * h, x + 0.08 * h, y), fill=skin)
        low = hip + 0.24 * h
        pen.polygon(
            [(x - 0.12 * h, hip - 1), (x + 0.12 * h, hip - 1), (x + 0.18 * h, low), (x - 0.18 * h, low)], fill=cloth
        )
    elif look.long != "robe":
        stride, lift = STRIDES.get(look.pose, 0.0) * h, 0.08 * h if look.pose == "run" else 0.0
        width = max(1, round(0.1 * h))
        pen.line([(x - 0.06 * h, hip - 1), (x - 0.065 * h - stride, y)], cloth, width)
        pen.line([(x + 0.06 * h, hip - 1), (x + 0.065 * h + stride, y - lift)], cloth, width)


def _arms(c: Canvas, x: float, shoulder: float, h: float, look: Look) -> Point:
    sleeve, skin, r = c.lit(darker(look.shirt, 0.12)), c.lit(look.skin), 0.042 * h
    hands: list[Point] = []
    for sign in (1, -1):
        elbow, hand = ARMS["down" if sign < 0 and look.arms == "one" else look.arms]
        at = [(x + sign * (0.12 + dx) * h, shoulder + dy * h) for dx, dy in ((0.0, 0.0), elbow, hand)]
        hands.append(at[-1])
        if h >= 22 or look.arms != "down":  # smaller arms that hang down are not seen
            c.pen.line(at, sleeve, max(1, round(0.068 * h)), "curve")
            c.pen.ellipse((at[-1][0] - r, at[-1][1] - r, at[-1][0] + r, at[-1][1] + r), fill=skin)
    return hands[0]


def _head(c: Canvas, x: float, y: float, r: float, look: Look) -> None:
    pen, hair = c.pen, c.lit(look.hair)
    pen.ellipse((x - r, y - r, x + r, y + r), fill=hair if look.back else c.lit(look.skin))
    if not look.back:
        pen.chord((x - r * 1.06, y - r * 1.1, x + r * 1.06, y + r * 0.9), 180, 360, fill=hair)
        if r > 7:
            c.sketch("disc -.36 -.14 .11 .11 black; disc .36 -.14 .11 .11 black", x, y, r, look.skin)
            box = (x - r * 0.4, y - r * 0.05, x + r * 0.4, y + r * 0.62)
            pen.arc(box, 30, 150, fill=c.lit((170, 84, 80)), width=max(1, round(r * 0.12)))
    if look.hat:
        c.sketch(sketchbook()["hats"][look.hat][1], x, y, r, look.hat_colour)
