"""GS5xx: the splits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from gatherset.dataset.duplicates import duplicate_groups
from gatherset.dataset.records import SPLITS, Record
from gatherset.dataset.rules.rule import Context, DatasetRule, Rule, golden, numbered, register


@register
class NearDuplicates(DatasetRule):
    """Stands here, not with the images, because what it costs is paid once for GS205 and GS502."""

    id = "GS205"
    level = "warning"
    title = "No two images are near-duplicates (perceptual hashes within rules.near_duplicate_distance bits)."
    next_step = "Look at both; keep the better one, or leave both: they will share a split"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._seen: list[tuple[str, str, str | None]] = []  # id, phash, split

    def check(self, record: Record) -> Iterator[str]:
        self._seen.append((record["id"], record["image"]["phash"], record["split"]))
        yield from ()

    def merge(self, later: NearDuplicates) -> None:
        self._seen += later._seen

    def groups(self) -> list[list[tuple[str, str | None]]]:
        """(id, split) of the records of each group of two or more."""
        labels = duplicate_groups([phash for _, phash, _ in self._seen], self.settings.near_duplicate_distance)
        groups: defaultdict[int, list[tuple[str, str | None]]] = defaultdict(list)
        for (identity, _, split), label in zip(self._seen, labels.tolist(), strict=True):
            groups[label].append((identity, split))
        return [sorted(group) for group in groups.values() if len(group) > 1]

    def close(self) -> Iterator[tuple[str, str]]:
        for group in self.groups():
            first, *others = (identity for identity, _ in group)
            yield first, f"nearly the same picture as {', '.join(others)}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        first = numbered(1)
        near = f"{int(first['image']['phash'], 16) ^ 0b111:016x}"
        return [[first, numbered(2, lambda record: record["image"].update(phash=near))]]


@register
class InOneSplit(Rule):
    id = "GS501"
    level = "error"
    title = "Every record is in a split."
    next_step = "Run: gatherset split"

    def check(self, record: Record) -> Iterator[str]:
        if record["split"] is None and self.context.splits_assigned:
            yield "the record is in no split"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(lambda record: record.update(split=None))]]


@register
class NoLeak(NearDuplicates):
    id = "GS502"
    level = "error"
    title = "Near-duplicates are in one split."
    next_step = "Leave one of them out: a test image must not be seen in training"

    def close(self) -> Iterator[tuple[str, str]]:
        for group in self.groups():
            splits = {split for _, split in group if split}
            if len(splits) > 1:
                where = ", ".join(f"{identity} ({split})" for identity, split in group)
                yield group[0][0], f"a leak between {' and '.join(sorted(splits))}: {where}"

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

    def check(self, record: Record) -> Iterator[str]:
        if record["split"]:
            self._splits[record["event"]["type"]].add(record["split"])
        yield from ()

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
        return [numbered(n, lambda r, s=split: r.update(split=s)) for n, split in enumerate(SPLITS)]  # type: ignore[misc]

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

    def check(self, record: Record) -> Iterator[str]:
        if record["split"]:
            self._counts[record["split"]] += 1
        yield from ()

    def merge(self, later: RatiosHeld) -> None:
        self._counts += later._counts

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
        splits = ["train"] * 8 + ["val", "test"]
        return [numbered(n, lambda r, s=split: r.update(split=s)) for n, split in enumerate(splits)]  # type: ignore[misc]

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden()]]
