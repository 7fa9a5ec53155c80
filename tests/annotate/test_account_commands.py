"""The shell commands of accounts: each does all that it was asked, or nothing."""

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gatherset.annotate.accounts import accept_invitation, add_account, all_accounts
from gatherset.cli import main
from gatherset.dataset.workspace import Workspace


@pytest.fixture
def team(workspace: Workspace, tmp_path: Path) -> Workspace:
    add_account(workspace, "mia", "maintainer", "mia@example.org", by="mia")
    (tmp_path / "team.csv").write_text("name,role,email\nann,annotator,\n")
    return workspace


def run(workspace: Workspace, *arguments: object) -> Result:
    return CliRunner().invoke(main, ["account", *map(str, arguments), "-w", str(workspace.root)])


def names(workspace: Workspace) -> list[str]:
    return [account.name for account in all_accounts(workspace)]


def test_the_links_of_a_team_are_in_a_file_for_nobody_else(team: Workspace, tmp_path: Path) -> None:
    links = tmp_path / "links.csv"
    assert run(team, "import", tmp_path / "team.csv", "--links", links).exit_code == 0
    assert links.stat().st_mode & 0o077 == 0
    [row] = csv.DictReader(links.read_text().splitlines())
    assert accept_invitation(team, row["link"].partition("#")[2], "a sentence of hers") == "ann"


def test_links_that_cannot_be_written_make_no_accounts(team: Workspace, tmp_path: Path) -> None:
    done = run(team, "import", tmp_path / "team.csv", "--links", tmp_path / "missing" / "links.csv")
    assert (done.exit_code, names(team)) == (2, ["mia"])
    (tmp_path / "links.csv").write_text("mine")
    done = run(team, "import", tmp_path / "team.csv", "--links", tmp_path / "links.csv")
    assert (done.exit_code, names(team), (tmp_path / "links.csv").read_text()) == (2, ["mia"], "mine")


def test_a_team_that_cannot_be_made_leaves_no_file_of_links(team: Workspace, tmp_path: Path) -> None:
    (tmp_path / "team.csv").write_text("name,role\nann,owner\n")
    assert run(team, "import", tmp_path / "team.csv", "--links", tmp_path / "links.csv").exit_code == 2
    assert not (tmp_path / "links.csv").exists()


def test_an_account_is_changed_whole_or_not_at_all(team: Workspace) -> None:
    add_account(team, "ann", "annotator", by="mia")
    assert run(team, "change", "ann", "--role", "reviewer", "--email", "mia@example.org").exit_code == 2
    assert [one.role for one in all_accounts(team) if one.name == "ann"] == ["annotator"]
    assert run(team, "change", "ann", "--role", "reviewer", "--email", "ann@example.org").exit_code == 0
    assert [(one.role, one.email) for one in all_accounts(team) if one.name == "ann"] == [
        ("reviewer", "ann@example.org")
    ]
