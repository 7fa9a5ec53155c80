"""Accounts: who is made, changed and kept out, and that a workspace always has a keeper."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from gatherset.annotate.accounts import (
    AccountChangedError,
    InvitationError,
    accept_invitation,
    account_from_provider,
    add_account,
    all_accounts,
    change_account,
    import_accounts,
    invite,
    reset,
)
from gatherset.annotate.annotators import annotator_id, known_annotator
from gatherset.dataset.catalog.tables import accounts, sessions
from gatherset.dataset.errors import InputError
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

PASSWORD = "a sentence of hers"


@pytest.fixture
def team(workspace: Workspace) -> Workspace:
    """A workspace with a maintainer, mia, and an annotator, ann, both with a password."""
    add_account(workspace, "mia", "maintainer", "mia@example.org", password=PASSWORD, by="mia")
    add_account(workspace, "ann", "annotator", "ann@example.org", password=PASSWORD, by="mia")
    return workspace


def test_the_first_account_is_a_maintainers(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="the first account is a maintainer's"):
        add_account(workspace, "ann", "annotator", by="mia")
    assert all_accounts(workspace) == []


def test_who_worked_here_before_there_were_accounts_stays_the_same_person(workspace: Workspace) -> None:
    with workspace.catalog.write() as connection:
        before = annotator_id(connection, "Anna")
    add_account(workspace, "anna", "maintainer", by="mia")
    [account] = all_accounts(workspace)
    assert (account.annotator, account.name, account.state) == (before, "Anna", "invited")


@pytest.mark.parametrize("changes", [{"disabled": "gone"}, {"role": "reviewer"}])
def test_the_last_maintainer_who_can_come_in_stays_one(team: Workspace, changes: dict[str, str]) -> None:
    with pytest.raises(InputError, match="no maintainer would be left"):
        change_account(team, "mia", by="mia", **changes)
    add_account(team, "max", "maintainer", by="mia")
    change_account(team, "mia", by="max", **changes)
    with pytest.raises(InputError, match="no maintainer would be left"):
        change_account(team, "max", by="max", **changes)


@pytest.mark.parametrize(
    ("name", "role", "email", "said"),
    [
        ("ann", "annotator", None, "ann has an account already"),
        ("ANN", "annotator", None, "ann has an account already"),
        ("ben", "owner", None, "there is no role 'owner'"),
        ("ben", "annotator", "ANN@example.org", "ann has the e-mail"),
        ("ben", "annotator", "ben", "is no e-mail address"),
    ],
)
def test_an_account_that_cannot_be_is_refused(
    team: Workspace, name: str, role: str, email: str | None, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        add_account(team, name, role, email, by="mia")
    assert len(all_accounts(team)) == 2


@pytest.mark.parametrize("password", ["short", "a" * 20, "x" * 500, "annannanna"])
def test_a_password_that_would_be_guessed_is_refused(team: Workspace, password: str) -> None:
    token = add_account(team, "annannanna", "annotator", by="mia")
    with pytest.raises(InputError):
        accept_invitation(team, token, password)
    assert accept_invitation(team, token, PASSWORD) == "annannanna"


def test_an_invitation_serves_once(team: Workspace) -> None:
    token = add_account(team, "ben", "reviewer", by="mia")
    assert accept_invitation(team, token, PASSWORD) == "ben"
    with pytest.raises(InvitationError):
        accept_invitation(team, token, PASSWORD)


def test_a_new_invitation_ends_the_one_before(team: Workspace) -> None:
    first = add_account(team, "ben", "reviewer", by="mia")
    second = invite(team, "ben", by="mia")
    with pytest.raises(InvitationError):
        accept_invitation(team, first, PASSWORD)
    assert accept_invitation(team, second, PASSWORD) == "ben"


def test_an_invitation_ends_by_itself_and_with_the_account(team: Workspace) -> None:
    token = add_account(team, "ben", "reviewer", by="mia")
    change_account(team, "ben", by="mia", disabled="gone")
    with pytest.raises(InvitationError):
        accept_invitation(team, token, PASSWORD)
    change_account(team, "ben", by="mia", disabled=None)
    with team.catalog.write() as connection:
        connection.execute(sa.update(accounts).values(invited_until=now(plus_minutes=-1)))
    with pytest.raises(InvitationError):
        accept_invitation(team, token, PASSWORD)


def test_the_catalog_holds_neither_passwords_nor_what_opens_a_door(team: Workspace) -> None:
    token = add_account(team, "ben", "reviewer", by="mia")
    with team.catalog.read() as connection:
        held = str([*connection.execute(sa.select(accounts)).all(), *connection.execute(sa.select(sessions)).all()])
    assert PASSWORD not in held
    assert token not in held
    assert "$argon2id$" in held


def test_the_second_of_two_maintainers_who_change_one_account_is_told(team: Workspace) -> None:
    add_account(team, "max", "maintainer", by="mia")
    seen = next(account.version for account in all_accounts(team) if account.name == "ann")
    change_account(team, "ann", by="mia", version=seen, role="reviewer")
    with pytest.raises(AccountChangedError, match="mia has changed the account of ann meanwhile"):
        change_account(team, "ann", by="max", version=seen, disabled="gone")
    for act in (invite, reset):
        with pytest.raises(AccountChangedError):
            act(team, "ann", by="max", version=seen)
    assert [(one.role, one.enabled) for one in all_accounts(team) if one.name == "ann"] == [("reviewer", True)]


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_team_comes_from_a_file(team: Workspace, tmp_path: Path) -> None:
    file = write(tmp_path / "team.csv", "name,role,email", "ann,maintainer,", "ben,reviewer,ben@example.org", "cora,,")
    made = import_accounts(team, file, by="mia")
    assert [name for name, _ in made] == ["ben", "cora"]
    assert {one.name: one.role for one in all_accounts(team)} == {
        "ann": "annotator",
        "ben": "reviewer",
        "cora": "annotator",
        "mia": "maintainer",
    }
    assert accept_invitation(team, made[1][1], PASSWORD) == "cora"
    assert import_accounts(team, file, by="mia") == []


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("name,role", "ben,reviewer", "cora,owner"), "line 3: there is no role 'owner'"),
        (("who", "ben"), "has the columns who"),
        (("name,password", "ben,secret"), "has the columns name, password"),
        (("name,role", "ben,reviewer,x,y"), "too many cells"),
        (("name,role", '"ben,reviewer'), "no CSV file"),
    ],
)
def test_of_a_file_with_a_mistake_nobody_comes(
    team: Workspace, tmp_path: Path, lines: tuple[str, ...], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        import_accounts(team, write(tmp_path / "team.csv", *lines), by="mia")
    assert len(all_accounts(team)) == 2


def test_a_file_that_is_none_is_said(team: Workspace, tmp_path: Path) -> None:
    (tmp_path / "team.csv").write_bytes(b"name\n\xff\xfe\n")
    for path in (tmp_path / "team.csv", tmp_path / "missing.csv", tmp_path):
        with pytest.raises(InputError):
            import_accounts(team, path, by="mia")


def test_a_provider_brings_who_has_an_account_and_nobody_else(team: Workspace) -> None:
    with team.catalog.read() as connection:
        ann = known_annotator(connection, "ann")
    assert account_from_provider(team, "issuer 1", "Ann@Example.org") == ann
    assert account_from_provider(team, "issuer 1", "ann@elsewhere.org") == ann  # known by the subject from now on
    assert account_from_provider(team, "issuer 2", "ann@example.org") is None  # the address has become another's
    assert account_from_provider(team, "issuer 3", "eve@example.org") is None
    assert account_from_provider(team, "issuer 4", None) is None
    change_account(team, "ann", by="mia", disabled="gone")
    assert account_from_provider(team, "issuer 1", "ann@example.org") is None
