"""How long opening the review takes where a model doubts 3,000 records: to put them there, and when nothing is new.

Run it: python tests/benchmarks/gather_time.py (a few seconds)
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

from gatherset.annotate.review_queue import gather
from gatherset.dataset.catalog.tables import images, records, revisions, suspects
from gatherset.dataset.records import caption, make_record
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace
from tests.benchmarks.lead_page import SENTENCES
from tests.benchmarks.queue_of_a_million import make_images

COUNT, ROUNDS = 3000, 4


def fill(workspace: Workspace) -> None:
    captions = [caption(text, origin="imported", author=None, verified=False) for text in SENTENCES]
    said = {"revision": 1, "submissions": [], "reason": "made", "decided_by": "agreement", "created_at": now()}
    doubt = {"kind": "event", "position": 0, "value": "protest", "score": 0.9, "reason": "made", "run": "made"}
    with workspace.catalog.write() as connection:
        make_images(connection, COUNT)
        rows = connection.execute(sa.select(images)).mappings().all()
        made = [make_record(row, "protest", {"protest": 2}, captions) for row in rows]
        known = [{"id": one["id"], "revision": 1, "event_type": "protest"} for one in made]
        connection.execute(sa.insert(records), known)
        connection.execute(sa.insert(revisions), [{"record_id": one["id"], "content": one, **said} for one in made])
        waiting = {"state": "open", "found_at": now()}
        connection.execute(sa.insert(suspects), [{"record_id": one["id"], **doubt, **waiting} for one in made])


def run(folder: Path) -> None:
    workspace = Workspace.create(folder / "doubted")
    fill(workspace)
    for _ in range(ROUNDS):
        started, busy = time.perf_counter(), time.process_time()
        raised = gather(workspace)
        clock, processor = time.perf_counter() - started, time.process_time() - busy
        load = os.getloadavg()[0]
        print(f"{raised:5} raised: {clock:6.2f} s by the clock, {processor:5.2f} s processor (load {load:.0f})")
    workspace.catalog.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        run(Path(made))
