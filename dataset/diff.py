"""What changed between two sets of records, and the least version that says so."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from gatherset.dataset.errors import ReleaseError
from gatherset.dataset.records import SPLITS, Record, canonical_bytes
from gatherset.dataset.versions import Version

if TYPE_CHECKING:
    from gatherset.dataset.loading import Release

_Fingerprints = dict[str, tuple[bytes, str | None]]
Word = tuple[str, str]  # " ", "-" or "+", and some words: kept, taken out, put in


@dataclass(frozen=True)
class Difference:
    """The ids of the records that differ."""

    added: tuple[str, ...]
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
    """What turned the records `before` into `after`, by id. Only hashes are kept, whatever the number of records."""
    return _difference(_fingerprints(before, Counter()), _fingerprints(after, Counter()))


def _difference(old: _Fingerprints, new: _Fingerprints) -> Difference:
    both = sorted(old.keys() & new.keys())
    return Difference(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        edited=tuple(i for i in both if old[i][0] != new[i][0]),
        moved=tuple(i for i in both if old[i][1] != new[i][1]),
    )


def _fingerprints(records: Iterable[Record], counts: Counter[tuple[str, str]]) -> _Fingerprints:
    """Of each id a hash of the record without its split, and the split; `counts` counts splits and types."""
    found = {}
    for record in records:
        counts[record["split"], record["event"]["type"]] += 1
        found[record["id"]] = (hashlib.sha256(canonical_bytes({**record, "split": None})).digest(), record["split"])
    return found


@dataclass(frozen=True)
class Change:
    """One record that is not the same on both sides."""

    id: str
    kinds: tuple[str, ...]  # added, removed, caption, event, moved, source, image, other
    split: str  # after; before where it was removed
    type: str  # likewise
    captions: tuple[tuple[int, tuple[Word, ...]], ...] = ()  # number from 1, word by word
    fields: tuple[tuple[str, Any, Any], ...] = ()  # name, before, after: event, split, source.url, …


@dataclass(frozen=True)
class Comparison:
    """Two releases side by side."""

    before: str  # "mg@1.0.0"
    after: str
    difference: Difference
    changes: tuple[Change, ...]  # by id
    counts: tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]  # (split, type): records; before and after

    def kinds(self) -> Counter[str]:
        """How many records changed in each way; one record may have changed in several."""
        return Counter(kind for change in self.changes for kind in change.kinds)


def compare(before: str, old: Iterable[Record], after: str, new: Iterable[Record]) -> Comparison:
    """The records `old` and `new`, named `before` and `after`. Each is gone through twice: no iterators, please."""
    counts: tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]] = (Counter(), Counter())
    found = _difference(_fingerprints(old, counts[0]), _fingerprints(new, counts[1]))
    touched = {*found.added, *found.removed, *found.edited, *found.moved}
    was, now = (
        {record["id"]: record for record in records if record["id"] in touched} if touched else {}
        for records in (old, new)
    )
    changes = tuple(_change(identity, was.get(identity), now.get(identity)) for identity in sorted(touched))
    return Comparison(before, after, found, changes, counts)


def compare_releases(old: Release, new: Release) -> Comparison:
    """Two releases, whole, or pulled with the same splits. Raises ReleaseError where one has splits that the other has
    not: their records would seem to be added or removed.
    """
    for less, more in ((old, new), (new, old)):
        if missing := [split for split in more.pulled_splits if split not in less.pulled_splits]:
            message = f"{less.path} was pulled without {' and '.join(missing)}, which {more.path} has"
            raise ReleaseError(message, f"Get it: gatherset pull {less} --split {missing[0]}")
    return compare(_named(old), old, _named(new), new)


def _named(release: Release) -> str:
    if release.pulled_splits == SPLITS:
        return str(release)
    return f"{release} ({' and '.join(release.pulled_splits)} alone)"


def _change(identity: str, old: Record | None, new: Record | None) -> Change:
    if old is None or new is None:
        record = new or old
        assert record is not None
        sign = "+" if new else "-"
        whole: Iterator[tuple[int, tuple[Word, ...]]] = (
            (number, ((sign, entry["text"]),)) for number, entry in enumerate(record["captions"], 1)
        )
        kind = "added" if new else "removed"
        return Change(identity, (kind,), record["split"], record["event"]["type"], tuple(whole))
    captions = tuple(_caption_edits(old, new))
    fields = tuple(_field_changes(old, new))
    kinds = {"caption"} if captions else set()
    kinds |= {_KINDS.get(name.partition(".")[0], "other") for name, _, _ in fields}
    return Change(identity, tuple(sorted(kinds)), new["split"], new["event"]["type"], captions, fields)


_KINDS = {"event": "event", "split": "moved", "source": "source", "image": "image", "captions": "caption"}


def _caption_edits(old: Record, new: Record) -> Iterator[tuple[int, tuple[Word, ...]]]:
    was, now = ([entry["text"] for entry in record["captions"]] for record in (old, new))
    for number in range(max(len(was), len(now))):
        first = was[number] if number < len(was) else ""
        second = now[number] if number < len(now) else ""
        if first != second:
            yield number + 1, tuple(word_by_word(first, second))


def _field_changes(old: Record, new: Record) -> Iterator[tuple[str, Any, Any]]:
    """What differs besides the captions' texts, by name: "source.license", "event.type"."""
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if name == "captions":
            was, now = ([{**entry, "text": ""} for entry in side] for side in (was or [], now or []))
            if was != now and len(was) == len(now):
                yield "captions (origin, author or verification)", None, None
        elif isinstance(was, dict) and isinstance(now, dict):
            keys = sorted(key for key in was.keys() | now.keys() if was.get(key) != now.get(key))
            yield from ((f"{name}.{key}", was.get(key), now.get(key)) for key in keys)
        elif was != now:
            yield name, was, now


def word_by_word(before: str, after: str) -> Iterator[Word]:
    """The words of both texts in order: kept (" "), taken out ("-") or put in ("+").

    Where the words are the same, what differs are the spaces between them: these are then the "words" that are taken
    out and put in.
    """
    old, new = before.split(), after.split()
    if old == new:
        yield from _spaces(old, re.split(r"\S+", before), re.split(r"\S+", after))
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield " ", " ".join(old[i1:i2])
            continue
        if i1 < i2:
            yield "-", " ".join(old[i1:i2])
        if j1 < j2:
            yield "+", " ".join(new[j1:j2])


def _spaces(words: Sequence[str], was: Sequence[str], now: Sequence[str]) -> Iterator[Word]:
    """`was` and `now`: the spaces before each word, and after the last."""
    kept: list[str] = []
    for number, (old, new) in enumerate(zip(was, now, strict=True)):
        if old != new:
            if kept:
                yield " ", " ".join(kept)
                kept = []
            yield from ((sign, spaces) for sign, spaces in (("-", old), ("+", new)) if spaces)
        kept += words[number : number + 1]
    if kept:
        yield " ", " ".join(kept)
