import pytest

from gatherset.dataset.diff import Change, Comparison, Difference, difference
from gatherset.dataset.diff_report import as_html
from gatherset.dataset.records import Record
from gatherset.dataset.rules.rule import numbered

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
