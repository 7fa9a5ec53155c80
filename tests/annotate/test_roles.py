"""Every page and every route, with every role, on the running app: what each may reach, and nothing more.

The app stands under a sub-path here, as behind a proxy that serves other things as well.
"""

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed: pip install 'gatherset[app]'")
import sqlalchemy as sa
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from gatherset.annotate import routes, server, sign_in
from gatherset.annotate.access import COOKIE, begin_session, signed
from gatherset.annotate.accounts import account_from_provider, add_account, all_accounts
from gatherset.annotate.desk import image_url, original_url
from gatherset.dataset.catalog.tables import images
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace
from tests.browser import APP, Server
from tests.conftest import draw

BASE = "/team/mg"
EVERYBODY = ("annotator", "reviewer", "maintainer")
VISITORS = (None, *EVERYBODY)
PAGES = {  # page: who sees it, and words that stand on it alone
    "": (EVERYBODY, b"gatherset_desk"),
    "your-work": (EVERYBODY, b"Your latest answers"),
    "guidelines": (EVERYBODY, b"How to annotate"),
    "discussions": (EVERYBODY, b"Nothing is discussed"),
    "review": (("reviewer", "maintainer"), b"gatherset_review"),
    "team": (("maintainer",), b"Event types of the records"),
    "accounts": (("maintainer",), b"Who may come in, and as what"),
}
REVIEW, WORK = ("reviewer", "maintainer"), EVERYBODY
ROUTES = {
    **{f"/work/{name}": WORK for name in ("next", "draft", "submission", "practice", "skip", "discard", "back")},
    **{f"/review/{name}": REVIEW for name in ("next", "open", "draft", "decide", "return", "discuss")},
    "/img/{name}": WORK,
    "/original/{name}": WORK,
    "/permission": WORK,
    "/sign-in": VISITORS,
    "/invitation": VISITORS,
    "/arrived": VISITORS,
    "/sign-out": VISITORS,
}
# What Streamlit serves beside our own: whether it runs is anybody's, files that pages offer are not.
STREAMLIT = {
    "/media/0.csv": WORK,
    "/_stcore/metrics": WORK,
    "/_stcore/upload_file/x/y": WORK,
    "/_stcore/health": VISITORS,
}


class Team:
    """The running app, a session for each role, and an image."""

    def __init__(self, workspace: Workspace, port: int) -> None:
        self.port = port
        self.cookies: dict[str | None, str] = {None: ""}
        for account in all_accounts(workspace):
            self.cookies[account.name] = f"{COOKIE}={begin_session(workspace, account.annotator)}"
        with workspace.catalog.read() as connection:
            row = connection.execute(sa.select(images.c.sha256, images.c.format)).first()
        assert row is not None
        self.paths = {"/img/{name}": f"/{image_url(*row)}", "/original/{name}": f"/{original_url(*row)}"}
        self.signed = signed(workspace, f"/{original_url(*row)}", "2999-01-01")

    def ask(self, role: str | None, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        data = None if body is None else json.dumps(body)
        sent = {"Cookie": self.cookies[role], **headers} | ({"Content-Type": "application/json"} if data else {})
        connection.request("GET" if data is None else "POST", f"{BASE}{path}", data, sent)
        answer = connection.getresponse()
        connection.close()
        return answer.status, answer.headers.get("location", "")

    def page(self, role: str | None, name: str) -> bytes:
        """All that Streamlit sends for a page."""
        headers = {"Cookie": self.cookies[role], "Origin": f"http://127.0.0.1:{self.port}"}
        address = f"ws://127.0.0.1:{self.port}{BASE}/_stcore/stream"
        with connect(address, additional_headers=headers, subprotocols=["streamlit"], max_size=None) as socket:  # type: ignore[list-item]
            asked = BackMsg()
            asked.rerun_script.page_name = name
            socket.send(asked.SerializeToString())
            sent = b""
            while True:
                data = socket.recv(timeout=60)
                assert isinstance(data, bytes)
                sent += data
                message = ForwardMsg()
                message.ParseFromString(data)
                if message.WhichOneof("type") == "script_finished":
                    return sent


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("roles")
    workspace = Workspace.create(folder / "mg")
    draw(folder / "photos" / "1.jpg", 1)
    ingest(workspace, folder / "photos", Provenance(license="CC-BY-4.0"))
    for role in reversed(EVERYBODY):
        add_account(workspace, role, role, f"{role}@example.org", by="a test")
        account_from_provider(workspace, role, f"{role}@example.org")
    running = Server(workspace.root, APP)
    running.path = BASE
    settings = workspace.root / "gatherset.toml"
    settings.write_text(f'{settings.read_text()}\n[app]\nurl = "http://127.0.0.1:{running.port}{BASE}"\n')
    running.start()
    try:
        yield Team(workspace, running.port)
    finally:
        running.stop()
        workspace.catalog.close()


def test_every_route_is_walked() -> None:
    assert {route.path for route in (*server.ROUTES, *sign_in.ROUTES, *routes.ROUTES)} == set(ROUTES)


@pytest.mark.parametrize("role", VISITORS)
def test_a_role_reaches_its_routes_and_no_others(team: Team, role: str | None) -> None:
    for path, allowed in ROUTES.items():
        if path == "/sign-out":
            continue  # it would end the session of the tests after this one
        body = {"annotator": role} if path.startswith(("/work/", "/review/")) else None
        status, _ = team.ask(role, team.paths.get(path, path), body, Accept="*/*")
        assert (status in (401, 403)) == (role not in allowed), (path, status)
    for path, allowed in STREAMLIT.items():
        status, _ = team.ask(role, path, Accept="*/*")
        assert (status == 403) == (role not in allowed), (path, status)


@pytest.mark.parametrize("role", VISITORS)
def test_a_role_sees_its_pages_and_no_others(team: Team, role: str | None) -> None:
    for name, (allowed, words) in PAGES.items():
        assert (words in team.page(role, name)) == (role in allowed), name


def test_a_page_leads_who_has_not_signed_in_to_the_door(team: Team) -> None:
    for name in PAGES:
        assert team.ask(None, f"/{name}", Accept="text/html") == (303, f"{BASE}/sign-in")


def test_outside_of_its_sub_path_there_is_nothing(team: Team) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", team.port, timeout=60)
    connection.request("GET", "/sign-in")
    assert connection.getresponse().status == 404
    connection.close()


def test_a_signed_address_opens_its_image_to_anybody_also_through_a_proxy_that_asks(team: Team) -> None:
    assert team.ask(None, team.signed)[0] == 200
    asked = {"X-Original-URI": f"{BASE}{team.signed}"}
    assert team.ask(None, "/permission", **asked)[0] == 204
    assert team.ask(None, "/permission", **{"X-Original-URI": urlsplit(asked["X-Original-URI"]).path})[0] == 403


def test_a_request_under_another_host_name_is_refused(team: Team) -> None:
    assert team.ask("maintainer", "/sign-in", Host="evil.example.org")[0] == 400
