"""Label Studio beside the app: the people who annotate there, over a line that can be cut."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from gatherset.annotate.labelstudio.client import Client
from gatherset.annotate.labelstudio.links import Link
from gatherset.annotate.labelstudio.project import Wanted, set_up
from gatherset.annotate.labelstudio.pull import pull
from gatherset.annotate.labelstudio.tasks_there import TASK
from gatherset.dataset.catalog.tables import labelstudio_annotations, submissions
from gatherset.dataset.workspace import Workspace
from tests.browser import Server
from tests.cable import Cable
from tests.labelstudio_server import PROGRAM, TOKEN, VENV, LabelStudioServer, annotate, make_person
from tests.labelstudio_workspace import PEOPLE, results


class Elsewhere:
    """Label Studio, the line to it, and those who annotate there."""

    def __init__(self, server: LabelStudioServer, workspace: Workspace, app: Server) -> None:
        self.server, self.workspace = server, workspace
        self.cable = Cable(server.port)
        with server.client() as client:
            self.people = {email: make_person(client, email) for email in PEOPLE[:2]}
        with self.client() as client:
            self.link: Link = set_up(workspace, client, Wanted(title="soak", images_url=app.address))[0]
        self.said: dict[int, list[str]] = {}  # {number of an annotation there: its captions}

    def client(self) -> Client:
        return Client(f"http://127.0.0.1:{self.cable.port}", TOKEN)

    def annotate_one(self, chance: random.Random, email: str, done: set[int]) -> None:
        """Have this person annotate a task there that they have not; they sit beside the server."""
        with self.server.client() as client:
            there = client.tasks_after(self.link.project, 0, 1000)
            left = [row for row in there if row["id"] not in done]
            if not left:
                return
            row = chance.choice(left)
            said = results(row["data"][TASK], chance.choice(("protest", "protest", "sports_event")))
            number = annotate(client, row["id"], said, self.people[email])
        done.add(row["id"])
        self.said[number] = [one["value"]["text"][0] for one in said if one["type"] == "textarea"]

    def broken(self) -> list[str]:
        """Annotations that did not come over once, with their captions, or with the reason why they are none."""
        with self.client() as client:
            pull(self.workspace, client, self.link)
        table = labelstudio_annotations
        query = sa.select(table.c.remote, table.c.state, table.c.findings, submissions.c.answer)
        with self.workspace.catalog.read() as connection:
            joined = query.outerjoin(submissions, submissions.c.id == table.c.submission_id)
            there = {row.remote: row for row in connection.execute(joined)}
        lost = [f"annotation {number} of Label Studio is lost" for number in self.said if number not in there]
        for number, captions in self.said.items():
            if number in there and there[number].state == "stored" and there[number].answer["captions"] != captions:
                lost.append(f"annotation {number} of Label Studio says otherwise")
        return lost


@contextmanager
def label_studio(folder: Path, wanted: bool) -> Iterator[LabelStudioServer | None]:
    """A Label Studio of this run's own; None where it is not wanted."""
    if not wanted:
        yield None
        return
    assert PROGRAM.exists(), "Label Studio is not installed in .labelstudio-venv (`make labelstudio` does it)"
    if (VENV / "empty").is_dir():
        shutil.copytree(VENV / "empty", folder)
    server = LabelStudioServer(folder, folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
