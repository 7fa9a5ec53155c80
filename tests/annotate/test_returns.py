"""What a reviewer sends back, and how it returns."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gatherset.annotate.answer import Answer
from gatherset.annotate.desk import next_desk
from gatherset.annotate.queue import next_task
from gatherset.annotate.review import send_back
from gatherset.annotate.review_desk import opened_desk
from gatherset.annotate.review_queue import gather, next_review
from gatherset.annotate.standing import standing
from gatherset.annotate.submissions import submit
from gatherset.dataset.errors import InputError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace
from tests.annotate.conftest import KEY, TYPES, agreed, decide, record, state, version


def test_what_is_sent_back_comes_first_with_the_comment(workspace: Workspace, image: str) -> None:
    seen = version(workspace, image)
    send_back(workspace, image, "rita", ["ben"], "Is there a speaker?", key=KEY, version=seen)
    assert next_review(workspace, "sam") is None  # it waits for ben
    assert next_task(workspace, "anna") is None
    desk = next_desk(workspace, "ben")
    assert desk["returned"] == {"by": "rita", "comment": "Is there a speaker?"}
    assert desk["answer"]["event_type"] == "political_rally"


def test_who_corrects_what_was_sent_back_can_settle_it(workspace: Workspace, image: str) -> None:
    send_back(workspace, image, "rita", ["ben"], "Look again", key=KEY, version=version(workspace, image))
    submit(workspace, 1, "ben", Answer("event", True, "protest"), key="ben again", version=1)
    assert standing(workspace)["records"] == 1
    assert state(workspace) == "done"
    assert next_desk(workspace, "ben")["task"] is None


def test_who_stands_by_an_answer_brings_it_back_to_the_reviewer(workspace: Workspace, image: str) -> None:
    send_back(workspace, image, "rita", ["anna", "ben"], "Talk", key=KEY, version=version(workspace, image))
    for name, kind in TYPES.items():
        assert next_review(workspace, "rita") is None
        submit(workspace, 1, name, Answer("event", True, kind), key=f"{name} again", version=1)
    assert next_review(workspace, "rita") == image
    assert next_task(workspace, "anna") is None


def test_a_record_that_was_opened_and_sent_back_is_before_the_reviewer_again(
    workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    image = agreed(workspace, make_photos)
    seen = opened_desk(workspace, "rita", image)["review"]["version"]
    send_back(workspace, image, "rita", ["ben"], "Is there a speaker?", key=KEY, version=seen)
    assert next_review(workspace, "rita") is None  # it waits for ben
    submit(workspace, 1, "ben", Answer("event", True, "political_rally"), key="ben again", version=1)
    assert next_review(workspace, "rita") == image
    [reason] = opened_desk(workspace, "rita", image)["review"]["reasons"]
    assert (reason["title"], reason["note"]) == ("Was sent back", "rita asked ben: Is there a speaker?")


def test_a_flag_that_is_taken_back_on_request_is_before_the_reviewer_again(
    workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    image = agreed(workspace, make_photos)
    submit(workspace, 1, "ben", Answer("event", True, "protest", flags=("personal_data",)), key="flag", version=1)
    send_back(workspace, image, "rita", ["ben"], "Whose data?", key=KEY, version=version(workspace, image))
    submit(workspace, 1, "ben", Answer("event", True, "protest"), key="ben again", version=2)
    assert next_review(workspace, "rita") == image


@pytest.fixture
def asked_again(workspace: Workspace, image: str) -> str:
    """The image, with a third opinion, sent back to all three; ben agrees with anna now, and the others are asked."""
    submit(workspace, 1, "cleo", Answer("event", True, "sports_event"), key="1-cleo")
    seen = version(workspace, image)
    send_back(workspace, image, "rita", ["anna", "ben", "cleo"], "Talk", key=KEY, version=seen)
    submit(workspace, 1, "ben", Answer("event", True, "protest"), key="ben again", version=1)
    return image


def test_no_record_is_made_while_somebody_is_still_asked_to_look_again(workspace: Workspace, asked_again: str) -> None:
    assert standing(workspace)["records"] == 0
    for name in ("anna", "cleo"):
        submit(workspace, 1, name, Answer("event", True, "political_rally"), key=f"{name} again", version=1)
    assert record(workspace, asked_again)["event"]["type"] == "political_rally"
    assert next_review(workspace, "rita") is None


def test_agreement_settles_what_was_sent_back_once_the_last_stands_by_the_answer(
    workspace: Workspace, asked_again: str
) -> None:
    for name, kind in (("anna", "protest"), ("cleo", "sports_event")):
        submit(workspace, 1, name, Answer("event", True, kind), key=f"{name} again", version=1)
    assert record(workspace, asked_again)["event"]["type"] == "protest"
    assert next_review(workspace, "rita") is None


def test_only_the_disputed_task_is_sent_back(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    ingest(workspace, make_photos(1), Provenance("filtered", "CC-BY-4.0"))
    for number, (name, kind) in enumerate(TYPES.items()):
        submit(workspace, 1, name, Answer("screen", is_gathering=True), key=f"screen {number}")
        submit(workspace, 2, name, Answer("event", None, kind), key=f"event {number}")
    gather(workspace)
    image = next_review(workspace, "rita")
    assert image is not None
    send_back(workspace, image, "rita", ["ben"], "Look again", key=KEY, version=version(workspace, image))
    assert next_desk(workspace, "ben")["task"]["kind"] == "event"


def test_sending_back_needs_a_comment_and_somebody_who_answered(workspace: Workspace, image: str) -> None:
    seen = version(workspace, image)
    for names, comment in ((["ben"], " "), ([], "why"), (["nobody"], "why"), (["ben", "nobody"], "why")):
        with pytest.raises(InputError):
            send_back(workspace, image, "rita", names, comment, key=KEY, version=seen)


def test_a_decision_asks_nobody_any_more(workspace: Workspace, image: str) -> None:
    send_back(workspace, image, "rita", ["ben"], "Look again", key=KEY, version=version(workspace, image))
    decide(workspace, image, key="another-key-of-16")
    assert next_task(workspace, "ben") is None
