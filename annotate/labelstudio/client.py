"""The Label Studio server: the few calls that are made to it, as plain JSON, and its failures in words.

Not its SDK: that one repeats a POST by itself when the answer was lost, which here would make every task twice, and
reads each answer into the types of the paid edition. Nothing is repeated here; whoever calls knows what is safe to.
Nor is a redirect followed: a POST would become a GET, and after a 302 a PATCH too, which changes nothing and says 200.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import httpx

from gatherset.dataset.errors import ServerError

URL, TOKEN = "LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"  # in the environment, as its own SDK has them
SECONDS = 120.0  # for an answer; importing a thousand tasks takes a fraction of one
LATE = frozenset({408, 425, 429, 500, 502, 503, 504})  # the server's trouble, not ours: later it may work
Json = dict[str, Any]


class MissingError(ServerError):
    """What was asked for is not there, or this token may not see it."""


class RefusesError(ServerError):
    """The server says no to what it was sent; `body` is what it said."""

    def __init__(self, what: str, next_step: str, body: Any) -> None:
        self.body = body
        super().__init__(what, next_step)


class Client:
    """A connection to the server at `url`. Close it, or use it in a `with`."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = _checked_url(url)
        self._token = token or os.environ.get(TOKEN, "")
        if not self._token:
            raise ServerError(
                "there is no token for Label Studio", f"Copy yours from its page 'Account & Settings': export {TOKEN}=…"
            )
        if not self._token.isascii() or not self._token.isprintable():
            raise ServerError("the token for Label Studio holds signs that no token has", f"Copy it again into {TOKEN}")
        self._http = httpx.Client(base_url=self.url, timeout=SECONDS)
        self._http.headers["Authorization"] = f"Token {self._token}"

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The JSON that the server answers, None where it is empty.

        Raises MissingError, RefusesError, or ServerError where the server is not there or does not want us.
        """
        answer = self._send(method, path, body, query)
        if answer.status_code == 401 and self._fresh_token():
            answer = self._send(method, path, body, query)
        if answer.is_success:
            try:
                return answer.json() if answer.content else None
            except ValueError as error:
                raise self._stranger() from error
        raise self._moved(answer, method, path) if answer.is_redirect else self._refusal(answer, method, path)

    def _stranger(self) -> ServerError:
        return ServerError(f"{self.url} does not answer as Label Studio does", f"Check the address: --url, or {URL}")

    def _rows(self, answer: Any, name: str | None = None) -> list[Json]:
        """The list of objects that the server answered, in the field `name` where that is given."""
        rows = answer
        if name is not None:
            rows = answer.get(name) if isinstance(answer, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._stranger()
        return rows

    def _numbered(self, answer: Any) -> Json:
        """An object of the server, which has a number there."""
        if not isinstance(answer, dict) or type(answer.get("id")) is not int:
            raise self._stranger()
        return answer

    def _send(self, method: str, path: str, body: Any, query: Mapping[str, Any]) -> httpx.Response:
        given = {name: value for name, value in query.items() if value is not None}
        try:
            return self._http.request(method, path, json=body, params=given or None)
        except httpx.TimeoutException as error:
            raise ServerError(
                f"{self.url} did not answer within {SECONDS:.0f} s", "See how the server is, then run it again"
            ) from error
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise ServerError(
                f"{self.url} cannot be reached: {reason}", "Start Label Studio, or mend the address, and run it again"
            ) from error

    def _fresh_token(self) -> bool:
        """A personal access token is exchanged for one that lasts minutes; whether that was done."""
        if not _is_refresh_token(self._token):
            return False
        answer = self._send("POST", "/api/token/refresh/", {"refresh": self._token}, {})
        if not answer.is_success:
            return False
        try:
            self._http.headers["Authorization"] = f"Bearer {answer.json()['access']}"
        except (ValueError, KeyError, TypeError) as error:
            raise self._stranger() from error
        return True

    def _moved(self, answer: httpx.Response, method: str, path: str) -> ServerError:
        to = answer.headers.get("location", "")
        base = to.partition(path)[0]  # the new address of the server, where only that has changed
        step = f"Use its address: gatherset labelstudio setup --url {base}"
        if not base.startswith(("http://", "https://")) or "?" in base or path not in to:
            step = f"Check the address, and whether something before the server asks for a login: --url, or {URL}"
        return ServerError(f"{self.url} sends {method} {path} on to {to[:200] or 'nowhere'}", step)

    def _refusal(self, answer: httpx.Response, method: str, path: str) -> ServerError:
        try:
            body = answer.json()
        except ValueError:
            body = None
        if answer.status_code == 401 or (answer.status_code == 403 and body is None):
            return ServerError(
                f"{self.url} does not accept the token",
                f"Copy it again from 'Account & Settings' there: export {TOKEN}=…",
            )
        if answer.status_code == 404 and isinstance(body, dict):
            return MissingError(f"{self.url}{path} is not there, or not for this token", "Look for it in Label Studio")
        if body is None and answer.status_code == 404:
            return ServerError(f"{self.url} is not a Label Studio server", f"Check the address: --url, or {URL}")
        if answer.status_code in LATE:
            return ServerError(f"{self.url} is in trouble ({answer.status_code})", "Read its log, then run it again")
        said = _said(body)
        return RefusesError(
            f"Label Studio refuses {method} {path} ({answer.status_code}): {said}",
            "See what it says; docs/labelstudio.md names the usual reasons",
            body,
        )

    # Projects

    def projects(self, title: str) -> list[Json]:
        """The projects with exactly this title that the token sees, without their configurations."""
        found: list[Json] = []
        page: int | None = 1
        while page:
            answer = self.call("GET", "/api/projects/", title=title, page=page, page_size=100, include="id,title")
            found += [self._numbered(one) for one in self._rows(answer, "results") if one.get("title") == title]
            page = page + 1 if answer.get("next") else None
        return found

    def project(self, number: int) -> Json:
        answer = self.call("GET", f"/api/projects/{number}/")
        if not isinstance(answer, dict) or not isinstance(answer.get("label_config"), str):
            raise self._stranger()
        return self._numbered(answer)

    def make_project(self, **fields: Any) -> Json:
        return self._numbered(self.call("POST", "/api/projects/", fields))

    def change_project(self, number: int, **fields: Any) -> None:
        self.call("PATCH", f"/api/projects/{number}/", fields)

    def people(self) -> dict[int, str]:
        """{number of a user: e-mail}."""
        users = map(self._numbered, self._rows(self.call("GET", "/api/users/")))
        return {user["id"]: str(user.get("email")) for user in users}

    def serve_folder(self, number: int, path: str) -> None:
        """Let the project show the files below `path`, a folder of the server's own machine."""
        known = self._rows(self.call("GET", "/api/storages/localfiles/", project=number))
        if not any(storage.get("path") == path for storage in known):
            fields = {"project": number, "path": path, "use_blob_urls": True, "title": "Gatherset"}
            self._numbered(self.call("POST", "/api/storages/localfiles/", fields))

    def shows(self, address: str) -> bool:
        """Whether the server has a file at this address of its own."""
        return self._send("GET", address, None, {}).is_success

    # Tasks

    def add_tasks(self, number: int, tasks: Sequence[Json]) -> list[int]:
        """Add tasks, all or none of them; their numbers, in the same order."""
        answer = self.call("POST", f"/api/projects/{number}/import", tasks, return_task_ids="true")
        ids = answer.get("task_ids") if isinstance(answer, dict) else None
        if not isinstance(ids, list) or len(ids) != len(tasks) or not all(type(one) is int for one in ids):
            raise self._stranger()
        return ids

    def tasks_after(self, number: int, last: int, count: int, *, fields: str | None = None) -> list[Json]:
        """The next `count` tasks of the project with higher numbers than `last`, by number, without annotations.

        Asking by number instead of by page: a task that is deleted meanwhile does not hide another.
        """
        over = {"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": last}
        query = {"filters": {"conjunction": "and", "items": [over]}, "ordering": ["tasks:id"]}
        answer = self.call(
            "GET",
            "/api/tasks",
            project=number,
            query=json.dumps(query),
            page=1,
            page_size=count,
            include=fields,
            resolve_uri="false",
        )
        return self._rows(answer, "tasks")

    def whole_tasks(self, number: int, ids: Sequence[int]) -> list[Json]:
        """These tasks with their annotations; those that are gone are left out."""
        query = {"selectedItems": {"all": False, "included": list(ids)}, "ordering": ["tasks:id"]}
        given: dict[str, Any] = {"project": number, "query": json.dumps(query), "fields": "all", "resolve_uri": "false"}
        found: list[Json] = []
        page = 1
        while True:  # a server may give fewer at once than it is asked for
            answer = self.call("GET", "/api/tasks", page=page, page_size=len(ids), **given)
            rows = self._rows(answer, "tasks")
            found += rows
            if not rows or len(found) >= (answer.get("total") or 0):
                return found
            page += 1

    def change_task(self, task: int, **fields: Any) -> None:
        self.call("PATCH", f"/api/tasks/{task}/", fields)

    def remove_task(self, task: int) -> None:
        self.call("DELETE", f"/api/tasks/{task}/")

    def change_annotation(self, annotation: int, **fields: Any) -> None:
        self.call("PATCH", f"/api/annotations/{annotation}/", fields)

    # Webhooks

    def webhooks(self, number: int) -> list[Json]:
        return self._rows(self.call("GET", "/api/webhooks/", project=number))

    def add_webhook(self, number: int, url: str, headers: Mapping[str, str], actions: Sequence[str]) -> int:
        fields = {"project": number, "url": url, "headers": dict(headers), "actions": list(actions)}
        made = self.call("POST", "/api/webhooks/", {**fields, "send_for_all_actions": False, "send_payload": True})
        return int(self._numbered(made)["id"])

    def remove_webhook(self, webhook: int) -> None:
        self.call("DELETE", f"/api/webhooks/{webhook}/")


def server_url(given: str | None) -> str:
    """The address of the server: the one given, else that of the environment."""
    url = given or os.environ.get(URL)
    if not url:
        raise ServerError("no Label Studio server is named", f"Name it: --url http://localhost:8080, or export {URL}=…")
    return _checked_url(url)


def _checked_url(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ServerError(f"'{url}' is not the address of a server", "Write it as http://localhost:8080")
    return url.rstrip("/")


def _is_refresh_token(token: str) -> bool:
    """Whether it is a personal access token: three parts, of which the second says what it is for."""
    parts = token.split(".")
    if len(parts) != 3:
        return False
    try:
        said = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("token_type") == "refresh"


def _said(body: Any) -> str:
    """What the server said, short enough for a line."""
    if isinstance(body, dict):
        body = body.get("validation_errors") or body.get("detail") or body
    text = json.dumps(body, ensure_ascii=False) if not isinstance(body, str) else body
    return " ".join(text.split())[:300]
