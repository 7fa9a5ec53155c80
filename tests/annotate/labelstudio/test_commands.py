"""The shell commands: what they say, and how they end."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gatherset.annotate.labelstudio.client import TOKEN as TOKEN_NAME
from gatherset.annotate.labelstudio.client import URL
from gatherset.cli import main
from gatherset.dataset.workspace import Workspace
from tests.labelstudio_server import TOKEN, LabelStudioServer
from tests.labelstudio_workspace import Over, fill, results
from tests.web_server import WebServer

APP = ("--images-url", "http://127.0.0.1:8501")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_NAME, TOKEN)
    monkeypatch.delenv(URL, raising=False)


def run(workspace: Workspace, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["labelstudio", *arguments, "-w", str(workspace.root)])


def refused(workspace: Workspace, *arguments: str) -> str:
    """What a command that could not run said, in one line."""
    result = run(workspace, *arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.labelstudio
def test_from_setup_to_the_first_record(workspace: Workspace, server: LabelStudioServer) -> None:
    fill(workspace, 2)
    made = run(workspace, "setup", "--url", server.url, "--title", "by the shell", *APP, "--json")
    assert json.loads(made.output)["done"] == "made"
    assert "2 caption tasks sent, 0 were there already." in run(workspace, "push").output
    with server.client() as client:
        [first, _] = client.tasks_after(json.loads(made.output)["project"], 0, 2)
        client.call("POST", f"/api/tasks/{first['id']}/annotations/", {"result": results(1), "lead_time": 3})
    pulled = run(workspace, "pull")
    assert "1 annotations are new or changed: 1 submissions stored." in pulled.output
    assert pulled.exit_code == 0


@pytest.mark.labelstudio
def test_a_pull_that_finds_broken_rules_ends_with_1(over: Callable[..., Over]) -> None:
    there = over(1)
    there.annotate(1, said=results(1, "picnic"))
    pulled = run(there.workspace, "pull")
    assert pulled.exit_code == 1
    assert "there is no event type 'picnic'" in pulled.stderr
    assert "1 break a rule (gatherset labelstudio returned), 1 sent back to their annotators" in pulled.output
    shown = run(there.workspace, "returned").output
    assert "anna@example.org, sent back: there is no event type 'picnic'" in shown
    assert "1 annotations." in shown


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("push",), "this workspace has no project in Label Studio"),
        (("pull",), "this workspace has no project in Label Studio"),
        (("setup", *APP), "no Label Studio server is named"),
        (("setup", "--url", "localhost:8080", *APP), "'localhost:8080' is not the address of a server"),
        (("setup", "--url", "http://127.0.0.1:9", *APP), "cannot be reached"),
        (("setup", "--url", "http://127.0.0.1:9", *APP, "--document-root", "/"), "two ways to show the images"),
        (("setup", "--url", "http://127.0.0.1:9", *APP, "--person", "anna"), "there is nothing on one side of '='"),
        (("import", "none.json", "--field", "colour=x"), "--field colour=x is not OURS=THEIRS"),
        (("import", "none.json"), "nothing says what the answers are called there"),
        (("import", "none.json", "--field", "event_type=x"), "none.json cannot be read"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(workspace: Workspace, arguments: tuple[str, ...], why: str) -> None:
    assert why in refused(workspace, *arguments)


def test_without_a_token_it_says_where_to_get_one(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_NAME)
    assert "there is no token" in refused(workspace, "setup", "--url", "http://127.0.0.1:9", *APP)


def test_a_server_that_is_no_label_studio_is_noticed(workspace: Workspace, tmp_path: Path) -> None:
    with WebServer(tmp_path).running() as other:
        assert "is not a Label Studio server" in refused(workspace, "setup", "--url", other.url, *APP)
