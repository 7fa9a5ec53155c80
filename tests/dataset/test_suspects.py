from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gatherset.dataset.corrections import withdraw
from gatherset.dataset.errors import InputError
from gatherset.dataset.records import add_revision, current_records
from gatherset.dataset.suspects import Added, Suspect, add_suspects, open_suspects, settle
from gatherset.dataset.workspace import Workspace


@pytest.fixture
def with_records(workspace: Workspace, fill: Callable[..., None]) -> Workspace:
    fill(workspace, 3, split=False)
    return workspace


def suspect(workspace: Workspace, score: float = 0.9, position: int = 1) -> Suspect:
    """The caption at `position` of the first record is doubted."""
    with workspace.catalog.read() as connection:
        record = next(current_records(connection))
    return Suspect(record["id"], "caption", position, record["captions"][position]["text"], score, "it fits others")


def test_what_is_added_waits_surest_first(with_records: Workspace) -> None:
    found = [suspect(with_records, 0.6), suspect(with_records, 0.8, position=2)]
    assert add_suspects(with_records, "run-1", found) == Added(2, 0, 0)
    with with_records.catalog.read() as connection:
        waiting = open_suspects(connection)
        assert [(one.position, one.score, one.run) for one in waiting] == [(2, 0.8, "run-1"), (1, 0.6, "run-1")]
        assert open_suspects(connection, limit=1) == waiting[:1]


def test_adding_it_again_only_updates_it(with_records: Workspace) -> None:
    one = suspect(with_records)
    add_suspects(with_records, "run-1", [one])
    assert add_suspects(with_records, "run-2", [replace(one, score=0.7)]) == Added(0, 1, 0)
    with with_records.catalog.read() as connection:
        [waiting] = open_suspects(connection)
    assert (waiting.score, waiting.run) == (0.7, "run-2")


def test_what_was_settled_is_not_brought_up_again(with_records: Workspace) -> None:
    one = suspect(with_records)
    add_suspects(with_records, "run-1", [one])
    with with_records.catalog.write() as connection:
        settle(connection, open_suspects(connection)[0].id, "right", "lead")
    assert add_suspects(with_records, "run-2", [one]) == Added(0, 1, 0)
    with with_records.catalog.read() as connection:
        assert open_suspects(connection) == []


def test_it_is_settled_once(with_records: Workspace) -> None:
    add_suspects(with_records, "run-1", [suspect(with_records)])
    with with_records.catalog.write() as connection:
        identity = open_suspects(connection)[0].id
        settle(connection, identity, "mended", "lead")
        with pytest.raises(InputError, match="no suspect"):
            settle(connection, identity, "right", "another")
        with pytest.raises(InputError, match="no verdict"):
            settle(connection, identity, "perhaps", "lead")  # type: ignore[arg-type]


def test_a_record_that_changed_meanwhile_is_not_shown(with_records: Workspace) -> None:
    one = suspect(with_records)
    add_suspects(with_records, "run-1", [one])
    with with_records.catalog.write() as connection:
        record = next(current_records(connection))
        record["captions"][1]["text"] = "A better sentence about the picture."
        add_revision(connection, record, submissions=[], reason="worded anew", decided_by="lead")
        assert open_suspects(connection) == []
    assert add_suspects(with_records, "run-2", [one]) == Added(0, 0, 1)


def test_a_record_that_was_withdrawn_is_not_shown(with_records: Workspace) -> None:
    one = suspect(with_records)
    add_suspects(with_records, "run-1", [one])
    withdraw(with_records, one.record_id, "the photographer asked for it", "lead")
    with with_records.catalog.read() as connection:
        assert open_suspects(connection) == []


def test_a_record_of_another_workspace_is_counted_as_gone(with_records: Workspace) -> None:
    foreign = Suspect("gs-0000000000000000", "event", 0, "protest", 0.9, "looks like a party", "holiday_party")
    assert add_suspects(with_records, "run-1", [foreign]) == Added(0, 0, 1)
