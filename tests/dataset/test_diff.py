from pathlib import Path

import pytest

from gatherset.dataset.diff import Change, Comparison, Difference, compare, compare_releases, difference
from gatherset.dataset.diff_report import as_html, as_text
from gatherset.dataset.errors import ReleaseError
from gatherset.dataset.loading import Release
from gatherset.dataset.pull import as_selection, pull
from gatherset.dataset.records import Record
from gatherset.dataset.registry import Registry
from gatherset.dataset.rules.rule import numbered
from gatherset.dataset.versions import parse_wanted
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import correct, next_release

BASE = [numbered(number) for number in range(3)]
IDS = [record["id"] for record in BASE]


def edited(record: Record) -> None:
    record["captions"][0]["text"] = "Something else can be seen."


def moved(record: Record) -> None:
    record["split"] = "test"


@pytest.mark.parametrize(
    ("after", "expected", "least"),
    [
        (BASE, Difference((), (), (), ()), (1, 2, 4)),
        (BASE[::-1], Difference((), (), (), ()), (1, 2, 4)),
        ([*BASE, numbered(3)], Difference((numbered(3)["id"],), (), (), ()), (1, 3, 0)),
        (BASE[1:], Difference((), (IDS[0],), (), ()), (2, 0, 0)),
        ([numbered(0, edited), *BASE[1:]], Difference((), (), (IDS[0],), ()), (2, 0, 0)),
        ([numbered(0, moved), *BASE[1:]], Difference((), (), (), (IDS[0],)), (2, 0, 0)),
    ],
)
def test_what_changed_and_the_least_version_that_says_so(
    after: list[Record], expected: Difference, least: tuple[int, int, int]
) -> None:
    found = difference(BASE, after)
    assert found == expected
    assert bool(found) == bool(expected.added or expected.removed or expected.edited or expected.moved)
    assert found.least_version((1, 2, 3)) == least


def test_edited_and_moved_are_told_apart() -> None:
    both = numbered(0, lambda record: (edited(record), moved(record)))
    found = difference(BASE[:1], [both])
    assert (found.edited, found.moved) == ((IDS[0],), (IDS[0],))


def test_it_reads_as_a_sentence() -> None:
    assert str(difference(BASE, [*BASE[1:], numbered(5), numbered(6)])) == "2 added, 1 removed"
    assert str(difference(BASE, BASE)) == "nothing changed"


def test_ids_of_somebody_elses_release_are_text_on_the_page() -> None:
    change = Change("<script>", ("added",), None, "protest")  # type: ignore[arg-type]
    page = as_html(Comparison("a", "b", Difference(("<script>",), (), (), ()), (change,), ({}, {})))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("A crowd marches.", "A  crowd marches.", "A [-␣-] {+␣␣+} crowd marches."),
        ("A crowd marches.", "A crowd marches. ", "A crowd marches. {+␣+}"),
        ("A\tcrowd\u00a0marches.", "A crowd marches.", "A [-⇥-] {+␣+} crowd [-U+00A0-] {+␣+} marches."),
    ],
)
def test_captions_that_differ_in_spaces_alone_show_them(before: str, after: str, said: str) -> None:
    old, new = (numbered(0, lambda r, text=text: r["captions"][0].update(text=text)) for text in (before, after))  # type: ignore[misc]
    comparison = compare("a", [old], "b", [new])
    assert as_text(comparison).endswith(f"caption 1: {said}")
    assert "<ins>" in as_html(comparison)


@pytest.fixture
def two(released: Release, workspace: Workspace, registry: Registry) -> Registry:
    """mg@1.0.0 and mg@2.0.0, which has one caption corrected."""
    registry.publish(released)
    correct(workspace)
    registry.publish(next_release(workspace))
    return registry


def pulled(registry: Registry, text: str, to: Path, *splits: str) -> Release:
    return pull(parse_wanted(text), registry.url, to=to, selection=as_selection(splits, True)).release


def test_a_part_is_not_compared_with_the_whole(two: Registry, tmp_path: Path) -> None:
    part, whole = pulled(two, "mg@1", tmp_path / "part", "test"), pulled(two, "mg@2", tmp_path / "whole")
    for pair in ((part, whole), (whole, part)):
        with pytest.raises(ReleaseError, match=r"part was pulled without train and val, .*--split train"):
            compare_releases(*pair)


def test_the_same_part_of_two_releases_is_compared_and_named(two: Registry, tmp_path: Path) -> None:
    comparison = compare_releases(
        pulled(two, "mg@1", tmp_path / "one", "train"), pulled(two, "mg@2", tmp_path / "two", "train")
    )
    assert (comparison.before, comparison.after) == ("mg@1.0.0 (train alone)", "mg@2.0.0 (train alone)")
    assert len(comparison.difference.edited) == 1
