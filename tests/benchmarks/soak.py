"""Everybody at work at once, while what they work on is killed: at the end nothing that was acknowledged is lost.

Annotators and reviewers at the app, people in Label Studio, `gatherset validate`, `release build`, `backup` and
`labelstudio sync` in loops, the catalog in PostgreSQL. At moments that follow from the seed the app is killed, the
database is stopped or crashes, and the line to Label Studio is cut. `tests/benchmarks/promises.py` says what must hold.

Run it: python tests/benchmarks/soak.py [SECONDS] [--seed 0] [--no-labelstudio]
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from gatherset.annotate.labelstudio.client import TOKEN as TOKEN_NAME
from gatherset.annotate.labelstudio.client import Client
from gatherset.annotate.labelstudio.links import Link
from gatherset.annotate.labelstudio.project import Wanted, set_up
from gatherset.annotate.labelstudio.pull import pull
from gatherset.annotate.labelstudio.tasks_there import TASK
from gatherset.dataset.backup import restore
from gatherset.dataset.catalog.tables import labelstudio_annotations, submissions
from gatherset.dataset.doctor import examine
from gatherset.dataset.errors import GathersetError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.loading import releases_in
from gatherset.dataset.release import build_release
from gatherset.dataset.targets import Choice, validate_target
from gatherset.dataset.workspace import Workspace
from tests.benchmarks.promises import Sent, broken
from tests.benchmarks.session import RefusedError, Session
from tests.browser import APP, ROOT, Server
from tests.cable import Cable
from tests.conftest import draw
from tests.labelstudio_server import PROGRAM, TOKEN, VENV, LabelStudioServer, annotate, make_person
from tests.labelstudio_workspace import PEOPLE, results
from tests.postgresql import Cluster, database

PATIENCE = 180.0  # seconds after the end, in which everybody must have got their answer
UNSPLIT = ("GS501",)  # a record that came after the newest release waits for the next one to get its split
STUCK = 300.0  # seconds without an acknowledged submission, after which it is said to hang


@dataclass(frozen=True)
class Plan:
    seconds: float  # at least; it goes on until all kinds of faults were had, and a release and a backup made
    images: int
    seed: int = 0
    faults: tuple[str, ...] = ("app", "database", "app and database")
    annotators: int = 20
    reviewers: int = 2
    think: tuple[float, float] = (1.0, 8.0)  # seconds between two things that a person does
    calm: tuple[float, float] = (8.0, 30.0)  # seconds between two faults
    every: dict[str, float] = field(default_factory=lambda: {"validate": 10.0, "build": 20.0, "backup": 300.0})


@dataclass(frozen=True)
class Backup:
    path: Path
    known: frozenset[str]  # keys that were acknowledged before it was begun


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


class Soak:
    """One run: `run` does it, and `broken` says afterwards what does not hold."""

    def __init__(self, folder: Path, cluster: Cluster, plan: Plan, server: LabelStudioServer | None = None) -> None:
        self.folder, self.cluster, self.plan = folder, cluster, plan
        self.tally: Counter[str] = Counter()  # what was done, and what was said
        self.errors: list[str] = []  # of what should never end with one
        self.sent: dict[str, Sent] = {}
        self.decided: dict[str, int] = {}
        self.backups: list[Backup] = []
        self.faults = 0  # of the app and the database
        self.stop = threading.Event()
        self.until = float("inf")
        self.workspace = Workspace.create(folder / "mg", overlap=2)
        for number in range(plan.images):
            draw(folder / "photos" / f"{number}.jpg", number)
        ingest(self.workspace, folder / "photos", Provenance(license="CC-BY-4.0"))
        self.app = Server(self.workspace.root, APP)
        self.elsewhere = Elsewhere(server, self.workspace, self.app) if server else None

    # What people do

    def annotator(self, session: Session, chance: random.Random) -> None:
        number = 0
        desk = session.persist("next", self.until)
        while not self.stop.is_set():
            self._think(chance)
            if not desk["task"]:
                desk = session.persist("next", self.until)
            elif chance.random() < 0.04:
                desk = session.persist("skip", self.until, task=desk["task"]["id"], reason="too dark to tell")
                self.tally["skips"] += 1
            else:
                number += 1
                desk = self._answer(session, chance, desk, number)
            if chance.random() < 0.08:
                earlier = session.persist("back", self.until)
                number += 1
                desk = self._answer(session, chance, earlier, number) if earlier["task"] else desk
        session.close()

    def _answer(self, session: Session, chance: random.Random, desk: Any, number: int) -> Any:
        """Write drafts and submit; the next desk."""
        task, version = desk["task"]["id"], desk["version"]
        revision = desk["draft"]["revision"] if desk["draft"] else 0
        key = f"{session.name}-{number:06}"
        answer = _some_answer(session, chance, task, key)
        try:
            for words in range(chance.randint(0, 2)):
                begun = {**answer, "captions": [f"Half a sentence {words}", "", "", "", ""]}
                revision = session.keep(self.until, task, revision, version, begun)
                self.tally["drafts"] += 1
                self._think(chance)
            self.sent[key] = Sent(task, session.name, answer)
            body = {"task": task, "key": key, "version": version, "answer": answer}
            desk = session.persist("submission", self.until, **body)
        except RefusedError as error:
            if error.answer.get("kind") not in ("gone", "answered"):
                raise
            self.tally[f"said to annotators: {error.answer['kind']}"] += 1
            return session.persist("next", self.until)
        self.sent[key].stored = desk["stored"]["submission"]
        self.tally["submissions acknowledged" + ("" if desk["stored"]["new"] else ", when sent again")] += 1
        return desk

    def reviewer(self, session: Session, chance: random.Random) -> None:
        number = 0
        while not self.stop.is_set():
            self._think(chance)
            desk = session.persist("next", self.until, gather=True)["review"]
            if not desk:
                continue
            number += 1
            key = f"{session.name}-{number:06}"
            seen = {"image": desk["image_id"], "seen": desk["version"], "key": key}
            ours = [one["annotator"] for one in desk["opinions"] if one["annotator"].startswith("annotator")]
            try:
                if ours and chance.random() < 0.2:
                    done = session.persist("return", self.until, **seen, names=ours[:1], comment="Look at the signs.")
                else:
                    done = session.persist("decide", self.until, **seen, verdict=_verdict(desk["proposal"]))
            except RefusedError as error:
                if error.answer.get("kind") != "changed":
                    raise
                self.tally["said to reviewers: changed"] += 1
            else:
                self.decided[key] = done["decided"]["id"]
                self.tally["reviews acknowledged"] += 1
        session.close()

    def there(self, email: str, chance: random.Random) -> None:
        assert self.elsewhere is not None
        done: set[int] = set()
        while not self.stop.is_set():
            self._think(chance)
            self.elsewhere.annotate_one(chance, email, done)

    def _think(self, chance: random.Random) -> None:
        self.stop.wait(chance.uniform(*self.plan.think))

    # What a maintainer does

    def validating(self) -> None:
        self._loop("validate", lambda: self._command("validate", "--ignore", ",".join(UNSPLIT)))

    def building(self) -> None:
        self._loop("build", lambda: self._command("release", "build"))

    def backing_up(self) -> None:
        def back_up() -> None:
            path = self.folder / f"backup-{len(self.backups)}.tar"
            known = frozenset(key for key, one in list(self.sent.items()) if one.stored is not None)
            if self._command("backup", str(path)) == 0:
                self.backups.append(Backup(path, known))

        self._loop("backup", back_up)

    def _loop(self, what: str, act: Callable[[], object]) -> None:
        while not self.stop.wait(self.plan.every[what]):
            act()

    def _command(self, *arguments: str) -> int:
        """Run `gatherset`: it ends well, or says in words that it could not."""
        command = [sys.executable, "-m", "gatherset.cli", *arguments]
        given = {**os.environ, "GATHERSET_WORKSPACE": str(self.workspace.root)}
        done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, errors="replace")
        name = " ".join(one for one in arguments[:2] if one in ("release", "build", "validate", "backup"))
        if "Traceback" in done.stderr or done.returncode not in (0, 2):
            self.errors.append(f"{name} ended with {done.returncode}: {done.stdout[-1000:]} {done.stderr[-2000:]}")
        said = "done" if done.returncode == 0 else _kind_of(done.stderr)
        self.tally[f"gatherset {name}: {said}"] += 1
        return done.returncode

    # What goes wrong

    def troubles(self, chance: random.Random) -> None:
        """Faults of the app and the database, each kind as often. The next one comes when people are at work again."""
        kinds: list[str] = []
        while self._at_work() and not self.stop.wait(chance.uniform(*self.plan.calm)):
            kinds = kinds or chance.sample(self.plan.faults, len(self.plan.faults))
            self._fault(kinds.pop(), chance)
            self.faults += 1

    def _at_work(self) -> bool:
        """Wait until something more is acknowledged; False where it all ends before."""
        before, end = self._acknowledged(), time.monotonic() + STUCK
        while not self.stop.wait(0.05):
            if self._acknowledged() > before:
                return True
            if time.monotonic() > end:
                self.errors.append(f"nothing was acknowledged in {STUCK:.0f} s")
                return False
        return False

    def _acknowledged(self) -> int:
        return sum(one.stored is not None for one in list(self.sent.values()))

    def _fault(self, kind: str, chance: random.Random) -> None:
        if "database" in kind:
            mode = chance.choice(("fast", "immediate"))
            self.cluster.stop(mode)
            self.tally[f"fault: PostgreSQL {'stopped' if mode == 'fast' else 'crashed'}"] += 1
        if "app" in kind:
            self.app.kill()
            self.tally["fault: app killed"] += 1
        time.sleep(chance.uniform(0.2, 4.0))
        if "database" in kind:
            self.cluster.start()
        if "app" in kind:
            self.app.start()

    def cuts(self, chance: random.Random) -> None:
        assert self.elsewhere is not None
        while not self.stop.wait(chance.uniform(*self.plan.calm)):
            self.elsewhere.cable.cut()
            self.tally["fault: line to Label Studio cut"] += 1
            self.stop.wait(chance.uniform(0.2, 15.0))
            self.elsewhere.cable.mend()

    # The run

    def run(self) -> None:
        self.app.errors = os.open(self.folder / "app.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self.app.start()
        acts: list[Callable[[], None]] = [self.validating, self.building, self.backing_up]
        acts.append(partial(self.troubles, self._chance("troubles")))
        for act, count, desk in (
            (self.annotator, self.plan.annotators, "work"),
            (self.reviewer, self.plan.reviewers, "review"),
        ):
            for number in range(count):
                session = Session(self.workspace, f"{act.__name__} {number}", self.app.port, desk)
                acts.append(partial(act, session, self._chance(session.name)))
        self.workspace.catalog.close()  # until the end nothing here holds a connection that a fault would tear
        if self.elsewhere:
            acts += [partial(self.there, email, self._chance(email)) for email in self.elsewhere.people]
            acts.append(partial(self.cuts, self._chance("cuts")))
        try:
            with self._syncing():
                threads = [threading.Thread(target=self._watched, args=(act,)) for act in acts]
                for thread in threads:
                    thread.start()
                self._wait()
                self.until = time.monotonic() + PATIENCE
                self.stop.set()
                for thread in threads:
                    thread.join()
        finally:
            self.stop.set()
            self.app.stop()
            os.close(self.app.errors)
        self._read_log()

    def _wait(self) -> None:
        """Until the time is over and everything was had, or something has failed."""
        end = time.monotonic() + self.plan.seconds
        while not self.errors and (time.monotonic() < end or not self._everything()):
            time.sleep(0.2)

    def _everything(self) -> bool:
        built = self.tally["gatherset release build: done"]
        return self.faults >= len(self.plan.faults) and bool(built and self.backups)

    def _watched(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:
            self.errors.append(repr(error))

    def _chance(self, name: str) -> random.Random:
        return random.Random(f"{self.plan.seed} {name}")

    @contextmanager
    def _syncing(self) -> Iterator[None]:
        """`gatherset labelstudio sync`, which must outlast every fault."""
        if self.elsewhere is None:
            yield
            return
        command = [sys.executable, "-m", "gatherset.cli", "labelstudio", "sync", "--every", "5"]
        given = {**os.environ, "GATHERSET_WORKSPACE": str(self.workspace.root), TOKEN_NAME: TOKEN}
        path = self.folder / "sync.log"
        with path.open("w") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=given, stdout=log, stderr=log)
            while process.poll() is None and "tasks sent" not in path.read_text():
                time.sleep(0.1)  # where the first round fails it ends, which is no fault of the line
            yield
            self.elsewhere.cable.mend()
            if process.poll() is not None or "Traceback" in path.read_text():
                self.errors.append(f"sync has ended with {process.returncode}: {path.read_text()[-2000:]}")
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            process.wait(60)
        self.tally["rounds of sync that were cut off"] = path.read_text().count("\ngatherset: ")

    def _read_log(self) -> None:
        said = (self.folder / "app.log").read_text(errors="replace")
        if "Traceback" in said:
            self.errors.append(f"the app: {said[said.index('Traceback') :][:3000]}")

    # What must hold

    def broken(self) -> list[str]:
        """All that does not hold at the end, each in words. The newest release and every backup are looked at."""
        found = [*self.errors, *broken(self.workspace, self.sent, self.decided)]
        if self.elsewhere:
            found += self.elsewhere.broken()
        found += self._build_last()
        found += _report(None, self.workspace.root)
        built = releases_in(self.workspace.releases_folder)
        found += _report(built[max(built)], self.workspace.root) if built else ["nothing was released"]
        self.tally["releases"] = len(built)
        for backup in self.backups:
            found += self._restored(backup)
        return found

    def _build_last(self) -> list[str]:
        try:
            build_release(self.workspace)
        except GathersetError as error:
            return [] if "nothing has changed" in str(error) else [str(error)]
        return []

    def _restored(self, backup: Backup) -> list[str]:
        """What does not hold of the workspace that a backup gives; what was acknowledged before it must be in it."""
        folder = self.folder / "restored" / "mg"
        workspace = restore(backup.path, folder)
        with workspace.catalog.read() as connection:
            there = set(connection.execute(sa.select(submissions.c.key)).scalars())
        sent = {key: one for key, one in self.sent.items() if key in there | backup.known}
        decided = dict[str, int]()  # which of them came before it nobody has written down
        found = broken(workspace, sent, decided)
        found += [str(check) for check in examine(folder) if not check.well and check.what != "disk"]
        found += _report(None, folder, may_be_empty=True)  # a backup of the first minute has none
        built = releases_in(workspace.releases_folder)
        found += _report(built[max(built)], folder) if built else []
        workspace.catalog.close()
        shutil.rmtree(folder.parent)
        self.tally["backups restored"] += 1
        return [f"{backup.path.name}: {one}" for one in found]


def _some_answer(session: Session, chance: random.Random, task: int, key: str) -> dict[str, Any]:
    """Mostly what the others say, so that records come about; now and then a flag, or that it is no gathering."""
    if chance.random() < 0.04:
        return session.answer(task, is_gathering=False, event_type=None, captions=[], note=key, flags=[])
    answer = session.answer(task, event_type=chance.choice(("protest",) * 6 + ("sports_event",)), note=key)
    first, *others = answer["captions"]
    own = f"{first[:-1]}, seen by {session.name.replace('annotator', 'watcher')}."
    return {**answer, "captions": [own, *others], "flags": ["personal_data"] if chance.random() < 0.06 else []}


def _verdict(proposal: dict[str, Any]) -> dict[str, Any]:
    """What was proposed; that it is no gathering where nobody has written captions."""
    if not all(proposal["captions"]):
        return {**proposal, "is_gathering": False, "reason": "nothing is to be seen"}
    return {**proposal, "event_type": proposal["event_type"] or "protest", "reason": "as most say"}


def _kind_of(said: str) -> str:
    """Which of the refusals this is, to be counted."""
    kinds = ("no records", "nothing has changed", "built meanwhile", "gone away", "PostgreSQL", "retracted")
    return next((kind for kind in kinds if kind in said), said.strip()[-200:])


def _report(target: Path | None, workspace: Path, *, may_be_empty: bool = False) -> list[str]:
    try:
        report = validate_target(target, workspace, Choice(ignore=UNSPLIT))
    except GathersetError as error:
        return [] if may_be_empty and "holds no records" in str(error) else [str(error)]
    return [str(finding) for finding in report.findings if finding.level == "error"]


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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", nargs="?", type=float, default=1800.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-labelstudio", action="store_true")
    asked = parser.parse_args()
    plan = Plan(asked.seconds, max(100, int(asked.seconds)), asked.seed)
    with (
        tempfile.TemporaryDirectory() as made,
        database(True) as cluster,
        label_studio(Path(made) / "labelstudio", not asked.no_labelstudio) as server,
    ):
        assert cluster is not None
        soak = Soak(Path(made), cluster, plan, server)
        soak.run()
        found = soak.broken()
        soak.workspace.catalog.close()
    for what, count in sorted(soak.tally.items()):
        print(f"{count:6}  {what}")
    if soak.elsewhere:
        print(f"{len(soak.elsewhere.said):6}  annotations acknowledged by Label Studio")
    print(f"{len(found):6}  broken promises")
    for one in found[:20]:
        print(one)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
