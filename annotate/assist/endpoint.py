"""A language model behind an OpenAI-compatible endpoint: asked patiently, each answer kept so that it is paid for once.

OpenAI, Azure, vLLM, Ollama, llama.cpp and LM Studio speak this protocol: POST …/chat/completions.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, TypeVar

import httpx

from gatherset.dataset.errors import InputError, ServerError
from gatherset.dataset.records import canonical
from gatherset.dataset.store import write_whole
from gatherset.dataset.timestamps import now

KEY, URL = "OPENAI_API_KEY", "OPENAI_BASE_URL"  # in the environment, as its own library has them
LATE = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})  # later it may answer
MOST_WAIT = 60.0  # seconds that Retry-After is followed
MOST_BYTES = 4_000_000  # of an answer
TOKEN = 4  # characters, roughly, of English
_CLOSED = {  # what no other question would be answered better
    401: "it does not accept the key",
    402: "it wants to be paid",
    403: "the key may not use this model",
    404: "it does not know this address or model",
}
Message = dict[str, Any]
Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Asking:
    """How a model is asked."""

    model: str
    temperature: float = 0.7  # 0: always the likeliest words
    max_tokens: int = 600  # of an answer
    stream: bool = False  # for servers that answer only so
    seconds: float = 120.0  # for the next bytes
    tries: int = 3
    back_off: float = 2.0  # seconds before the second try; four times as long before the third


@dataclass
class Usage:
    """What was asked so far."""

    requests: int = 0
    cached: int = 0  # answers that were here already
    tokens_in: int = 0
    tokens_out: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def count(self, said: Mapping[str, Any]) -> None:
        with self._lock:
            self.requests += 1
            self.tokens_in += _number(said.get("prompt_tokens"))
            self.tokens_out += _number(said.get("completion_tokens"))

    def count_cached(self) -> None:
        with self._lock:
            self.cached += 1

    def cost(self, price_in: float, price_out: float) -> float:
        """In the currency of the prices, which are for a million tokens."""
        return (self.tokens_in * price_in + self.tokens_out * price_out) / 1e6


class NoAnswerError(ServerError):
    """This question got no answer that can be used; another one may."""


class ClosedError(ServerError):
    """No question will be answered: the key, the money, or the server itself is missing."""


class Endpoint:
    """The model at `url`; its answers are kept in `answers`. Close it, or use it in a `with`. Threads may share it."""

    def __init__(self, url: str | None, asking: Asking, answers: Path, *, key: str | None = None) -> None:
        self.url = _checked(url or os.environ.get(URL) or "")
        self.asking = asking
        self.usage = Usage()
        self.closed: ClosedError | None = None
        self._answers = answers
        self._http = httpx.Client(timeout=httpx.Timeout(asking.seconds, connect=min(asking.seconds, 20)))
        key = key or os.environ.get(KEY, "")
        if key and not (key.isascii() and key.isprintable()):
            raise ServerError("the key holds signs that no key has", f"Copy it again into {KEY}")
        if key:
            self._http.headers["Authorization"] = f"Bearer {key}"

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def known(self, messages: Sequence[Message]) -> bool:
        """Whether the answer is here already."""
        return self._path(messages).exists()

    def ask(self, messages: Sequence[Message]) -> str:
        """What the model says. Raises NoAnswerError, or ClosedError, also for every later question."""
        path = self._path(messages)
        if (kept := _read(path)) is not None:
            self.usage.count_cached()
            return kept
        if self.closed:
            raise self.closed
        try:
            text = self._patiently(self._body(messages))
        except ClosedError as error:
            self.closed = error
            raise
        write_whole(path, json.dumps({"model": self.asking.model, "at": now(), "text": text}).encode())
        return text

    def _body(self, messages: Sequence[Message]) -> dict[str, Any]:
        asking = self.asking
        body = {"model": asking.model, "messages": list(messages), "temperature": asking.temperature}
        return {**body, "max_tokens": asking.max_tokens}

    def _path(self, messages: Sequence[Message]) -> Path:
        digest = hashlib.sha256(canonical([self.url, self._body(messages)]).encode()).hexdigest()
        return self._answers / digest[:2] / f"{digest}.json"

    def _patiently(self, body: dict[str, Any]) -> str:
        wait = self.asking.back_off
        for attempt in range(1, self.asking.tries + 1):
            try:
                return self._once(body)
            except _LateError as error:
                if attempt == self.asking.tries:
                    raise error.given_up from error
                time.sleep(max(wait, error.wait))
                wait *= 4
        raise AssertionError("tries is 1 at least")

    def _once(self, body: dict[str, Any]) -> str:
        if self.asking.stream:
            body = {**body, "stream": True, "stream_options": {"include_usage": True}}
        try:
            with self._http.stream("POST", f"{self.url}/chat/completions", json=body) as response:
                data = _limited(response)
        except httpx.TimeoutException as error:
            what = f"{self.url} did not answer within {self.asking.seconds:.0f} s"
            raise _LateError(NoAnswerError(what, "Run it again later")) from error
        except (httpx.TransportError, httpx.StreamError) as error:
            what = f"{self.url} cannot be reached: {str(error) or type(error).__name__}"
            raise _LateError(
                ClosedError(what, "Start it, or mend the address (--endpoint), and run it again")
            ) from error
        if response.status_code != 200:
            raise self._refusal(response, data)
        document = _streamed(data) if data.lstrip().startswith((b"data:", b":", b"event:")) else _json(data)
        if document is None:
            what = f"{self.url} answered what is no JSON: {data[:60]!r}"
            raise _LateError(NoAnswerError(what, "See how the server is, then run it again"))
        usage = document.get("usage")
        self.usage.count(usage if isinstance(usage, dict) else {})
        return _said(document)

    def _refusal(self, response: httpx.Response, data: bytes) -> Exception:
        status = response.status_code
        said = _error_text(data)
        what = f"{self.url} answers {status}: {said}" if said else f"{self.url} answers {status}"
        if status in _CLOSED or "insufficient_quota" in said:
            reason = _CLOSED.get(status, _CLOSED[402])
            return ClosedError(f"{what} ({reason})", f"Mend it (the key is read from {KEY}), and run it again")
        if status in LATE:
            wait = response.headers.get("retry-after", "")
            seconds = float(wait) if wait.replace(".", "", 1).isdecimal() else 0.0
            return _LateError(NoAnswerError(what, "Run it again later"), min(seconds, MOST_WAIT))
        return NoAnswerError(what, "See what it says; the others were asked")


class _LateError(Exception):
    """Asking again may help; `given_up` is raised where it did not."""

    def __init__(self, given_up: ServerError, wait: float = 0.0) -> None:
        self.given_up, self.wait = given_up, wait
        super().__init__(str(given_up))


def in_threads(ask: Callable[[Item], Answer], items: Sequence[Item], at_once: int) -> Generator[Answer, None, None]:
    """What `ask` makes of each item, in the order in which it is done. Close it: what was not begun is not asked."""
    pool = ThreadPoolExecutor(at_once)
    try:
        yield from (done.result() for done in as_completed([pool.submit(ask, item) for item in items]))
    finally:
        pool.shutdown(cancel_futures=True)


def estimated_tokens(messages: Sequence[Message]) -> int:
    """Roughly, of the texts; an image counts as a thousand."""
    total = 0
    for message in messages:
        parts = message["content"] if isinstance(message["content"], list) else [{"text": message["content"]}]
        total += sum(len(part["text"]) // TOKEN + 1 if "text" in part else 1000 for part in parts)
    return total


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        what = f"'{url}' is no address of an endpoint" if url else "no endpoint is named"
        raise InputError(what, f"Name it: --endpoint http://localhost:8000/v1, or export {URL}=…")
    return url.rstrip("/").removesuffix("/chat/completions")


def _limited(response: httpx.Response) -> bytes:
    data = b""
    for piece in response.iter_bytes():
        data += piece
        if len(data) > MOST_BYTES:
            break
    return data


def _json(data: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _streamed(data: bytes) -> dict[str, Any] | None:
    """The answer that server-sent events make up; None where they have no end."""
    parts: list[str] = []
    refusals: list[str] = []
    usage: dict[str, Any] = {}
    finish = None
    for line in data.decode("utf-8", "replace").splitlines():
        if not line.startswith("data:"):
            continue
        text = line.removeprefix("data:").strip()
        if text == "[DONE]":
            message = {"content": "".join(parts), "refusal": "".join(refusals) or None}
            return {"choices": [{"message": message, "finish_reason": finish}], "usage": usage}
        event = _json(text.encode())
        if event is None:
            return None
        usage = event.get("usage") or usage
        try:
            for choice in event.get("choices") or ():
                delta = choice.get("delta") or {}
                parts.append(_text(delta.get("content")))
                refusals.append(_text(delta.get("refusal")))
                finish = choice.get("finish_reason") or finish
        except (AttributeError, TypeError) as error:
            raise _malformed() from error
    return None


def _text(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError
    return value or ""


def _malformed() -> _LateError:
    return _LateError(NoAnswerError("the answer has not the form of the protocol", "Check the address"))


def _said(document: Mapping[str, Any]) -> str:
    """The text of an answer. Raises NoAnswerError for a refusal, one that was cut off, and one that has no text."""
    try:
        choice = document["choices"][0]
        message = choice["message"]
        text, refusal = message.get("content"), message.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise _malformed() from error
    if refusal:
        raise NoAnswerError(f"the model refuses: {str(refusal)[:200]}", "Leave it to a person")
    if choice.get("finish_reason") == "content_filter":
        raise NoAnswerError("the answer was held back by a filter", "Leave it to a person")
    if choice.get("finish_reason") == "length":
        raise NoAnswerError("the answer is too long, and was cut off", "Ask a model that says less")
    if not isinstance(text, str) or not text.strip():
        raise NoAnswerError("the answer is empty", "Run it again, or leave it to a person")
    return text.encode("utf-8", "replace").decode()  # half a surrogate pair can be neither stored nor sent back


def _error_text(data: bytes) -> str:
    document = _json(data)
    error = document.get("error", document) if document else None
    if isinstance(error, dict):
        error = " ".join(str(error[key]) for key in ("message", "code") if error.get(key))
    return " ".join(str(error or data[:200].decode("utf-8", "replace")).split())[:300]


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _read(path: Path) -> str | None:
    try:
        return str(json.loads(path.read_bytes())["text"]) or None  # older versions kept empty ones
    except (OSError, ValueError, KeyError, TypeError):
        return None
