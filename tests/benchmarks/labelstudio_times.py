"""Push and pull beside the bare calls of Label Studio's SDK that move the same objects; its closed loop beside ours.

Run it: python tests/benchmarks/labelstudio_times.py [TASKS [ANNOTATIONS]]
It starts a Label Studio of its own (`make labelstudio` installs it) and takes minutes, most of them its server's.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from label_studio_sdk import LabelStudio

from gatherset.annotate.labelstudio.client import Client
from gatherset.annotate.labelstudio.project import Wanted, set_up
from gatherset.annotate.labelstudio.push import BATCH
from gatherset.dataset.workspace import Workspace
from tests.benchmarks.fifty_sessions import hurry, together
from tests.benchmarks.fifty_sessions import say as say_times
from tests.benchmarks.session import Session
from tests.browser import APP, Server
from tests.labelstudio_server import TOKEN, VENV, LabelStudioServer, make_person
from tests.labelstudio_workspace import PEOPLE, Over, fill, results

TASKS = 10_000
LOOP = 100  # submissions of a closed loop
WRITERS = (1, 8)
CONFIG = '<View><Image name="image" value="$image"/></View>'  # nothing there checks results against it
PAGE = 100  # tasks with their annotations a request, of both


def timed(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def say(what: str, ours: float, theirs: float) -> None:
    print(f"{what:<28} ours {ours:7.1f} s   bare SDK {theirs:7.1f} s   ratio {ours / theirs:.2f}", flush=True)


def signed_in(server: LabelStudioServer) -> LabelStudio:
    return LabelStudio(base_url=server.url, api_key=TOKEN)  # type: ignore[no-untyped-call]


def bare_push(sdk: Any, project: int, documents: list[dict[str, Any]]) -> None:
    for start in range(0, len(documents), BATCH):
        sdk.projects.import_tasks(project, request=documents[start : start + BATCH], return_task_ids=True)


def bare_pull(sdk: Any, project: int) -> int:
    """Every annotation of the project, by the SDK's own pages."""
    return sum(len(task.annotations or ()) for task in sdk.tasks.list(project=project, fields="all", page_size=PAGE))


def hurry_there(sdk: LabelStudio, tasks: Sequence[int], taken: list[float]) -> None:
    """Annotations without a pause."""
    for task in tasks:
        said, identity = results(task), str(uuid.uuid4())
        started = time.perf_counter()
        sdk.annotations.create(task, result=said, unique_id=identity)
        taken.append(time.perf_counter() - started)


def closed_loops(sdk_of: Callable[[], LabelStudio], first: int, folder: Path) -> None:
    """LOOP submissions one after the other without a pause, by one writer and by eight: over HTTP, theirs and ours.

    Ours hands out the next task in the same breath; theirs would be asked for it.
    """
    workspace = Workspace.create(folder, overlap=1)
    fill(workspace, 2 * LOOP * len(WRITERS))  # more than are answered: each writer is handed the next
    app = Server(workspace.root, APP)
    app.start()
    try:
        for turn, writers in enumerate(WRITERS):
            share, theirs, ours = LOOP // writers, list[float](), list[float]()
            starts = [first + LOOP * turn + share * number for number in range(writers)]
            together(
                [
                    threading.Thread(target=hurry_there, args=(sdk_of(), range(start, start + share), theirs))
                    for start in starts
                ]
            )
            sessions = [Session(workspace, f"writer {writers} {number}", app.port) for number in range(writers)]
            together([threading.Thread(target=hurry, args=(one, share, ours)) for one in sessions])
            say_times(f"annotations.create, {writers} at once", theirs)
            say_times(f"submission in the app, {writers} at once", ours)
    finally:
        app.stop()
        workspace.catalog.close()


def opened(client: Client, folder: Path, count: int) -> Over:
    """A workspace of `count` tasks, and its project there."""
    workspace = Workspace.create(folder, name="mg", overlap=1)
    fill(workspace, count)
    link, _ = set_up(workspace, client, Wanted(title=folder.name, images_url="http://127.0.0.1:8501"))
    return Over(workspace, client, link, {email: number for number, email in client.people().items()})


def time_push(client: Client, sdk: LabelStudio, folder: Path, count: int) -> list[dict[str, Any]]:
    """Push `count` tasks, ours and theirs; the tasks as they are there."""
    there = opened(client, folder, count)
    ours = timed(there.push)
    documents = [{"data": row["data"]} for row in all_tasks(client, there.link.project)]
    other = client.make_project(title="the same by the SDK", label_config=there.link.config)["id"]
    say(f"push {count} tasks", ours, timed(lambda: bare_push(sdk, other, documents)))
    print(f"push once more, nothing new: {timed(there.push):.1f} s", flush=True)
    there.workspace.catalog.close()
    return documents


def time_pull(client: Client, sdk: LabelStudio, folder: Path, count: int) -> None:
    """Pull `count` annotations, ours between two of theirs: other work on the machine changes within minutes."""
    there = opened(client, folder, count)
    there.push()
    there.annotate_all()
    first = timed(lambda: bare_pull(sdk, there.link.project))
    before, load = peak(), os.getloadavg()[0]
    ours = timed(lambda: print(there.pull()))
    added = peak() - before
    second = timed(lambda: bare_pull(sdk, there.link.project))
    say(f"pull {count} annotations", ours, (first + second) / 2)
    print(f"the SDK took {first:.1f} s before and {second:.1f} s after; load {load:.1f} to {os.getloadavg()[0]:.1f}")
    print(f"memory that the pull added at its peak: {added:.0f} MB")
    print(f"pull once more, nothing new: {timed(there.pull):.1f} s", flush=True)
    there.workspace.catalog.close()


def all_tasks(client: Client, project: int) -> Iterator[dict[str, Any]]:
    last = 0
    while rows := client.tasks_after(project, last, 1000):
        yield from rows
        last = rows[-1]["id"]


def peak() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(folder: Path, count: int, annotated: int) -> None:
    server = LabelStudioServer(folder / "data", folder)
    shutil.copytree(VENV / "empty", folder / "data")
    server.start()
    sdk = signed_in(server)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    try:
        with server.client() as client:
            make_person(client, PEOPLE[0])
            documents = time_push(client, sdk, folder / "pushed", count)
            third = client.make_project(title="for the closed loop", label_config=CONFIG)["id"]
            first = client.add_tasks(third, documents[: LOOP * len(WRITERS)])[0]
            closed_loops(lambda: signed_in(server), first, folder / "loop")
            time_pull(client, sdk, folder / "pulled", annotated)
    finally:
        server.kill()
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    asked = [int(given) for given in sys.argv[1:]] or [TASKS]
    with tempfile.TemporaryDirectory() as made:
        run(Path(made), asked[0], asked[-1])
