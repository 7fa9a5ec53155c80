"""Push and pull beside the bare calls of Label Studio's SDK that move the same objects; its closed loop beside ours.

Run it: python tests/benchmarks/labelstudio_times.py [TASKS]
It starts a Label Studio of its own (`make labelstudio` installs it) and takes minutes, most of them its server's.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from label_studio_sdk import LabelStudio

from gatherset.annotate.answer import Answer
from gatherset.annotate.labelstudio.client import Client
from gatherset.annotate.labelstudio.configuration import configuration
from gatherset.annotate.labelstudio.project import Wanted, set_up
from gatherset.annotate.labelstudio.push import BATCH
from gatherset.annotate.submissions import submit
from gatherset.dataset.workspace import Workspace
from tests.labelstudio_server import TOKEN, VENV, LabelStudioServer, make_person
from tests.labelstudio_workspace import PEOPLE, SENTENCES, Over, fill, results

TASKS = 10_000
LOOP = 100  # submissions of a closed loop
WRITERS = (1, 8)
PAGE = 100  # tasks with their annotations a request, of both


def timed(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def say(what: str, ours: float, theirs: float) -> None:
    print(f"{what:<28} ours {ours:7.1f} s   bare SDK {theirs:7.1f} s   ratio {ours / theirs:.2f}", flush=True)


def bare_push(sdk: LabelStudio, project: int, documents: list[dict[str, Any]]) -> None:
    for start in range(0, len(documents), BATCH):
        sdk.projects.import_tasks(project, request=documents[start : start + BATCH], return_task_ids=True)


def bare_pull(sdk: LabelStudio, project: int) -> int:
    """Every annotation of the project, by the SDK's own pages."""
    return sum(len(task.annotations or ()) for task in sdk.tasks.list(project=project, fields="all", page_size=PAGE))


def loop(sdk: LabelStudio, tasks: list[int], taken: list[float]) -> None:
    for task in tasks:
        identity = str(uuid.uuid4())
        taken.append(timed(lambda: sdk.annotations.create(task, result=results(task), unique_id=identity)))  # noqa: B023


def own_loop(workspace: Workspace, name: str, tasks: list[int], taken: list[float]) -> None:
    for task in tasks:
        texts = tuple(sentence.format(task) for sentence in SENTENCES)
        answer = Answer("caption", True, "protest", texts)
        taken.append(timed(lambda: submit(workspace, task, name, answer, key=f"{name}-{task}")))  # noqa: B023


def together(writers: int, act: Callable[[int, list[int], list[float]], None], first: int) -> list[float]:
    """What each of LOOP submissions took, by so many writers at once."""
    share, taken = LOOP // writers, list[float]()
    threads = [
        threading.Thread(target=act, args=(n, list(range(first + n * share, first + (n + 1) * share)), taken))
        for n in range(writers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(1000 * one for one in taken)


def say_loop(what: str, times: list[float]) -> None:
    p95 = times[int(0.95 * len(times))]
    print(f"{what:<44} p50 {statistics.median(times):6.0f} ms  p95 {p95:6.0f} ms", flush=True)


def closed_loops(server: LabelStudioServer, workspace: Workspace, first_there: int) -> None:
    """Submissions one after the other without a pause: theirs over HTTP, ours into the catalog."""
    for writers in WRITERS:
        clients = [LabelStudio(base_url=server.url, api_key=TOKEN) for _ in range(writers)]
        offset = LOOP * WRITERS.index(writers)
        theirs = together(writers, lambda n, tasks, taken: loop(clients[n], tasks, taken), first_there + offset)  # noqa: B023
        say_loop(f"annotations.create, {writers} at once", theirs)
        ours = together(writers, lambda n, tasks, taken: own_loop(workspace, f"writer {n}", tasks, taken), 1 + offset)
        say_loop(f"submit, {writers} at once", ours)


def transfers(client: Client, sdk: LabelStudio, workspace: Workspace, count: int) -> list[dict[str, Any]]:
    """Push and pull `count` objects, ours and theirs; the tasks as they are there."""
    link, _ = set_up(workspace, client, Wanted(images_url="http://127.0.0.1:8501"))
    there = Over(workspace, client, link, {PEOPLE[0]: make_person(client, PEOPLE[0])})
    ours = timed(there.push)
    documents = [{"data": row["data"]} for row in all_tasks(client, link.project)]
    other = client.make_project(title="the same by the SDK", label_config=link.config)["id"]
    say(f"push {count} tasks", ours, timed(lambda: bare_push(sdk, other, documents)))
    there.annotate_all()
    before = peak()
    ours = timed(lambda: print(there.pull()))
    added = peak() - before
    say(f"pull {count} annotations", ours, timed(lambda: print(bare_pull(sdk, link.project), "annotations")))
    print(f"memory that the pull added at its peak: {added:.0f} MB")
    print(f"push and pull once more, nothing new: {timed(there.push):.1f} s and {timed(there.pull):.1f} s", flush=True)
    return documents


def all_tasks(client: Client, project: int) -> Iterator[dict[str, Any]]:
    last = 0
    while rows := client.tasks_after(project, last, 1000):
        yield from rows
        last = rows[-1]["id"]


def peak() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(folder: Path, count: int) -> None:
    server = LabelStudioServer(folder / "data", folder)
    shutil.copytree(VENV / "empty", folder / "data")
    server.start()
    sdk = LabelStudio(base_url=server.url, api_key=TOKEN)
    workspace = Workspace.create(folder / "mg", overlap=1)
    looped = Workspace.create(folder / "loop", overlap=1)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    try:
        fill(workspace, count)
        fill(looped, LOOP * len(WRITERS))
        with server.client() as client:
            documents = transfers(client, sdk, workspace, count)
            config = configuration(workspace, "caption")
            third = client.make_project(title="for the closed loop", label_config=config)["id"]
            first = client.add_tasks(third, documents[: LOOP * len(WRITERS)])[0]
            closed_loops(server, looped, first)
    finally:
        workspace.catalog.close()
        looped.catalog.close()
        server.kill()
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        run(Path(made), int(sys.argv[1]) if len(sys.argv) > 1 else TASKS)
