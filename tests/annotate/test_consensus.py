from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from gatherset.annotate.answer import Answer
from gatherset.annotate.consensus import majority
from gatherset.annotate.standing import standing
from gatherset.annotate.submissions import submit
from gatherset.dataset.catalog.tables import tasks
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.records import current_records
from gatherset.dataset.workspace import Workspace


@pytest.fixture
def event_task(workspace: Workspace, make_photos: Callable[..., Path]) -> int:
    ingest(workspace, make_photos(1), Provenance(license="CC-BY-4.0"))
    return 1


def say(workspace: Workspace, task: int, name: str, event_type: str | None) -> None:
    answer = Answer("event", True, event_type) if event_type else Answer("event", is_gathering=False)
    submit(workspace, task, name, answer, key=f"{task}-{name}-{event_type}")


def task_rows(workspace: Workspace) -> dict[str, tuple[str, int]]:
    with workspace.catalog.read() as connection:
        return {row.kind: (row.state, row.overlap) for row in connection.execute(sa.select(tasks))}


def place(workspace: Workspace) -> str:
    [name] = [name for name, count in standing(workspace).items() if count]
    return name


def test_one_opinion_is_not_enough(workspace: Workspace, event_task: int) -> None:
    say(workspace, event_task, "anna", "protest")
    assert place(workspace) == "in the queue"


def test_two_who_agree_make_a_record(workspace: Workspace, event_task: int) -> None:
    say(workspace, event_task, "anna", "protest")
    say(workspace, event_task, "ben", "protest")
    assert place(workspace) == "records"
    assert task_rows(workspace) == {"event": ("done", 2)}


def test_two_who_disagree_call_for_a_third_whose_majority_counts(workspace: Workspace, event_task: int) -> None:
    say(workspace, event_task, "anna", "protest")
    say(workspace, event_task, "ben", "political_rally")
    assert task_rows(workspace) == {"event": ("open", 3)}
    say(workspace, event_task, "cleo", "protest")
    with workspace.catalog.read() as connection:
        [record] = current_records(connection)
    assert record["event"] == {"type": "protest", "votes": {"political_rally": 1, "protest": 2}}


def test_two_who_see_no_gathering_reject_the_image(workspace: Workspace, event_task: int) -> None:
    say(workspace, event_task, "anna", None)
    say(workspace, event_task, "ben", None)
    assert place(workspace) == "rejected"


def test_five_who_cannot_agree_send_it_to_review(workspace: Workspace, event_task: int) -> None:
    types = ("protest", "political_rally", "riot_response", "public_assembly", "sports_event")
    for number, event_type in enumerate(types):
        say(workspace, event_task, f"annotator {number}", event_type)
    assert place(workspace) == "in review"
    assert task_rows(workspace) == {"event": ("done", 5), "review": ("open", 1)}


def test_yes_and_no_in_equal_numbers_do_not_get_stuck(workspace: Workspace, event_task: int) -> None:
    for name, event_type in (("anna", "protest"), ("ben", None), ("cleo", "protest"), ("dan", None)):
        say(workspace, event_task, name, event_type)
        if place(workspace) == "records":
            break
    assert place(workspace) == "records"  # two of three said so before the fourth spoke
    assert task_rows(workspace)["event"][0] == "done"


def test_a_changed_mind_lifts_a_rejection(workspace: Workspace, event_task: int) -> None:
    say(workspace, event_task, "anna", None)
    say(workspace, event_task, "ben", None)
    say(workspace, event_task, "ben", "protest")
    assert place(workspace) == "in the queue"
    assert task_rows(workspace) == {"event": ("open", 3)}


def test_a_review_that_a_rejection_closed_is_opened_again(workspace: Workspace, event_task: int) -> None:
    types = ("protest", "political_rally", "riot_response", "public_assembly", "sports_event")
    for number, event_type in enumerate(types):
        say(workspace, event_task, f"annotator {number}", event_type)
    for number in range(3):
        say(workspace, event_task, f"annotator {number}", None)
    assert place(workspace) == "rejected"
    say(workspace, event_task, "annotator 0", "religious_gathering")
    say(workspace, event_task, "annotator 1", "holiday_party")
    assert place(workspace) == "in review"


def test_a_record_is_not_changed_by_later_answers(workspace: Workspace, event_task: int) -> None:
    say(workspace, event_task, "anna", "protest")
    say(workspace, event_task, "ben", "protest")
    say(workspace, event_task, "ben", None)
    say(workspace, event_task, "anna", None)
    assert place(workspace) == "records"


def test_a_record_that_would_break_a_rule_goes_to_review_with_the_reason(
    workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    photos = make_photos(1)
    text = (photos / "captions.jsonl").read_text()
    (photos / "captions.jsonl").write_text(text.replace("with signs", "with\\u0007signs"))
    ingest(workspace, photos, Provenance())
    say(workspace, 1, "anna", "protest")
    say(workspace, 1, "ben", "protest")
    with workspace.catalog.read() as connection:
        note = connection.execute(sa.select(tasks.c.note).where(tasks.c.kind == "review")).scalar_one()
    assert note == "GS305: caption 1 holds U+0007"


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(1, 9)), st.integers(1, 5))
def test_a_majority_is_more_than_half_of_enough_votes(votes: dict[str, int], needed: int) -> None:
    winner = majority(votes, needed)
    total = sum(votes.values())
    winners = [name for name, count in votes.items() if count > total / 2 and total >= needed]
    assert winners == ([winner] if winner else [])
