from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatherset.annotate.answer import Answer
from gatherset.annotate.submissions import RefusedError, submit
from gatherset.dataset.catalog.tables import annotators, submissions
from gatherset.dataset.errors import SubmissionError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.records import current_records
from gatherset.dataset.workspace import Workspace

TEXTS = tuple(f"A crowd of people number {n} stands here." for n in ("one", "two", "three", "four", "five"))


@pytest.fixture
def caption_task(workspace: Workspace, make_photos: Callable[..., Path]) -> int:
    ingest(workspace, make_photos(1, captions=False), Provenance(license="CC-BY-4.0"))
    return 1


def stored(workspace: Workspace) -> list[tuple[int, str]]:
    with workspace.catalog.read() as connection:
        return [tuple(row) for row in connection.execute(sa.select(submissions.c.version, submissions.c.key))]


def test_a_double_submit_is_one_submission(workspace: Workspace, caption_task: int) -> None:
    answer = Answer("caption", True, "protest", TEXTS)
    first = submit(workspace, caption_task, "anna", answer, key="k")
    second = submit(workspace, caption_task, "anna", answer, key="k")
    assert (first.new, second.new, first.id) == (True, False, second.id)
    assert len(stored(workspace)) == 1


def test_a_later_answer_supersedes_the_earlier_one_and_both_are_kept(workspace: Workspace, caption_task: int) -> None:
    submit(workspace, caption_task, "anna", Answer("caption", True, "protest", TEXTS), key="k1")
    submit(workspace, caption_task, "anna", Answer("caption", True, "riot_response", TEXTS), key="k2")
    assert stored(workspace) == [(1, "k1"), (2, "k2")]


def test_captions_written_by_an_annotator_carry_a_pseudonym(workspace: Workspace, caption_task: int) -> None:
    for name in ("anna", "ben"):
        submit(workspace, caption_task, name, Answer("caption", True, "protest", TEXTS), key=name)
    with workspace.catalog.read() as connection:
        [record] = current_records(connection)
        anna = connection.execute(sa.select(annotators.c.pseudonym).where(annotators.c.name == "anna")).scalar_one()
    assert {entry["author"] for entry in record["captions"]} == {anna}
    assert record["event"] == {"type": "protest", "votes": {"protest": 2}}
    assert [entry["text"] for entry in record["captions"]] == list(TEXTS)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (Answer("caption", True, None, TEXTS), "no event type is chosen"),
        (Answer("caption", True, "protest", TEXTS[:4]), "4 captions instead of 5"),
        (Answer("caption", True, "protest", (*TEXTS[:4], "")), "caption 5 is empty"),
        (Answer("caption", True, "picnic", TEXTS), "there is no event type 'picnic'"),
        (Answer("screen"), "does not say whether this is a gathering"),
    ],
)
def test_an_incomplete_answer_is_refused_in_words(
    workspace: Workspace, caption_task: int, answer: Answer, complaint: str
) -> None:
    with pytest.raises(RefusedError, match=complaint):
        submit(workspace, caption_task, "anna", answer, key="k")
    assert stored(workspace) == []


def test_an_answer_of_another_kind_is_refused(workspace: Workspace, caption_task: int) -> None:
    with pytest.raises(SubmissionError, match="no task 1 of kind 'screen'"):
        submit(workspace, caption_task, "anna", Answer("screen", is_gathering=True), key="k")


@pytest.mark.parametrize("name", ["", "   ", "a" * 101, "an\x00na"])
def test_a_name_that_cannot_be_shown_is_refused(workspace: Workspace, caption_task: int, name: str) -> None:
    with pytest.raises(SubmissionError, match="cannot name an annotator"):
        submit(workspace, caption_task, name, Answer("caption", is_gathering=False), key="k")


def test_a_refused_submission_leaves_no_annotator_behind(workspace: Workspace, caption_task: int) -> None:
    with pytest.raises(SubmissionError):
        submit(workspace, 99, "anna", Answer("caption", True, "protest", TEXTS), key="k")
    with workspace.catalog.read() as connection:
        assert connection.execute(sa.select(annotators)).all() == []
