import pytest

from gatherset.annotate.access import COOKIE, is_signed, signed, ticket, visitor
from gatherset.annotate.annotators import annotator_id, known_annotator
from gatherset.dataset.errors import SubmissionError
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
