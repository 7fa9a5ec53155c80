"""Fetch: from a list of URLs to a folder that `gatherset ingest` takes, with what came of every URL."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gatherset.dataset.errors import ImageError, InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.images import SUFFIX, decode, image_id
from gatherset.dataset.progress import progress
from gatherset.dataset.settings import ImageSettings
from gatherset.dataset.spreadsheet import as_csv
from gatherset.dataset.store import write_whole
from gatherset.dataset.timestamps import now
from gatherset.dataset.web.addresses import Reach
from gatherset.dataset.web.crawl import crawl
from gatherset.dataset.web.hosts import Limits
from gatherset.dataset.web.journal import Journal
from gatherset.dataset.web.outcome import INVALID, NOT_ASKED, THERE, Found, Outcome
from gatherset.dataset.web.url_list import COLUMNS, Row, as_entry, read_url_list

JOURNAL, REPORT, IMAGES = "fetch.jsonl", "fetch.csv", "images"
UNDER_WAY = ".under-way"  # what is being received
PLACEHOLDER = 5  # URLs with one and the same picture: it says that another one is gone, mostly
_OWN_NAME = re.compile(r"gs-[0-9a-f]{16}\.(?:jpg|png|webp)")
_STEPS = {  # kind or category: what a person can do
    "private address": "Is it yours? Then allow it: --allow-network. Else remove the line",
    "4xx": "Find the image elsewhere, or remove the line",
    "not-asked": "Ask its owner, or remove the line",
}


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
    path: Path, folder: Path, *, limits: Limits, reach: Reach, contact: str = "", again: str | None = None
) -> Fetched:
    """Fetch the images of the list `path` into `folder`; what was asked for before is not asked for again.

    `again` names a category, or "failed": those are. Raises InputError for a list or a folder that cannot be used.
    """
    rows, findings = read_url_list(path)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is no folder", "Name the folder to fetch into")
    with Journal(folder / JOURNAL) as journal:
        known = {row.url: row for row in rows}
        if again:
            journal.ask_again(again, known)
        todo = [url for url in known if url not in journal.outcomes or url in journal.again]
        _receive(todo, known, folder, journal, limits=limits, reach=reach, contact=contact)
        images = _write_captions(folder, rows, journal)
        outcomes = {url: journal.outcomes[url] for url in known}
        write_whole(folder / REPORT, _report(rows, journal).encode("utf-8", "backslashreplace"))
    for row in rows:
        if (outcome := outcomes[row.url]).category != THERE:
            findings.append(_finding(path, row, outcome))
    return Fetched(folder, rows, outcomes, len(todo), images, [*findings, *_placeholders(path, rows, outcomes)])


def _receive(
    todo: Sequence[str],
    known: Mapping[str, Row],
    folder: Path,
    journal: Journal,
    *,
    limits: Limits,
    reach: Reach,
    contact: str,
) -> None:
    under_way = folder / UNDER_WAY
    under_way.mkdir(exist_ok=True)
    for left in (*under_way.iterdir(), *_orphans(folder / IMAGES, journal)):  # by a run that was killed
        left.unlink()

    def keep(url: str, partial: Path) -> Outcome:
        return _kept(partial, folder / IMAGES)

    try:
        with closing(crawl(todo, under_way, keep, limits=limits, reach=reach, contact=contact)) as answers:
            for url, outcome in progress(answers, total=len(todo), label="fetch"):
                journal.add(url, outcome, now(), {name: getattr(known[url], name) for name in COLUMNS[1:]})
    finally:
        if not any(under_way.iterdir()):
            under_way.rmdir()


def _orphans(images: Path, journal: Journal) -> list[Path]:
    """Images that were kept in the moment of a kill: their URLs, asked again, may give others."""
    named = {outcome.found.file for outcome in journal.outcomes.values() if outcome.found}
    files = images.iterdir() if images.is_dir() else ()
    return [path for path in files if _OWN_NAME.fullmatch(path.name) and path.name not in named]


def _kept(partial: Path, images: Path) -> Outcome:
    """The file becomes one of the images, called by its content, where it is one that ingest can take."""
    data = partial.read_bytes()
    outcome = judged(data)
    if outcome.found is None:
        return outcome
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    images.mkdir(exist_ok=True)
    os.replace(partial, images / outcome.found.file)
    return outcome


def judged(data: bytes) -> Outcome:
    """Whether the bytes are a whole image that Gatherset can keep."""
    try:
        _, image_format = decode(data, max_pixels=ImageSettings.max_pixels)
    except ImageError as error:
        kind = "no image" if error.what.startswith("not a") else "damaged"
        return Outcome(INVALID, kind, error.what)
    sha256 = hashlib.sha256(data).hexdigest()
    return Outcome(THERE, THERE, found=Found(sha256, len(data), image_id(sha256) + SUFFIX[image_format]))


def _write_captions(folder: Path, rows: Sequence[Row], journal: Journal) -> int:
    """captions.jsonl with a line for each image, as the first URL that gave it has it; how many there are."""
    lines: dict[str, dict[str, Any]] = {}
    own = {row.url: asdict(row) for row in rows}
    # Those of this list as it says now; then those of lists that were fetched into the folder before.
    for url in (*own, *sorted(journal.outcomes.keys() - own.keys())):
        found = journal.outcomes[url].found
        if found is None or found.file in lines:
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
    write_whole(folder / "captions.jsonl", text.encode("utf-8", "backslashreplace"))
    return len(lines)


def _report(rows: Sequence[Row], journal: Journal) -> str:
    def line(row: Row) -> dict[str, Any]:
        outcome = journal.outcomes[row.url]
        file = outcome.found.file if outcome.found else ""
        own = {"line": row.line, "url": row.url, "asked": journal.times[row.url], "image": file}
        return {**own, "category": outcome.category, "kind": outcome.kind, "detail": outcome.detail}

    return as_csv(("line", "url", "category", "kind", "detail", "image", "asked"), map(line, rows))


def _finding(path: Path, row: Row, outcome: Outcome) -> Finding:
    step = _STEPS.get(outcome.kind, _STEPS.get(outcome.category, "Try again later: --again failed"))
    level = "warning" if outcome.category == NOT_ASKED else "error"
    return Finding("GS611", level, f"{path}:{row.line}", f"{row.url[:200]}: {outcome}", step)


def _placeholders(path: Path, rows: Sequence[Row], outcomes: Mapping[str, Outcome]) -> list[Finding]:
    same: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if found := outcomes[row.url].found:
            same[found.file].append(row)
    return [
        Finding(
            "GS612",
            "warning",
            f"{path}:{those[0].line}",
            f"{len(those)} URLs give the same picture, {file}; it may say no more than that theirs are gone",
            "Look at it; if it is such a picture, remove their lines and the image",
        )
        for file, those in same.items()
        if len(those) >= PLACEHOLDER
    ]
