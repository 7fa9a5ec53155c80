"""What lies before a reviewer, and the draft of a decision."""

import pytest

from gatherset.annotate.answer import Answer
from gatherset.annotate.review import ChangedError, Verdict
from gatherset.annotate.review_desk import NewerVerdictError, opened_desk, save_verdict, verdict_remarks
from gatherset.annotate.submissions import submit
from gatherset.dataset.corrections import edit, withdraw
from gatherset.dataset.errors import InputError
from gatherset.dataset.workspace import Workspace
from tests.annotate.conftest import captions, decide, version


def test_a_draft_is_kept_for_its_reviewer_and_two_tabs_notice_each_other(workspace: Workspace, image: str) -> None:
    first = Verdict(True, "protest", ("Begun",), "because")
    seen = version(workspace, image)
    assert save_verdict(workspace, image, "rita", first, revision=0, version=seen) == 1
    assert opened_desk(workspace, "rita", image)["review"]["draft"]["content"]["reason"] == "because"
    assert opened_desk(workspace, "sam", image)["review"]["draft"] is None
    with pytest.raises(NewerVerdictError):
        save_verdict(workspace, image, "rita", Verdict(False), revision=0, version=seen)
    decide(workspace, image)
    assert opened_desk(workspace, "rita", image)["review"]["draft"] is None


def test_a_draft_from_before_a_decision_is_not_shown_over_it(workspace: Workspace, image: str) -> None:
    seen = opened_desk(workspace, "sam", image)["review"]["version"]
    stale = Verdict(True, "sports_event", ("Begun",))
    save_verdict(workspace, image, "sam", stale, revision=0, version=seen)
    decide(workspace, image)
    assert opened_desk(workspace, "sam", image)["review"]["draft"] is None
    with pytest.raises(ChangedError, match="rita has decided"):  # a page that is still open
        save_verdict(workspace, image, "sam", stale, revision=1, version=seen)
    desk = opened_desk(workspace, "sam", image)["review"]
    again = Verdict(True, "sports_event", ("Begun anew",))
    assert save_verdict(workspace, image, "sam", again, revision=0, version=desk["version"]) == 1
    assert opened_desk(workspace, "sam", image)["review"]["draft"]["content"] == again.document()


def test_a_draft_from_before_the_record_was_edited_is_not_shown_over_it(workspace: Workspace, image: str) -> None:
    decide(workspace, image)
    seen = version(workspace, image)
    save_verdict(workspace, image, "sam", Verdict(True, "protest", ("Begun",)), revision=0, version=seen)
    edit(workspace, image, {1: "Two drummers lead the long march."}, None, "A slip", "lea")
    assert opened_desk(workspace, "sam", image)["review"]["draft"] is None


def test_a_draft_outlives_a_further_answer(workspace: Workspace, image: str) -> None:
    seen = version(workspace, image)
    save_verdict(workspace, image, "sam", Verdict(True, "protest", ("Begun",)), revision=0, version=seen)
    submit(workspace, 1, "cleo", Answer("event", True, "sports_event"), key="cleo")
    assert opened_desk(workspace, "sam", image)["review"]["draft"]["content"]["captions"] == ["Begun"]


def test_the_proposal_is_what_most_say(workspace: Workspace, image: str) -> None:
    submit(workspace, 1, "cleo", Answer("event", True, "protest"), key="cleo")
    proposal = opened_desk(workspace, "rita", image)["review"]["proposal"]
    assert (proposal["event_type"], proposal["captions"]) == ("protest", list(captions(workspace)))


def test_an_image_is_opened_by_the_name_of_its_file(workspace: Workspace, image: str) -> None:
    assert opened_desk(workspace, "rita", "0.jpg")["review"]["image_id"] == image
    with pytest.raises(InputError, match="no image is called 'nothing'"):
        opened_desk(workspace, "rita", "nothing")


def test_a_withdrawn_record_is_not_opened(workspace: Workspace, image: str) -> None:
    decide(workspace, image)
    withdraw(workspace, image, "takedown", "lea")
    with pytest.raises(InputError, match="takedown"):
        opened_desk(workspace, "rita", image)
    with pytest.raises(InputError, match="takedown"):
        decide(workspace, image, key="another-key-of-16")


def test_the_rules_speak_about_the_decision_while_it_is_made(workspace: Workspace) -> None:
    texts = ("A crowd.", *["Many people stand on the long bridge."] * 2, "", "")
    found = {(one["rule"], one["caption"]) for one in verdict_remarks(workspace, Verdict(True, "protest", texts))}
    assert {("GS302", 1), ("GS304", 3)} <= found
    assert verdict_remarks(workspace, Verdict(False, None, texts)) == []
