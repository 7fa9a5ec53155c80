import json
from pathlib import Path

import pytest

from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.records_file import MAX_LINE, parts, read_part, read_records_file
from gatherset.dataset.rules.rule import golden, numbered


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.jsonl"


def write(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def line(number: int) -> bytes:
    return json.dumps(numbered(number)).encode()


def bad(path: Path) -> list[tuple[str, str]]:
    return [(item.where, item.message) for _, item in read_records_file(path) if isinstance(item, Finding)]


def test_a_record_comes_with_its_line_and_id(path: Path) -> None:
    write(path, line(1), b"", line(2))
    assert list(read_records_file(path)) == [
        (f"{path}:1 {numbered(1)['id']}", numbered(1)),
        (f"{path}:3 {numbered(2)['id']}", numbered(2)),
    ]


def test_what_windows_adds_does_no_harm(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + line(1) + b"\r\n" + line(2) + b"\r\n")
    assert [item for _, item in read_records_file(path)] == [numbered(1), numbered(2)]


def test_the_last_line_needs_no_line_break(path: Path) -> None:
    path.write_bytes(line(1) + b"\n" + line(2))
    assert len(list(read_records_file(path))) == 2


@pytest.mark.parametrize("size", [1, 100, 2_000, 10_000])
def test_parts_of_any_size_together_are_the_file(path: Path, size: int) -> None:
    write(path, *(line(number) for number in range(20)), b"half a {", b"")
    pieces = parts(path, size)
    assert pieces[0].length == pieces[1].offset if len(pieces) > 1 else True
    assert [item for part in pieces for item in read_part(part)] == list(read_records_file(path))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"id": ', "is not JSON"),
        (b"{}\x00", "is not JSON"),
        (b'{"id": "\xff\xfe"}', "is not JSON"),
        (b"[1, 2]", "not a JSON object"),
        (b'{"x": NaN}', "NaN is no number of JSON"),
        (b"[" * 100_000, "is not JSON"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(path: Path, text: bytes, reason: str) -> None:
    write(path, line(1), text, line(2))
    items = list(read_records_file(path))
    assert [where.split()[0] for where, _ in items] == [f"{path}:{number}" for number in (1, 2, 3)]
    [(where, message)] = bad(path)
    assert where == f"{path}:2"
    assert reason in message


def test_a_line_of_100_mb_is_not_parsed_and_the_next_is_read(path: Path) -> None:
    write(path, b'{"x": "' + b"x" * 100_000_000 + b'"}', line(1))
    assert bad(path) == [(f"{path}:1", f"the line has more than {MAX_LINE} bytes")]
    assert list(read_records_file(path))[1] == (f"{path}:2 {numbered(1)['id']}", numbered(1))


def test_a_record_of_a_newer_version_asks_for_an_upgrade(path: Path) -> None:
    write(path, json.dumps(golden(lambda record: record.update(schema_version="1.1"))).encode())
    [(_, item)] = read_records_file(path)
    assert isinstance(item, Finding)
    assert (item.rule, item.next_step) == ("GS105", "Upgrade: pip install -U gatherset")


def test_what_is_no_version_is_left_to_the_schema(path: Path) -> None:
    write(path, json.dumps(golden(lambda record: record.update(schema_version="new"))).encode())
    assert bad(path) == []


def test_a_folder_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        parts(tmp_path)


def test_an_empty_file_has_no_parts(path: Path) -> None:
    path.touch()
    assert parts(path) == []
