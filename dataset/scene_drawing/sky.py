"""The sky, the far skyline under it, and the weather before everything."""

from __future__ import annotations

import math
from itertools import pairwise

from PIL import Image

from gatherset.dataset.scene_drawing.canvas import HEIGHT, WIDTH, Canvas
from gatherset.dataset.scene_drawing.sketches import RGB, mix

SILHOUETTES: dict[str, RGB] = {"day": (84, 112, 140), "dusk": (92, 56, 104), "night": (30, 34, 66)}
HILLY = frozenset({"park", "beach", "garden", "temple"})  # places outside the towns


def sky(c: Canvas) -> None:
    """Gradient, sun or moon and stars, clouds, and two layers of silhouettes."""
    rng, scene = c.rng, c.scene
    c.gradient(0, c.floor + 2, c.sky)
    if scene.weather == "clear":
        x, r = rng.uniform(0.1, 0.9) * WIDTH, rng.uniform(22, 40)
        if scene.time == "night":
            _stars_and_moon(c, x, rng.uniform(0.25, 0.6) * c.horizon, r)
        else:
            low, high = (0.25, 0.6) if scene.time == "day" else (0.62, 0.85)
            y = rng.uniform(low, high) * c.horizon
            c.glow(x, y, r * 5, (255, 226, 150), 0.75)
            c.disc(x, y, r, (255, 244, 196) if scene.time == "day" else (255, 214, 130), own=True)
    white: RGB = (255, 250, 244) if scene.weather in ("clear", "snow") else (214, 216, 224)
    share = 0.16 if scene.time == "night" else 0.6 if scene.weather in ("clear", "snow") else 0.45
    clouds = {"clear": rng.randint(0, 2), "fog": 0}.get(scene.weather, rng.randint(5, 8))
    for _ in range(clouds):
        at = (rng.uniform(0, WIDTH), rng.uniform(0.05, 0.7) * c.horizon)
        _cloud(c, *at, rng.uniform(22, 46), mix(c.sky[1], white, share))
    for level, share in ((0.52, 0.30), (0.74, 0.52)):
        colour = mix(c.sky[-1], SILHOUETTES[scene.time], share)
        (_hills if scene.place in HILLY else _towers)(c, level * c.horizon, colour)


def _stars_and_moon(c: Canvas, x: float, y: float, r: float) -> None:
    for _ in range(70):
        at = (c.rng.uniform(0, WIDTH), c.rng.uniform(0, c.horizon))
        c.disc(*at, c.rng.choice((1.2, 1.6, 2.4)), (236, 236, 250), own=True)
    c.glow(x, y, r * 4, (120, 130, 170), 0.8)
    c.disc(x, y, r, (244, 240, 214), own=True)
    c.disc(x + r * 0.45, y - r * 0.2, r * 0.82, mix(c.sky[0], c.sky[1], y / c.horizon), own=True)


def _cloud(c: Canvas, x: float, y: float, r: float, colour: RGB) -> None:
    for dx, dy, share in ((-1.5, 0.25, 0.62), (-0.6, -0.2, 0.9), (0.5, -0.35, 1.0), (1.5, 0.2, 0.7)):
        c.disc(x + dx * r, y + dy * r, r * share, colour, r * share * 0.75, own=True)
    c.pen.rounded_rectangle((x - 2.1 * r, y + 0.1 * r, x + 2.2 * r, y + 0.75 * r), 0.32 * r, fill=colour)


def _hills(c: Canvas, top: float, colour: RGB) -> None:
    peaks = [(x, top + c.rng.uniform(-0.14, 0.2) * c.horizon) for x in range(-40, WIDTH + 120, 120)]
    ridge = []
    for (x, a), (_, b) in pairwise(peaks):
        ridge += [(x + 24 * k, a + (b - a) * (1 - math.cos(k * math.pi / 5)) / 2) for k in range(5)]
    base = c.floor + 2
    c.poly([(-40, base), *ridge, (WIDTH + 40, base)], colour, own=True)


def _towers(c: Canvas, top: float, colour: RGB) -> None:
    rng, base, lamp = c.rng, c.floor + 2, mix(colour, (255, 214, 130), 0.7)
    x = rng.uniform(-40, 0)
    while x < WIDTH:
        width, y = rng.uniform(34, 84), top - rng.uniform(-0.16, 0.34) * c.horizon
        c.rect(x, y, x + width, base, colour, own=True)
        if rng.random() < 0.25:
            c.poly([(x, y), (x + width / 2, y - width * 0.5), (x + width, y)], colour, own=True)
        for _ in range(round((base - y) / 14) if c.dark else 0):
            wx, wy = x + width * rng.choice((0.2, 0.4, 0.6, 0.8)), rng.uniform(y + 8, base)
            c.rect(wx - 2, wy - 3, wx + 2, wy + 3, lamp, own=True)
        x += width + rng.choice((0, 0, 8))


def weather(c: Canvas) -> None:
    """Rain, snow or fog before everything else."""
    rng = c.rng
    if c.scene.weather == "rain":
        pale = mix(c.sky[-1], (236, 242, 250), 0.5)
        for _ in range(170):
            x, y, length = rng.uniform(-40, WIDTH), rng.uniform(-20, HEIGHT), rng.uniform(14, 30)
            c.line([(x, y), (x + length * 0.28, y + length)], 2, pale, own=True)
    elif c.scene.weather == "snow":
        for _ in range(190):
            at = (rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT))
            c.disc(*at, rng.choice((2.2, 3.0, 4.2)), (250, 252, 255), own=True)
    elif c.scene.weather == "fog":
        fog = Image.new("L", (1, 5))
        fog.putdata([60, 105, 150, 70, 20])
        mask = fog.resize((1, HEIGHT), Image.Resampling.BICUBIC).resize((WIDTH, HEIGHT))
        c.image.paste(mix(c.sky[-1], (96, 104, 128) if c.dark else (236, 238, 240), 0.5), (0, 0), mask)
