"""Splits: units stay together, who has a split keeps it, and newcomers fill what is missing."""

from __future__ import annotations

import hashlib
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from gatherset.dataset.catalog.tables import records as records_table
from gatherset.dataset.duplicates import duplicate_groups
from gatherset.dataset.errors import InputError
from gatherset.dataset.features import FeatureFile
from gatherset.dataset.findings import Finding
from gatherset.dataset.keys import Keys
from gatherset.dataset.lookalikes import lookalikes
from gatherset.dataset.membership import CODES, NAMES, Membership
from gatherset.dataset.quotas import largest_remainders, quotas
from gatherset.dataset.records import SPLITS, Record, current_records
from gatherset.dataset.settings import Settings
from gatherset.dataset.timestamps import now
from gatherset.dataset.units import joined, source_keys
from gatherset.dataset.workspace import Workspace

WITHDRAW = "Leave it out: gatherset record withdraw ID --reason …"
LEFT = len(SPLITS)  # the column of those that exact counts leave without a split


@dataclass
class SplitPlan:
    assigned: dict[str, str] = field(default_factory=dict)  # id: split, of those that had none
    counts: dict[str, int] = field(default_factory=dict)  # split: records, with those that had one
    left: int = 0  # records that stay without a split: held back, or more than the counts ask for
    findings: list[Finding] = field(default_factory=list)  # newcomers held back, and what could not be honoured


def assign_splits(
    workspace: Workspace, counts: Sequence[int] | None = None, features: FeatureFile | None = None
) -> SplitPlan:
    """Give every record that has no split one, and write it to the catalog. See `plan_splits`."""
    with workspace.catalog.write() as connection:
        plan = plan_splits(current_records(connection), workspace.settings, counts, features)
        for split in SPLITS:
            ids = [{"record": identity} for identity, chosen in plan.assigned.items() if chosen == split]
            if ids:
                update = sa.update(records_table).where(records_table.c.id == sa.bindparam("record"))
                connection.execute(update.values(split=split, split_at=now()), ids)
    return plan


def parse_counts(text: str) -> tuple[int, ...]:
    """ "8000:1000:1000" as numbers. Raises InputError."""
    if not re.fullmatch(r"[0-9]{1,9}(:[0-9]{1,9}){2}", text, re.ASCII) or not any(map(int, text.split(":"))):
        raise InputError(f"'{text}' is not three counts", "Write train:val:test, such as 8000:1000:1000")
    return tuple(map(int, text.split(":")))


def plan_splits(
    records: Iterable[Record],
    settings: Settings,
    counts: Sequence[int] | None = None,
    features: FeatureFile | None = None,
) -> SplitPlan:
    """What `assign_splits` writes. Depends on the records and the settings alone, not on the order.

    `counts`: exactly so many records in train, val and test, instead of splits.counts or the ratios; the others stay
    without one.
    `features`: images whose features are alike join a unit too, where the file has them.
    """
    counts = counts or settings.splits.counts or None
    roster = _Roster(records, settings)
    plan = SplitPlan()
    units = roster.units(settings, features)
    fresh = _settled(units, roster, plan)
    if units:
        _Filling(units, settings, counts).fill(fresh, plan, roster)
    final = Counter(roster.members.codes.tolist())
    taken = Counter(plan.assigned.values())
    plan.counts = {split: final[CODES[split]] + taken[split] for split in SPLITS}
    plan.left = final[0] - len(plan.assigned)
    return plan


@dataclass(frozen=True, slots=True, eq=False)  # each unit is itself; arrays do not compare as one
class _Unit:
    """Records that must share a split, by their numbers in the roster."""

    members: NDArray[np.intp]  # by id
    having: tuple[int, ...]  # members without a split, in train, val, test
    type: str  # of most members
    rank: bytes  # depends on the seed and the smallest id alone, so that later units change no order

    @property
    def splits(self) -> list[int]:
        """Codes of the splits that members have."""
        return [code for code, count in enumerate(self.having) if code and count]


class _Roster:
    """What splitting has to know of each record: 33 bytes and its source keys, however long its captions are."""

    def __init__(self, records: Iterable[Record], settings: Settings) -> None:
        self.members = Membership()
        self._hashes = array("Q")
        self._types = array("H")
        self._names: dict[str, int] = {}
        self._keys = Keys()
        series = re.compile(settings.splits.series) if settings.splits.series else None
        for record in records:
            for key in source_keys(record, series):
                self._keys.add(key, len(self.members))
            self.members.add(record)
            self._hashes.append(int(record["image"]["phash"], 16))
            self._types.append(self._names.setdefault(record["event"]["type"], len(self._names)))

    def units(self, settings: Settings, features: FeatureFile | None) -> list[_Unit]:
        """All units, by their smallest id."""
        if not len(self.members):
            return []
        labels = duplicate_groups(np.array(self._hashes), settings.rules.near_duplicate_distance)
        edges = [self._keys.edges()]
        if features is not None:
            number = {self.members.id(index): index for index in range(len(self.members))}
            alike = lookalikes(features, settings.rules.lookalike_cosine)
            edges.append(_numbered(alike, features.ids, number))
        labels = joined(labels, *edges)
        order = np.lexsort((self.members.ids, labels))
        starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
        codes, types, names = self.members.codes, np.array(self._types), list(self._names)
        units = []
        for members in np.split(order, starts[1:]):
            counted = Counter(names[code] for code in types[members].tolist())
            key = f"{settings.splits.seed}:{self.members.id(int(members[0]))}"
            units.append(
                _Unit(
                    members,
                    tuple(np.bincount(codes[members], minlength=len(CODES)).tolist()),
                    min(counted, key=lambda name: (-counted[name], name)),
                    hashlib.sha256(key.encode()).digest(),
                )
            )
        return sorted(units, key=lambda unit: self.members.id(int(unit.members[0])))


def _numbered(
    pairs: tuple[NDArray[np.intp], NDArray[np.intp]], ids: Sequence[str], number: dict[str, int]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Pairs of rows of a feature file as pairs of records; rows of other records fall out."""
    known = [
        (number[ids[left]], number[ids[right]])
        for left, right in zip(pairs[0].tolist(), pairs[1].tolist(), strict=True)
        if ids[left] in number and ids[right] in number
    ]
    found = np.array(known, dtype=np.uint64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _settled(units: Sequence[_Unit], roster: _Roster, plan: SplitPlan) -> list[_Unit]:
    """Let newcomers follow the split of their unit, or hold them back; returns the units that are all new."""
    members, codes = roster.members, roster.members.codes
    for unit in units:
        new = [number for number in unit.members.tolist() if codes[number] == 0] if unit.having[0] else []
        if len(unit.splits) == 1:
            plan.assigned.update({members.id(number): str(NAMES[unit.splits[0]]) for number in new})
        elif len(unit.splits) > 1 and new:
            names = members.named([number for number in unit.members.tolist() if codes[number]])
            message = f"would join two splits: it is nearly the same as, or of one source with, {names}"
            plan.findings += [Finding("GS505", "error", members.id(number), message, WITHDRAW) for number in new]
    return [unit for unit in units if not unit.splits]


class _Filling:
    """Puts new units where records are missing, event type by event type and in all."""

    def __init__(self, units: Sequence[_Unit], settings: Settings, counts: Sequence[int] | None) -> None:
        self.counts = counts
        self.ratios = list(counts or settings.splits.ratios)
        self.types = sorted({unit.type for unit in units})
        self.units_of = Counter(unit.type for unit in units)
        self.have = np.zeros((len(self.types), len(SPLITS) + 1), dtype=np.int64)  # [T, train val test left]
        row = {name: number for number, name in enumerate(self.types)}
        for unit in units:
            self.have[row[unit.type], : len(SPLITS)] += unit.having[1:]
            if len(unit.splits) == 1:  # its newcomers follow; those of more than one are held back
                self.have[row[unit.type], unit.splits[0] - 1] += unit.having[0]
        self.placed: list[tuple[_Unit, int]] = []

    def fill(self, fresh: Sequence[_Unit], plan: SplitPlan, roster: _Roster) -> None:
        waiting: defaultdict[str, list[_Unit]] = defaultdict(list)
        for unit in sorted(fresh, key=lambda unit: (-len(unit.members), unit.rank)):
            waiting[unit.type].append(unit)
        self.totals = self._totals(sum(len(unit.members) for unit in fresh))
        for name, units in waiting.items():
            self._seed(name, units)
        # Units of several first, then single records: these fit into every gap.
        for singles in (False, True):
            quota = self._quota(waiting)
            for row, name in enumerate(self.types):
                self._spread(row, quota[row], [unit for unit in waiting[name] if (len(unit.members) == 1) == singles])
                waiting[name] = [unit for unit in waiting[name] if (len(unit.members) == 1) != singles]
        for unit, column in self.placed:
            if column != LEFT:
                plan.assigned.update({roster.members.id(number): SPLITS[column] for number in unit.members.tolist()})
        plan.findings += self._not_honoured(fresh)

    def _totals(self, fresh: int) -> NDArray[np.int64]:
        """[S + 1] how many records each split should hold in the end, and how many stay without one."""
        total = int(self.have.sum()) + fresh
        if self.counts and sum(self.counts) <= total:
            short = sum(max(0, count - int(self.have[:, column].sum())) for column, count in enumerate(self.counts))
            return np.array([*self.counts, max(0, fresh - short)])
        return np.array([*largest_remainders(total, self.ratios), 0])

    def _quota(self, waiting: dict[str, list[_Unit]]) -> NDArray[np.int64]:
        fresh = np.array([sum(len(unit.members) for unit in waiting[name]) for name in self.types], dtype=np.int64)
        covered = np.zeros(self.have.shape, dtype=bool)
        for row, name in enumerate(self.types):
            covered[row, : len(SPLITS)] = [self.units_of[name] >= len(SPLITS) and ratio > 0 for ratio in self.ratios]
        return quotas(self.have, fresh, self.totals, covered, exact=self.counts is not None)

    def _seed(self, name: str, units: list[_Unit]) -> None:
        """Where single records are too few to bring a type into every split, take a unit for each split that has none:
        the smallest ones for test and val, the largest for train, which goes first where there is only one.
        """
        row = self.types.index(name)
        empty = [column for column, ratio in enumerate(self.ratios) if ratio and not self.have[row, column]]
        singles = sum(len(unit.members) == 1 for unit in units)
        if self.units_of[name] < len(SPLITS) or singles >= len(empty):
            return
        for column, choose in ((2, min), (1, min), (0, max)):
            kept = 1 if column and 0 in empty else 0
            if column in empty and len(units) > kept:
                unit = choose(units, key=lambda unit: len(unit.members))
                if self._fits(column, len(unit.members)):
                    units.remove(unit)
                    self._place(unit, row, column)

    def _spread(self, row: int, quota: NDArray[np.int64], units: Sequence[_Unit]) -> None:
        """Give `units` of one type their splits: each to where most is missing, single ones to the first that lacks
        any: test, val, train. So test and val hold as many different pictures as can be.
        """
        quota = quota.copy()
        for unit in units:
            size = len(unit.members)
            columns = [column for column in (2, 1, 0, LEFT) if self._fits(column, size)]
            if size == 1:
                column = next((column for column in columns if quota[column] > 0), columns[-1])
            else:
                column = max(columns, key=lambda column: (quota[column], -column))
            quota[column] -= size
            self._place(unit, row, column)

    def _fits(self, column: int, size: int) -> bool:
        if self.counts is None:
            return column != LEFT and self.ratios[column] > 0
        return column == LEFT or int(self.have[:, column].sum()) + size <= self.counts[column]

    def _place(self, unit: _Unit, row: int, column: int) -> None:
        self.have[row, column] += len(unit.members)
        self.placed.append((unit, column))

    def _not_honoured(self, fresh: Sequence[_Unit]) -> list[Finding]:
        findings = []
        for row, name in enumerate(self.types):
            used = [column for column, ratio in enumerate(self.ratios) if ratio]
            if missing := [SPLITS[column] for column in used if not self.have[row, column]]:
                count = self.units_of[name]
                why = f"has {count} separate images: too few for" if count < len(SPLITS) else "did not get into"
                message = f"'{name}' {why} {' and '.join(missing)}"
                findings.append(Finding("GS503", "warning", "the dataset", message, "Collect more of it"))
        largest = max((len(unit.members) for unit in fresh), default=0)
        for column, split in enumerate(SPLITS):
            holds, wanted = int(self.have[:, column].sum()), int(self.totals[column])
            if self.counts:
                wanted = self.counts[column]
            if holds != wanted if self.counts else abs(holds - wanted) > 1:
                message = f"{split} holds {holds} records, {wanted} were wanted: {self._why(holds, wanted, largest)}"
                step = "Add images; records with a split do not move"
                findings.append(Finding("GS504", "warning", "the dataset", message, step))
        return findings

    def _why(self, holds: int, wanted: int, largest: int) -> str:
        total = int(self.have.sum())
        if self.counts and total < sum(self.counts):
            return f"there are {total} records, the counts ask for {sum(self.counts)}"
        before = self.have.copy()
        for unit, column in self.placed:
            before[self.types.index(unit.type), column] -= len(unit.members)
        if (before.sum(axis=0)[:LEFT] > self.totals[:LEFT]).any():
            return "a split held more than its share before"
        if largest > 1 and (holds > wanted or self.have[:, LEFT].any()):
            return f"near-duplicates and images of one source stay together, up to {largest} of them"
        return "every event type goes into every split before the totals are met"
