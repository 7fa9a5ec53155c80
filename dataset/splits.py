"""Splits: near-duplicates stay together, who has a split keeps it, and newcomers fill what is missing."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from gatherset.dataset.catalog.tables import records as records_table
from gatherset.dataset.duplicates import duplicate_groups
from gatherset.dataset.findings import Finding
from gatherset.dataset.records import SPLITS, Record, current_records
from gatherset.dataset.settings import Settings
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace


@dataclass
class SplitPlan:
    assigned: dict[str, str] = field(default_factory=dict)  # id: split, of those that had none
    counts: dict[str, int] = field(default_factory=dict)  # split: records, with those that had one
    findings: list[Finding] = field(default_factory=list)  # newcomers held back, types too thin


@dataclass(frozen=True)
class _Unit:
    """Records that must share a split."""

    key: str  # the smallest id
    type: str  # the event type of that record
    members: tuple[Record, ...]

    @property
    def splits(self) -> set[str]:
        return {record["split"] for record in self.members if record["split"]}

    def rank(self, seed: int) -> str:
        """A number that depends on the seed and the unit alone, so that later units change no order."""
        return hashlib.sha256(f"{seed}:{self.key}".encode()).hexdigest()


def assign_splits(workspace: Workspace) -> SplitPlan:
    """Give every record that has no split one, and write it to the catalog."""
    with workspace.catalog.write() as connection:
        plan = plan_splits(list(current_records(connection)), workspace.settings)
        for split in SPLITS:
            ids = [{"record": identity} for identity, chosen in plan.assigned.items() if chosen == split]
            if ids:
                update = sa.update(records_table).where(records_table.c.id == sa.bindparam("record"))
                connection.execute(update.values(split=split, split_at=now()), ids)
    return plan


def plan_splits(records: Sequence[Record], settings: Settings) -> SplitPlan:
    """What `assign_splits` writes. Depends on the records and the settings alone, not on the order."""
    plan = SplitPlan()
    units = _units(records, settings.rules.near_duplicate_distance)
    by_type: defaultdict[str, list[_Unit]] = defaultdict(list)
    for unit in units:
        if len(unit.splits) > 1 and any(record["split"] is None for record in unit.members):
            plan.findings.append(_held(unit))
        elif len(unit.splits) == 1:
            [split] = unit.splits
            plan.assigned.update({record["id"]: split for record in unit.members if record["split"] is None})
        by_type[unit.type].append(unit)
    for name in sorted(by_type):
        _fill(name, by_type[name], settings, plan)
    counts = Counter(plan.assigned.get(record["id"]) or record["split"] for record in records)
    plan.counts = {split: counts[split] for split in SPLITS}
    return plan


def _units(records: Sequence[Record], distance: int) -> list[_Unit]:
    ordered = sorted(records, key=lambda record: str(record["id"]))
    groups: defaultdict[int, list[Record]] = defaultdict(list)
    labels = duplicate_groups([record["image"]["phash"] for record in ordered], distance)
    for record, label in zip(ordered, labels.tolist(), strict=True):
        groups[label].append(record)
    return [_Unit(group[0]["id"], group[0]["event"]["type"], tuple(group)) for group in groups.values()]


def _held(unit: _Unit) -> Finding:
    new = ", ".join(record["id"] for record in unit.members if record["split"] is None)
    others = ", ".join(f"{record['id']} ({record['split']})" for record in unit.members if record["split"])
    return Finding("GS505", "error", new, f"would join two splits: nearly the same as {others}", "Leave it out")


def _fill(name: str, units: Iterable[_Unit], settings: Settings, plan: SplitPlan) -> None:
    """Give the new units of one event type their splits."""
    units = list(units)
    have = Counter[str]()
    for unit in units:
        have.update(plan.assigned.get(record["id"]) or record["split"] or "none" for record in unit.members)
    fresh = sorted((unit for unit in units if not unit.splits), key=lambda unit: unit.rank(settings.splits.seed))
    total = sum(have[split] for split in SPLITS) + sum(len(unit.members) for unit in fresh)
    wanted = targets(total, settings.splits.ratios, units=len(units))
    if len(units) >= len(SPLITS):
        _seed(fresh, wanted, have, plan)
    for unit in fresh:
        _place(unit, _neediest(wanted, have, len(unit.members)), have, plan)
    if missing := [split for split in SPLITS if wanted[split] == 0 and settings.splits.ratios[SPLITS.index(split)]]:
        message = f"'{name}' has {len(units)} separate images: too few for {' and '.join(missing)}"
        plan.findings.append(Finding("GS503", "warning", "the dataset", message, "Collect more of it"))


def _seed(fresh: list[_Unit], wanted: Mapping[str, int], have: Counter[str], plan: SplitPlan) -> None:
    """Take from `fresh` a unit for each split that has none yet, however large the units are: the smallest ones for
    test and val, the largest for train, which goes first where there is only one.
    """
    for split, choose in (("test", min), ("val", min), ("train", max)):
        kept = 0 if split == "train" or have["train"] else 1
        if wanted[split] and not have[split] and len(fresh) > kept:
            unit = choose(fresh, key=lambda unit: len(unit.members))
            fresh.remove(unit)
            _place(unit, split, have, plan)


def _place(unit: _Unit, split: str, have: Counter[str], plan: SplitPlan) -> None:
    have[split] += len(unit.members)
    plan.assigned.update({record["id"]: split for record in unit.members})


def targets(total: int, ratios: Sequence[int], *, units: int) -> dict[str, int]:
    """How many of `total` records go to each split: largest remainders, at least one each for three units or more."""
    shares = [total * ratio / sum(ratios) for ratio in ratios]
    counts = [int(share) for share in shares]
    by_remainder = sorted(range(len(ratios)), key=lambda index: (counts[index] - shares[index], index))
    for index in by_remainder[: total - sum(counts)]:
        counts[index] += 1
    if units >= len(SPLITS):
        for index, ratio in enumerate(ratios):
            if ratio and counts[index] == 0:
                counts[counts.index(max(counts))] -= 1
                counts[index] += 1
    return dict(zip(SPLITS, counts, strict=True))


def _neediest(wanted: Mapping[str, int], have: Mapping[str, int], size: int) -> str:
    """The first of test, val, train that lacks at least half of `size` records; train where none does."""
    for split in reversed(SPLITS):
        if 2 * (wanted[split] - have.get(split, 0)) >= size:
            return split
    return "train"
