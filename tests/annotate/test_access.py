import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher, extract_parameters

from gatherset.annotate.access import (
    COOKIE,
    DAYS,
    MAY,
    begin_session,
    end_session,
    is_signed,
    may,
    sign_in,
    signed,
    ticket,
    visitor,
)
from gatherset.annotate.accounts import add_account, change_account, reset
from gatherset.annotate.annotators import annotator_id, known_annotator
from gatherset.dataset.catalog.tables import accounts, annotators, sessions
from gatherset.dataset.errors import SubmissionError
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace


@pytest.mark.parametrize("name", ["anna", "Anna Lee", "Бен", "a.b=c; d", "张伟"])
def test_a_ticket_names_who_it_was_made_for(workspace: Workspace, name: str) -> None:
    assert visitor(workspace, {COOKIE: ticket(workspace, name)}) == name


@pytest.mark.parametrize(("first", "again"), [("Anna", "anna"), ("бен", "Бен"), ("Groß", "GROSS")])
def test_a_name_in_other_letters_is_the_same_person(workspace: Workspace, first: str, again: str) -> None:
    with workspace.catalog.write() as connection:
        number = annotator_id(connection, first)
        assert annotator_id(connection, again) == known_annotator(connection, again) == number
    assert visitor(workspace, {COOKIE: ticket(workspace, again)}) == first


@pytest.mark.parametrize("cookie", ["", ".", "YW5uYQ==", "YW5uYQ==.", "YW5uYQ==.00", "é.é"])
def test_a_ticket_without_the_seal_opens_nothing(workspace: Workspace, cookie: str) -> None:
    assert visitor(workspace, {COOKIE: cookie}) is None
    assert visitor(workspace, {}) is None


def test_the_seal_of_one_name_does_not_fit_another(workspace: Workspace) -> None:
    seal = ticket(workspace, "anna").partition(".")[2]
    other = ticket(workspace, "ben").partition(".")[0]
    assert visitor(workspace, {COOKIE: f"{other}.{seal}"}) is None


def test_the_seal_of_another_workspace_does_not_fit(workspace: Workspace) -> None:
    other = Workspace.create(workspace.root.parent / "other")
    assert visitor(workspace, {COOKIE: ticket(other, "anna")}) is None
    other.catalog.close()


def test_no_ticket_is_made_for_a_name_that_cannot_be_shown(workspace: Workspace) -> None:
    with pytest.raises(SubmissionError):
        ticket(workspace, " \n ")


IMAGE = f"/original/{'0' * 64}.jpg"


def query(address: str) -> dict[str, str]:
    return dict(part.split("=") for part in address.partition("?")[2].split("&"))


def test_a_signed_address_opens_its_image_until_its_day(workspace: Workspace) -> None:
    assert is_signed(workspace, IMAGE, query(signed(workspace, IMAGE, "2999-01-01")))
    assert not is_signed(workspace, IMAGE, query(signed(workspace, IMAGE, "2020-01-01")))


def test_a_signed_address_opens_nothing_else(workspace: Workspace) -> None:
    good = query(signed(workspace, IMAGE, "2999-01-01"))
    assert not is_signed(workspace, IMAGE.replace("original", "img"), good)
    assert not is_signed(workspace, IMAGE, {**good, "until": "2999-01-02"})
    assert not is_signed(workspace, IMAGE, {"until": "2999-01-01"})
    assert not is_signed(workspace, IMAGE, {})


PASSWORD = "a sentence of hers"


@pytest.fixture
def team(workspace: Workspace) -> Workspace:
    for role in ("maintainer", "reviewer", "annotator"):
        add_account(workspace, role, role, password=PASSWORD, by="a test")
    return workspace


def session_of(workspace: Workspace, name: str, password: str = PASSWORD) -> dict[str, str]:
    return {COOKIE: sign_in(workspace, name, password) or ""}


def change_sessions(workspace: Workspace, **values: str) -> None:
    with workspace.catalog.write() as connection:
        connection.execute(sa.update(sessions).values(values))


def test_a_password_opens_a_session_under_the_name_as_it_is_written(team: Workspace) -> None:
    assert visitor(team, session_of(team, " Reviewer ")) == "reviewer"


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("reviewer", "another sentence"),
        ("nobody", PASSWORD),
        ("", ""),
        ("\0", PASSWORD),
        ("reviewer", ""),
        ("x", "\ud800"),
    ],
)
def test_whatever_does_not_fit_opens_nothing(team: Workspace, name: str, password: str) -> None:
    assert sign_in(team, name, password) is None


@pytest.mark.parametrize("end", ["reset", "disable"])
def test_whose_account_ends_while_the_password_is_compared_does_not_come_in(team: Workspace, end: str) -> None:
    with team.catalog.read() as connection:
        query = sa.select(accounts.c.annotator_id, accounts.c.password).join(annotators)
        row = connection.execute(query.where(annotators.c.name == "reviewer")).one()
    assert begin_session(team, row.annotator_id, password=row.password)
    if end == "reset":
        reset(team, "reviewer", by="maintainer")
    else:
        change_account(team, "reviewer", by="maintainer", disabled="gone")
    assert begin_session(team, row.annotator_id, password=row.password) is None
    assert begin_session(team, row.annotator_id) is None  # as from a provider that knew them


def test_who_has_no_password_yet_or_is_disabled_cannot_sign_in(team: Workspace) -> None:
    add_account(team, "invited", "annotator", by="maintainer")
    assert sign_in(team, "invited", "") is None
    change_account(team, "reviewer", by="maintainer", disabled="gone")
    assert sign_in(team, "reviewer", PASSWORD) is None


def test_an_unknown_name_is_compared_with_as_much_work_as_a_wrong_password(
    team: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is compared is noticed on its way to argon2, which runs; a time would depend on the machine."""
    compared = []
    verify = PasswordHasher.verify

    def noticed(hasher: PasswordHasher, stored: str, given: bytes) -> bool:
        compared.append(extract_parameters(stored))
        return bool(verify(hasher, stored, given))

    monkeypatch.setattr(PasswordHasher, "verify", noticed)
    for name in ("reviewer", "nobody"):
        assert sign_in(team, name, "another sentence") is None
    known, unknown = compared
    assert known == unknown


def test_a_password_that_was_hashed_with_less_is_hashed_again_when_it_is_used(team: Workspace) -> None:
    def stored() -> str:
        with team.catalog.read() as connection:
            query = sa.select(accounts.c.password).join(annotators).where(annotators.c.name == "reviewer")
            return str(connection.execute(query).scalar_one())

    today, old = extract_parameters(stored()), PasswordHasher(time_cost=1, memory_cost=64).hash(PASSWORD)
    with team.catalog.write() as connection:
        connection.execute(sa.update(accounts).values(password=old))
    assert sign_in(team, "reviewer", "another sentence") is None
    assert stored() == old
    assert visitor(team, session_of(team, "reviewer")) == "reviewer"
    renewed = stored()
    assert extract_parameters(renewed) == today
    assert visitor(team, session_of(team, "reviewer")) == "reviewer"
    assert stored() == renewed


def test_with_the_first_account_a_name_alone_opens_nothing(workspace: Workspace) -> None:
    before = {COOKIE: ticket(workspace, "anna")}
    assert visitor(workspace, before) == "anna"
    assert may(workspace, "anna", "lead")
    add_account(workspace, "mia", "maintainer", password=PASSWORD, by="mia")
    assert visitor(workspace, before) is None
    assert not may(workspace, "anna", "annotate")


@pytest.mark.parametrize(("role", "acts"), [("annotator", 1), ("reviewer", 2), ("maintainer", 4)])
def test_each_role_may_do_what_those_below_it_may(team: Workspace, role: str, acts: int) -> None:
    assert [may(team, role, act) for act in MAY] == [True] * acts + [False] * (len(MAY) - acts)


def test_a_session_ends_with_time_sign_out_and_the_account(team: Workspace) -> None:
    mine = session_of(team, "reviewer")
    change_sessions(team, expires_at=now(plus_minutes=-1))
    assert visitor(team, mine) is None
    mine = session_of(team, "reviewer")
    end_session(team, mine)
    assert visitor(team, mine) is None
    mine = session_of(team, "reviewer")
    change_account(team, "reviewer", by="maintainer", disabled="gone")
    assert visitor(team, mine) is None
    change_account(team, "reviewer", by="maintainer", disabled=None)
    assert visitor(team, mine) is None
    mine = session_of(team, "reviewer")
    reset(team, "reviewer", by="maintainer")
    assert visitor(team, mine) is None


def test_a_session_that_is_used_goes_on_but_not_for_ever(team: Workspace) -> None:
    mine = session_of(team, "reviewer")
    change_sessions(team, expires_at=now(plus_minutes=30))
    assert visitor(team, mine) == "reviewer"
    with team.catalog.read() as connection:
        assert connection.execute(sa.select(sessions.c.expires_at)).scalar_one() > now(plus_minutes=60)
    change_sessions(team, started_at=now(plus_minutes=-DAYS * 24 * 60 - 1))
    assert visitor(team, mine) is None


def test_a_session_that_a_wrong_clock_began_in_the_future_is_none(team: Workspace) -> None:
    mine = session_of(team, "reviewer")
    change_sessions(team, started_at=now(plus_minutes=60), expires_at="2999-01-01T00:00:00Z")
    assert visitor(team, mine) is None
