"""Authors are known by one name in the workspace, and by another in the releases of each name."""

import re
from collections.abc import Callable

from gatherset.dataset.pseudonyms import ReleasedAuthors, new_pseudonym, released_pseudonym
from gatherset.dataset.records import add_revision, current_records
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import next_release


def test_a_pseudonym_has_the_form_of_the_schema_and_says_nothing() -> None:
    drawn = {new_pseudonym() for _ in range(100)}
    assert len(drawn) == 100
    assert all(re.fullmatch("a-[0-9a-f]{8}", one) for one in drawn)


def test_releases_of_another_name_show_another_pseudonym() -> None:
    shown = released_pseudonym("secret", "mg", "a-00000001")
    assert re.fullmatch("a-[0-9a-f]{8}", shown)
    assert shown == released_pseudonym("secret", "mg", "a-00000001")
    others = [("secret", "other", "a-00000001"), ("secret", "mg", "a-00000002"), ("another", "mg", "a-00000001")]
    assert shown not in {released_pseudonym(*other) for other in others}


def test_a_record_is_released_with_its_authors_as_the_release_knows_them() -> None:
    record = {"id": "gs-1", "captions": [{"text": "a", "author": "a-00000001"}, {"text": "b", "author": None}]}
    shown = ReleasedAuthors("secret", "mg").shown(record)
    assert [one["author"] for one in shown["captions"]] == [released_pseudonym("secret", "mg", "a-00000001"), None]
    assert record["captions"][0]["author"] == "a-00000001"


def test_a_release_shows_no_pseudonym_of_the_workspace(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 24, types=("protest", "sports_event"))
    with workspace.catalog.write() as connection:
        record = next(current_records(connection))
        record["captions"][0]["author"] = "a-00000001"
        add_revision(connection, record, submissions=[], reason="a test", decided_by="eva")
    shown = {entry["author"] for one in next_release(workspace).records() for entry in one["captions"]} - {None}
    assert shown == {released_pseudonym(workspace.pseudonym_key, "mg", "a-00000001")}
