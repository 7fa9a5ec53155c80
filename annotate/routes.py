"""The routes that the pages speak to: the next task, drafts, submissions, skips, corrections, practice; reviews.

They are apart from Streamlit's own conversation with the page so that a keystroke costs a few milliseconds, and so that
a browser can send again what a dying server did not acknowledge. JSON comes in and goes out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gatherset.annotate import journal
from gatherset.annotate.access import may, number_of, visitor
from gatherset.annotate.annotators import one_name
from gatherset.annotate.answer import MAX_TEXT, check_answer, read_answer
from gatherset.annotate.desk import earlier_desk, next_desk, remarks, shown
from gatherset.annotate.discussions import raise_discussion
from gatherset.annotate.drafts import AnsweredError, NewerDraftError, save_draft
from gatherset.annotate.gold import practise
from gatherset.annotate.outages import in_words
from gatherset.annotate.own_work import discard_draft
from gatherset.annotate.queue import skip
from gatherset.annotate.review import ChangedError, decide_review, read_verdict, send_back
from gatherset.annotate.review_desk import (
    NewerVerdictError,
    next_review_desk,
    opened_desk,
    save_verdict,
    verdict_remarks,
)
from gatherset.annotate.review_queue import gather
from gatherset.annotate.server import open_workspace
from gatherset.annotate.submissions import IMPORTED, AnsweredMeanwhileError, GoneError, RefusedError, submit
from gatherset.dataset.errors import GathersetError, InputError, WorkspaceError
from gatherset.dataset.findings import errors
from gatherset.dataset.timestamps import is_time
from gatherset.dataset.workspace import Workspace


class ForbiddenError(GathersetError):
    """The person's role does not allow it."""


Body = Mapping[str, Any]
Act = Callable[[Workspace, str, Body], dict[str, Any]]
KEPT = ("/submission", "/skip", "/decide", "/return")  # what the journal has a line for
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
        started_at=_time(body.get("started_at")),
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


def next_to_review(workspace: Workspace, reviewer: str, body: Body) -> dict[str, Any]:
    if body.get("gather"):
        gather(workspace)
    return next_review_desk(workspace, reviewer, later=_later(body))


def opened(workspace: Workspace, reviewer: str, body: Body) -> dict[str, Any]:
    return opened_desk(workspace, reviewer, str(body["image"])[:500].strip())


def verdict(workspace: Workspace, reviewer: str, body: Body) -> dict[str, Any]:
    """Keeps the draft of a decision, once something was changed in it, and says what the rules would."""
    given, revision = read_verdict(body["verdict"]), int(body["revision"])
    if body["keep"]:
        image, seen = str(body["image"]), str(body["seen"])
        revision = save_verdict(workspace, image, reviewer, given, revision=revision, version=seen)
    return {"revision": revision, "findings": verdict_remarks(workspace, given)}


def decision(workspace: Workspace, reviewer: str, body: Body) -> dict[str, Any]:
    """Stores the decision and hands out the next image in the same breath."""
    image, given = str(body["image"]), read_verdict(body["verdict"])
    decided = decide_review(workspace, image, reviewer, given, key=_key(body), version=str(body["seen"]))
    return {"decided": asdict(decided), **next_review_desk(workspace, reviewer, later=_later(body))}


def sent_back(workspace: Workspace, reviewer: str, body: Body) -> dict[str, Any]:
    names, comment = [str(name) for name in body["names"]], str(body["comment"])[:MAX_TEXT]
    image, version = str(body["image"]), str(body["seen"])
    decided = send_back(workspace, image, reviewer, names, comment, key=_key(body), version=version)
    return {"decided": asdict(decided), **next_review_desk(workspace, reviewer, later=_later(body))}


def discussed(workspace: Workspace, reviewer: str, body: Body) -> dict[str, Any]:
    raise_discussion(workspace, str(body["image"]), reviewer, str(body["question"])[:MAX_TEXT])
    return {}


def _later(body: Body) -> list[int]:
    later = body.get("later", [])
    if type(later) is not list or len(later) > 500 or any(type(n) is not int or not 0 <= n < 2**63 for n in later):
        raise ValueError(later)
    return later


def _time(value: object) -> str | None:
    """A time that the page was given and sends back; None for anything else, which would be in every figure's way."""
    return value if isinstance(value, str) and is_time(value) else None


def _key(body: Body) -> str:
    key = str(body["key"])
    if not 8 <= len(key) <= 100 or key.startswith(IMPORTED):
        raise ValueError(key)
    return key


def _route(path: str, act: Act, needs: str = "annotate") -> Route:
    """The route that does `act` for those who may do what it `needs`, and for nobody else."""

    def allowed(workspace: Workspace, name: str, body: Body) -> dict[str, Any]:
        if not may(workspace, name, needs):
            raise ForbiddenError("your role does not reach so far", "Ask a maintainer of the dataset")
        return act(workspace, name, body)

    async def endpoint(request: Request) -> Response:
        data = b""
        async for chunk in request.stream():
            data += chunk
            if len(data) > MAX_BYTES:
                return _no(413, "wrong", "The request is too large", "Shorten the captions")
        return await run_in_threadpool(_answer, allowed, request, data)

    return Route(path, endpoint, methods=["POST"])


def _answer(act: Act, request: Request, data: bytes) -> Response:
    try:
        workspace = open_workspace()
        name = visitor(workspace, request.cookies)
        if name is None:
            return _no(401, "signed_out", "You are not signed in", "Sign in again")
        body = _body(request, data)
        if one_name(str(body["annotator"])) != name:
            message = f"This browser is signed in as {name} now"
            return _no(401, "signed_out", message, "Reload the page")
        started = time.perf_counter()
        answer = act(workspace, name, body)
        if request.url.path.endswith(KEPT):
            which = {key: body[key] for key in ("task", "image") if isinstance(body.get(key), int | str)}
            milliseconds = round(1000 * (time.perf_counter() - started))
            event, person = request.url.path.rpartition("/")[2], number_of(workspace, name)
            journal.record(event, person=person, **which, ms=milliseconds)
        return JSONResponse(answer)
    except RefusedError as error:
        return _no(422, "refused", error.what, error.next_step, findings=shown(error.findings))
    except NewerDraftError as error:
        newer = {"content": error.draft.content, "revision": error.draft.revision}
        return _no(409, "newer", error.what, error.next_step, draft=newer)
    except NewerVerdictError as error:
        newer = {"content": error.content, "revision": error.revision}
        return _no(409, "newer", error.what, error.next_step, draft=newer)
    except ChangedError as error:
        return _no(409, "changed", error.what, error.next_step)
    except AnsweredError as error:
        return _no(409, "answered", error.what, error.next_step)
    except AnsweredMeanwhileError as error:
        return _no(409, "answered", error.what, error.next_step)
    except GoneError as error:
        return _no(409, "gone", error.what, error.next_step)
    except ForbiddenError as error:
        return _no(403, "wrong", error.what, error.next_step)
    except WorkspaceError as error:  # a database of another version, a workspace that is gone
        return _no(503, "unavailable", str(error), "It is tried again")
    except GathersetError as error:
        return _no(400, "wrong", error.what, error.next_step)
    except (KeyError, TypeError, ValueError, OverflowError):
        return _no(400, "wrong", "The request is not what the page sends", "Reload the page")
    except DBAPIError as error:
        journal.record_trouble("database_failed", path=request.url.path, error=type(error.orig).__name__)
        return _no(503, "unavailable", in_words(error), "It is tried again")


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
    _route("/review/next", next_to_review, needs="review"),
    _route("/review/open", opened, needs="review"),
    _route("/review/draft", verdict, needs="review"),
    _route("/review/decide", decision, needs="review"),
    _route("/review/return", sent_back, needs="review"),
    _route("/review/discuss", discussed, needs="review"),
]
