"""A list of URLs (CSV, or one a line): what it says of each image before anybody has seen it."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.licenses import license_fault
from gatherset.dataset.web.visitor import url_fault

COLUMNS = ("url", "caption", "license", "attribution", "dataset")
_SCHEMES = ("http://", "https://")


@dataclass(frozen=True)
class Row:
    """What one line says; "" where it says nothing."""

    line: int
    url: str
    caption: str = ""
    license: str = ""
    attribution: str = ""
    dataset: str = ""


def read_url_list(path: Path) -> tuple[list[Row], list[Finding]]:
    """The rows that can be asked for, each URL once, and a finding for all else.

    Where the first line is a URL, so is each of them, whole: a comma is a part of it.

    Raises InputError for a file that cannot be read or has no column `url`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = [line.replace("\0", "") for line in file]  # NUL, which no list means, would stop the reader
            plain = next((line for line in text if line.strip()), "").lower().lstrip(' "').startswith(_SCHEMES)
            lines = list(_plain(text) if plain else _lines(text))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path} cannot be read: {reason}", "Give a CSV file in UTF-8 with a column 'url'") from error
    if not lines:
        raise InputError(f"{path} is empty", "Give a CSV file with a column 'url'")
    findings: list[Finding] = []
    header = ["url"] if plain else _header(lines.pop(0)[1], path, findings)
    rows: dict[str, Row] = {}
    times: Counter[str] = Counter()
    for number, cells in lines:
        said = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        row = Row(number, **{name: said.get(name, "") for name in COLUMNS})
        where = f"{path}:{number}"
        if fault := _fault(row, len(cells), len(header)):
            findings.append(Finding(fault[0], "error", where, fault[1], fault[2]))
            continue
        times[row.url] += 1
        first = rows.setdefault(row.url, row)
        if first is not row and (first.license, first.attribution) != (row.license, row.attribution):
            message = f"line {first.line} says otherwise of the licence or author of {row.url[:200]}"
            findings.append(Finding("GS103", "error", where, message, "Keep the line that is right"))
    for url, count in times.items():
        if count > 1:
            message = f"{url[:200]} stands in the list {count} times; it is asked for once"
            findings.append(Finding("GS103", "warning", f"{path}:{rows[url].line}", message, "Nothing to do"))
    return list(rows.values()), findings


def _plain(text: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """(number, URL) of each line that is not empty; a spreadsheet puts what holds a comma in quotes."""
    for number, line in enumerate(text, 1):
        if url := line.strip().strip('"'):
            yield number, [url]


def _lines(text: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """(number, cells) of each line that is not empty."""
    reader = csv.reader(text)
    begin = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield begin, cells
        begin = reader.line_num + 1


def _header(cells: list[str], path: Path, findings: list[Finding]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    names = ["license" if name == "licence" else name for name in names]
    if "url" not in names:
        near = get_close_matches("url", names, 1, 0.5)
        hint = f"Call the column '{near[0]}' 'url'" if near else "Name one of them 'url'"
        raise InputError(f"{path} has the columns {', '.join(names)[:200]}, but no 'url'", hint)
    for name in names:
        if name not in COLUMNS:
            near = get_close_matches(name, COLUMNS, 1)
            step = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(COLUMNS)}"
            message = f"the column '{name[:100]}' is unknown and is not read"
            findings.append(Finding("GS613", "warning", f"{path}:1", message, step))
    return names


def _fault(row: Row, cells: int, columns: int) -> tuple[str, str, str] | None:
    """(rule, message, next step) of what keeps a row from being asked for."""
    if not row.url:
        return "GS611", "the line has no URL", "Mend the line, or remove it"
    if lines := row.url.count("\n"):
        return "GS611", f"a quote is not closed: {lines} more lines are read as part of this URL", "Close the quote"
    if cells > columns:
        return "GS611", f"it has {cells} fields, the header has {columns}", 'Put what holds a comma in quotes: "A, b"'
    if fault := url_fault(row.url):
        return "GS611", f"{row.url[:200]!r} is no web address: {fault}", "Mend the line, or remove it"
    if row.license and (fault := license_fault(row.license)):
        return "GS602", fault, "Write it as an SPDX id (CC-BY-4.0) or as LicenseRef-own-name"
    return None


def as_entry(row: Mapping[str, str]) -> dict[str, str]:
    """What of a row goes into captions.jsonl, `caption` apart."""
    return {name: row[name] for name in ("license", "attribution", "dataset") if row.get(name)}
