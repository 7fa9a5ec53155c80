"""Fetch: from a list of URLs to a folder that `gatherset ingest` takes, with what came of every URL."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.images import SUFFIX
from gatherset.dataset.progress import progress
from gatherset.dataset.spreadsheet import as_csv
from gatherset.dataset.store import write_whole
from gatherset.dataset.timestamps import now
from gatherset.dataset.web.addresses import Reach
from gatherset.dataset.web.crawl import crawl, under_way
from gatherset.dataset.web.hosts import Limits
from gatherset.dataset.web.journal import Journal
from gatherset.dataset.web.judging import decoding, judge
from gatherset.dataset.web.outcome import NOT_ASKED, THERE, Outcome
from gatherset.dataset.web.url_list import COLUMNS, Row, as_entry, read_url_list

JOURNAL, REPORT, IMAGES, CAPTIONS = "fetch.jsonl", "fetch.csv", "images", "captions.jsonl"
PLACEHOLDER = 5  # URLs with one and the same picture: it says that another one is gone, mostly


@dataclass(frozen=True)
class Fetched:
    """What came of a list."""

    folder: Path
    rows: Sequence[Row]
    outcomes: Mapping[str, Outcome]  # of each URL of the list
    asked: int  # of them, in this run
    images: int  # different ones in the folder
    findings: Sequence[Finding]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """{category: {kind: how many URLs}}."""
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for outcome in self.outcomes.values():
            found[outcome.category][outcome.kind] += 1
        return {category: dict(found[category].most_common()) for category in sorted(found)}


def fetch(
    path: Path,
    folder: Path,
    *,
    limits: Limits,
    reach: Reach,
    contact: str = "",
    again: str | None = None,
    isolated: bool = True,
) -> Fetched:
    """Fetch the images of the list `path` into `folder`; what was asked for before is not asked for again.

    It is where its host asked to be left alone for long, or where its image is gone from the folder. `again` names a
    category, or "failed": those are, too. `isolated` decodes in processes of their own, so that an image that kills its
    decoder costs only itself. Raises InputError for a list or a folder that cannot be used.
    """
    rows, findings = read_url_list(path)
    _require_own(folder)
    with Journal(folder / JOURNAL) as journal:
        known = {row.url: row for row in rows}
        if again:
            journal.ask_again(again, known)
        _remove_halves(folder / IMAGES, journal)
        todo = journal.open_questions(known)
        todo += _lost(folder / IMAGES, journal, known.keys() - set(todo))
        _receive(todo, known, folder, journal, limits=limits, reach=reach, contact=contact, isolated=isolated)
        images = _write_captions(folder, rows, journal)
        outcomes = {url: journal.outcomes[url] for url in known}
        write_whole(folder / REPORT, _report(rows, journal).encode("utf-8", "backslashreplace"))
    for row in rows:
        if (outcome := outcomes[row.url]).category != THERE:
            findings.append(_finding(path, row, outcome, later=row.url in journal.later))
    return Fetched(folder, rows, outcomes, len(todo), images, [*findings, *_same_pictures(path, rows, outcomes)])


def _require_own(folder: Path) -> None:
    """Raise InputError where files would be overwritten that no fetch has made."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is no folder", "Name the folder to fetch into")
    if (folder / JOURNAL).exists():
        return
    for name in (IMAGES, CAPTIONS, REPORT):
        if (folder / name).exists():
            raise InputError(f"{folder} holds {name}, and no fetch made it", "Name a new folder to fetch into")


def _remove_halves(images: Path, journal: Journal) -> None:
    """Remove images that were kept in the moment of a kill: their URLs, asked again, may give others."""
    named = {outcome.found.file for outcome in journal.outcomes.values() if outcome.found}
    for image_id in journal.judging.values():
        for suffix in SUFFIX.values():
            if (name := image_id + suffix) not in named:
                (images / name).unlink(missing_ok=True)


def _lost(images: Path, journal: Journal, urls: Iterable[str]) -> list[str]:
    """Those of the `urls` whose image was received and is in the folder no longer."""
    there = _names(images)
    return sorted(url for url in urls if (found := journal.outcomes[url].found) and found.file not in there)


def _names(images: Path) -> set[str]:
    return {path.name for path in images.iterdir()} if images.is_dir() else set()


def _receive(
    todo: Sequence[str],
    known: Mapping[str, Row],
    folder: Path,
    journal: Journal,
    *,
    limits: Limits,
    reach: Reach,
    contact: str,
    isolated: bool,
) -> None:
    def keep(url: str, partial: Path) -> Outcome:
        outcome = judge(journal, decode, url, partial)
        if outcome.found:
            _keep(partial, folder / IMAGES, outcome.found.file)
        return outcome

    with (
        under_way(folder, (CAPTIONS, REPORT)) as made,
        decoding(isolated=isolated) as decode,
        closing(crawl(todo, made, keep, limits=limits, reach=reach, contact=contact)) as answers,
    ):
        for url, outcome in progress(answers, total=len(todo), label="fetch"):
            row = {name: getattr(known[url], name) for name in COLUMNS[1:]}
            journal.add(url, outcome, now(), row, later=outcome.wait > limits.most_wait)


def _keep(partial: Path, images: Path, name: str) -> None:
    """The file becomes one of the images, called by its content."""
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    images.mkdir(exist_ok=True)
    os.replace(partial, images / name)


def _write_captions(folder: Path, rows: Sequence[Row], journal: Journal) -> int:
    """captions.jsonl with a line for each image, as the first URL that gave it has it; how many there are."""
    lines: dict[str, dict[str, Any]] = {}
    there = _names(folder / IMAGES)
    own = {row.url: asdict(row) for row in rows}
    # Those of this list as it says now; then those of lists that were fetched into the folder before.
    for url in (*own, *sorted(journal.outcomes.keys() - own.keys())):
        found = journal.outcomes[url].found
        if found is None or found.file in lines or found.file not in there:
            continue
        said = own.get(url) or journal.rows[url]
        lines[found.file] = {
            "image": found.file,
            "captions": [said["caption"]] if said.get("caption") else [],
            "part": "web",
            "url": url,
            "retrieved": journal.times[url],
            **as_entry(said),
        }
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines.values())
    write_whole(folder / CAPTIONS, text.encode("utf-8", "backslashreplace"))
    return len(lines)


def _report(rows: Sequence[Row], journal: Journal) -> str:
    def line(row: Row) -> dict[str, Any]:
        outcome = journal.outcomes[row.url]
        file = outcome.found.file if outcome.found else ""
        own = {"line": row.line, "url": row.url, "asked": journal.times[row.url], "image": file}
        return {**own, "category": outcome.category, "kind": outcome.kind, "detail": outcome.detail}

    return as_csv(("line", "url", "category", "kind", "detail", "image", "asked"), map(line, rows))


def _finding(path: Path, row: Row, outcome: Outcome, *, later: bool) -> Finding:
    level = "warning" if outcome.category == NOT_ASKED else "error"
    return Finding("GS611", level, f"{path}:{row.line}", f"{row.url[:200]}: {outcome}", _step(outcome, later=later))


def _step(outcome: Outcome, *, later: bool) -> str:
    """What a person can do about it."""
    if outcome.kind == "private address":
        return "Is it yours? Then allow it: --allow-network. Else remove the line"
    if outcome.category == NOT_ASKED:
        return "Ask its owner, or remove the line"
    if later:
        return "Its host asks to be left alone for a while: run the command again then"
    if replace(outcome, final=False).may_pass:
        return "Try again later: --again failed"
    return "Find the image elsewhere, or remove the line"


def _same_pictures(path: Path, rows: Sequence[Row], outcomes: Mapping[str, Outcome]) -> list[Finding]:
    """One picture from several URLs: whether its licence is known then, and whether it is a picture at all."""
    same: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if found := outcomes[row.url].found:
            same[found.file].append(row)
    findings = []
    for file, those in same.items():
        where = f"{path}:{those[0].line}"
        if len(those) >= PLACEHOLDER:
            message = f"{len(those)} URLs give the same picture, {file}; it may say no more than that theirs are gone"
            step = "Look at it; if it is such a picture, remove their lines and the image"
            findings.append(Finding("GS612", "warning", where, message, step))
        if len(licenses := sorted({row.license or "(none)" for row in those})) > 1:
            lines = ", ".join(str(row.line) for row in those)[:200]
            message = f"the lines {lines} give the same picture, {file}, with the licences {', '.join(licenses)}"
            findings.append(Finding("GS103", "error", where, message, "Keep the line that is right"))
    return findings
