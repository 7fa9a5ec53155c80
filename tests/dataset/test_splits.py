import random
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatherset.dataset.duplicates import duplicate_groups
from gatherset.dataset.errors import InputError
from gatherset.dataset.features import ExtractorIdentity, FeatureFile, FeatureWriter, Header
from gatherset.dataset.records import SPLITS, Record, current_records
from gatherset.dataset.rules.rule import numbered
from gatherset.dataset.settings import RuleSettings, Settings, SplitSettings
from gatherset.dataset.splits import assign_splits, parse_counts, plan_splits
from gatherset.dataset.workspace import Workspace

SETTINGS = Settings(1, "mg")
LAW = settings(deadline=None, max_examples=40)
TYPES = ("protest", "sports_event", "holiday_party")


def record(number: int, *, unit: int | None = None, event_type: str = "protest", split: str | None = None) -> Record:
    """A record without a split; those of the same `unit` are near-duplicates."""

    def change(made: Record) -> None:
        made["image"]["phash"] = numbered(number if unit is None else unit)["image"]["phash"]
        made.update(split=split, event={"type": event_type, "votes": {event_type: 2}})

    return numbered(number, change)


@st.composite
def datasets(draw: Any, assigned: bool = True) -> list[Record]:
    """Some records in units of some sizes and three types; some have a split, one for each unit."""
    records: list[Record] = []
    splits = st.sampled_from([None, None, *SPLITS]) if assigned else st.none()
    for unit in range(draw(st.integers(0, 16))):
        event_type, split = draw(st.sampled_from(TYPES)), draw(splits)
        for _ in range(draw(st.sampled_from([1, 1, 1, 1, 2, 4]))):
            records.append(record(len(records), unit=100 + unit, event_type=event_type, split=split))
    return records


def after(records: list[Record], settings: Settings = SETTINGS) -> dict[str, str | None]:
    plan = plan_splits(records, settings)
    return {r["id"]: plan.assigned.get(r["id"], r["split"]) for r in records}


def units(records: list[Record]) -> list[list[Record]]:
    groups = defaultdict(list)
    labels = duplicate_groups(
        np.array([int(r["image"]["phash"], 16) for r in records], dtype=np.uint64),
        SETTINGS.rules.near_duplicate_distance,
    )
    for made, label in zip(records, labels.tolist(), strict=True):
        groups[label].append(made)
    return list(groups.values())


@LAW
@given(datasets())
def test_every_record_is_in_exactly_one_split(records: list[Record]) -> None:
    plan = plan_splits(records, SETTINGS)
    assert set(after(records).values()) <= set(SPLITS)
    assert plan.assigned.keys() == {r["id"] for r in records if r["split"] is None}
    assert sum(plan.counts.values()) == len(records)


@LAW
@given(datasets())
def test_near_duplicates_stay_together(records: list[Record]) -> None:
    splits = after(records)
    assert all(len({splits[r["id"]] for r in unit}) == 1 for unit in units(records))


@LAW
@given(datasets(), st.randoms(use_true_random=False))
def test_the_order_does_not_matter(records: list[Record], rng: random.Random) -> None:
    mixed = rng.sample(records, len(records))
    assert after(mixed) == after(records)


@LAW
@given(datasets(assigned=False), st.integers(1, 20))
def test_who_has_a_split_keeps_it_when_others_come(records: list[Record], more: int) -> None:
    first = after(records)
    released = [{**r, "split": first[r["id"]]} for r in records]
    second = after(released + [record(1000 + number) for number in range(more)])
    assert first.items() <= second.items()


@LAW
@given(datasets(assigned=False), st.integers(0, 1000))
def test_another_seed_moves_no_one_who_has_a_split(records: list[Record], seed: int) -> None:
    first = after(records)
    released = [{**r, "split": first[r["id"]]} for r in records]
    assert after(released, Settings(1, "mg", splits=SplitSettings(seed=seed))) == first


@LAW
@given(datasets(assigned=False))
def test_a_type_with_three_separate_images_is_in_every_split(records: list[Record]) -> None:
    splits = after(records)
    per_type = Counter(unit[0]["event"]["type"] for unit in units(records))
    for event_type in (name for name, count in per_type.items() if count >= 3):
        assert {splits[r["id"]] for r in records if r["event"]["type"] == event_type} == set(SPLITS)


@pytest.mark.parametrize("ratios", [(8, 1, 1), (1, 1, 1), (1, 8, 1), (98, 1, 1), (3, 1, 2)])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (5, 5, 5), (1, 1, 50), (50, 50, 1), (7, 2, 2, 2)])
def test_a_type_of_few_and_large_units_is_in_every_split(ratios: tuple[int, ...], sizes: tuple[int, ...]) -> None:
    records: list[Record] = []
    for unit, size in enumerate(sizes):
        records += [record(100 * unit + number, unit=unit) for number in range(size)]
    assert set(after(records, Settings(1, "mg", splits=SplitSettings(ratios))).values()) == set(SPLITS)


@pytest.mark.parametrize("count", [30, 101, 300])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_totals_are_near_the_ratio(count: int, seed: int) -> None:
    records = [record(number, event_type=TYPES[number % 3]) for number in range(count)]
    splits = Counter(after(records, Settings(1, "mg", splits=SplitSettings(seed=seed))).values())
    for split, share in zip(SPLITS, (0.8, 0.1, 0.1), strict=True):
        assert abs(splits[split] - share * count) <= 2 * len(TYPES)


def test_a_split_whose_ratio_is_nothing_stays_empty() -> None:
    settings = Settings(1, "mg", splits=SplitSettings((8, 0, 2)))
    assert set(after([record(number) for number in range(30)], settings).values()) == {"train", "test"}


def test_a_near_duplicate_of_a_test_image_joins_it() -> None:
    old = record(1, unit=7, split="test")
    assert plan_splits([old, record(2, unit=7)], SETTINGS).assigned == {record(2)["id"]: "test"}


def test_a_newcomer_that_would_join_two_splits_is_held_back() -> None:
    near = f"{int(record(1)['image']['phash'], 16) ^ 0xFF:016x}"  # 8 bits away, and 4 from the one between
    between = f"{int(record(1)['image']['phash'], 16) ^ 0x0F:016x}"
    first, second, newcomer = record(1, split="train"), record(2, split="test"), record(3)
    second["image"]["phash"], newcomer["image"]["phash"] = near, between
    plan = plan_splits([first, second, newcomer], SETTINGS)
    assert plan.assigned == {}
    held = [finding for finding in plan.findings if finding.rule == "GS505"]
    assert [(finding.level, finding.where) for finding in held] == [("error", newcomer["id"])]


def test_a_thin_type_is_a_warning() -> None:
    [finding] = plan_splits([record(1), record(2)], SETTINGS).findings
    assert (finding.rule, finding.level) == ("GS503", "warning")
    assert "2 separate images: too few for val and test" in finding.message


def test_assigning_writes_to_the_catalog_once(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 12, split=False)
    plan = assign_splits(workspace)
    with workspace.catalog.read() as connection:
        assert {r["id"]: r["split"] for r in current_records(connection)} == plan.assigned
    assert assign_splits(workspace).assigned == {}


@LAW
@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.tuples(*[st.integers(1, 12)] * 3), st.integers(0, 50))
def test_single_images_meet_the_ratio_within_one(sizes: list[int], ratios: tuple[int, ...], seed: int) -> None:
    """In all, and in each type, but for the types that would not get into every split."""
    records = [
        record(100 * row + number, event_type=f"type_{row}") for row, size in enumerate(sizes) for number in range(size)
    ]
    splits = after(records, Settings(1, "mg", splits=SplitSettings(ratios, seed)))
    enough = all(size * min(ratios) >= sum(ratios) for size in sizes if size)
    for rows in ([*range(len(sizes))], *([row] for row in range(len(sizes)))):
        chosen = Counter(splits[r["id"]] for r in records if int(r["event"]["type"][5:]) in rows)
        for split, ratio in zip(SPLITS, ratios, strict=True):
            if enough:
                assert abs(chosen[split] - chosen.total() * ratio / sum(ratios)) <= 1


@LAW
@given(st.lists(st.integers(3, 40), min_size=1, max_size=4), st.tuples(*[st.integers(1, 30)] * 3))
def test_counts_are_met_exactly_where_there_are_enough_single_images(sizes: list[int], counts: tuple[int, ...]) -> None:
    records = [
        record(100 * row + number, event_type=f"type_{row}") for row, size in enumerate(sizes) for number in range(size)
    ]
    plan = plan_splits(records, SETTINGS, counts)
    if sum(counts) <= len(records):
        assert tuple(plan.counts.values()) == counts
        assert plan.left == len(records) - sum(counts)
        assert not [finding for finding in plan.findings if finding.rule == "GS504"]
    else:
        assert (sum(plan.counts.values()), plan.left) == (len(records), 0)
        assert any("the counts ask for" in finding.message for finding in plan.findings)


def test_single_images_fill_the_gaps_that_large_units_leave() -> None:
    records = [record(number, unit=number // 4) for number in range(40)] + [record(100 + n) for n in range(10)]
    assert tuple(plan_splits(records, SETTINGS, (40, 5, 5)).counts.values()) == (40, 5, 5)


def test_a_unit_larger_than_the_gap_stays_out_and_is_named() -> None:
    records = [record(number, unit=number // 4) for number in range(12)]
    plan = plan_splits(records, SETTINGS, (9, 1, 1))
    assert plan.left == 4
    message = next(finding.message for finding in plan.findings if finding.message.startswith("train"))
    assert message == (
        "train holds 8 records, 9 were wanted: near-duplicates and images of one source stay together, up to 4 of them"
    )


def test_a_split_that_holds_too_many_keeps_them_and_it_is_said() -> None:
    plan = plan_splits([record(number, split="train") for number in range(9)] + [record(20)], SETTINGS, (5, 2, 2))
    assert plan.counts["train"] == 9
    assert any("9 records, 5 were wanted: a split held more" in finding.message for finding in plan.findings)


@pytest.mark.parametrize("text", ["8:1", "8:1:x", "", "0:0:0", "8:1:-1", "8000:1000:1000:5", "٨:1:1", "8.5:1:1"])
def test_counts_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="not three counts"):
        parse_counts(text)


def test_images_of_one_photograph_follow_each_other() -> None:
    crop = record(2)
    crop["source"].update(dataset="coco", url="https://www.flickr.com/photos/somebody/1000268201/")
    old = record(1, split="test")
    old["source"]["ref"] = "1000268201_693b08cb0e.jpg"
    assert plan_splits([old, crop], SETTINGS).assigned == {crop["id"]: "test"}


def test_a_series_stays_together() -> None:
    records = [record(number) for number in range(30)]
    for number, made in enumerate(records):
        made["source"]["ref"] = f"{number // 10}/{number}.jpg"
    splits = after(records, Settings(1, "mg", splits=SplitSettings(series="^(.+)/")))
    assert [len({splits[made["id"]] for made in records[first : first + 10]}) for first in (0, 10, 20)] == [1, 1, 1]
    assert set(splits.values()) == set(SPLITS)


def test_images_that_look_alike_by_their_features_stay_together(tmp_path: Path) -> None:
    records = [record(number) for number in range(40)]
    ids = [made["id"] for made in records]
    header = Header(ExtractorIdentity("test", {}, "0" * 64), "mg", "1.0.0", "0" * 64, 2, 8, ids)
    rows = np.random.default_rng(0).normal(size=(40, 2, 8))
    rows[20:] = rows[:20] + 0.01  # the second half are copies of the first
    with FeatureWriter(tmp_path / "mg.feat", header) as writer:
        writer.append(rows, np.zeros((40, 2, 4)))
    features = FeatureFile.open(tmp_path / "mg.feat")
    splits = plan_splits(
        records, Settings(1, "mg", rules=RuleSettings(lookalike_cosine=0.999)), None, features
    ).assigned
    assert all(splits[ids[number]] == splits[ids[number + 20]] for number in range(20))
