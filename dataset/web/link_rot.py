"""Link rot of a release: whether its images are still where they came from, and still the same; over the years."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import imagehash

from gatherset.dataset.loading import Release
from gatherset.dataset.progress import progress
from gatherset.dataset.records import Record
from gatherset.dataset.release_folder import MEASUREMENTS
from gatherset.dataset.settings import RuleSettings
from gatherset.dataset.spreadsheet import as_csv
from gatherset.dataset.store import write_whole
from gatherset.dataset.timestamps import FORMAT, now
from gatherset.dataset.web.addresses import Reach
from gatherset.dataset.web.crawl import crawl, under_way
from gatherset.dataset.web.hosts import Limits
from gatherset.dataset.web.journal import Journal
from gatherset.dataset.web.judging import decoding, judge
from gatherset.dataset.web.outcome import CATEGORIES, FAILED, INVALID, NOT_ASKED, THERE, Outcome, reasons

JOURNAL, ROTTEN = "links.jsonl", "rotten.csv"
STALE = timedelta(days=7)  # what an interrupted check found before is asked again
GONE = ("404", "410")  # what a host says of an image that was taken down
SIMILAR = RuleSettings.near_duplicate_distance  # bits: the same picture, saved anew
_COLUMNS = ("id", "url", "category", "kind", "detail", "since", "license", "archived")  # of rotten.csv
Links = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Linked:
    """What of a record a check needs; a million of them must fit."""

    id: str
    sha256: str  # of the image as received
    phash: str
    collection: str
    license: str
    retrieved: str

    @classmethod
    def of(cls, record: Record) -> Linked:
        source = record["source"]
        said = (source["dataset"] or "(none)", source["license"] or "", source["retrieved"] or "")
        return cls(record["id"], source["sha256"], record["image"]["phash"], *said)


def check_links(release: Release, *, limits: Limits, reach: Reach, contact: str = "", isolated: bool = True) -> Links:
    """Ask for every image of the release where it came from, and compare it with what was received then.

    The values of a measurement: Tables 2 and 3 of the paper by collection, each rotten link, and one row for each
    check so far. An interrupted check goes on when it is begun again. Nothing is kept of the images. `isolated` is that
    of `fetch`.
    """
    records: defaultdict[str, list[Linked]] = defaultdict(list)
    without = 0
    for record in release.records():
        if url := record["source"]["url"]:
            records[url].append(Linked.of(record))
        else:
            without += 1
    folder = release.path / MEASUREMENTS
    folder.mkdir(exist_ok=True)
    with Journal(folder / JOURNAL) as journal:
        _ask(records, journal, limits=limits, reach=reach, contact=contact, isolated=isolated)
        found = {url: [compared(journal.outcomes[url], record) for record in those] for url, those in records.items()}
        begun = min(journal.times.values(), default=now())
    links = _links(found, records, without, _earlier(folder / "links.json"), begun)
    rows = sorted(_rotten_rows(links, records), key=lambda row: row["id"])
    write_whole(folder / ROTTEN, as_csv(_COLUMNS, rows).encode("utf-8", "backslashreplace"))
    return links


def forget_journal(release: Release) -> None:
    """The check is over, and its result written."""
    (release.path / MEASUREMENTS / JOURNAL).unlink(missing_ok=True)


def _ask(
    records: Mapping[str, Sequence[Linked]],
    journal: Journal,
    *,
    limits: Limits,
    reach: Reach,
    contact: str,
    isolated: bool,
) -> None:
    fresh = (datetime.now(UTC) - STALE).strftime(FORMAT)
    todo = [url for url in sorted(records) if journal.times.get(url, "") < fresh]

    def look(url: str, partial: Path) -> Outcome:
        return judge(journal, decode, url, partial, [record.sha256 for record in records[url]])

    with (
        under_way(journal.path.parent, (ROTTEN,)) as made,
        decoding(isolated=isolated, hashes=True) as decode,
        closing(crawl(todo, made, look, limits=limits, reach=reach, contact=contact)) as answers,
    ):
        for url, outcome in progress(answers, total=len(todo), label="links"):
            journal.add(url, outcome, now(), {})


def compared(outcome: Outcome, record: Linked) -> Outcome:
    """Whether what was found is still the record's image: the same bytes, the same picture, or something else."""
    if outcome.found is None:
        return outcome
    if outcome.found.sha256 == record.sha256:
        return replace(outcome, kind="unchanged")
    if imagehash.hex_to_hash(outcome.found.phash) - imagehash.hex_to_hash(record.phash) <= SIMILAR:
        return replace(outcome, kind="saved anew")
    return Outcome(INVALID, "another picture", "an image, but not the one that was received")


def _earlier(path: Path) -> Links:
    """What the check before wrote; nothing where there was none."""
    with suppress(OSError, ValueError):
        document = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(document, dict):
            return document
    return {}


def _links(
    found: Mapping[str, Sequence[Outcome]],  # of each record of each URL
    records: Mapping[str, Sequence[Linked]],
    without: int,
    earlier: Links,
    begun: str,
) -> Links:
    by_collection: defaultdict[str, list[Outcome]] = defaultdict(list)
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    failed: dict[str, tuple[list[str], Outcome]] = {}  # ids and what they share: what a URL gives fails in one way
    for url in sorted(found):
        for record, outcome in zip(records[url], found[url], strict=True):
            kinds[outcome.category][outcome.kind] += 1
            by_collection[record.collection].append(outcome)
            if outcome.category in FAILED:
                failed.setdefault(url, ([], outcome))[0].append(record.id)
    everything = [outcome for those in by_collection.values() for outcome in those]
    before = {row["url"]: row["since"] for row in earlier.get("rotten", ()) if isinstance(row, dict)}
    rotten = [
        {
            "url": url,
            "ids": ids,
            "category": outcome.category,
            "kind": outcome.kind,
            "detail": outcome.detail,
            "since": before.get(url, begun),  # first seen so
        }
        for url, (ids, outcome) in failed.items()
    ]
    row = {
        "measured": begun,
        **availability(everything),
        "newly_rotten": len(failed.keys() - before.keys()),
        "there_again": sum(
            all(outcome.category == THERE for outcome in found[url]) for url in before.keys() & found.keys()
        ),
    }
    history = list(earlier.get("history", ()))
    if not history or history[-1]["measured"] != begun:  # else this very check was written, and then interrupted
        history.append(row)
    return {
        **availability(everything),
        "without_url": without,
        "availability": {name: availability(those) for name, those in sorted(by_collection.items())},
        "reasons": {name: reasons(those) for name, those in sorted(by_collection.items())},
        "kinds": {name: dict(kinds[name].most_common()) for name in CATEGORIES if name in kinds},
        "rotten": rotten,
        "history": history,
    }


def availability(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """A row of Table 2. Those that robots may not ask for are neither available nor unavailable."""
    counts = Counter(outcome.category for outcome in outcomes)
    unavailable = sum(counts[category] for category in FAILED)
    return {
        "links": counts.total(),
        "available": counts[THERE],
        "unavailable": unavailable,
        "not_asked": counts[NOT_ASKED],
    }


def _rotten_rows(links: Links, records: Mapping[str, Sequence[Linked]]) -> Iterator[dict[str, Any]]:
    for row in links["rotten"]:
        for record in (one for one in records[row["url"]] if one.id in row["ids"]):
            archived = archive_address(row["url"], record.retrieved)
            whole = {**row, "id": record.id, "license": record.license, "archived": archived}
            yield {name: whole[name] for name in _COLUMNS}


def archive_address(url: str, retrieved: str) -> str:
    """Where the Internet Archive has the copy that is nearest to that day, if it has one."""
    digits = "".join(filter(str.isdigit, retrieved))[:14]
    return f"https://web.archive.org/web/{digits or '2'}/{url}"


def as_text(links: Links) -> str:
    """Tables 2 and 3 of the paper, and the checks so far."""
    names = list(links["availability"])
    rows = [(name, links["availability"][name]) for name in names] + [("Total", links)]
    head = f"{'Collection':<28}{'Links':>9}{'Available':>11}{'Unavailable':>13}{'Availability':>14}{'Not asked':>11}"
    lines = ["Availability (Table 2)", head]
    for name, row in rows:
        share = _share(row["available"], row["unavailable"])
        numbers = f"{row['links']:>9,}{row['available']:>11,}{row['unavailable']:>13,}{share:>14}"
        lines.append(f"{name[:27]:<28}{numbers}{row['not_asked']:>11,}")
    lines += ["", "Reasons (Table 3; only the columns that have one)"]
    total = Counter[str]()
    for name in names:
        total.update(links["reasons"][name])
    used = [column for column, count in total.items() if count]
    lines.append(f"{'Collection':<28}" + "".join(f"{column:>15}" for column in used))
    for name, counts in [*((name, links["reasons"][name]) for name in names), ("Total", total)]:
        lines.append(f"{name[:27]:<28}" + "".join(f"{counts[column]:>15,}" for column in used))
    lines += ["", "Checks so far"]
    for row in links["history"]:
        share = _share(row["available"], row["unavailable"])
        change = f"{row['newly_rotten']} newly rotten, {row['there_again']} there again"
        lines.append(f"{row['measured'][:10]}  {row['links']:,} links, {share} available; {change}")
    return "\n".join(lines)


def _share(available: int, unavailable: int) -> str:
    asked = available + unavailable
    return f"{available / asked:.1%}" if asked else "-"


def advice(links: Links, release: Release) -> list[str]:
    """What to do about the rotten ones."""
    if not links["rotten"]:
        return []
    kept = (
        "This release holds its own copy of every image: nothing is lost while it is published."
        if release.has_images
        else "This release holds no images: whoever has none yet cannot get these. Where the licences allow it, build "
        "one that does (images = true under [release]), or look in the archive that rotten.csv names."
    )
    steps = [kept]
    if gone := sum(row["kind"] in GONE for row in links["rotten"]):
        steps.append(
            f"{gone} are gone (404, 410). Their owners may have taken them down: where they ask for it, so do you "
            "(gatherset record withdraw ID --reason …; for what is published, gatherset release retract ID)."
        )
    if other := sum(row["kind"] == "another picture" for row in links["rotten"]):
        steps.append(f"{other} lead to another picture now: never fetch this dataset anew from its links without sums.")
    passing = sum(row["category"] in ("no-connection", "5xx") or row["kind"] == "429" for row in links["rotten"])
    if passing:
        steps.append(f"{passing} could not be reached, which may pass: check again in a week before you believe it.")
    return steps
