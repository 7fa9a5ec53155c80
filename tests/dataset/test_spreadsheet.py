import csv
from io import StringIO

import pytest

from gatherset.dataset.spreadsheet import as_csv


@pytest.mark.parametrize("text", ['=HYPERLINK("http://example.org")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_text_becomes_a_formula(text: str) -> None:
    [row] = csv.DictReader(StringIO(as_csv(["name"], [{"name": text}]), newline=""))
    assert row["name"] == f"'{text}"


def test_numbers_and_harmless_texts_stay_as_they_are() -> None:
    assert as_csv(["a", "b", "c"], [{"a": "anna", "b": -1}]) == "a,b,c\r\nanna,-1,\r\n"
