"""What a rule is, and the registry of all of them."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Self

from gatherset.dataset.membership import Membership
from gatherset.dataset.records import Record
from gatherset.dataset.rules.reading import Reading
from gatherset.dataset.settings import Settings
from gatherset.dataset.store import ImageStore
from gatherset.dataset.taxonomy import Taxonomy

RULES: dict[str, type[Rule]] = {}

GOLDEN: Record = {
    "schema_version": "1.0",
    "id": "gs-3f9a1c0b7d2e4a55",
    "language": "en",
    "image": {
        "sha256": "a81c" * 16,
        "phash": "e1c3b49a0f5d2768",
        "width": 1024,
        "height": 683,
        "format": "jpeg",
        "bytes": 183221,
    },
    "event": {"type": "protest", "votes": {"protest": 2}},
    "captions": [
        {"text": text, "origin": "human", "author": "a-7f3c91d2", "verified": True}
        for text in (
            "Students march down a wide street behind a white banner.",
            "A crowd with hand-painted signs fills the avenue.",
            "Young people chant while they walk past shops.",
            "Several protesters hold up cardboard signs in the sun.",
            "A long march of demonstrators moves through the city.",
        )
    ],
    "source": {
        "sha256": "3f9a1c0b7d2e4a55" + "0" * 48,
        "part": "filtered",
        "dataset": "flickr8k",
        "ref": "march.jpg",
        "url": None,
        "license": "CC-BY-2.0",
        "attribution": "Photograph by A. N. Other",
        "retrieved": "2026-11-20T10:00:00Z",
    },
    "split": "train",
    "flags": [],
}


@dataclass(frozen=True)
class Context:
    """What rules may look at besides the record itself."""

    settings: Settings
    taxonomy: Taxonomy
    store: ImageStore | None = None  # None: there are no pixels here (a records file)
    splits_assigned: bool = True  # False: too early to ask for a split (a record that is being made)
    parent: Membership | None = None  # who was in which split of the parent release
    retracted: Mapping[str, str] = field(default_factory=dict)  # the ids that were retracted, with the reason


class Subject:
    """A record that rules look at; its captions are read once for all of them."""

    def __init__(self, record: Record, where: str = "", place: int = 0, waived: frozenset[str] = frozenset()) -> None:
        self.record = record
        self.where = where  # it stands, in words
        self.place = place  # among those that are looked at together
        self.waived = waived  # the rules that it is excused from

    @cached_property
    def reading(self) -> Reading:
        return Reading([entry["text"] for entry in self.record["captions"]])


class Rule:
    """One check of one record at a time.

    The docstring of a rule says what its title does not: why it is there, and how it decides.
    """

    id: ClassVar[str]
    level: ClassVar[str]  # error or warning
    title: ClassVar[str]  # what must hold, in one line
    next_step: ClassVar[str]

    def __init__(self, context: Context) -> None:
        self.context = context
        self.settings = context.settings.rules

    def check(self, record: Record) -> Iterable[str]:
        """Messages about this record, each with the offending value."""
        return ()

    def ask(self, subjects: Sequence[Subject]) -> Iterable[tuple[Subject, str]]:
        """What `check` says of each."""
        for subject in subjects:
            for message in self.check(subject.record):
                yield subject, message

    @classmethod
    def applies(cls, context: Context) -> bool:
        """Whether there is what it looks at; a rule that does not apply is not among those that ran."""
        return True

    @classmethod
    def waivable(cls) -> bool:
        """Whether a record may be excused from it: not from the shape, on which the others rely."""
        return not cls.id.startswith("GS1")

    @classmethod
    def golden(cls) -> list[Record]:
        """Records that this rule passes."""
        return [copy.deepcopy(GOLDEN)]

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        """Sets of records in each of which this rule finds something."""
        raise NotImplementedError


class CaptionRule(Rule):
    """A check of the captions of a record, which are read once for all such rules."""

    only_odd: ClassVar[bool] = False  # ordinary captions cannot break it: see Reading.ordinary

    @abstractmethod
    def read(self, reading: Reading, record: Record) -> Iterable[str]:
        """Messages about the captions of this record."""

    def check(self, record: Record) -> Iterable[str]:
        return self.read(Subject(record).reading, record)

    def ask(self, subjects: Sequence[Subject]) -> Iterable[tuple[Subject, str]]:
        for subject in subjects:
            reading = subject.reading
            if not (self.only_odd and reading.ordinary):
                for message in self.read(reading, subject.record):
                    yield subject, message


class DatasetRule(Rule):
    """A check of what only shows among many records. Each run has a fresh object, which remembers what it has seen.

    It keeps 64-bit keys and counts, never the records: a million of them must fit. Large files are read in parts, side
    by side, so what one object remembers can be joined to what another does.
    """

    def __getstate__(self) -> dict[str, object]:
        """What it has seen, for the object in another process that goes on with it, and has the surroundings itself:
        those of a million records' parent are nine megabytes.
        """
        return {name: value for name, value in vars(self).items() if name not in ("context", "settings")}

    @abstractmethod
    def remember(self, subjects: Sequence[Subject]) -> None:
        """Keep what `close` needs of these records."""

    def check(self, record: Record) -> Iterable[str]:
        """Nothing yet: what is wrong shows when all are known."""
        self.remember([Subject(record)])
        return ()

    def ask(self, subjects: Sequence[Subject]) -> Iterable[tuple[Subject, str]]:
        self.remember(subjects)
        return ()

    @abstractmethod
    def close(self) -> Iterator[tuple[str, str]]:
        """(record id or "the dataset", message), when all records are known."""

    @abstractmethod
    def merge(self, later: Self) -> None:
        """Remember also what `later` has seen, whose records come after those of this object."""


def register(cls: type[Rule]) -> type[Rule]:
    """Put the rule into the registry under its id."""
    assert cls.id not in RULES, cls.id
    RULES[cls.id] = cls
    return cls


def quoted(text: str, most: int = 60) -> str:
    """`text` in quotes, cut where it is long."""
    return f"'{text}'" if len(text) <= most else f"'{text[:most]}…'"


def golden(change: Callable[[Record], object] = lambda record: None) -> Record:
    """The golden record, changed in place by `change`: for counter-examples."""
    record = copy.deepcopy(GOLDEN)
    change(record)
    return record


def numbered(number: int, change: Callable[[Record], object] = lambda record: None) -> Record:
    """A golden record of its own for each number: another image, other captions."""
    record = golden()
    digits = f"{number:016x}"
    record["id"] = f"gs-{digits}"
    record["source"]["sha256"] = digits * 4
    record["source"]["ref"] = f"{number}.jpg"
    record["image"]["sha256"] = f"{number + 1:064x}"
    # Multiplying by a large odd number spreads the bits: these images are not near-duplicates.
    record["image"]["phash"] = f"{(number + 1) * 0x9E3779B97F4A7C15 % 2**64:016x}"
    for entry in record["captions"]:
        entry["text"] = f"{entry['text'][:-1]}, number {number}."
    change(record)
    return record
