"""How long the team page takes to open over 100,000 submissions: what it reads and reckons, and in a browser.

Run it: python tests/benchmarks/lead_page.py (needs Chromium; half a minute). Made: 50,000 images, 20 annotators, two
submissions an image over 30 days, nine in ten alike, and the records that follow.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from gatherset.annotate.agreement_report import agreement_report
from gatherset.annotate.annotators import annotator_id
from gatherset.annotate.answer import Answer
from gatherset.annotate.ledger import kept
from gatherset.annotate.overview import overview
from gatherset.dataset.catalog.tables import images, records, revisions, submissions, tasks
from gatherset.dataset.records import caption, make_record
from gatherset.dataset.timestamps import FORMAT, now
from gatherset.dataset.workspace import Workspace
from tests.benchmarks.queue_of_a_million import make_images
from tests.browser import APP, chromium, server

IMAGES, PEOPLE, ROUNDS = 50_000, 20, 5
SENTENCES = ("A crowd fills the street.", "Many flags wave.", "A child looks up.", "Two drummers walk.", "It is dusk.")


def fill(workspace: Workspace) -> None:
    rng = random.Random(0)
    types = workspace.taxonomy.names
    documents = {name: Answer("event", True, name).document() for name in types}
    first = datetime(2026, 10, 1, tzinfo=UTC)
    with workspace.catalog.write() as connection:
        make_images(connection, IMAGES)
        connection.execute(sa.update(tasks).values(answers=2, state="done"))
        people = [annotator_id(connection, f"annotator {n}") for n in range(PEOPLE)]
        captions = [caption(text, origin="imported", author=None, verified=False) for text in SENTENCES]
        rows = connection.execute(sa.select(images).order_by(images.c.id)).mappings().all()
        made, revised = [], []
        for number, row in enumerate(rows):
            kind = rng.choice(types)
            other = kind if rng.random() < 0.9 else rng.choice(types)
            at = first + timedelta(seconds=52 * number)
            for person, said in zip(rng.sample(people, 2), (kind, other), strict=True):
                times = {"started_at": at.strftime(FORMAT)}
                times["submitted_at"] = (at + timedelta(seconds=rng.randint(4, 40))).strftime(FORMAT)
                key = {"task_id": number + 1, "annotator_id": person, "version": 1, "key": f"{number}-{person}"}
                made.append({**key, "answer": documents[said], **times})
            if kind == other:
                record = make_record(row, kind, {kind: 2}, captions)
                revision = {"submissions": [], "reason": "made", "decided_by": "agreement", "created_at": now()}
                revised.append({"record_id": row["id"], "revision": 1, "content": record, **revision})
        connection.execute(sa.insert(submissions), made)
        known = [
            {"id": one["record_id"], "revision": 1, "event_type": one["content"]["event"]["type"]} for one in revised
        ]
        connection.execute(sa.insert(records), known)
        connection.execute(sa.insert(revisions), revised)


def say(what: str, taken: list[float]) -> None:
    ordered = sorted(taken)
    print(f"{what:<58}median {1000 * statistics.median(ordered):6.0f}  least {1000 * ordered[0]:6.0f} ms", flush=True)


def timed(what: str, act: Callable[[], object]) -> None:
    taken, busy = [], []
    for _ in range(ROUNDS):
        started, worked = time.perf_counter(), time.process_time()
        act()
        taken.append(time.perf_counter() - started)
        busy.append(time.process_time() - worked)
    say(what, taken)
    say(f"{what}, the processor's time", busy)


def afresh(workspace: Workspace) -> None:
    """As a server does that has just been started: nothing is kept from before."""
    kept.clear()
    overview(workspace)


def reported(workspace: Workspace) -> None:
    """As after somebody has submitted."""
    kept.clear()
    agreement_report(workspace)


def plainly(workspace: Workspace) -> None:
    """What nobody could do without who reads the answers as they are: fetch them, and parse their JSON."""
    assert workspace.catalog.path
    with sqlite3.connect(workspace.catalog.path) as connection:
        rows = connection.execute("SELECT task_id, annotator_id, answer, started_at, submitted_at FROM submissions")
        assert len([json.loads(row[2]) for row in rows]) == 2 * IMAGES


def in_browser(workspace: Workspace) -> None:
    """From the click on Team to the last heading of its first part; the page is drawn from nothing every time."""
    with server(workspace.root, APP) as address, chromium() as browser:
        page = browser.new_page()
        page.goto(f"{address}/sign-in")
        page.get_by_label("Your name").fill("lea")
        page.get_by_role("button", name="Begin").click()
        page.get_by_text("Nothing is left for you").wait_for()
        taken = []
        for _ in range(ROUNDS):
            page.get_by_role("link", name="Guidelines").click()
            page.get_by_text("How to annotate").wait_for()
            started = time.perf_counter()
            page.get_by_role("link", name="Team").click()
            page.get_by_role("heading", name="Worth talking about").wait_for()
            taken.append(time.perf_counter() - started)
        say("the team page in Chromium, click to its last heading", taken)


def run(folder: Path) -> None:
    workspace = Workspace.create(folder / "many")
    fill(workspace)
    print(f"{IMAGES:,} images, {2 * IMAGES:,} submissions, {PEOPLE} annotators; load {os.getloadavg()[0]:.1f}")
    timed("the overview, read and reckoned", lambda: afresh(workspace))
    timed("to compare: only reading all answers, row by row", lambda: plainly(workspace))
    timed("the overview again, nothing new", lambda: overview(workspace))
    timed("the report on agreement, nothing kept", lambda: reported(workspace))
    timed("the report on agreement again, nothing new", lambda: agreement_report(workspace))
    print(json.dumps(overview(workspace).alpha))
    in_browser(workspace)
    print(f"load at the end {os.getloadavg()[0]:.1f}")
    workspace.catalog.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        run(Path(made))
