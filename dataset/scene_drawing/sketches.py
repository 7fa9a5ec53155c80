"""Sketches: what things look like, written as lists of flat shapes in sketches.txt and read from there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

RGB = tuple[int, int, int]

PAINT: dict[str, RGB] = {
    "red": (219, 62, 68),
    "orange": (242, 139, 48),
    "yellow": (248, 205, 66),
    "green": (66, 160, 92),
    "blue": (58, 112, 200),
    "purple": (132, 84, 176),
    "pink": (242, 142, 178),
    "white": (247, 245, 240),
    "black": (44, 44, 52),
    "brown": (134, 92, 62),
    "grey": (142, 146, 156),
    "navy": (38, 48, 82),
    "gold": (226, 178, 60),
    "silver": (205, 210, 218),
    "copper": (94, 148, 136),
    "stone": (206, 198, 184),
    "slate": (84, 96, 112),
    "coal": (56, 58, 70),
    "tyre": (52, 52, 58),
    "wood": (164, 116, 76),
    "leaf": (84, 146, 82),
    "pine": (52, 128, 84),
    "glass": (170, 206, 226),
    "water": (150, 204, 230),
    "shield": (182, 212, 232),
    "sheet": (246, 246, 252),
    "skin": (236, 188, 152),
    "shadow": (74, 74, 84),
    "candle": (255, 216, 120),
    "beacon": (70, 130, 255),
    "flame": (250, 152, 48),
}


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """`a` with `share` (0 to 1) of `b` in it."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def darker(colour: RGB, share: float = 0.18) -> RGB:
    return mix(colour, (24, 22, 44), share)


def lighter(colour: RGB, share: float = 0.35) -> RGB:
    return mix(colour, (255, 255, 250), share)


@dataclass(frozen=True)
class Mark:
    """One shape of a sketch: numbers in units of the sketch from its foot, y upwards."""

    shape: str
    numbers: tuple[float, ...]
    paint: str  # a name in PAINT; * the colour of the thing; ! a colour that stands out against it
    tone: str  # + lighter, - darker, = much darker, or nothing
    own: bool  # shines by itself

    @property
    def mirrored(self) -> tuple[float, ...]:
        """The numbers of its mirror image."""
        v = self.numbers
        if self.shape in ("rect", "round"):
            return (-v[2], v[1], -v[0], v[3], *v[4:])
        return tuple(-value if k in _columns(self.shape, len(v)) else value for k, value in enumerate(v))

    def ink(self, colour: RGB) -> RGB:
        if self.paint == "!":
            base = PAINT["white"] if min(colour) < 150 else PAINT["red"]
        else:
            base = colour if self.paint == "*" else PAINT[self.paint]
        return {"+": lighter(base), "-": darker(base), "=": darker(base, 0.42)}.get(self.tone, base)


def _columns(shape: str, count: int) -> range:
    """Which of a shape's numbers are x; each is followed by its y."""
    if shape == "poly":
        return range(0, count, 2)
    if shape == "line":
        return range(1, count, 2)
    return range(0, 3, 2) if shape in ("rect", "round") else range(1)


@lru_cache(maxsize=512)
def read_sketch(text: str) -> tuple[Mark, ...]:
    """The shapes of a sketch, parted by `;`. The language is described at the top of sketches.txt."""
    marks: list[Mark] = []
    for part in text.strip("; ").split(";"):
        places, _, drawn = part.rpartition(":")
        shape, *values, paint = drawn.split()
        numbers = [float(value) for value in values]
        own = paint.endswith("~")
        paint = paint.removesuffix("~")
        tone = paint[-1] if paint[-1] in "+-=" else ""
        for place in places.split()[1:] or ["0"]:
            dx, _, dy = place.partition(",")
            moved = list(numbers)
            for k in _columns(shape, len(numbers)):
                moved[k] += float(dx)
                moved[k + 1] += float(dy or 0)
            marks.append(Mark(shape, tuple(moved), paint.rstrip("+-="), tone, own))
    return tuple(marks)


@lru_cache(maxsize=128)
def top_of(text: str) -> float:
    """How high a sketch is, in its units: what is soft, or reaches above the middle of a disc, left out."""
    solid = [mark for mark in read_sketch(text) if mark.shape not in ("glow", "smoke", "gas", "flames")]
    return max(mark.numbers[k + 1] for mark in solid for k in _columns(mark.shape, len(mark.numbers)))


@lru_cache(maxsize=1)
def sketchbook() -> dict[str, dict[str, tuple[dict[str, float], str]]]:
    """The sketches of sketches.txt: by chapter and name, their numbers and their shapes."""
    text = resources.files("gatherset.dataset.scene_drawing").joinpath("sketches.txt").read_text(encoding="utf-8")
    book: dict[str, dict[str, tuple[dict[str, float], str]]] = {}
    chapter, name = "", ""
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            chapter = line.strip("[]")
            book[chapter] = {}
        elif not line.startswith(" "):
            name, _, settings = line.partition(":")
            book[chapter][name] = ({key: float(value) for key, value in map(_setting, settings.split())}, "")
        else:
            numbers, shapes = book[chapter][name]
            book[chapter][name] = (numbers, shapes + line.strip())
    return book


def _setting(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key, value
