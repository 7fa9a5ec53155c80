"""Sync: push and pull in a loop, hurried by webhooks where they come, and right without them.

Label Studio sends a webhook once, within a second, unsigned: what it says is taken as a hint where to look, never as an
answer, and what was lost comes with the next round.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from gatherset.annotate.labelstudio.annotation import Pulled
from gatherset.annotate.labelstudio.client import Client
from gatherset.annotate.labelstudio.links import Link, current_links
from gatherset.annotate.labelstudio.pull import pull, pull_some
from gatherset.annotate.labelstudio.push import Pushed, push
from gatherset.annotate.outages import in_words
from gatherset.dataset.errors import GathersetError, ServerError
from gatherset.dataset.workspace import Workspace

HEADER = "X-Gatherset-Secret"
ACTIONS = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED", "TASKS_DELETED")
MAX_BYTES = 10_000_000  # of a webhook: a task with its annotations
GATHER = 0.2  # seconds in which several webhooks become one look
Told = Callable[[Link, Pushed | None, Pulled | None], None]


@dataclass
class Inbox:
    """What webhooks have hinted at since it was last looked at."""

    secret: str = field(default_factory=lambda: secrets.token_hex(32))
    woken: threading.Event = field(default_factory=threading.Event)
    refused: int = 0  # requests without the secret
    _tasks: set[int] = field(default_factory=set)
    _all: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, task: int | None) -> None:
        """Note that the task with this number there was changed; None: something was."""
        with self._lock:
            if task is None:
                self._all = True
            else:
                self._tasks.add(task)
        self.woken.set()

    def take(self) -> tuple[list[int], bool]:
        """(the tasks hinted at, whether something else was changed as well)."""
        with self._lock:
            found, everything = sorted(self._tasks), self._all
            self._tasks, self._all = set(), False
            self.woken.clear()
        return found, everything


@contextmanager
def receiver(address: tuple[str, int]) -> Iterator[tuple[Inbox, int]]:
    """A receiver of webhooks at `address`, and the port that it has. Raises ServerError where that is taken."""
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds; one that says nothing holds a thread no longer

        def do_POST(self) -> None:
            if not hmac.compare_digest(self.headers.get(HEADER, "").encode(), inbox.secret.encode()):
                inbox.refused += 1
                self.send_error(403)
                return
            length = self.headers.get("Content-Length", "")
            body = self.rfile.read(int(length)) if length.isdecimal() and int(length) <= MAX_BYTES else b""
            self.send_response(204)
            self.end_headers()
            inbox.put(_task_in(body))

        def log_message(self, *_: object) -> None:
            pass

    try:
        server = ThreadingHTTPServer(address, Handler)
    except OSError as error:
        raise ServerError(
            f"cannot listen at {address[0]}:{address[1]}: {error.strerror}", "Choose another: --listen HOST:PORT"
        ) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield inbox, server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _task_in(body: bytes) -> int | None:
    """The number of the task that a webhook speaks of; None where it speaks of several, or of none."""
    try:
        task = json.loads(body)["task"]["id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return task if type(task) is int and 0 < task < 2**63 else None


class Webhooks:
    """The webhooks of a run: the server sends what changes in a project to `url`, with the secret."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url
        self._headers = {HEADER: secret}
        self._made: dict[tuple[str, int], int] = {}  # {(server, project): number of its webhook}

    def register(self, client: Client, link: Link) -> None:
        """Have one for this project, unless this run has; an earlier run's at the same address is replaced."""
        if (client.url, link.project) in self._made:
            return
        for webhook in client.webhooks(link.project):
            if webhook.get("url") == self.url:
                client.remove_webhook(webhook["id"])
        made = client.add_webhook(link.project, self.url, self._headers, ACTIONS)
        self._made[client.url, link.project] = made

    def remove(self) -> None:
        """Have none any more."""
        for (server, _), webhook in self._made.items():
            with suppress(ServerError), Client(server) as client:  # if it is gone, the next run replaces what is left
                client.remove_webhook(webhook)


def sync(
    root: Path,
    *,
    every: float,
    stop: threading.Event,
    told: Told,
    failed: Callable[[GathersetError], None],
    inbox: Inbox | None = None,
    webhooks: Webhooks | None = None,
) -> None:
    """Push and pull every `every` seconds, and look at once where a webhook hints at, until `stop` is set.

    The workspace in the folder `root` is opened anew each time: a run lasts for days, while its settings, its projects
    and who is who in them change. `told` hears what was done. A server, or a database, that is not there for a while is
    waited for: `failed` hears of it. Raises GathersetError where the first round fails.
    """

    def whole(workspace: Workspace, client: Client, link: Link) -> None:
        if webhooks is not None:
            webhooks.register(client, link)
        told(link, push(workspace, client, link), pull(workspace, client, link))

    first = True
    while not stop.is_set():
        try:
            _for_each_project(root, whole)
        except GathersetError as error:
            if first:
                raise
            failed(error)
        first = False
        _wait(root, time.monotonic() + every, stop, told, failed, inbox)


def _for_each_project(root: Path, act: Callable[[Workspace, Client, Link], None]) -> None:
    workspace = Workspace.open(root)
    try:
        for link in current_links(workspace):
            with Client(link.url) as client:
                act(workspace, client, link)
    except DBAPIError as error:
        raise ServerError(in_words(error), "It is tried again in the next round") from error
    finally:
        workspace.catalog.close()


def _wait(
    root: Path,
    until: float,
    stop: threading.Event,
    told: Told,
    failed: Callable[[GathersetError], None],
    inbox: Inbox | None,
) -> None:
    """Until the next round: look where webhooks hint at."""
    while not stop.is_set() and (left := until - time.monotonic()) > 0:
        if inbox is None or not inbox.woken.wait(min(left, 0.5)):
            if inbox is None:
                stop.wait(left)
            continue
        stop.wait(GATHER)
        try:
            _look(root, inbox, told)
        except GathersetError as error:
            failed(error)


def _look(root: Path, inbox: Inbox, told: Told) -> None:
    hinted, everything = inbox.take()

    def there(workspace: Workspace, client: Client, link: Link) -> None:
        told(link, None, pull(workspace, client, link) if everything else pull_some(workspace, client, link, hinted))

    _for_each_project(root, there)
