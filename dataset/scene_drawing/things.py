"""Things: what stands, lies or hangs in a scene, drawn from its sketch or by a function of its own."""

from __future__ import annotations

import math
from collections.abc import Callable

from gatherset.dataset.scene_drawing.canvas import HEIGHT, WIDTH, Canvas, Point
from gatherset.dataset.scene_drawing.people import look_of, person
from gatherset.dataset.scene_drawing.sketches import PAINT, RGB, darker, lighter, mix, read_sketch, sketchbook
from gatherset.dataset.scenes import Thing

AT = {"left": 0.2, "middle": 0.5, "right": 0.8, "": 0.5}  # shares of the width


def build(c: Canvas, text: str, x: float, y: float, u: float, colour: RGB, way: int = 1) -> None:
    """Draw a sketch that may hold people, fire and smoke beside the shapes of the canvas."""
    for mark in read_sketch(text):
        if mark.shape not in ("flames", "smoke", "gas") and not mark.shape.startswith("who"):
            c.mark(mark, x, y, u, colour, way)
            continue
        v = mark.numbers
        at = (x + way * v[0] * u, y - v[1] * u)
        if mark.shape == "flames":
            flames(c, *at, v[2] * u, v[3] * u)
        elif mark.shape == "smoke":
            smoke(c, *at, v[2] * u, v[3] * u, mark.ink(colour))
        elif mark.shape == "gas":
            gas(c, *at, v[2] * u, v[3] * u, mix(mark.ink(colour), (226, 228, 226), 0.4))
        else:
            person(c, *at, v[2] * u, look_of(c.rng, mark, colour))


def flames(c: Canvas, x: float, y: float, w: float, h: float) -> None:
    """Fire that is `w` wide and `h` high and stands on `y`."""
    c.glow(x, y - h * 0.5, max(w, h) * 1.5, (255, 150, 60), 0.85)
    for colour, share in (((232, 84, 40), 1.0), ((250, 152, 48), 0.72), ((255, 224, 120), 0.42)):
        half = w * 0.2 * (0.5 + share / 2)
        for k in range(4):
            foot = x + (k - 1.5) * half * 1.15
            tip, lean = y - h * share * c.rng.uniform(0.65, 1.0), c.rng.uniform(-0.3, 0.3) * half
            bulge = y - (y - tip) * 0.35
            left = [(foot - half, y), (foot - half * 0.9, bulge)]
            c.poly([*left, (foot + lean, tip), (foot + half * 0.9, bulge), (foot + half, y)], colour, own=True)


def smoke(c: Canvas, x: float, y: float, size: float, rise: float, colour: RGB) -> None:
    """A plume that grows from (x, y) up to `rise` pixels and drifts aside."""
    drift = c.rng.choice((-1, 1)) * c.rng.uniform(0.15, 0.5) * rise
    for k in range(9):
        t = k / 8
        at = (x + drift * t * t + c.rng.uniform(-0.3, 0.3) * size, y - rise * t)
        c.puff(*at, size * (0.45 + t * 0.9), lighter(colour, 0.05 + 0.2 * t), 0.85 - 0.5 * t)


def gas(c: Canvas, x: float, y: float, w: float, h: float, colour: RGB) -> None:
    """A cloud that lies on the ground around (x, y), `w` to either side and `h` high."""
    for _ in range(11):
        at = (x + c.rng.uniform(-w, w), y - c.rng.uniform(0.08, 1.0) * h)
        c.puff(*at, c.rng.uniform(0.34, 0.66) * h, colour, 0.62)


# What hangs or flies


def aloft(c: Canvas, thing: Thing, colour: RGB) -> None:
    numbers, text = sketchbook()["aloft"][thing.kind]
    shift = c.rng.random()
    for k in range(thing.count):
        share = AT[thing.side] if thing.side else 0.1 + 0.8 * (((k + 0.5) / thing.count + shift) % 1.0)
        size = numbers["unit"] * c.rng.uniform(0.8, 1.15)
        y = max(c.rng.uniform(numbers["top"], numbers["low"]) * c.horizon, size * 0.75 + 40)
        c.sketch(text, min(max(share * WIDTH, size * 1.35), WIDTH - size * 1.35), y, size, colour)


def fireworks(c: Canvas, thing: Thing, colour: RGB) -> None:
    for k in range(thing.count):
        x, y = WIDTH * (k + c.rng.uniform(0.3, 0.7)) / thing.count, c.horizon * c.rng.uniform(0.35, 0.75)
        r = c.rng.uniform(58, 88) if thing.count > 2 else c.rng.uniform(84, 116)
        c.line([(x, y), (x + c.rng.uniform(-12, 12), c.floor)], 2, mix(colour, c.sky[1], 0.7), own=True)
        c.glow(x, y, r * 1.7, colour, 0.55)
        for ray in range(20):
            dx, dy = math.cos(ray * math.pi / 10 + 0.1) * r, math.sin(ray * math.pi / 10 + 0.1) * r
            c.line([(x + dx * 0.18, y + dy * 0.18), (x + dx * 0.92, y + dy * 0.92)], 2, colour, own=True)
            for part, pale in ((0.5, 0.5), (0.78, 0.25), (1.0, 0.0)):
                c.disc(x + dx * part, y + dy * part, 2.4 + 2.2 * part, lighter(colour, pale), own=True)


# On a string from side to side: sketch, how many, how many strings
STRUNG = {"lanterns": ("lantern", 0, 1), "garland": ("lamp", 20, 2), "bunting": ("pennant", 24, 2)}


def string(c: Canvas, thing: Thing, colour: RGB) -> None:
    """Lanterns, little lamps or pennants on strings."""
    name, count, strings = STRUNG[thing.kind]
    numbers, text = sketchbook()["aloft"][name]
    other = PAINT["blue" if thing.colour == "white" else "white"]
    for level in range(strings):
        y0, sag = 26 + 54 * level + c.rng.uniform(0, 24), c.rng.uniform(24, 50)
        points = []
        for k in range(41):
            turn = math.pi * k / 40
            points.append((WIDTH * k / 40, y0 + sag * math.sin(2 * turn) ** 2 + 0.4 * sag * math.sin(turn)))
        c.line(points, 3, PAINT["coal"])
        number = count or thing.count
        for k in range(number):
            x, y = points[round(40 * (k + 0.5) / number)]
            c.sketch(text, x, y, numbers["unit"], other if name == "pennant" and k % 2 else colour)


def confetti(c: Canvas) -> None:
    for _ in range(150):
        x, y, s = c.rng.uniform(0, WIDTH), c.rng.uniform(0, HEIGHT * 0.8), c.rng.uniform(3, 6)
        colour = PAINT[c.rng.choice(("red", "yellow", "green", "blue", "pink", "purple"))]
        c.poly(
            [(x - s, y - s * 0.4), (x + s * 0.5, y - s), (x + s, y + s * 0.4), (x - s * 0.5, y + s)], colour, own=True
        )


# What lies on the ground


def _quad(c: Canvas, x0: float, x1: float, y0: float, y1: float, colour: RGB) -> None:
    """A rectangle on the ground: x as shares of the board at its lower edge, y in pixels."""

    def at(x: float, y: float) -> Point:
        return (c.vanish + (x * WIDTH - c.vanish) * (y - c.horizon) / (HEIGHT - c.horizon) * 1.25, y)

    c.poly([at(x0, y0), at(x1, y0), at(x1, y1), at(x0, y1)], colour)


def _circle(c: Canvas, y: float, rx: float, ry: float) -> None:
    middle = WIDTH / 2
    c.pen.ellipse((middle - rx, y - ry, middle + rx, y + ry), outline=c.lit(PAINT["white"]), width=5)


def pitch(c: Canvas, thing: Thing, colour: RGB) -> None:
    """A football pitch, mown in stripes."""
    top = c.floor + 6
    edges = [top + (HEIGHT + 4 - top) * (k / 8) ** 1.5 for k in range(9)]
    for k in range(8):
        c.rect(0, edges[k], WIDTH, edges[k + 1], (92, 168, 86) if k % 2 else (108, 184, 98))
    c.rect(0, top + 8, WIDTH, top + 12, PAINT["white"])
    c.rect(0, HEIGHT * 0.83, WIDTH, HEIGHT * 0.84, PAINT["white"])
    _circle(c, HEIGHT * 0.835, WIDTH * 0.2, HEIGHT * 0.11)


def court(c: Canvas, thing: Thing, colour: RGB) -> None:
    """A court for tennis, with its net, or for basketball."""
    tennis, top = c.scene.theme == "tennis", c.floor + 6
    c.rect(0, top - 4, WIDTH, HEIGHT, darker(colour, 0.12) if tennis else (206, 164, 112))
    _quad(c, 0.02, 0.98, top + 12, HEIGHT - 24, PAINT["white"])
    _quad(c, 0.035, 0.965, top + 16, HEIGHT - 31, lighter(colour, 0.08))
    y = top + (HEIGHT - top) * 0.5
    c.rect(0, y - 3, WIDTH, y + 3, PAINT["white"])
    if not tennis:
        _circle(c, y, WIDTH * 0.12, 34)
        return
    net = c.height(y) * 0.42
    for x in range(0, WIDTH, 22):
        c.line([(x, y - net), (x, y)], 1, (80, 86, 96))
    c.rect(0, y - net - 5, WIDTH, y - net, PAINT["white"])


def carpets(c: Canvas, thing: Thing, colour: RGB) -> None:
    for k in range(7):
        y0, y1 = (c.floor + 8 + (HEIGHT - c.floor) * (edge / 7) ** 1.6 for edge in (k + 0.12, k + 0.86))
        _quad(c, 0.06, 0.94, y0, y1, colour if k % 2 else darker(colour, 0.1))
        _quad(c, 0.07, 0.93, y0 + (y1 - y0) * 0.12, y0 + (y1 - y0) * 0.2, lighter(colour, 0.5))


def blankets(c: Canvas, thing: Thing, colour: RGB) -> None:
    for k in range(thing.count):
        y = c.floor + (HEIGHT - c.floor) * (0.32 + 0.5 * ((k * 5) % thing.count) / thing.count)
        x, h = (k + 0.5) / thing.count, c.height(y)
        half = min(1.1 * h / WIDTH, 0.42 / thing.count)
        _quad(c, x - half, x + half, y, y + 0.55 * h, colour)
        for share in (0.08, 0.38):
            _quad(c, x - half * 0.9, x + half * 0.9, y + share * h, y + (share + 0.07) * h, lighter(colour, 0.5))


# What stands, and is more than its sketch: drawn behind the sketch or before it


def stage(c: Canvas, thing: Thing, x: float, y: float, u: float, colour: RGB) -> None:
    """The back of a stage and its shafts of light."""
    half, low, top = 2.35 * u, y - 0.85 * u, y - 3.15 * u
    c.rect(x - half, top, x + half, low, (34, 30, 52), own=True)
    for share in (-0.9, -0.54, -0.18, 0.18, 0.54, 0.9):
        c.glow(x + share * half, top + 0.2 * u, 1.1 * u, colour, 0.9)
    shafts = []
    for k, sway in ((-2.4, 0.8), (-0.8, -0.5), (0.8, 0.5), (2.4, -0.8)):
        lamp, foot = x + k * half * 0.3, x + (k + sway) * half * 0.34
        shafts.append([(lamp - 0.06 * u, top), (lamp + 0.06 * u, top), (foot + 0.5 * u, low), (foot - 0.5 * u, low)])
    c.beams(shafts, lighter(colour, 0.2), 0.42)


DRUMS = "at -.22 .24: disc 0 .26 .16 .16 white; disc 0 .24 .25 .25 white; disc 0 .24 .2 .2 red"
GUITAR = "line .05 0 .5 .42 .72 brown; disc -.02 .48 .15 .12 orange; disc -.02 .48 .05 .05 black"
MICROPHONE = "line .04 0 0 0 .72 silver; disc 0 .74 .05 .05 black"


def band(c: Canvas, thing: Thing, x: float, y: float, u: float, colour: RGB) -> None:
    """The musicians: a singer in the middle, drums on the left, guitars."""
    for k in range(thing.count):
        singer, drummer = k == thing.count // 2, thing.count > 2 and k == 0
        at = x + (k - (thing.count - 1) / 2) * 0.7 * u
        holds = DRUMS if drummer else MICROPHONE if singer else GUITAR
        build(c, f"who-{'one' if singer else 'front'} 0 0 1 *+; {holds}", at, y - 0.85 * u, u, colour)
    c.glow(x, y - 1.6 * u, 2.2 * u, colour, 0.35)


def theatre(c: Canvas, thing: Thing, x: float, y: float, u: float, colour: RGB) -> None:
    """A stage between curtains, with its performers in a spotlight."""
    low, top, left, right = y - 0.6 * u, 20.0, WIDTH * 0.1, WIDTH * 0.9
    c.rect(left, top, right, low, (58, 44, 60))
    c.beams([[(x - 14, top), (x + 14, top), (x + 2.4 * u, low), (x - 2.4 * u, low)]], (255, 238, 190), 0.3)
    c.disc(x, low, 2.4 * u, (214, 190, 150), 0.2 * u)
    for k in range(thing.count):
        at = x + (k - (thing.count - 1) / 2) * 0.85 * u
        build(c, f"who-{('up', 'wide', 'one')[k % 3]}-skirt 0 0 1.12 *+", at, low + 0.1 * u, u, colour)
    for sign, edge in ((1.0, left), (-1.0, right)):
        for k in range(5):
            fold, width = edge + sign * k * WIDTH * 0.034, sign * WIDTH * 0.036
            hem = [(fold + width * (0.83 - 0.11 * k), low), (fold - sign * 4 * k, low)]
            c.poly([(fold, top), (fold + width, top), *hem], darker(colour, 0.22 * (k % 2)))
    frill = (right - left) / 8
    for k in range(8):
        c.disc(left + (k + 0.5) * frill, top + 4, frill / 2, darker(colour, 0.1 * (k % 2)), 34)
    c.rect(left, 0, right, top, darker(colour, 0.2))
    c.rect(left - 30, low, right + 30, y, PAINT["brown"])
    c.rect(left - 30, low - 3, right + 30, low + 5, PAINT["gold"])


def balloons(c: Canvas, thing: Thing, x: float, y: float, u: float, colour: RGB) -> None:
    for k in range(thing.count):
        turn = (k - (thing.count - 1) / 2) * min(0.36, 2.2 / thing.count)
        r = (1.55 + 0.38 * (k % 2)) * u
        at = (x + r * math.sin(turn) * 0.85, y - 0.4 * u - r * math.cos(turn))
        c.line([(x, y - 0.1 * u), at], 0.02 * u, PAINT["grey"])
        c.sketch("poly -.06 -.34 .06 -.34 0 -.2 *-; disc 0 0 .21 .27 *; disc -.08 .1 .045 .07 *+", *at, u, colour)


def birthday_candles(c: Canvas, thing: Thing, x: float, y: float, u: float, colour: RGB) -> None:
    for k in range(thing.count):
        at = x + (k - (thing.count - 1) / 2) * 0.9 * u / max(thing.count, 5)
        c.sketch("rect -.022 .78 .022 1 !; disc 0 1.06 .032 .06 candle~; glow 0 1.06 .3 candle", at, y, u, colour)


def juggled_balls(c: Canvas, thing: Thing, x: float, y: float, u: float, colour: RGB) -> None:
    for k in range(thing.count):
        turn = math.pi * (k + 0.5) / thing.count
        c.disc(x - 0.5 * u * math.cos(turn), y - (0.95 + 0.75 * math.sin(turn)) * u, 0.1 * u, colour)


def lamplight(c: Canvas, thing: Thing, x: float, y: float, u: float, colour: RGB) -> None:
    if c.scene.time != "day":
        c.glow(x, y - 2.4 * u, 1.6 * u, (255, 214, 130), 0.9)


Extra = Callable[[Canvas, Thing, float, float, float, RGB], None]
BEHIND: dict[str, Extra] = {"stage": stage}
BEFORE: dict[str, Extra] = {
    "stage": band,
    "curtain stage": theatre,
    "balloons": balloons,
    "birthday cake": birthday_candles,
    "juggler": juggled_balls,
    "street lamp": lamplight,
}
BACKGROUND: dict[str, Callable[[Canvas, Thing, RGB], None]] = {  # drawn before anybody stands there
    "pitch": pitch,
    "court": court,
    "carpets": carpets,
    "picnic blankets": blankets,
    "fireworks": fireworks,
    **dict.fromkeys(STRUNG, string),
    **dict.fromkeys(("helicopter", "hot-air balloons", "kites", "birds", "scoreboard"), aloft),
}
