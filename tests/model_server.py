"""A server on loopback that speaks the protocol of OpenAI's chat completions, and misbehaves where a test says so."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Body = dict[str, Any]
# What is answered: a text; or a dict with status, headers, raw, refusal, finish, hang (seconds), cut (bytes).
Reply = str | dict[str, Any]


def further(first: str, count: int) -> list[str]:
    """Captions that say what the first one says."""
    words = first.rstrip(".").split()
    tail = " ".join(words[-5:]).lower()
    ways = ("Here we see {}.", "In this picture there is {} again.", "Someone took a photograph of {}.",
            "The camera looks at {} from the side.", "All around is {} today.")  # fmt: skip
    return [way.format(tail) for way in ways[:count]]


def caption_of(body: Body) -> str:
    """The first caption in a request for expansion: the line between two empty ones."""
    text = body["messages"][0]["content"]
    parts = text.split("\n\n") if isinstance(text, str) else []
    return str(parts[1]) if len(parts) > 1 else ""


def obedient(body: Body) -> Reply:
    if isinstance(body["messages"][0]["content"], list):
        return "A large crowd of people stands in a street."
    return json.dumps(further(caption_of(body), 4))


class ModelServer:
    """What a test sets holds from the next request on."""

    def __init__(self) -> None:
        self.reply: Callable[[Body], Reply] = obedient
        self.requests: list[Body] = []
        self.keys: list[str] = []
        self.latency = 0.0
        self._lock = threading.Lock()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with server._lock:
                    server.requests.append(body)
                    server.keys.append(self.headers.get("Authorization", ""))
                time.sleep(server.latency)
                if self.path != "/v1/chat/completions":
                    server._send(self, 404, b'{"error": {"message": "no such address"}}', {})
                    return
                server._answer(self, body, server.reply(body))

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def _answer(self, handler: http.server.BaseHTTPRequestHandler, body: Body, reply: Reply) -> None:
        said = {"text": reply} if isinstance(reply, str) else reply
        time.sleep(said.get("hang", 0))
        if "status" in said:
            error = json.dumps({"error": {"message": said.get("text", "trouble"), "code": said.get("code")}})
            self._send(handler, said["status"], error.encode(), said.get("headers", {}))
            return
        data = said["raw"] if "raw" in said else (_streamed if body.get("stream") else _whole)(said)
        kind = "text/event-stream" if body.get("stream") else "application/json"
        self._send(handler, 200, data[: said.get("cut")], {"Content-Type": kind})

    def _send(self, handler: http.server.BaseHTTPRequestHandler, status: int, data: bytes, headers: Body) -> None:
        try:
            handler.send_response(status)
            for name, value in {"Content-Length": len(data), **headers}.items():
                handler.send_header(name, str(value))
            handler.end_headers()
            handler.wfile.write(data)
        except ConnectionError:
            pass  # whoever asked was killed, or has lost patience

    @contextmanager
    def running(self) -> Iterator[ModelServer]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def _whole(said: Body) -> bytes:
    message = {"role": "assistant", "content": said.get("text"), "refusal": said.get("refusal")}
    choice = {"index": 0, "message": message, "finish_reason": said.get("finish", "stop")}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 40}}).encode()


def _streamed(said: Body) -> bytes:
    text, refusal = said.get("text") or "", said.get("refusal")
    deltas = [{"role": "assistant"}, *({"content": text[at : at + 7]} for at in range(0, len(text), 7))]
    deltas += [{"refusal": refusal}] if refusal else []
    events = [{"choices": [{"delta": delta}]} for delta in deltas]
    events.append({"choices": [{"delta": {}, "finish_reason": said.get("finish", "stop")}]})
    events.append({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 40}})
    return ("".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n").encode()
