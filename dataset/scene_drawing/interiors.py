"""Interiors: halls, rooms, churches and stations, seen from inside."""

from __future__ import annotations

from collections.abc import Callable

from gatherset.dataset.scene_drawing.canvas import HEIGHT, WIDTH, Canvas
from gatherset.dataset.scene_drawing.places import faded, ground, joints, stand
from gatherset.dataset.scene_drawing.sketches import PAINT, RGB, darker, lighter, mix
from gatherset.dataset.scenes import COLOURS

WINDOW = (
    "rect -.78 -.05 .78 .05 white; rect -.04 -.65 .04 .65 white; rect -.8 -.68 .8 -.6 white; rect -.8 .6 .8 .68 white;"
    "poly -1.1 .75 -.5 .75 -.75 .1 -.8 -.9 -1.15 -.9 *-; poly 1.1 .75 .5 .75 .75 .1 .8 -.9 1.15 -.9 *-;"
    "line .05 -1.25 .78 1.25 .78 wood"
)
PICTURE = "rect -.7 -.5 .7 .5 wood; rect -.6 -.4 .6 .4 water; poly -.6 -.4 -.15 .2 .1 -.1 .3 .1 .6 -.4 leaf"
CLOCK = (
    "line .18 0 1 0 3 coal; disc 0 0 1.2 1.2 coal; disc 0 0 1 1 white;"
    "line .14 0 0 0 .75 black; line .14 0 0 .5 -.2 black"
)


def _boards(c: Canvas, wood: RGB) -> None:
    ground(c, wood, lighter(wood, 0.18))
    joints(c, darker(wood, 0.12), 0.2)


def _hall(c: Canvas) -> None:
    wall = mix(PAINT[c.scene.tint], (236, 226, 212), 0.22)
    c.gradient(0, c.floor + 2, [c.lit(darker(wall, 0.4)), c.lit(darker(wall, 0.12)), c.lit(wall)])
    count = c.rng.randint(4, 7)
    for k in range(count + 1):
        x = WIDTH * k / count
        c.rect(x - 13, 0, x + 13, c.floor, lighter(wall, 0.25))
        c.rect(x - 18, c.floor - 16, x + 18, c.floor, lighter(wall, 0.4))
    _boards(c, c.rng.choice(((176, 128, 88), (150, 112, 92), (190, 150, 112))))
    if c.seats:
        stand(c)
        return
    for k in range(count):
        c.sketch("line .3 0 0 0 5 coal; disc 0 0 1 1 candle~", WIDTH * (k + 0.5) / count, 42, 12, wall)
        c.glow(WIDTH * (k + 0.5) / count, 42, 70, (255, 220, 150), 0.55)


def _room(c: Canvas) -> None:
    wall = mix(PAINT[c.scene.tint], (248, 238, 226), 0.34)
    c.gradient(0, c.floor + 2, [c.lit(wall), c.lit(darker(wall, 0.06))])
    for stripe in range(0, WIDTH, 48) if c.rng.random() < 0.5 else ():
        c.rect(stripe, 0, stripe + 20, c.floor, lighter(wall, 0.12))
    unit = max(64.0, c.height(c.floor))
    x, y = c.rng.choice((0.16, 0.5, 0.8)) * WIDTH, c.floor - unit * 1.45
    for k in range(8):  # the sky behind the window
        top = y + (k / 4 - 1) * 0.62 * unit
        c.rect(x - 0.75 * unit, top, x + 0.75 * unit, top + 0.16 * unit, c.sky[k // 3], own=True)
    c.sketch(WINDOW, x, y, unit, wall)
    c.sketch(PICTURE, (x + WIDTH * 0.42) % WIDTH, y, unit * 0.7, wall)
    c.rect(0, c.floor - 14, WIDTH, c.floor, PAINT["white"])
    _boards(c, c.rng.choice(((188, 138, 94), (160, 116, 84), (206, 168, 128))))
    rug = faded(c, c.rng.choice(COLOURS))
    c.disc(WIDTH / 2, (c.floor + HEIGHT) / 2 + 30, WIDTH * 0.42, rug, (HEIGHT - c.floor) * 0.36)


def _chapel(c: Canvas) -> None:
    """The inside of a church: pillars, stained glass, a carpet along the middle."""
    stone = c.rng.choice(((206, 192, 170), (186, 182, 186), (216, 204, 190)))
    c.gradient(0, c.floor + 2, [c.lit(darker(stone, 0.45)), c.lit(stone)])
    count, top, low = c.rng.randint(3, 6), c.floor * 0.24, c.floor * 0.72
    by_day = ((250, 220, 140), (240, 140, 110), (120, 180, 220))
    glass = by_day if c.scene.time == "day" else ((120, 100, 160), (150, 80, 110), (60, 90, 150))
    for k in range(count):
        x, w = WIDTH * (k + 0.5) / count, WIDTH / count * 0.26
        c.sketch("dome 0 0 1 1.5 *+", x, top + 2, w + 8, stone)
        c.rect(x - w - 8, top, x + w + 8, low, lighter(stone))
        c.pen.chord((x - w, top - w * 1.5, x + w, top + w * 1.5), 180, 360, fill=glass[k % 3])
        for row in range(4):
            y0, y1 = (top + (low - 8 - top) * edge / 4 for edge in (row, row + 1))
            c.rect(x - w, y0, x, y1, glass[(k + row) % 3], own=True)
            c.rect(x, y0, x + w, y1, glass[(k + row + 1) % 3], own=True)
        c.rect(WIDTH * k / count - 12, 0, WIDTH * k / count + 12, c.floor, darker(stone, 0.1))
    _boards(c, (168, 156, 146))
    far, near = c.vanish - 40, c.vanish - 150
    c.poly([(far, c.floor), (far + 80, c.floor), (near + 300, HEIGHT), (near, HEIGHT)], (176, 62, 70))


def _station(c: Canvas) -> None:
    """A platform under a glass vault, with a clock."""
    c.gradient(0, c.floor + 2, [c.lit((120, 130, 146)), c.lit((206, 212, 216))])
    for k in range(7):
        r = 1 - k / 7
        left, right = c.vanish - WIDTH * 0.62 * r, c.vanish + WIDTH * 0.62 * r
        box = (left, c.horizon * (1 - 0.98 * r), right, c.horizon * (1 + 1.2 * r))
        pane = mix(c.sky[1], c.lit((190, 200, 206)), k / 9)
        c.pen.ellipse(box, fill=pane, outline=c.lit(PAINT["slate"]), width=5)
    for k in range(-5, 6):
        c.line([(c.vanish, c.horizon * 0.9), (c.vanish + k * 120, 0)], 3, PAINT["slate"])
    c.rect(0, c.floor - max(12, c.height(c.floor) * 0.5), WIDTH, c.floor + 2, (150, 150, 158))
    ground(c, (186, 178, 170), (206, 200, 192))
    joints(c, (170, 162, 156))
    c.sketch(CLOCK, (c.vanish + 240) % WIDTH, 78, 28, PAINT["white"])


INTERIORS: dict[str, Callable[[Canvas], None]] = {
    "hall": _hall,
    "room": _room,
    "chapel": _chapel,
    "station": _station,
}
