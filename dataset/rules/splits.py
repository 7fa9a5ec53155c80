"""GS5xx: the splits, and GS205: near-duplicates."""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gatherset.dataset.duplicates import duplicate_groups
from gatherset.dataset.keys import Keys, key_of
from gatherset.dataset.membership import CODES, NAMES, SHOWN, Membership
from gatherset.dataset.records import SPLITS, Record
from gatherset.dataset.rules.rule import Context, DatasetRule, Rule, Subject, golden, numbered, register
from gatherset.dataset.units import source_keys

TEST, TRAIN = CODES["test"], CODES["train"]


@lru_cache(maxsize=1)
def _groups(hashes: bytes, distance: int) -> NDArray[np.int32]:
    """The near-duplicate groups of these hashes: worked out once for GS205 and GS502, which ask one after another."""
    return duplicate_groups(np.frombuffer(hashes, dtype=np.uint64), distance)


@register
class NearDuplicates(DatasetRule):
    """Stands here, not with the images, because what it costs is paid once for GS205 and GS502."""

    id = "GS205"
    level = "warning"
    title = "No two images are near-duplicates (perceptual hashes within rules.near_duplicate_distance bits)."
    next_step = "Look at both; keep the better one, or leave both: they will share a split"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.members = Membership()
        self._hashes = array("Q")

    def remember(self, subjects: Sequence[Subject]) -> None:
        records = [subject.record for subject in subjects]
        self.members.add_all(records)
        self._hashes.extend([int(record["image"]["phash"], 16) for record in records])

    def merge(self, later: NearDuplicates) -> None:
        self.members.extend(later.members)
        self._hashes.extend(later._hashes)

    def groups(self) -> list[list[int]]:
        """The numbers of the records of each group of two or more."""
        labels = _groups(self._hashes.tobytes(), self.settings.near_duplicate_distance)
        grouped = np.flatnonzero(np.bincount(labels)[labels] > 1) if len(labels) else labels
        groups: defaultdict[int, list[int]] = defaultdict(list)
        for number, label in zip(grouped.tolist(), labels[grouped].tolist(), strict=True):
            groups[label].append(number)
        return [sorted(group, key=self.members.id) for group in groups.values()]

    def close(self) -> Iterator[tuple[str, str]]:
        for first, *others in self.groups():
            names = ", ".join(self.members.id(number) for number in others[:SHOWN])
            more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
            yield self.members.id(first), f"nearly the same picture as {names}{more}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        first = numbered(1)
        near = f"{int(first['image']['phash'], 16) ^ 0b111:016x}"
        return [[first, numbered(2, lambda record: record["image"].update(phash=near))]]


@register
class InOneSplit(Rule):
    """Where splits.counts are set, records beyond them wait without a split, and no release holds them."""

    id = "GS501"
    level = "error"
    title = "Every record is in a split."
    next_step = "Run: gatherset split (what it holds back: gatherset record withdraw ID --reason …)"

    def check(self, record: Record) -> Iterable[str]:
        asked = record["split"] is None and self.context.splits_assigned and not self.context.settings.splits.counts
        return ("the record is in no split",) if asked else ()

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(lambda record: record.update(split=None))]]


@register
class NoLeak(NearDuplicates):
    id = "GS502"
    level = "error"
    title = "Near-duplicates are in one split."
    next_step = "A test image must not be seen in training: gatherset record withdraw ID --reason …"

    def close(self) -> Iterator[tuple[str, str]]:
        codes = self.members.codes
        for group in self.groups():
            if len(splits := set(codes[group].tolist()) - {0}) > 1:
                yield self.members.id(group[0]), f"a leak between {_names(splits)}: {self.members.named(group)}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        [pair] = super().counterexamples()
        pair[1]["split"] = "test"
        return [pair]


@register
class TypeInEverySplit(DatasetRule):
    id = "GS503"
    level = "warning"
    title = "Every event type that is used is in every split."
    next_step = "Collect more of it: its figures cannot be measured"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._splits: defaultdict[str, set[str]] = defaultdict(set)

    def remember(self, subjects: Sequence[Subject]) -> None:
        for kind, split in {(subject.record["event"]["type"], subject.record["split"]) for subject in subjects}:
            if split:
                self._splits[kind].add(split)

    def merge(self, later: TypeInEverySplit) -> None:
        for name, splits in later._splits.items():
            self._splits[name] |= splits

    def close(self) -> Iterator[tuple[str, str]]:
        used = [split for split, ratio in zip(SPLITS, self.context.settings.splits.ratios, strict=True) if ratio]
        for name, splits in sorted(self._splits.items()):
            if missing := [split for split in used if split not in splits]:
                yield "the dataset", f"'{name}' is not in {' and '.join(missing)}"

    @classmethod
    def golden(cls) -> list[Record]:
        return [_in(split, number) for number, split in enumerate(SPLITS)]

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden()]]


@register
class RatiosHeld(DatasetRule):
    id = "GS504"
    level = "warning"
    title = "The splits' shares are within rules.split_tolerance of splits.ratios."
    next_step = "Add images, or change the ratios: records with a split do not move"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._counts: Counter[str] = Counter()

    def remember(self, subjects: Sequence[Subject]) -> None:
        self._counts.update([split for subject in subjects if (split := subject.record["split"])])

    def merge(self, later: RatiosHeld) -> None:
        self._counts.update(later._counts)

    def close(self) -> Iterator[tuple[str, str]]:
        ratios = self.context.settings.splits.ratios
        total = self._counts.total()
        for split, ratio in zip(SPLITS, ratios, strict=True):
            wanted = ratio / sum(ratios)
            share = self._counts[split] / total if total else wanted
            if abs(share - wanted) > self.settings.split_tolerance:
                yield "the dataset", f"{split} holds {share:.1%} of {total} records, its ratio is {wanted:.1%}"

    @classmethod
    def golden(cls) -> list[Record]:
        return [_in(split, number) for number, split in enumerate(["train"] * 8 + ["val", "test"])]

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden()]]


class SharedInOneSplit(DatasetRule):
    """A rule that records with a key in common are in one split."""

    shared: ClassVar[str]  # what they have in common, in words

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.members = Membership()
        self._keys = Keys()

    def merge(self, later: SharedInOneSplit) -> None:
        self._keys.extend(later._keys, len(self.members))
        self.members.extend(later.members)

    def close(self) -> Iterator[tuple[str, str]]:
        codes = self.members.codes
        for group in self._keys.across(codes):
            splits = _names(set(codes[group].tolist()) - {0})
            yield self.members.id(group[0]), f"{self.shared} in {splits}: {self.members.named(group)}"


@register
class SourceInOneSplit(SharedInOneSplit):
    """The photograph by its name in its collection or its number at Flickr, the URL, and the series if one is set."""

    id = "GS506"
    shared = "one source"
    level = "error"
    title = "Images of one source photograph, URL or upload series (splits.series) are in one split."
    next_step = "A test image must not be seen in training: gatherset record withdraw ID --reason …"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        series = context.settings.splits.series
        self._series = re.compile(series) if series else None

    def remember(self, subjects: Sequence[Subject]) -> None:
        for number, subject in enumerate(subjects, len(self.members)):
            for key in source_keys(subject.record, self._series):
                self._keys.add(key, number)
        self.members.add_all([subject.record for subject in subjects])

    @classmethod
    def golden(cls) -> list[Record]:
        other = "2000268201_693b08cb0e.jpg"
        return [_in("train", 1, ref="1000268201_693b08cb0e.jpg"), _in("test", 2, ref=other), _in("test", 3, ref=other)]

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        page = "https://www.flickr.com/photos/somebody/1000268201/"
        file = "http://live.staticflickr.com/65535/1000268201_693b08cb0e_b.jpg"
        url = "https://example.org/march?picture=3"
        return [
            [_in("train", 1, ref="march.jpg"), _in("val", 2, ref="march.jpg")],
            [_in("train", 1, ref="1000268201_693b08cb0e.jpg"), _in("test", 2, dataset="coco", ref="7.jpg", url=page)],
            [_in("val", 1, ref="1.jpg", url=file), _in("test", 2, ref="2.jpg", url=page)],
            [_in("val", 1, ref="1.jpg", url=url), _in("test", 2, ref="2.jpg", url=url.replace("https", "http"))],
        ]


@register
class CaptionsInOneSplit(SharedInOneSplit):
    """A warning, not an error: words are no picture, and short captions are anybody's. In Flickr30k, split by lot, 155
    captions stand in two splits; 147 of them have fewer than ten words.
    """

    id = "GS507"
    shared = "the same caption"
    level = "warning"
    title = "No caption of rules.leak_words words or more, and no whole set of captions, is in two splits."
    next_step = "Look at the images: one event or one author's habit? Word one of the captions anew"

    def remember(self, subjects: Sequence[Subject]) -> None:
        least = self.settings.leak_words
        for number, subject in enumerate(subjects, len(self.members)):
            read = subject.reading
            long = [key for key, form in zip(read.keys, read.forms, strict=True) if form.count(" ") + 1 >= least]
            # Where a set has a long caption, its being in two splits shows by that.
            self._keys.add_all(long or [key_of("\0".join(sorted(read.forms)))], number)
        self.members.add_all([subject.record for subject in subjects])

    @classmethod
    def golden(cls) -> list[Record]:
        short = {"text": "A man rides a bicycle.", "origin": "human", "author": None, "verified": True}
        return [_in("train", 1, short), _in("test", 2, short)]

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        text = "A greyhound with the number six on a yellow jacket runs on a track."
        long = {"text": text, "origin": "human", "author": None, "verified": True}
        words = ("A crowd.", "People march.", "A long march.", "Signs and people.", "A street.")
        same = [{**long, "text": text} for text in words]
        return [
            [_in("train", 1, long), _in("test", 2, {**long, "text": text.upper()})],
            [_in("train", 1, *same), _in("val", 2, *reversed(same))],
        ]


class ParentRule(DatasetRule):
    """A rule that looks at the splits of the parent release."""

    @classmethod
    def applies(cls, context: Context) -> bool:
        return context.parent is not None

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.members = Membership()

    def remember(self, subjects: Sequence[Subject]) -> None:
        self.members.add_all([subject.record for subject in subjects])

    def merge(self, later: ParentRule) -> None:
        self.members.extend(later.members)

    def moved(self) -> Iterator[tuple[str, int, int]]:
        """(id, code of the split then, code of the split now) of the records that are in another one."""
        parent = self.context.parent
        if parent is None:
            return
        _, now, then = np.intersect1d(self.members.ids, parent.ids, return_indices=True)
        codes, before = self.members.codes[now], parent.codes[then]
        for place in np.flatnonzero((codes != before) & (before != 0)).tolist():
            yield self.members.id(int(now[place])), int(before[place]), int(codes[place])

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return []  # they need a parent release: the tests of the rules give them one


@register
class TestStaysOut(ParentRule):
    id = "GS508"
    level = "error"
    title = "No record of the parent release's test split is in train now."
    next_step = "Put it back: models were measured on it, and would now be trained on it"

    def close(self) -> Iterator[tuple[str, str]]:
        for identity, then, now in self.moved():
            if (then, now) == (TEST, TRAIN):
                yield identity, "was in test of the parent release and is in train now"


@register
class NothingMoved(ParentRule):
    id = "GS509"
    level = "warning"
    title = "No record is in another split than in the parent release."
    next_step = "Put it back, or say why in the release's notes: figures on the two do not compare"

    def close(self) -> Iterator[tuple[str, str]]:
        for identity, then, now in self.moved():
            if (then, now) != (TEST, TRAIN):
                yield identity, f"was in {NAMES[then]} of the parent release and is in {NAMES[now] or 'none'} now"


def _names(codes: set[int]) -> str:
    return " and ".join(str(NAMES[code]) for code in sorted(codes))


def _in(split: str, number: int, *captions: Mapping[str, object], **source: object) -> Record:
    """A record of `split` with an image of its own, and what is given of its source and captions."""

    def change(record: Record) -> None:
        record["split"] = split
        record["source"].update({"ref": f"{number}.jpg", **source})
        record["captions"][: len(captions)] = captions

    return numbered(number, change)
