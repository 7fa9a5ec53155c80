"""The routes that the annotation page speaks to: the next task, drafts, submissions, skips, corrections, practice.

They are apart from Streamlit's own conversation with the page so that a keystroke costs a few milliseconds, and so that
a browser can send again what a dying server did not acknowledge. JSON comes in and goes out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gatherset.annotate.access import visitor
from gatherset.annotate.annotators import one_name
from gatherset.annotate.answer import check_answer, read_answer
from gatherset.annotate.desk import earlier_desk, next_desk, remarks, shown
from gatherset.annotate.drafts import AnsweredError, NewerDraftError, save_draft
from gatherset.annotate.gold import practise
from gatherset.annotate.own_work import discard_draft
from gatherset.annotate.queue import skip
from gatherset.annotate.server import open_workspace
from gatherset.annotate.submissions import AnsweredMeanwhileError, GoneError, RefusedError, submit
from gatherset.dataset.errors import GathersetError, InputError
from gatherset.dataset.findings import errors
from gatherset.dataset.workspace import Workspace

Body = Mapping[str, Any]
MAX_BYTES = 200_000  # of a request: twenty captions with their reasons, several times over


def next_(workspace: Workspace, annotator: str, body: Body) -> dict[str, Any]:
    return next_desk(workspace, annotator)


def draft(workspace: Workspace, annotator: str, body: Body) -> dict[str, Any]:
    answer = read_answer(body["answer"])
    saved = save_draft(
        workspace, int(body["task"]), annotator, answer, revision=int(body["revision"]), version=int(body["version"])
    )
    return {"revision": saved.revision, "place": saved.place, "findings": remarks(workspace, answer)}


def submission(workspace: Workspace, annotator: str, body: Body) -> dict[str, Any]:
    """Stores the answer and hands out the next task in the same breath."""
    stored = submit(
        workspace,
        int(body["task"]),
        annotator,
        read_answer(body["answer"]),
        key=_key(body),
        version=int(body["version"]),
        started_at=None if body.get("started_at") is None else str(body["started_at"])[:40],
    )
    said = {"submission": stored.id, "new": stored.new, "late": stored.late}
    return {"stored": said, **next_desk(workspace, annotator)}


def practice(workspace: Workspace, annotator: str, body: Body) -> dict[str, Any]:
    answer = read_answer(body["answer"])
    findings = check_answer(workspace, answer)
    if errors(findings):
        raise RefusedError([finding for finding in findings if finding.level == "error"])
    feedback = practise(workspace, int(body["task"]), annotator, answer)
    return {"right": feedback.right, "answer": feedback.answer, "explanation": feedback.explanation}


def skipped(workspace: Workspace, annotator: str, body: Body) -> dict[str, Any]:
    skip(workspace, int(body["task"]), annotator, str(body["reason"]))
    return next_desk(workspace, annotator)


def discarded(workspace: Workspace, annotator: str, body: Body) -> dict[str, Any]:
    """Forgets the draft of a correction that is not wanted."""
    discard_draft(workspace, annotator, int(body["task"]))
    return next_desk(workspace, annotator)


def back(workspace: Workspace, annotator: str, body: Body) -> dict[str, Any]:
    before = body.get("before")
    return earlier_desk(workspace, annotator, before=None if before is None else int(before)) or {"task": None}


def _key(body: Body) -> str:
    key = str(body["key"])
    if not 8 <= len(key) <= 100:
        raise ValueError(key)
    return key


def _route(path: str, act: Callable[[Workspace, str, Body], dict[str, Any]]) -> Route:
    async def endpoint(request: Request) -> Response:
        data = b""
        async for chunk in request.stream():
            data += chunk
            if len(data) > MAX_BYTES:
                return _no(413, "wrong", "The request is too large", "Shorten the captions")
        return await run_in_threadpool(_answer, act, request, data)

    return Route(path, endpoint, methods=["POST"])


def _answer(act: Callable[[Workspace, str, Body], dict[str, Any]], request: Request, data: bytes) -> Response:
    workspace = open_workspace()
    try:
        name = visitor(workspace, request.cookies)
        if name is None:
            return _no(401, "signed_out", "You are not signed in", "Sign in again: what you typed is kept")
        body = _body(request, data)
        if one_name(str(body["annotator"])) != name:
            message = f"This browser is signed in as {name} now"
            return _no(401, "signed_out", message, "Reload the page")
        return JSONResponse(act(workspace, name, body))
    except RefusedError as error:
        return _no(422, "refused", error.what, error.next_step, findings=shown(error.findings))
    except NewerDraftError as error:
        newer = {"content": error.draft.content, "revision": error.draft.revision}
        return _no(409, "newer", error.what, error.next_step, draft=newer)
    except AnsweredError as error:
        return _no(409, "answered", error.what, error.next_step)
    except AnsweredMeanwhileError as error:
        return _no(409, "answered", error.what, error.next_step)
    except GoneError as error:
        return _no(409, "gone", error.what, error.next_step)
    except GathersetError as error:
        return _no(400, "wrong", error.what, error.next_step)
    except (KeyError, TypeError, ValueError, OverflowError):
        return _no(400, "wrong", "The request is not what the page sends", "Reload the page")
    except DBAPIError as error:
        return _no(503, "unavailable", f"The catalog cannot be used now: {error.orig}", "It is tried again")


def _body(request: Request, data: bytes) -> Body:
    """The JSON object that the page sent. Raises InputError for anything else."""
    try:
        body = json.loads(data)
        if request.headers.get("content-type", "").split(";")[0] != "application/json" or not isinstance(body, dict):
            raise ValueError
        for name in ("task", "revision", "version", "before"):
            if body.get(name) is not None and not (type(body[name]) is int and 0 <= body[name] < 2**63):
                raise ValueError
    except (ValueError, RecursionError) as error:
        raise InputError("the request is not what the page sends", "Reload the page") from error
    return body


def _no(status: int, kind: str, what: str, next_step: str, **more: Any) -> Response:
    return JSONResponse({"kind": kind, "what": what, "next_step": next_step, **more}, status_code=status)


ROUTES = [
    _route("/work/next", next_),
    _route("/work/draft", draft),
    _route("/work/submission", submission),
    _route("/work/practice", practice),
    _route("/work/skip", skipped),
    _route("/work/discard", discarded),
    _route("/work/back", back),
]
