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
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from gatherset.annotate.labelstudio.client import TOKEN as TOKEN_NAME
from gatherset.dataset.backup import restore
from gatherset.dataset.catalog.tables import submissions
from gatherset.dataset.doctor import examine
from gatherset.dataset.errors import GathersetError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.loading import releases_in
from gatherset.dataset.release import build_release
from gatherset.dataset.targets import Choice, validate_target
from gatherset.dataset.workspace import Workspace
from tests.benchmarks.promises import broken
from tests.benchmarks.session import Session
from tests.benchmarks.soak_elsewhere import Elsewhere, label_studio
from tests.benchmarks.soak_people import People, Plan
from tests.browser import APP, ROOT, Server
from tests.conftest import draw
from tests.labelstudio_server import TOKEN, LabelStudioServer
from tests.postgresql import Cluster, database

PATIENCE = 180.0  # seconds after the end, in which everybody must have got their answer
UNSPLIT = ("GS501",)  # a record that came after the newest release waits for the next one to get its split
STUCK = 300.0  # seconds without an acknowledged submission, after which it is said to hang


@dataclass(frozen=True)
class Backup:
    path: Path
    known: frozenset[str]  # keys that were acknowledged before it was begun


class Soak:
    """One run: `run` does it, and `broken` says afterwards what does not hold."""

    def __init__(self, folder: Path, cluster: Cluster, plan: Plan, server: LabelStudioServer | None = None) -> None:
        self.folder, self.cluster, self.plan = folder, cluster, plan
        self.tally: Counter[str] = Counter()  # what was done, and what was said
        self.errors: list[str] = []  # of what should never end with one
        self.backups: list[Backup] = []
        self.faults = 0  # of the app and the database
        self.people = People(plan, self.tally)
        self.stop = self.people.stop
        self.workspace = Workspace.create(folder / "mg", overlap=2)
        for number in range(plan.images):
            draw(folder / "photos" / f"{number}.jpg", number)
        ingest(self.workspace, folder / "photos", Provenance(license="CC-BY-4.0"))
        self.app = Server(self.workspace.root, APP)
        self.elsewhere = Elsewhere(server, self.workspace, self.app) if server else None

    def there(self, email: str, chance: random.Random) -> None:
        assert self.elsewhere is not None
        done: set[int] = set()
        while not self.stop.is_set():
            self.people.think(chance)
            self.elsewhere.annotate_one(chance, email, done)

    # What a maintainer does

    def validating(self) -> None:
        self._loop("validate", lambda: self._command("validate", "--ignore", ",".join(UNSPLIT)))

    def building(self) -> None:
        self._loop("build", lambda: self._command("release", "build"))

    def backing_up(self) -> None:
        def back_up() -> None:
            path = self.folder / f"backup-{len(self.backups)}.tar"
            known = frozenset(self.people.acknowledged())
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
        before, end = len(self.people.acknowledged()), time.monotonic() + STUCK
        while not self.stop.wait(0.05):
            if len(self.people.acknowledged()) > before:
                return True
            if time.monotonic() > end:
                self.errors.append(f"nothing was acknowledged in {STUCK:.0f} s")
                return False
        return False

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
            (self.people.annotator, self.plan.annotators, "work"),
            (self.people.reviewer, self.plan.reviewers, "review"),
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
                self.people.until = time.monotonic() + PATIENCE
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
        found = [*self.errors, *broken(self.workspace, self.people.sent, self.people.decided)]
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
        sent = {key: one for key, one in self.people.sent.items() if key in there | backup.known}
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
