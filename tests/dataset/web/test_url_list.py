from pathlib import Path

import pytest

from gatherset.dataset.errors import InputError
from gatherset.dataset.web.url_list import read_url_list


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_known_columns_are_read_and_unknown_ones_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "urls.csv", "URL,licence,captoin,colour\nhttp://a.org/1.jpg,CC-BY-4.0,A crowd.,red\n")
    [row], findings = read_url_list(path)
    assert (row.line, row.url, row.license, row.caption) == (2, "http://a.org/1.jpg", "CC-BY-4.0", "")
    assert [finding.next_step for finding in findings] == [
        "Did you mean 'caption'?",
        "Known: url, caption, license, attribution, dataset",
    ]


def test_a_plain_list_needs_no_header(tmp_path: Path) -> None:
    rows, _ = read_url_list(write(tmp_path / "urls.txt", "\ufeffhttp://a.org/1.jpg\n\nhttps://a.org/2.jpg\n"))
    assert [row.url for row in rows] == ["http://a.org/1.jpg", "https://a.org/2.jpg"]


def test_a_comma_is_a_part_of_a_url_in_a_plain_list(tmp_path: Path) -> None:
    text = 'http://a.org/w_300,h_200/1.jpg\n"http://a.org/w_300,h_200/2.jpg"\n'
    rows, findings = read_url_list(write(tmp_path / "urls.txt", text))
    assert [row.url for row in rows] == ["http://a.org/w_300,h_200/1.jpg", "http://a.org/w_300,h_200/2.jpg"]
    assert findings == []


def test_a_line_with_more_fields_than_the_header_is_told_and_not_cut(tmp_path: Path) -> None:
    lines = ["http://a.org/1.jpg,A crowd, in red, marches", 'http://a.org/2.jpg,"A crowd, in red, marches"']
    rows, [finding] = read_url_list(write(tmp_path / "urls.csv", "url,caption\n" + "\n".join(lines) + "\n"))
    assert [row.caption for row in rows] == ["A crowd, in red, marches"]
    assert (finding.rule, finding.where.rpartition(":")[2]) == ("GS611", "2")
    assert finding.message == "it has 4 fields, the header has 2"


def test_a_url_that_stands_a_thousand_times_is_one(tmp_path: Path) -> None:
    rows, findings = read_url_list(write(tmp_path / "urls.csv", "url\n" + "http://a.org/1.jpg\n" * 1000))
    assert len(rows) == 1
    [finding] = findings
    assert "1000 times" in finding.message


def test_a_line_that_cannot_be_asked_for_is_told_and_the_others_stay(tmp_path: Path) -> None:
    lines = ["http://a.org/1.jpg,", "htp:/a,", "https://u:p@a.org/x.jpg,", ",CC0-1.0", "http://a.org/2.jpg,free"]
    rows, findings = read_url_list(write(tmp_path / "urls.csv", "url,license\n" + "\n".join(lines)))
    assert [row.url for row in rows] == ["http://a.org/1.jpg"]
    assert [finding.where.rpartition(":")[2] for finding in findings] == ["3", "4", "5", "6"]
    assert [finding.rule for finding in findings] == ["GS611", "GS611", "GS611", "GS602"]


def test_a_quote_that_is_not_closed_is_told_with_the_lines_that_it_swallows(tmp_path: Path) -> None:
    text = 'url,license\nhttp://a.org/1.jpg,\n"http://a.org/2.jpg,\nhttp://a.org/3.jpg,\n'
    rows, [finding] = read_url_list(write(tmp_path / "urls.csv", text))
    assert [row.line for row in rows] == [2]
    assert finding.where.endswith(":3")
    assert "a quote is not closed: 1 more lines" in finding.message


def test_two_lines_that_disagree_on_the_licence_are_told(tmp_path: Path) -> None:
    text = "url,license\nhttp://a.org/1.jpg,CC0-1.0\nhttp://a.org/1.jpg,CC-BY-4.0\n"
    _, findings = read_url_list(write(tmp_path / "urls.csv", text))
    assert [finding.level for finding in findings] == ["error", "warning"]


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "is empty"), (b"link,b\nx,y\n", "no 'url'"), (b"\xff\xfe\x00", "cannot be read")]
)
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "urls.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_url_list(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_url_list(tmp_path / "none.csv")
