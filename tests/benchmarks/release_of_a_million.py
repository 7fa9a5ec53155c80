"""How long a release of a million records takes to build, captions alone, and how much memory: all rules included.

    python tests/benchmarks/release_of_a_million.py --captions ../shared/data/text/flickr30k_captions.jsonl

Takes 6 GB of disk. The captions are those of the file, made all different (without: made up); the splits are given.
`--again` also corrects one caption and builds the next version, which is compared with the first record by record.
Prints wall time, the time of all processors, and the peak of memory: the proportional set size of all processes
together, looked at every second.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from gatherset.dataset.catalog.tables import images, records, revisions
from gatherset.dataset.records import Record, add_revision, current_record
from gatherset.dataset.rules.rule import numbered
from gatherset.dataset.workspace import SETTINGS_FILE, Workspace
from tests.benchmarks.validation_speed import different_captions, run

AT_ONCE = 20_000
MARKUP = re.compile(r"[&<>@_#]|www\.")  # captions with these are left out: a release of them would be refused
TYPES = ("protest", "festival_celebration", "concert_performance", "sports_event", "public_assembly")
SPLITS = ("train",) * 8 + ("val", "test")
WHEN = "2026-11-21T10:00:00Z"


def made(texts: list[str], count: int) -> Iterator[Record]:
    """`count` records, whose ids are spread as hashes are."""
    for number in range(count):
        record = numbered(number)
        digits = f"{(number + 1) * 0xD1B54A32D192ED03 % 2**64:016x}"
        record["id"] = f"gs-{digits}"
        record["source"]["sha256"] = digits * 4
        event_type = TYPES[number % len(TYPES)]
        record["event"] = {"type": event_type, "votes": {event_type: 2}}
        for entry, text in zip(record["captions"], different_captions(texts, number), strict=False):  # or made up
            entry["text"] = text
        record["split"] = SPLITS[number // len(TYPES) % 10]
        yield record


def fill(workspace: Workspace, texts: list[str], count: int) -> None:
    source = made(texts, count)
    with workspace.catalog.write() as connection:
        while some := list(islice(source, AT_ONCE)):
            connection.execute(sa.insert(images), [_image_row(record) for record in some])
            splits = ({"id": r["id"], "revision": 1, "split": r["split"], "split_at": WHEN} for r in some)
            connection.execute(sa.insert(records), list(splits))
            connection.execute(sa.insert(revisions), [_revision_row(record) for record in some])


def _image_row(record: Record) -> dict[str, Any]:
    kept = {key: record["image"][key] for key in ("sha256", "phash", "width", "height", "format", "bytes")}
    source = {"source": record["source"], "ref": record["source"]["ref"]}
    return {"id": record["id"], **kept, **source, "language": "en", "captions": [], "flags": [], "added_at": WHEN}


def _revision_row(record: Record) -> dict[str, Any]:
    content = {key: value for key, value in record.items() if key != "split"}
    by = {"submissions": [], "reason": "a benchmark", "decided_by": "agreement", "created_at": WHEN}
    return {"record_id": record["id"], "revision": 1, "content": content, **by}


def correct_one(workspace: Workspace) -> None:
    with workspace.catalog.write() as connection:
        identity = connection.execute(sa.select(sa.func.min(records.c.id))).scalar_one()
        record = current_record(connection, identity)
        assert record is not None
        record["captions"][0]["text"] = "One caption was corrected by hand."
        add_revision(connection, record, submissions=[], reason="a slip", decided_by="eva")


def build(workspace: Workspace) -> None:
    before = os.getloadavg()[0]
    seconds, used, peak, said = run("release", "build", "-w", str(workspace.root))
    print(said)
    print(f"{seconds:.0f} s by the clock, {used:.0f} s of processors, at most {peak:,.0f} MB; load before {before:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--captions", type=Path, help='JSON lines with {"captions": [...]}; without: made up')
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--ignore", action="append", default=["GS307"], help="rules left out; the language always is")
    parser.add_argument("--again", action="store_true", help="correct one caption and build the next version too")
    parser.add_argument("--folder", type=Path, help="where to make the workspace, and to leave it")
    arguments = parser.parse_args()
    lines = arguments.captions.open() if arguments.captions else ()
    texts = [text for line in lines for text in json.loads(line)["captions"] if not MARKUP.search(text)]
    root = arguments.folder or Path(tempfile.mkdtemp()) / "mg"
    try:
        if not (root / SETTINGS_FILE).exists():
            workspace = Workspace.create(root, "mg")
            with (root / SETTINGS_FILE).open("a") as settings:
                settings.write(f"[rules]\nignore = {json.dumps(arguments.ignore)}\n[release]\nimages = false\n")
            fill(workspace, texts, arguments.count)
            workspace.catalog.close()
        workspace = Workspace.open(root)
        size = (root / "catalog.db").stat().st_size / 1e6
        print(f"{arguments.count:,} records, a catalog of {size:,.0f} MB, rules without {', '.join(arguments.ignore)}")
        build(workspace)
        if arguments.again:
            correct_one(workspace)
            build(workspace)
    finally:
        if arguments.folder is None:
            shutil.rmtree(root.parent)


if __name__ == "__main__":
    main()
