"""The journal: one line of JSON an event, without names, captions or passwords."""

import http.client
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed: pip install 'gatherset[app]'")
from gatherset.annotate.accounts import add_account, change_account, reset
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace
from tests.benchmarks.session import Session
from tests.browser import APP, Server

NAME, PASSWORD, CAPTION = "Anna Zimtstern", "a sentence of hers", "gather near a tall tower"


def test_a_day_of_work_is_told_without_names_or_texts(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    ingest(workspace, make_photos(2, captions=False), Provenance(license="CC-BY-4.0"))
    add_account(workspace, NAME, "maintainer", "anna@example.org", password=PASSWORD, by=NAME)
    server = Server(workspace.root, APP)
    server.errors = subprocess.PIPE
    server.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for password in ("a wrong one", PASSWORD):
        form = urlencode({"name": NAME, "password": password})
        connection.request("POST", "/sign-in", form, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        answer.read()
    connection.close()
    session = Session(workspace, NAME, server.port)
    session.cookie = str(answer.headers["set-cookie"]).partition(";")[0]
    task = session.post("next")["task"]["id"]
    session.post("submission", task=task, key="a-key-of-16-signs", version=0, answer=session.answer(task))
    session.close()
    server.process.terminate()
    _, said = server.process.communicate(timeout=120)
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line["event"] for line in lines if line["event"] != "log"] == [
        "started",
        "sign_in_refused",
        "signed_in",
        "submission",
        "stopped",
    ]
    assert all(line["time"] for line in lines)
    assert [line["person"] for line in lines if line["event"] in ("signed_in", "submission")] == [1, 1]
    for word in ("Zimtstern", "anna@", PASSWORD, CAPTION, "wrong one"):
        assert word not in said


LOUD = r"""
import sys
import streamlit.logger as theirs
from gatherset.annotate import journal
journal.begin()
theirs.init_uvicorn_logs()
theirs.set_log_level("debug")
theirs.update_formatter()
text = sys.argv[1]
for name in ("streamlit.made_later", "streamlit.runtime", "uvicorn.error", "uvicorn.access", "websockets"):
    logger = theirs.get_logger(name)
    logger.info("in good days %s", text)
    logger.warning("put in %s", text)
    logger.error(f"put in before {text}")
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("raised\nwith a line more")
journal.record("submission", person=1, task=2)
"""


def test_what_others_log_is_a_line_without_their_words_whenever_they_begin_to() -> None:
    done = subprocess.run([sys.executable, "-c", LOUD, CAPTION], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["log"] * 15 + ["submission"]
    assert {line["level"] for line in lines[:-1]} == {"WARNING", "ERROR"}
    assert CAPTION not in done.stderr


def test_who_changes_an_account_is_told_by_number(workspace: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gatherset")
    add_account(workspace, "mia", "maintainer", by="the shell")
    add_account(workspace, NAME, "annotator", "anna@example.org", by="mia")
    change_account(workspace, NAME, by="mia", role="reviewer")
    change_account(workspace, NAME, by="mia", disabled="talks too much", email="a@example.org")
    change_account(workspace, NAME, by="mia", disabled=None)
    reset(workspace, NAME, by="mia")
    assert [vars(entry)["fields"] for entry in caplog.records] == [
        {"event": "account_added", "person": 1, "by": None, "role": "maintainer"},
        {"event": "account_added", "person": 2, "by": 1, "role": "annotator"},
        {"event": "account_changed", "person": 2, "by": 1, "role": "reviewer"},
        {"event": "account_changed", "person": 2, "by": 1, "disabled": True, "email": True},
        {"event": "account_changed", "person": 2, "by": 1, "disabled": False},
        {"event": "account_reset", "person": 2, "by": 1},
    ]
