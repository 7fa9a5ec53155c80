import pytest

from gatherset.dataset.errors import ReleaseError
from gatherset.dataset.versions import Wanted, parse_version, parse_wanted, version_text

VERSIONS = [(0, 9, 0), (1, 0, 0), (1, 2, 0), (1, 2, 10), (1, 2, 9), (1, 10, 0), (2, 0, 0)]


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("mg", (2, 0, 0)),
        ("mg@1", (1, 10, 0)),
        ("mg@1.2", (1, 2, 10)),
        ("mg@1.2.9", (1, 2, 9)),
        ("mg@^1.2", (1, 10, 0)),
        ("mg@^1.2.10", (1, 10, 0)),
        ("mg@0", (0, 9, 0)),
        ("mg@3", None),
        ("mg@1.2.11", None),
        ("mg@^1.11", None),
    ],
)
def test_a_shorter_version_stands_for_the_newest_that_begins_with_it(text: str, chosen: object) -> None:
    assert parse_wanted(text).newest(VERSIONS) == chosen


@pytest.mark.parametrize("text", ["", "MG", "mg@", "mg@v1", "mg@1.2.3.4", "mg@01", "mg@1.", "../mg", "mg@*", "mg 1"])
def test_what_names_no_release_is_said(text: str) -> None:
    with pytest.raises(ReleaseError, match="is not a release"):
        parse_wanted(text)


def test_only_a_full_version_is_exact() -> None:
    assert [parse_wanted(text).exact for text in ("mg", "mg@1.2", "mg@1.2.0", "mg@^1.2.0")] == [
        False,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("text", ["mg", "mg@1", "mg@1.2", "mg@1.2.3", "mg@^1.2"])
def test_it_reads_as_it_was_written(text: str) -> None:
    assert str(parse_wanted(text)) == text


def test_a_version_is_three_numbers() -> None:
    assert version_text(parse_version("1.20.3")) == "1.20.3"
    assert Wanted("mg").fits((0, 0, 0))
