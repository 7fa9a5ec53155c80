"""A workspace and its project in Label Studio, as the tests and the timed comparisons use them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gatherset.annotate.labelstudio.annotation import Pulled
from gatherset.annotate.labelstudio.client import Client
from gatherset.annotate.labelstudio.links import Link
from gatherset.annotate.labelstudio.pull import pull
from gatherset.annotate.labelstudio.push import Pushed, push
from gatherset.annotate.labelstudio.tasks_there import reconcile
from gatherset.dataset.catalog.tables import (
    images,
    labelstudio_annotations,
    labelstudio_projects,
    labelstudio_tasks,
    tasks,
)
from gatherset.dataset.labelstudio import EVENT_TYPE, caption_name, choices, text
from gatherset.dataset.workspace import Workspace
from tests.labelstudio_server import annotate

PEOPLE = ("anna@example.org", "ben@example.org", "cleo@example.org")
SENTENCES = (
    "Many people gather near a tall tower in picture {}.",
    "Long rows of visitors wait behind a rope.",
    "Young families with prams arrive early at gate {}.",
    "Two speakers wave from a small wooden stage.",
    "A child on somebody's shoulders holds a paper flag.",
)


def results(number: int, event_type: str = "protest", **changes: str) -> list[dict[str, Any]]:
    """What a page would send for a whole answer; `changes` are other captions by name."""
    captions = {caption_name(n): sentence.format(number) for n, sentence in enumerate(SENTENCES, 1)}
    return [choices(EVENT_TYPE, [event_type]), *(text(name, said) for name, said in {**captions, **changes}.items())]


def fill(workspace: Workspace, count: int, *, kind: str = "caption", captions: tuple[str, ...] = ()) -> None:
    """Images and tasks without files: what is sent is their addresses."""
    rows = []
    for number in range(count):
        sha256 = hashlib.sha256(f"{kind} {number}".encode()).hexdigest()
        row = {"id": f"gs-{sha256[:16]}", "sha256": sha256, "phash": sha256[:16], "width": 96, "height": 80}
        source = {"sha256": sha256, "part": "collected", "dataset": None, "ref": f"{number}.jpg", "url": None}
        source |= {"license": "CC-BY-4.0", "attribution": None, "retrieved": None}
        entries = [{"text": one, "origin": "imported", "author": None, "verified": False} for one in captions]
        row |= {"format": "jpeg", "bytes": 1000, "language": "en", "captions": entries, "source": source}
        rows.append({**row, "flags": [], "ref": f"{number}.jpg", "added_at": "2026-11-20T10:00:00Z"})
    overlap = workspace.settings.queue.overlap
    with workspace.catalog.write() as connection:
        connection.execute(sa.insert(images), rows)
        task = {"kind": kind, "state": "open", "overlap": overlap, "answers": 0, "note": ""}
        connection.execute(sa.insert(tasks), [{"image_id": row["id"], **task} for row in rows])


def give_back(workspace: Workspace, task: int, author: str, messages: list[str], **more: Any) -> None:
    """Write down an annotation that came back, as a pull does: `messages` say what is wrong with it."""
    project = {"url": "http://localhost:8080", "project": 7, "kind": "caption", "title": "mg: caption", "config": ""}
    findings = [{"rule": "GS102", "level": "error", "where": "", "message": one, "next_step": ""} for one in messages]
    row = {"task_id": task, "author": author, "state": "refused", "digest": "", "findings": findings}
    row |= {"returned": {"result": results(task)}, "pulled_at": "2026-11-21T10:00:00Z", **more}
    with workspace.catalog.write() as connection:
        link = connection.execute(sa.select(labelstudio_projects.c.id)).scalar()
        if link is None:
            new = {**project, "images": "", "people": {}, "foreign": 0}
            made = connection.execute(sa.insert(labelstudio_projects).values(new).returning(labelstudio_projects.c.id))
            link = made.scalar_one()
        there = {"project_id": link, "task_id": task, "image": "", "overlap": 2, "remarks": ""}
        if not connection.execute(sa.select(labelstudio_tasks).where(labelstudio_tasks.c.task_id == task)).all():
            connection.execute(sa.insert(labelstudio_tasks).values(**there, remote=100 + task))
        count = connection.execute(sa.select(sa.func.count()).select_from(labelstudio_annotations)).scalar_one()
        connection.execute(sa.insert(labelstudio_annotations).values(project_id=link, remote=count + 1, **row))


@dataclass
class Over:
    """A workspace and its project over there."""

    workspace: Workspace
    client: Client
    link: Link
    people: dict[str, int]

    def push(self) -> Pushed:
        return push(self.workspace, self.client, self.link)

    def pull(self) -> Pulled:
        return pull(self.workspace, self.client, self.link)

    def there(self, task: int) -> int:
        """The number there of a task here."""
        own = (labelstudio_tasks.c.project_id == self.link.id, labelstudio_tasks.c.task_id == task)
        with self.workspace.catalog.read() as connection:
            return int(connection.execute(sa.select(labelstudio_tasks.c.remote).where(*own)).scalar_one())

    def annotate(self, task: int, person: int = 0, said: list[dict[str, Any]] | None = None, **fields: Any) -> int:
        """Annotate a task, by its number here, as person 0, 1 or 2."""
        number = self.people[PEOPLE[person]]
        return annotate(self.client, self.there(task), results(task) if said is None else said, number, **fields)

    def annotate_all(self, people: int = 1, *, noticed: bool = True) -> None:
        """Have every task annotated by the first few people: sent anew with its annotations, which takes a moment."""
        documents, last = [], 0
        while rows := self.client.tasks_after(self.link.project, last, 1000):
            for row in rows:
                said = {"result": results(row["id"]), "lead_time": 20.0}
                annotations = [{**said, "completed_by": self.people[email]} for email in PEOPLE[:people]]
                documents.append({"data": row["data"], "annotations": annotations})
            last = rows[-1]["id"]
        everything = {"selectedItems": {"all": True, "excluded": []}}
        self.client.call("POST", "/api/dm/actions", everything, id="delete_tasks", project=self.link.project)
        for start in range(0, len(documents), 500):
            self.client.add_tasks(self.link.project, documents[start : start + 500])
        if noticed:
            reconcile(self.workspace, self.client, self.link)

    def annotation(self, number: int) -> Any:
        return self.client.call("GET", f"/api/annotations/{number}/")
