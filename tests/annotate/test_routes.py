"""The routes as a program would call them, without a browser: what comes in is not trusted."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

pytest.importorskip("streamlit", reason="streamlit is not installed: pip install 'gatherset[app]'")
from starlette.applications import Starlette
from starlette.testclient import TestClient

from gatherset.annotate import routes, server, sign_in
from gatherset.annotate.access import COOKIE, signed, ticket
from gatherset.annotate.door import Door
from gatherset.annotate.ledger import read_ledger
from gatherset.dataset.catalog.tables import submissions
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace

EVENT = {"kind": "event", "is_gathering": True, "event_type": "protest"}


@pytest.fixture
def client(workspace: Workspace, make_photos: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    ingest(workspace, make_photos(2), Provenance(license="CC-BY-4.0"))
    monkeypatch.setenv("GATHERSET_WORKSPACE", str(workspace.root))
    server.open_workspace.cache_clear()
    with TestClient(Starlette(routes=[*routes.ROUTES, *server.ROUTES, *sign_in.ROUTES])) as client:
        client.cookies.set(COOKIE, ticket(workspace, "anna"))
        yield client
    server.open_workspace().catalog.close()
    server.open_workspace.cache_clear()


def post(client: Any, path: str, **body: Any) -> Any:
    return client.post(f"/work/{path}", json={"annotator": "anna", **body})


def test_a_task_is_handed_out_drafted_and_submitted(client: Any) -> None:
    desk = post(client, "next").json()
    task = desk["task"]["id"]
    draft = post(client, "draft", task=task, revision=0, version=0, answer={"kind": "event", "event_type": "protest"})
    assert draft.json() == {"revision": 1, "place": True, "findings": []}
    given = {"task": task, "key": "a-key-of-16-signs", "version": 0, "answer": EVENT}
    done = post(client, "submission", **given).json()
    assert (done["stored"]["new"], done["task"]["id"] != task) == (True, True)
    assert post(client, "submission", **given).json()["stored"]["new"] is False


@pytest.mark.parametrize("sent", ["x", 5, ["2026-11-20T10:00:00Z"], "2026-11-20", "today"])
def test_a_time_that_is_none_is_not_stored(client: Any, sent: object) -> None:
    desk = post(client, "next").json()
    given = {"task": desk["task"]["id"], "key": "a-key-of-16-signs", "version": 0, "answer": EVENT}
    post(client, "submission", **given, started_at=sent)
    with server.open_workspace().catalog.read() as connection:
        assert connection.execute(sa.select(submissions.c.started_at)).scalar_one() is None
        assert list(np.isnan(read_ledger(connection).seconds)) == [True]


def test_the_time_that_the_page_was_given_is_stored(client: Any) -> None:
    desk = post(client, "next").json()
    given = {"task": desk["task"]["id"], "key": "a-key-of-16-signs", "version": 0, "answer": EVENT}
    post(client, "submission", **given, started_at=desk["started_at"])
    with server.open_workspace().catalog.read() as connection:
        assert connection.execute(sa.select(submissions.c.started_at)).scalar_one() == desk["started_at"]


def test_nobody_comes_in_without_a_ticket(client: Any) -> None:
    client.cookies.clear()
    for path in ("next", "draft", "submission", "practice", "skip", "back"):
        assert post(client, path).status_code == 401


def test_who_is_signed_out_already_can_sign_out(client: Any) -> None:
    with TestClient(Door(client.app)) as door:
        assert "localStorage" in door.get("/sign-out", headers={"accept": "text/html"}).text


def test_another_person_in_the_same_browser_does_not_write_in_my_name(client: Any) -> None:
    answer = client.post("/work/next", json={"annotator": "ben"})
    assert (answer.status_code, answer.json()["kind"]) == (401, "signed_out")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"task": "1", "revision": 0, "version": 0, "answer": EVENT},
        {"task": 2**70, "revision": 0, "version": 0, "answer": EVENT},
        {"task": True, "revision": 0, "version": 0, "answer": EVENT},
        {"task": 99, "revision": 0, "version": 0, "answer": EVENT},
        {"task": 1, "revision": 0, "version": 0, "answer": []},
        {"task": 1, "revision": 0, "version": 0, "answer": {**EVENT, "captions": "text"}},
        {"task": 1, "revision": 0, "version": 0, "answer": {**EVENT, "captions": [None]}},
        {"task": 1, "revision": 0, "version": 0, "answer": {**EVENT, "captions": ["x" * 5000]}},
        {"task": 1, "revision": 0, "version": 0, "answer": {**EVENT, "overruled": [{}]}},
        {"task": 1, "revision": 0, "version": 0, "answer": {**EVENT, "suggested": ["1"]}},
        {"task": 1, "revision": 0, "version": 0, "answer": {**EVENT, "captions": ["x"], "suggested": [2**70]}},
    ],
)
def test_what_is_no_draft_is_refused(client: Any, body: dict[str, Any]) -> None:
    assert post(client, "draft", **body).status_code == 400


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"null"])
def test_what_is_no_json_object_is_refused(client: Any, data: bytes) -> None:
    answer = client.post("/work/next", content=data, headers={"content-type": "application/json"})
    assert answer.status_code == 400


def test_a_form_of_another_site_is_refused(client: Any) -> None:
    answer = client.post("/work/next", content=b'{"annotator": "anna"}', headers={"content-type": "text/plain"})
    assert answer.status_code == 400


def test_a_body_that_is_too_large_is_not_read(client: Any) -> None:
    assert post(client, "draft", answer="x" * 300_000).status_code == 413


def test_warnings_come_back_with_the_box_they_belong_under(client: Any) -> None:
    task = post(client, "next").json()["task"]["id"]
    captions = ["A march fills the street.", "", "Short."]
    answer = {"kind": "event", "captions": captions}
    findings = post(client, "draft", task=task, revision=0, version=0, answer=answer).json()["findings"]
    assert {(finding["rule"], finding["caption"]) for finding in findings} == {("GS302", 3)}
    assert "caption 3 has 1 word; write at least" in findings[0]["message"]


def test_a_submission_with_a_warning_needs_a_reason(client: Any) -> None:
    task = post(client, "next").json()["task"]["id"]
    captions = [f"A march of people, number {n}, fills the street." for n in ("one", "two", "three", "four")] + [
        "Short."
    ]
    given = {"task": task, "key": "a-key-of-16-signs", "version": 0, "answer": {**EVENT, "captions": captions}}
    refused = post(client, "submission", **given)
    assert (refused.status_code, refused.json()["findings"][0]["caption"]) == (422, 5)
    reasons = [
        {"rule": finding["rule"], "caption": finding["caption"], "reason": "so it is"}
        for finding in refused.json()["findings"]
    ]
    given["answer"]["overruled"] = reasons
    assert post(client, "submission", **given).status_code == 200


def test_a_correction_that_is_not_wanted_leaves_no_draft(client: Any) -> None:
    task = post(client, "next").json()["task"]["id"]
    post(client, "submission", task=task, key="a-key-of-16-signs", version=0, answer=EVENT)
    post(client, "draft", task=task, revision=0, version=1, answer={**EVENT, "event_type": "sports_event"})
    assert post(client, "back").json()["draft"]
    assert post(client, "discard", task=task).json()["task"]["id"] != task
    assert post(client, "back").json()["draft"] is None


def test_the_last_submission_is_handed_out_again_to_be_corrected(client: Any) -> None:
    task = post(client, "next").json()["task"]["id"]
    assert post(client, "back").json() == {"task": None}
    post(client, "submission", task=task, key="a-key-of-16-signs", version=0, answer=EVENT)
    desk = post(client, "back").json()
    assert (desk["task"]["id"], desk["version"], desk["answer"]["event_type"]) == (task, 1, "protest")
    changed = {**EVENT, "event_type": "sports_event"}
    given = {"task": task, "key": "another-key-of-16", "answer": changed}
    assert post(client, "submission", version=0, **given).json()["kind"] == "answered"
    assert post(client, "submission", version=1, **given).json()["stored"]["new"] is True


def test_an_image_is_shown_to_who_has_a_signed_address(client: Any) -> None:
    address = "/" + post(client, "next").json()["task"]["original"]
    client.cookies.clear()
    workspace = server.open_workspace()
    assert client.get(address).status_code == 403
    assert client.get(signed(workspace, address, "2020-01-01")).status_code == 403
    answer = client.get(signed(workspace, address, "2999-01-01"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert client.get(signed(workspace, "/original/" + "0" * 64 + ".jpg", "2999-01-01")).status_code == 404


VERDICT = {"is_gathering": True, "event_type": "protest", "captions": ["A march."], "reason": ""}


def review(client: Any, path: str, **body: Any) -> Any:
    return client.post(f"/review/{path}", json={"annotator": "anna", **body})


def test_an_image_is_opened_drafted_and_decided_by_a_reviewer(client: Any) -> None:
    desk = review(client, "open", image="0.jpg").json()["review"]
    verdict = {**VERDICT, "captions": desk["imported"]}
    draft = {"image": desk["image_id"], "seen": desk["version"], "revision": 0, "verdict": verdict}
    assert review(client, "draft", **draft, keep=False).json()["revision"] == 0
    assert review(client, "draft", **draft, keep=True).json() == {"revision": 1, "findings": []}
    newer = review(client, "draft", **{**draft, "verdict": VERDICT}, keep=True)
    assert (newer.status_code, newer.json()["kind"]) == (409, "newer")
    given = {"image": desk["image_id"], "verdict": verdict, "seen": desk["version"], "key": "a-key-of-16-signs"}
    assert review(client, "decide", **given).json()["decided"]["new"] is True
    assert review(client, "decide", **given).json()["decided"]["new"] is False
    changed = review(client, "decide", **{**given, "key": "another-key-of-16"})
    assert (changed.status_code, changed.json()["kind"]) == (409, "changed")


def test_who_may_not_review_is_refused(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "may", lambda workspace, name, act: False)
    for path in ("next", "open", "draft", "decide", "return", "discuss"):
        answer = review(client, path)
        assert (answer.status_code, "your role" in answer.json()["what"]) == (403, True)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("next", {"later": [1.5]}),
        ("next", {"later": "all"}),
        ("open", {}),
        ("open", {"image": "nothing"}),
        ("draft", {"image": "gs-0", "revision": 0, "verdict": VERDICT, "keep": True}),
        ("draft", {"image": "gs-0", "seen": "0.0.0", "revision": 0, "verdict": VERDICT, "keep": True}),
        ("draft", {"image": "gs-0", "seen": "0.0.0", "revision": 0, "verdict": [], "keep": True}),
        ("decide", {"image": "gs-0", "verdict": VERDICT, "seen": "0.0.0", "key": "a-key-of-16-signs"}),
        ("decide", {"image": "gs-0", "verdict": VERDICT, "seen": "0.0.0", "key": "import-a-key-of-16"}),
        ("return", {"image": "gs-0", "names": ["anna"], "comment": "why", "seen": "0.0.0", "key": "a-key-of-16-signs"}),
        ("discuss", {"image": "gs-0", "question": "why"}),
    ],
)
def test_what_is_no_review_is_refused(client: Any, path: str, body: dict[str, Any]) -> None:
    assert review(client, path, **body).status_code == 400
