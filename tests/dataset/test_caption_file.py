import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatherset.dataset.caption_file import read_caption_file
from gatherset.dataset.errors import InputError

GOOD = b'{"image": "a.jpg", "captions": ["  one ", "two"], "license": "CC0-1.0"}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "captions.jsonl"


def test_a_line_gives_an_entry_with_trimmed_captions(path: Path) -> None:
    path.write_bytes(GOOD + b"\n")
    entries, findings = read_caption_file(path)
    assert findings == []
    assert (entries["a.jpg"].captions, entries["a.jpg"].license) == (("one", "two"), "CC0-1.0")


def test_empty_lines_and_a_byte_order_mark_are_no_findings(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + GOOD + b"\r\n\r\n  \n")
    entries, findings = read_caption_file(path)
    assert (list(entries), findings) == (["a.jpg"], [])


def test_a_licence_in_words_is_kept_as_attribution(path: Path) -> None:
    path.write_bytes(b'{"image": "a.jpg", "licence": "with thanks to the press office"}')
    entry = read_caption_file(path)[0]["a.jpg"]
    assert (entry.license, entry.attribution) == (None, "with thanks to the press office")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b'{"image": "b.jpg"', "Expecting"),
        (b'{"image": "b.jpg", \x00"captions": []}', "line 1 column 20"),
        (b'{"image": "b\xff.jpg"}', "can't decode byte 0xff"),
        (b'{"image": "b.jpg", "attribution": "\\ud800"}', "surrogates"),
        (b'["b.jpg"]', "not a JSON object"),
        (b'{"captions": ["one"]}', "names no 'image'"),
        (b'{"image": ""}', "names no 'image'"),
        (b'{"image": "b.jpg", "captions": "one"}', "'captions' of 'b.jpg' is not a list of texts"),
        (b'{"image": "b.jpg", "captions": [NaN]}', "'captions' of 'b.jpg' is not a list of texts"),
        (b'{"image": "b.jpg", "part": "found"}', "'part' of 'b.jpg' is 'found'"),
        (b'{"image": "b.jpg", "part": []}', r"'part' of 'b.jpg' is \[\]"),
        (b'{"image": "b.jpg", "url": 3}', "'url' of 'b.jpg' is not a text"),
        (b"[" * 100_000, "recursion"),
        (b'{"image": "b.jpg", "width": ' + b"9" * 5000 + b"}", "digits"),
    ],
)
def test_a_line_that_cannot_be_used_is_a_finding_with_its_number(path: Path, line: bytes, complaint: str) -> None:
    path.write_bytes(GOOD + b"\n" + line + b"\n")
    entries, [finding] = read_caption_file(path)
    assert list(entries) == ["a.jpg"]
    assert (finding.rule, finding.level, finding.where) == ("GS100", "error", f"{path}:2")
    assert re.search(complaint, finding.message)


def test_of_two_lines_for_one_image_the_first_holds(path: Path) -> None:
    path.write_bytes(GOOD + b"\n" + b'{"image": "a.jpg", "captions": ["other"]}\n')
    entries, [finding] = read_caption_file(path)
    assert entries["a.jpg"].captions == ("one", "two")
    assert (finding.rule, finding.where) == ("GS103", f"{path}:2")
    assert "stands in line 1 already" in finding.message


def test_a_folder_in_its_place_is_an_input_error(path: Path) -> None:
    path.mkdir()
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_caption_file(path)


@given(st.binary(max_size=200))
def test_any_bytes_give_entries_and_findings(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "captions.jsonl"
    path.write_bytes(data)
    entries, findings = read_caption_file(path)
    assert len(entries) + len(findings) == sum(bool(line.strip()) for line in data.split(b"\n"))
