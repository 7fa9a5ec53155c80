"""What is said of servers that answer otherwise than Label Studio does: one line, never a traceback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gatherset.annotate.labelstudio.client import Client, RefusesError
from gatherset.dataset.errors import ServerError
from tests.labelstudio_server import TOKEN

CALLS: dict[str, Callable[[Client], Any]] = {
    "projects": lambda client: client.projects("mg"),
    "project": lambda client: client.project(1),
    "make_project": lambda client: client.make_project(title="mg"),
    "people": lambda client: client.people(),
    "serve_folder": lambda client: client.serve_folder(1, "/data"),
    "add_tasks": lambda client: client.add_tasks(1, [{"data": {}}, {"data": {}}]),
    "tasks_after": lambda client: client.tasks_after(1, 0, 10),
    "whole_tasks": lambda client: client.whole_tasks(1, [1]),
    "webhooks": lambda client: client.webhooks(1),
    "add_webhook": lambda client: client.add_webhook(1, "http://127.0.0.1:9/", {}, []),
}
WRITES: dict[str, Callable[[Client], Any]] = {
    "change_project": lambda client: client.change_project(1, title="mg"),
    "change_task": lambda client: client.change_task(1, overlap=1),
    "change_annotation": lambda client: client.change_annotation(1, was_cancelled=True),
    "remove_task": lambda client: client.remove_task(1),
    "remove_webhook": lambda client: client.remove_webhook(1),
}
ALL = {**CALLS, **WRITES}


@contextmanager
def answering(status: int, body: bytes = b"", location: str | None = None) -> Iterator[str]:
    """The address of a server that gives this answer to everything; `location` is followed by the path asked for."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            if location is not None:
                self.send_header("Location", f"{location}{self.path}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self.answer
            raise AttributeError(name)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("status", "call"), [(302, "project"), (302, "change_task"), (307, "add_tasks"), *((301, name) for name in ALL)]
)
def test_a_server_that_has_moved_is_asked_under_its_new_address_by_hand(status: int, call: str) -> None:
    """A redirect followed would turn a POST, and after a 302 a PATCH, into a GET that changes nothing."""
    with (
        answering(200, b'{"results": []}') as new,
        answering(status, location=new) as old,
        Client(old, TOKEN) as client,
        pytest.raises(ServerError, match=f"{old} sends .* on to {new}.* --url {new}$"),
    ):
        ALL[call](client)


@pytest.mark.parametrize("body", [b"", b"[]", b"[1]", b'{"id": "x", "task_ids": [1]}', b"<html>"])
@pytest.mark.parametrize("call", CALLS)
def test_an_answer_of_another_shape_is_said_in_one_line(call: str, body: bytes) -> None:
    if body == b"[]" and call in ("people", "webhooks"):
        return  # nobody, and none
    with (
        answering(200, body) as address,
        Client(address, TOKEN) as client,
        pytest.raises(ServerError, match="does not answer as Label Studio does"),
    ):
        CALLS[call](client)


def test_what_the_server_forbids_is_not_laid_on_the_token() -> None:
    """So it answers to a webhook to its own machine, unless it was started to allow that."""
    with (
        answering(403, b'{"detail": "The URL resolves to a reserved network address"}') as address,
        Client(address, TOKEN) as client,
        pytest.raises(RefusesError, match=r"refuses POST /api/webhooks/ \(403\): The URL resolves to a reserved"),
    ):
        client.add_webhook(1, "http://127.0.0.1:9/", {}, [])


def test_a_login_page_instead_of_an_answer_is_said_in_one_line() -> None:
    with (
        answering(302, location="/user/login?next=") as address,
        Client(address, TOKEN) as client,
        pytest.raises(ServerError, match=r"sends GET /api/projects/1/ on to /user/login"),
    ):
        client.project(1)
