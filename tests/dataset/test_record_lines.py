from collections.abc import Iterator
from pathlib import Path

import pytest

from gatherset.dataset.record_lines import RecordLines, records_in
from gatherset.dataset.records import Record, content_hash
from gatherset.dataset.rules.rule import numbered


@pytest.fixture
def lines() -> Iterator[RecordLines]:
    lines = RecordLines(numbered(number) for number in range(7))
    yield lines
    lines.close()


def test_records_come_back_as_often_as_they_are_asked_for(lines: RecordLines) -> None:
    expected = [numbered(number) for number in range(7)]
    assert [list(lines), list(lines), len(lines)] == [expected, expected, 7]


def test_chunks_hold_whole_lines_in_order(lines: RecordLines) -> None:
    chunks = list(lines.chunks(3))
    assert [len(list(records_in(chunk))) for chunk in chunks] == [3, 3, 1]
    assert [record["id"] for chunk in chunks for record in records_in(chunk)] == [record["id"] for record in lines]


def test_two_readers_do_not_disturb_each_other(lines: RecordLines) -> None:
    assert [first == second for first, second in zip(lines, lines, strict=True)] == [True] * 7


def test_the_hash_is_that_of_the_records(lines: RecordLines) -> None:
    assert lines.content_hash == content_hash(list(lines))


@pytest.mark.parametrize("odd", [2**70, "half a character: \ud800", "a line\nbreak\r\x1e\u2028", "ä\x00\x7f"])
def test_what_is_odd_comes_back_as_it_was(odd: object) -> None:
    record: Record = {**numbered(1), "flags": [odd]}
    lines = RecordLines([record, numbered(2)])
    assert list(lines) == [record, numbered(2)]
    lines.close()


def test_nothing_is_seen_in_the_folder(tmp_path: Path) -> None:
    lines = RecordLines([numbered(1)], tmp_path)
    assert list(tmp_path.iterdir()) == []
    lines.close()
