from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from gatherset.cli import main
from gatherset.dataset.catalog.tables import revisions
from gatherset.dataset.corrections import BrokenRuleError, edit, restore, waive, withdraw
from gatherset.dataset.errors import InputError, ReleaseError
from gatherset.dataset.records import add_revision, current_records
from gatherset.dataset.release import build_release
from gatherset.dataset.retractions import Retraction, keep_retractions
from gatherset.dataset.targets import validate_target
from gatherset.dataset.workspace import Workspace


@pytest.fixture
def identity(workspace: Workspace, fill: Callable[..., None]) -> str:
    fill(workspace, 1)
    with workspace.catalog.read() as connection:
        [record] = current_records(connection)
    return str(record["id"])


def waivers(workspace: Workspace) -> list[dict[str, str]]:
    with workspace.catalog.read() as connection:
        [record] = current_records(connection)
    return list(record["waivers"])


def test_a_waiver_stands_in_the_record_with_its_reason(workspace: Workspace, identity: str) -> None:
    waive(workspace, identity, "GS304", " Two captions of one sign ", "lea")
    assert waivers(workspace) == [{"rule": "GS304", "reason": "Two captions of one sign"}]


def test_a_second_waiver_of_a_rule_replaces_the_first(workspace: Workspace, identity: str) -> None:
    for rule, reason in (("GS304", "no"), ("GS302", "It is a sign"), ("GS304", "yes")):
        waive(workspace, identity, rule, reason, "lea")
    assert waivers(workspace) == [{"rule": "GS302", "reason": "It is a sign"}, {"rule": "GS304", "reason": "yes"}]


@pytest.mark.parametrize(
    ("record", "rule", "reason", "complaint"),
    [
        ("gs-0000000000000000", "GS304", "why", "there is no record gs-0000000000000000"),
        (None, "GS399", "why", "there is no rule GS399"),
        (None, "GS101", "why", "GS101 cannot be waived"),
        (None, "GS304", "  ", "this needs a reason"),
    ],
)
def test_what_cannot_be_waived_is_refused(
    workspace: Workspace, identity: str, record: str | None, rule: str, reason: str, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        waive(workspace, record or identity, rule, reason, "lea")


def ids(workspace: Workspace) -> list[str]:
    with workspace.catalog.read() as connection:
        return [record["id"] for record in current_records(connection)]


def test_a_withdrawn_record_is_none_until_it_is_restored(workspace: Workspace, identity: str) -> None:
    withdraw(workspace, identity, "The photographer asked for it", "lea")
    assert ids(workspace) == []
    restore(workspace, identity)
    assert ids(workspace) == [identity]


def test_a_withdrawn_record_leaves_the_next_release_as_a_major_change(
    workspace: Workspace, fill: Callable[..., None]
) -> None:
    fill(workspace, 12)
    build_release(workspace)
    gone = ids(workspace)[0]
    withdraw(workspace, gone, "A person asked for it", "lea")
    built = build_release(workspace).release
    assert built is not None
    assert built.version == "2.0.0"
    assert gone not in {record["id"] for record in built.records()}


def test_a_release_of_withdrawn_records_alone_is_refused(workspace: Workspace, identity: str) -> None:
    withdraw(workspace, identity, "no", "lea")
    with pytest.raises(ReleaseError, match="all records were withdrawn"):
        build_release(workspace)


def test_withdrawing_twice_says_why_it_was_withdrawn(workspace: Workspace, identity: str) -> None:
    withdraw(workspace, identity, "takedown", "lea")
    for act in (
        lambda: withdraw(workspace, identity, "again", "lea"),
        lambda: waive(workspace, identity, "GS304", "why", "lea"),
    ):
        with pytest.raises(InputError, match="was withdrawn: takedown"):
            act()


def test_restoring_what_was_not_withdrawn_is_refused(workspace: Workspace, identity: str) -> None:
    with pytest.raises(InputError, match="was not withdrawn"):
        restore(workspace, identity)


def test_a_retracted_record_blocks_releases_until_it_is_withdrawn(workspace: Workspace, identity: str) -> None:
    keep_retractions(workspace.root, [Retraction(identity, "takedown", "2026-11-21")])
    report = build_release(workspace).report
    assert [finding.message for finding in report.findings if finding.level == "error"] == [
        "the record was retracted: takedown"
    ]
    assert validate_target(workspace.root, None).counts["GS605"] == 1
    withdraw(workspace, identity, "takedown", "lea")
    with pytest.raises(InputError, match="holds no records"):
        validate_target(workspace.root, None)


def history(workspace: Workspace) -> list[tuple[int, str, str]]:
    with workspace.catalog.read() as connection:
        rows = connection.execute(sa.select(revisions).order_by(revisions.c.revision))
        return [(row.revision, row.reason, row.decided_by) for row in rows]


def test_an_edit_is_a_new_revision_with_its_reason(workspace: Workspace, identity: str) -> None:
    record = edit(workspace, identity, {3: " Two drummers lead the march. "}, None, "A slip", "lea")
    assert record["captions"][2] == {
        "text": "Two drummers lead the march.",
        "origin": "human",
        "author": None,
        "verified": True,
    }
    assert record["captions"][1]["origin"] == "imported"
    assert history(workspace)[1:] == [(2, "A slip", "lea")]


def test_a_new_type_is_the_word_of_one_person(workspace: Workspace, identity: str) -> None:
    record = edit(workspace, identity, {}, "sports_event", "A match", "lea")
    assert record["event"] == {"type": "sports_event", "votes": {}}


def test_an_edit_makes_the_next_release_a_major_one(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 12)
    build_release(workspace)
    edit(workspace, ids(workspace)[0], {1: "A drummer leads the long march."}, None, "A slip", "lea")
    built = build_release(workspace).release
    assert built is not None
    assert built.version == "2.0.0"


def test_an_edit_that_breaks_a_rule_changes_nothing(workspace: Workspace, identity: str) -> None:
    with pytest.raises(BrokenRuleError, match="is empty"):
        edit(workspace, identity, {3: " "}, None, "A slip", "lea")
    with pytest.raises(BrokenRuleError, match="not in the taxonomy"):
        edit(workspace, identity, {}, "picnic", "A slip", "lea")
    assert len(history(workspace)) == 1


def test_an_error_that_was_there_before_does_not_keep_another_from_being_mended(
    workspace: Workspace, identity: str
) -> None:
    with workspace.catalog.write() as connection:
        [record] = current_records(connection)
        for number in (0, 1):
            record["captions"][number]["text"] = ""
        add_revision(connection, record, submissions=[], reason="a test", decided_by="test")
    edit(workspace, identity, {1: "A drummer leads the long march."}, None, "A slip", "lea")
    assert len(history(workspace)) == 3


@pytest.mark.parametrize(
    ("captions", "reason", "complaint"),
    [
        ({6: "x"}, "why", "has no caption 6"),
        ({0: "x"}, "why", "has no caption 0"),
        ({1: "A drummer leads."}, " ", "needs a reason"),
        ({}, "why", "says so already"),
    ],
)
def test_what_cannot_be_edited_is_refused(
    workspace: Workspace, identity: str, captions: dict[int, str], reason: str, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        edit(workspace, identity, captions, None, reason, "lea")


def test_the_command_edits_and_says_what_it_refuses(workspace: Workspace, identity: str) -> None:
    def run(*words: str) -> Any:
        return CliRunner().invoke(main, ["record", "edit", identity, *words, "-w", str(workspace.root), "--as", "lea"])

    done = run("--caption", "3", "Two drummers lead the march.", "--reason", "A slip")
    assert (done.exit_code, "corrected" in done.output) == (0, True)
    refused = run("--caption", "3", "", "--reason", "A slip")
    assert (refused.exit_code, "GS301" in refused.output) == (1, True)
    assert run("--reason", "A slip").exit_code == 2
    assert run("--caption", "1", "x", "--caption", "1", "y", "--reason", "A slip").exit_code == 2
    assert [reason for _, reason, _ in history(workspace)] == ["a test", "A slip"]
