"""Versions of releases, and the ways to ask for one: "mg", "mg@1", "mg@1.2", "mg@1.2.0", "mg@^1.2"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gatherset.dataset.errors import ReleaseError

Version = tuple[int, int, int]
_NUMBER = r"(0|[1-9][0-9]{0,8})"
_WANTED = re.compile(rf"([a-z][a-z0-9_-]*)(?:@(\^?){_NUMBER}(?:\.{_NUMBER}(?:\.{_NUMBER})?)?)?")


def parse_version(text: str) -> Version:
    """ "1.2.0" as numbers. Raises ReleaseError."""
    parts = text.split(".")
    if len(parts) != 3 or not all(re.fullmatch(_NUMBER, part) for part in parts):
        raise ReleaseError(f"'{text}' is not a version", "Write it as MAJOR.MINOR.PATCH, e.g. 1.2.0")
    major, minor, patch = map(int, parts)
    return major, minor, patch


def version_text(version: Version) -> str:
    return ".".join(map(str, version))


@dataclass(frozen=True)
class Wanted:
    """A release that somebody asks for: a name, and the numbers that its version must begin with."""

    name: str
    numbers: tuple[int, ...] = ()  # none: the newest of all
    compatible: bool = False  # "^1.2": anything from 1.2.0 on that has the same major number

    @property
    def exact(self) -> bool:
        return len(self.numbers) == 3 and not self.compatible

    def fits(self, version: Version) -> bool:
        if self.compatible:
            return version[0] == self.numbers[0] and version >= self.numbers
        return version[: len(self.numbers)] == self.numbers

    def newest(self, versions: Iterable[Version]) -> Version | None:
        """The highest of `versions` that fits; None where none does."""
        return max(filter(self.fits, versions), default=None)

    def __str__(self) -> str:
        numbers = "^" * self.compatible + ".".join(map(str, self.numbers))
        return f"{self.name}@{numbers}" if self.numbers else self.name


def parse_wanted(text: str) -> Wanted:
    """ "mg@1.2" taken apart. A shorter version stands for the newest one that begins with it. Raises ReleaseError."""
    match = _WANTED.fullmatch(text)
    if match is None:
        raise ReleaseError(f"'{text}' is not a release", "Write it as mg, mg@1, mg@1.2, mg@1.2.0 or mg@^1.2")
    name, caret, *numbers = match.groups()
    return Wanted(name, tuple(int(number) for number in numbers if number is not None), caret == "^")
