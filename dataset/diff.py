"""What changed between two sets of records, and the least version that says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gatherset.dataset.records import Record, canonical

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Difference:
    added: tuple[str, ...]  # ids
    removed: tuple[str, ...]
    edited: tuple[str, ...]
    moved: tuple[str, ...]  # to another split

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.edited or self.moved)

    def __str__(self) -> str:
        parts = {"added": self.added, "removed": self.removed, "edited": self.edited, "moved": self.moved}
        return ", ".join(f"{len(ids)} {name}" for name, ids in parts.items() if ids) or "nothing changed"

    def least_version(self, parent: Version) -> Version:
        """The rule of Croissant and TFDS: MAJOR for edited, removed or moved records, MINOR for added, else PATCH."""
        major, minor, patch = parent
        if self.removed or self.edited or self.moved:
            return major + 1, 0, 0
        return (major, minor + 1, 0) if self.added else (major, minor, patch + 1)


def difference(before: Iterable[Record], after: Iterable[Record]) -> Difference:
    """What turned the records `before` into `after`, by id."""
    old = {record["id"]: record for record in before}
    new = {record["id"]: record for record in after}
    both = sorted(old.keys() & new.keys())
    return Difference(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        edited=tuple(i for i in both if canonical({**old[i], "split": None}) != canonical({**new[i], "split": None})),
        moved=tuple(i for i in both if old[i]["split"] != new[i]["split"]),
    )
