"""A session as a browser has it: signed in, the page open over a websocket, and the routes called over HTTP."""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import suppress
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from gatherset.annotate.access import COOKIE, ticket
from gatherset.dataset.workspace import Workspace

RETRY_AFTER = 1.5  # seconds, as in annotate/pages/desk/browser.js
# Different enough for the rules about captions that are nearly the same; {} is a number.
SENTENCES = (
    "Many people gather near a tall tower in picture {}.",
    "Long rows of visitors wait behind a rope.",
    "Young families with prams arrive early at gate {}.",
    "Two speakers wave from a small wooden stage.",
    "A child on somebody's shoulders holds a paper flag.",
)


class UnavailableError(ConnectionError):
    """The server cannot answer now: 503."""


class RefusedError(AssertionError):
    """Any other answer than 200."""

    def __init__(self, status: int, answer: dict[str, Any]) -> None:
        self.status, self.answer = status, answer
        super().__init__(status, answer)


class Session:
    """One annotator, or reviewer (`desk`: "review"), at the app on 127.0.0.1:`port`."""

    def __init__(self, workspace: Workspace, name: str, port: int, desk: str = "work") -> None:
        self.name, self.port, self.desk = name, port, desk
        self.cookie = f"{COOKIE}={ticket(workspace, name)}"
        self.connection: http.client.HTTPConnection | None = None

    def open_page(self) -> None:
        """Have Streamlit draw the page, and keep the websocket open as a browser does."""
        headers = {"Cookie": self.cookie, "Origin": f"http://127.0.0.1:{self.port}"}
        self.socket = connect(
            f"ws://127.0.0.1:{self.port}/_stcore/stream",
            additional_headers=headers,
            subprotocols=[Subprotocol("streamlit")],
        )
        message = BackMsg()
        message.rerun_script.query_string = ""
        self.socket.send(message.SerializeToString())
        assert self.socket.recv(timeout=60)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(ConnectionClosed):  # the server ends before the sessions do
            for _ in self.socket:
                pass

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """The answer of a route. Raises OSError or HTTPException where the server is not there."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        data = json.dumps({"annotator": self.name, **body})
        try:
            self.connection.request(
                "POST", f"/{self.desk}/{path}", data, {"Content-Type": "application/json", "Cookie": self.cookie}
            )
            response = self.connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError):
            self.connection.close()
            self.connection = None
            raise
        if response.status == 503:
            raise UnavailableError(answer["what"])
        if response.status != 200:
            raise RefusedError(response.status, answer)
        return answer

    def persist(self, path: str, until: float, **body: Any) -> dict[str, Any]:
        """`post`, again and again until there is an answer, as the page does; at most until the moment `until`."""
        while True:
            try:
                return self.post(path, **body)
            except (OSError, http.client.HTTPException, ValueError):
                if time.monotonic() > until:
                    raise
                time.sleep(RETRY_AFTER)

    def keep(self, until: float, task: int, revision: int, version: int, answer: dict[str, Any]) -> int:
        """Save a draft; its revision. One that was stored and not acknowledged is newer than ours: we go on from it."""
        try:
            saved = self.persist("draft", until, task=task, revision=revision, version=version, answer=answer)
        except RefusedError as error:
            if error.answer.get("kind") != "newer":
                raise
            return int(error.answer["draft"]["revision"])
        return int(saved["revision"])

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()

    def answer(self, task: int, **changes: Any) -> dict[str, Any]:
        """What this annotator says to a caption task."""
        captions = [sentence.format(task) for sentence in SENTENCES]
        given = {"kind": "caption", "is_gathering": True, "event_type": "protest", "captions": captions}
        return {**given, **changes}
