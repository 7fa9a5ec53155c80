"""The door as a program would try it: what it says, how often, and that it says nothing about who exists."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import errors

pytest.importorskip("streamlit", reason="streamlit is not installed: pip install 'gatherset[app]'")
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from gatherset.annotate import routes, server, sign_in
from gatherset.annotate.access import COOKIE
from gatherset.annotate.accounts import add_account, change_account, invite
from gatherset.annotate.attempts import BOTH, NAME, PLACE, Attempts, place_of
from gatherset.annotate.door import Door
from gatherset.annotate.outages import in_words
from gatherset.dataset.catalog.database import HEAD
from gatherset.dataset.catalog.tables import drafts
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace

PASSWORD = "a sentence of hers"
HTML = {"accept": "text/html"}


@pytest.fixture
def client(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A browser that does not follow redirects, before the app of a team of two."""
    add_account(workspace, "mia", "maintainer", password=PASSWORD, by="mia")
    add_account(workspace, "ann", "annotator", password=PASSWORD, by="mia")
    monkeypatch.setenv("GATHERSET_WORKSPACE", str(workspace.root))
    monkeypatch.setattr(sign_in, "attempts", Attempts())
    server.open_workspace.cache_clear()
    app = Starlette(
        routes=[*routes.ROUTES, *server.ROUTES, *sign_in.ROUTES], middleware=[Middleware(Door)], lifespan=None
    )
    with TestClient(app, follow_redirects=False) as client:
        yield client
    server.open_workspace().catalog.close()
    server.open_workspace.cache_clear()


def enter(client: Any, name: str, password: str = PASSWORD, **headers: str) -> Any:
    return client.post("/sign-in", data={"name": name, "password": password}, headers=headers)


def test_who_fits_comes_in_with_a_cookie_that_scripts_and_other_sites_do_not_get(client: Any) -> None:
    answer = enter(client, "ann")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert all(part in cookie for part in (COOKIE, "httponly", "samesite=lax", "path=/"))
    assert client.post("/work/next", json={"annotator": "ann"}).status_code == 200


def test_a_wrong_password_an_unknown_name_and_a_disabled_account_are_told_the_same(
    client: Any, workspace: Workspace
) -> None:
    add_account(workspace, "gone", "annotator", password=PASSWORD, by="mia")
    change_account(workspace, "gone", by="mia", disabled="left")
    answers = [enter(client, name, password) for name, password in (("ann", "x"), ("eve", "x"), ("gone", PASSWORD))]
    texts = {one.text.replace(name, "") for one, name in zip(answers, ("ann", "eve", "gone"), strict=True)}
    assert [one.status_code for one in answers] == [401] * 3
    assert len(texts) == 1
    assert "do not fit" in texts.pop()


@pytest.mark.parametrize("name", ["ann", "eve"])
def test_after_a_few_attempts_one_waits_known_or_not(client: Any, name: str) -> None:
    for _ in range(BOTH):
        assert enter(client, name, "wrong").status_code == 401
    assert enter(client, name, "wrong").status_code == 429
    held = enter(client, name, PASSWORD)
    assert (held.status_code, "Too many attempts" in held.text) == (429, True)
    assert enter(client, "mia").status_code == 303  # others come in


def test_a_name_that_is_written_otherwise_is_no_new_count(client: Any) -> None:
    for _ in range(BOTH):
        assert enter(client, "ann", "wrong").status_code == 401
    assert {enter(client, name).status_code for name in ("Ann", " ann ", "\uff41nn", f"ann{' ' * 120}")} == {429}
    assert enter(client, f"ann{' ' * 97}and what comes after them").status_code == 401  # that is another name


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("testclient", "", False),
    ],
)
def test_the_addresses_of_one_customer_are_one_place(first: str, second: str, same: bool) -> None:
    assert (place_of(first) == place_of(second)) is same


def test_attempts_are_counted_by_place_and_by_name_and_forgotten_after_success() -> None:
    attempts = Attempts()
    assert all(attempts.begin("here", f"name {n}") == 0 for n in range(PLACE))
    assert 0 < attempts.begin("here", "one more") <= 15
    assert all(attempts.begin(f"place {n}", "ann") == 0 for n in range(NAME))
    assert attempts.begin("another place", "ann") > 0
    for _ in range(3 * BOTH):
        assert attempts.begin("home", "ben") == 0
        attempts.succeeded("home", "ben")


def test_a_form_of_another_site_is_refused(client: Any) -> None:
    assert enter(client, "ann", origin="https://evil.example.org").status_code == 403
    for origin in ("null", "http://["):
        assert enter(client, "ann", origin=origin).status_code == 403
    assert enter(client, "ann", origin="http://testserver").status_code == 303


@pytest.mark.parametrize("path", ["//evil.example.org/", "///evil.example.org//", "/team/"])
def test_who_is_sent_on_stays_on_this_site(client: Any, path: str) -> None:
    enter(client, "ann")
    answer = client.get(f"http://testserver{path}", headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (307, f"/{path.strip('/')}")


def test_an_address_that_is_none_is_no_image(client: Any) -> None:
    assert client.get("/permission", headers={"X-Original-URI": "//["}).status_code == 403


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"name=%00&password=x", b"name=" + b"a" * 9000, b"a" * 20_000])
def test_whatever_is_sent_is_answered_in_words(client: Any, data: bytes) -> None:
    answer = client.post("/sign-in", content=data)
    assert answer.status_code in (401, 413)
    assert "Traceback" not in answer.text


def test_what_was_typed_is_shown_as_text(client: Any) -> None:
    answer = enter(client, '"><script>[PROBLEM][STYLE]', "wrong")
    assert "<script>" not in answer.text
    assert "[PROBLEM][STYLE]" in answer.text


def test_an_invitation_is_accepted_on_its_page(client: Any, workspace: Workspace) -> None:
    token = invite(workspace, "ann", by="mia")
    given = {"token": token, "password": "another sentence", "again": "another sentence"}
    assert "Choose a password" in client.get("/invitation").text
    assert "not the same" in client.post("/invitation", data={**given, "again": "x"}).text
    assert "10 to 200 characters" in client.post("/invitation", data={**given, "password": "x", "again": "x"}).text
    assert client.post("/invitation", data=given).status_code == 303
    assert "has ended or was used" in client.post("/invitation", data=given).text
    assert enter(client, "ann").status_code == 401
    assert enter(client, "ann", "another sentence").status_code == 303


def test_only_its_own_page_brings_somebody_from_the_provider(client: Any) -> None:
    for headers in ({}, {"sec-fetch-site": "cross-site"}):
        answer = client.get("/arrived?pass=guessed", headers=headers)
        assert (answer.status_code, answer.headers["location"]) == (303, "sign-in")


def test_a_database_that_is_gone_is_said_on_every_way_in(client: Any, workspace: Workspace) -> None:
    enter(client, "ann")
    with workspace.catalog.write() as connection:
        connection.exec_driver_sql("ALTER TABLE sessions RENAME TO elsewhere")
        connection.exec_driver_sql("ALTER TABLE accounts RENAME TO elsewhere_too")
    said = "the app has to be started again"
    for answer in (
        client.get("/", headers=HTML),
        client.get("/sign-in"),
        enter(client, "ann"),
        client.get("/sign-out"),
    ):
        assert (answer.status_code, said in answer.text, "refresh" in answer.text) == (503, True, True)
    asked = client.post("/work/next", json={"annotator": "ann"})
    assert (asked.status_code, asked.json()["kind"], said in asked.json()["what"]) == (503, "unavailable", True)
    assert client.get(f"/img/{'0' * 64}.jpg").status_code == 503


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("database or disk is full", "The disk of the server is full"),
        ('could not extend file "base/1": No space left on device', "The disk of the server is full"),
        ("attempt to write a readonly database", "cannot be written"),
        ("others are writing, for 10 s already", "The database is busy"),
        ("connection failed: Connection refused to db.example.org as gatherset", "cannot be reached"),
    ],
)
def test_an_outage_is_told_in_words_without_addresses(said: str, told: str) -> None:
    words = in_words(sa.exc.OperationalError("SELECT", {}, Exception(said)))
    assert told in words
    assert "db.example.org" not in words


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (errors.DiskFull, "The disk of the server is full"),
        (errors.LockNotAvailable, "The database is busy"),
        (errors.TooManyConnections, "The database is busy"),
        (errors.ReadOnlySqlTransaction, "The database cannot be written"),
        (errors.AdminShutdown, "The database cannot be reached"),
        (errors.UndefinedColumn, "the app has to be started again"),
        (errors.UniqueViolation, "The database cannot be used now"),
    ],
)
def test_an_outage_of_postgresql_is_told_by_its_number_whatever_language_it_speaks(
    kind: type[psycopg.Error], told: str
) -> None:
    orig = kind("konnte nicht schreiben: (name)=(read-only under a full moon) existiert bereits")
    assert told in in_words(sa.exc.DBAPIError("INSERT", {}, orig))


@pytest.mark.in_file
def test_a_catalog_that_is_full_is_said_and_takes_everything_when_there_is_room(
    client: Any, workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(1, captions=False), Provenance(license="CC-BY-4.0"))
    enter(client, "ann")
    task = client.post("/work/next", json={"annotator": "ann"}).json()["task"]
    answer = {"kind": task["kind"], "is_gathering": True, "captions": ["word " * 300] * 5}
    body = {"annotator": "ann", "task": task["id"], "revision": 0, "version": 0, "answer": answer}
    engine = server.open_workspace().catalog.engine
    full = partial(limit_pages, 1)  # which SQLite takes as: no more than there are
    sa.event.listen(engine, "checkout", full)
    saved = client.post("/work/draft", json=body)
    said = "The disk of the server is full"
    assert (saved.status_code, saved.json()["what"]) == (503, said)
    sa.event.remove(engine, "checkout", full)
    sa.event.listen(engine, "checkout", partial(limit_pages, 100_000))
    assert client.post("/work/draft", json=body).status_code == 200
    with workspace.catalog.read() as connection:
        assert connection.execute(sa.select(drafts.c.revision)).scalars().all() == [1]


def limit_pages(most: int, connection: Any, *_: Any) -> None:
    connection.execute(f"PRAGMA max_page_count = {most}").close()


def test_a_catalog_that_a_newer_gatherset_has_changed_meanwhile_is_not_written_to(
    client: Any, workspace: Workspace
) -> None:
    enter(client, "ann")
    change_version(workspace, "9999")
    said = "the database was changed by a newer Gatherset"
    assert all(said in answer.text for answer in (enter(client, "ann"), client.get("/sign-out")))
    asked = client.post("/work/next", json={"annotator": "ann"})
    assert (asked.status_code, asked.json()["kind"], said in asked.json()["what"]) == (503, "unavailable", True)
    change_version(workspace, HEAD)
    assert client.post("/work/next", json={"annotator": "ann"}).status_code == 200


def change_version(workspace: Workspace, version: str) -> None:
    with workspace.catalog.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :version"), {"version": version})


def serve(workspace: Workspace, *arguments: str, **environment: str) -> str:
    """What `gatherset app` says where it refuses to start."""
    command = [sys.executable, "-m", "gatherset.cli", "app", "-w", str(workspace.root), "--port", "1", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, **environment})
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr


def say_where(workspace: Workspace, text: str) -> None:
    path: Path = workspace.root / "gatherset.toml"
    path.write_text(f"{path.read_text()}\n[app]\n{text}\n")


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.1", "::", "annotate.example.org"])
def test_without_accounts_only_this_machine_is_served(workspace: Workspace, address: str) -> None:
    assert "has no accounts" in serve(workspace, "--address", address)


def test_without_accounts_no_name_of_the_network_is_served_either(workspace: Workspace) -> None:
    say_where(workspace, 'url = "https://annotate.example.org/mg"')
    assert "has no accounts" in serve(workspace)


def test_streamlit_run_alone_is_no_way_around(workspace: Workspace) -> None:
    command = [sys.executable, "-m", "streamlit", "run", str(Path(server.__file__).parents[1] / "app.py")]
    environment = {**os.environ, "GATHERSET_WORKSPACE": str(workspace.root)}
    options = ["--server.address", "0.0.0.0", "--server.port", "1", "--server.headless", "true"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode != 0
    assert "has no accounts" in done.stderr


def test_with_accounts_it_must_be_said_under_which_name_and_with_which_secret(workspace: Workspace) -> None:
    add_account(workspace, "mia", "maintainer", by="mia")
    assert "under which name" in serve(workspace, "--address", "0.0.0.0")
    say_where(workspace, 'url = "https://a.example.org"\nprovider = "https://id.example.org/x"\nclient_id = "g"')
    assert "GATHERSET_PROVIDER_SECRET is not set" in serve(workspace)
