"""What a reviewer decides, and what becomes of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatherset.annotate.answer import Answer
from gatherset.annotate.review import ChangedError, Verdict, decide_review, read_verdict
from gatherset.annotate.review_desk import next_review_desk, opened_desk
from gatherset.annotate.review_queue import gather, next_review, waiting_reviews
from gatherset.annotate.standing import standing
from gatherset.annotate.submissions import RefusedError, submit
from gatherset.annotate.team import retire
from gatherset.dataset.catalog.tables import annotators, decisions, revisions, suspects
from gatherset.dataset.corrections import restore
from gatherset.dataset.errors import InputError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.rules.rule import Context
from gatherset.dataset.suspects import Suspect, add_suspects
from gatherset.dataset.validation import record_errors
from gatherset.dataset.workspace import Workspace
from tests.annotate.conftest import KEY, TYPES, captions, decide, record, state, version


def test_what_nobody_is_left_to_decide_goes_to_review(workspace: Workspace, image: str) -> None:
    assert standing(workspace)["in review"] == 1
    assert next_review(workspace, "rita") == image


def test_looking_again_raises_nothing_twice(workspace: Workspace, image: str) -> None:
    assert gather(workspace) == 0


def test_looking_for_what_to_review_keeps_no_writer_waiting(workspace: Workspace, image: str) -> None:
    decide(workspace, image)
    add_suspects(workspace, "run", [Suspect(image, "event", 0, "protest", 0.9, "looks like a rally")])
    assert gather(workspace) == 1
    with workspace.catalog.write(), ThreadPoolExecutor() as pool:  # somebody writes, and nothing new is to be raised
        assert pool.submit(gather, workspace).result(timeout=9) == 0


def test_an_image_that_somebody_is_left_for_is_no_review(
    workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(2), Provenance(license="CC-BY-4.0"))
    for name, kind in TYPES.items():
        submit(workspace, 1, name, Answer("event", True, kind), key=f"1-{name}")
    submit(workspace, 2, "cleo", Answer("event", True, "protest"), key="cleo")
    assert gather(workspace) == 0


def test_two_reviewers_do_not_hold_the_same_image(workspace: Workspace, image: str) -> None:
    assert next_review(workspace, "rita") == image
    assert next_review(workspace, "sam") is None
    assert next_review(workspace, "rita") == image


def test_what_is_put_off_comes_last(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    ingest(workspace, make_photos(2), Provenance(license="CC-BY-4.0"))
    for task in (1, 2):
        for name, kind in TYPES.items():
            submit(workspace, task, name, Answer("event", True, kind), key=f"{task}-{name}")
    gather(workspace)
    first = next_review_desk(workspace, "rita")["review"]
    second = next_review_desk(workspace, "rita", later=[first["task"]])["review"]
    assert second["image_id"] != first["image_id"]
    again = next_review_desk(workspace, "rita", later=[first["task"], second["task"]])["review"]
    assert again["image_id"] in (first["image_id"], second["image_id"])


def test_what_is_put_off_is_free_for_others(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    ingest(workspace, make_photos(2), Provenance(license="CC-BY-4.0"))
    for task in (1, 2):
        for name, kind in TYPES.items():
            submit(workspace, task, name, Answer("event", True, kind), key=f"{task}-{name}")
    gather(workspace)
    first = next_review_desk(workspace, "rita")["review"]
    second = next_review(workspace, "rita", later=[first["task"]])
    assert next_review(workspace, "sam", later=[first["task"]]) == first["image_id"]
    assert next_review(workspace, "rita", later=[first["task"]]) == second


def test_a_decision_makes_the_record_with_who_and_from_which_answers(workspace: Workspace, image: str) -> None:
    decide(workspace, image, "political_rally")
    made = record(workspace, image)
    assert made["event"] == {"type": "political_rally", "votes": {}}  # one against one: a person has decided alone
    assert [entry["origin"] for entry in made["captions"]] == ["imported"] * 5
    with workspace.catalog.read() as connection:
        revision = connection.execute(sa.select(revisions)).one()
        decision = connection.execute(sa.select(decisions)).one()
    assert (revision.decided_by, revision.submissions) == ("rita", [2])
    assert (decision.kind, decision.decided_by, decision.seen, decision.revision) == ("accepted", "rita", [1, 2], 1)
    assert standing(workspace)["records"] == 1
    assert (state(workspace), state(workspace, "event")) == ("done", "done")
    context = Context(workspace.settings, workspace.taxonomy, splits_assigned=False)
    assert record_errors(made, context) == []


def test_votes_that_carry_the_decision_stay_in_the_record(workspace: Workspace, image: str) -> None:
    submit(workspace, 1, "ben", Answer("event", is_gathering=False), key="ben again")
    decide(workspace, image)
    assert record(workspace, image)["event"]["votes"] == {"protest": 1}


def test_sending_a_decision_twice_decides_once(workspace: Workspace, image: str) -> None:
    seen = version(workspace, image)
    verdict = Verdict(True, "protest", captions(workspace))
    send = [decide_review(workspace, image, "rita", verdict, key=KEY, version=seen) for _ in range(2)]
    assert [(one.id, one.new) for one in send] == [(1, True), (1, False)]


def test_of_two_reviewers_who_decide_at_once_one_is_told_of_the_other(workspace: Workspace, image: str) -> None:
    seen = version(workspace, image)
    texts = captions(workspace)

    def act(name: str) -> str:
        try:
            verdict = Verdict(True, "protest", texts)
            decide_review(workspace, image, name, verdict, key=f"{name}-{KEY}", version=seen)
        except ChangedError as error:
            return str(error)
        return "decided"

    with ThreadPoolExecutor() as pool:
        said = sorted(pool.map(act, ("rita", "sam")))
    assert said[0] == "decided"
    assert said[1].endswith("has decided about this image meanwhile. Look at it again before you decide")


def test_an_answer_that_came_meanwhile_is_looked_at_first(workspace: Workspace, image: str) -> None:
    seen = version(workspace, image)
    submit(workspace, 1, "ben", Answer("event", True, "sports_event"), key="ben again")
    with pytest.raises(ChangedError, match="an annotator has answered"):
        decide_review(workspace, image, "rita", Verdict(True, "protest", captions(workspace)), key=KEY, version=seen)


def test_a_rejection_stays_whatever_is_said_later(workspace: Workspace, image: str) -> None:
    decide_review(workspace, image, "rita", Verdict(False), key=KEY, version=version(workspace, image))
    assert standing(workspace)["rejected"] == 1
    submit(workspace, 1, "ben", Answer("event", True, "protest"), key="ben again")
    assert standing(workspace)["rejected"] == 1


def test_a_rejected_image_can_be_taken_back(workspace: Workspace, image: str) -> None:
    decide_review(workspace, image, "rita", Verdict(False), key=KEY, version=version(workspace, image))
    decide(workspace, image, key="another-key-of-16")
    assert standing(workspace)["records"] == 1


def test_a_decision_that_breaks_a_rule_is_refused(workspace: Workspace, image: str) -> None:
    verdict = Verdict(True, "protest", (*captions(workspace)[:4], ""))
    with pytest.raises(RefusedError, match="caption 5 is empty"):
        decide_review(workspace, image, "rita", verdict, key=KEY, version=version(workspace, image))
    assert standing(workspace)["in review"] == 1


def test_a_type_that_was_taken_out_of_the_taxonomy_cannot_be_decided(workspace: Workspace, image: str) -> None:
    with pytest.raises(RefusedError, match="not in the taxonomy"):
        decide(workspace, image, "picnic")


def test_captions_are_merged_from_several_and_stay_their_writers(
    workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(1, captions=False), Provenance(license="CC-BY-4.0"))
    written = {
        name: tuple(
            f"The {noun} is what {name} sees in this crowd." for noun in ("march", "flag", "sky", "dog", "tree")
        )
        for name in TYPES
    }
    for name, kind in TYPES.items():
        submit(workspace, 1, name, Answer("caption", True, kind, written[name]), key=name)
    gather(workspace)
    image = next_review(workspace, "rita")
    assert image is not None
    own = "Rita sees a long line of people."
    texts = (written["anna"][0], written["ben"][1], own, *written["ben"][3:])
    verdict = Verdict(True, "protest", texts)
    decide_review(workspace, image, "rita", verdict, key=KEY, version=version(workspace, image))
    with workspace.catalog.read() as connection:
        names = {row.pseudonym: row.name for row in connection.execute(sa.select(annotators))}
        [used] = connection.execute(sa.select(revisions.c.submissions)).scalars()
    assert [names[entry["author"]] for entry in record(workspace, image)["captions"]] == [
        "anna",
        "ben",
        "rita",
        "ben",
        "ben",
    ]
    assert used == [1, 2]


def test_captions_of_who_is_retired_meanwhile_stay_theirs(
    workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(1, captions=False), Provenance(license="CC-BY-4.0"))
    texts = tuple(f"The {noun} is what one sees in this crowd." for noun in ("march", "flag", "sky", "dog", "tree"))
    others = tuple(text.replace("one sees", "ben saw") for text in texts)
    submit(workspace, 1, "anna", Answer("caption", True, "protest", texts), key="1")
    submit(workspace, 1, "ben", Answer("caption", True, "political_rally", others), key="2")
    gather(workspace)
    image = next_review(workspace, "rita")
    assert image is not None
    seen = version(workspace, image)
    retire(workspace, "anna", "guessed", "lea")
    verdict = Verdict(True, "protest", texts)
    with pytest.raises(ChangedError):  # the last answer is the same, but anna's lies there no more
        decide_review(workspace, image, "rita", verdict, key=KEY, version=seen)
    decide_review(workspace, image, "rita", verdict, key=KEY, version=version(workspace, image))
    with workspace.catalog.read() as connection:
        anna = connection.execute(sa.select(annotators.c.pseudonym).where(annotators.c.name == "anna")).scalar()
    assert {entry["author"] for entry in record(workspace, image)["captions"]} == {anna}


def test_a_record_is_edited_with_a_reason_and_its_split_stays(workspace: Workspace, image: str) -> None:
    decide(workspace, image)
    with pytest.raises(InputError, match="needs a reason"):
        decide(workspace, image, "political_rally", key="another-key-of-16")
    decide(workspace, image, "political_rally", key="another-key-of-16", reason="The stage says so")
    with workspace.catalog.read() as connection:
        last = connection.execute(sa.select(revisions).order_by(revisions.c.revision.desc())).first()
    assert (last.revision, last.reason) == (2, "The stage says so")


def test_leaving_a_record_as_it_is_makes_no_revision(workspace: Workspace, image: str) -> None:
    decide(workspace, image)
    decide(workspace, image, key="another-key-of-16")
    with workspace.catalog.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(revisions)).scalar_one() == 1


def test_rejecting_a_record_withdraws_it(workspace: Workspace, image: str) -> None:
    decide(workspace, image)
    verdict = Verdict(False, reason="An empty square")
    decide_review(workspace, image, "rita", verdict, key="another-key-of-16", version=version(workspace, image))
    assert standing(workspace)["withdrawn"] == 1
    with pytest.raises(InputError, match="was withdrawn: An empty square"):
        opened_desk(workspace, "rita", image)


def test_a_record_that_is_restored_is_rejected_no_more(workspace: Workspace, image: str) -> None:
    decide(workspace, image)
    verdict = Verdict(False, reason="An empty square")
    decide_review(workspace, image, "rita", verdict, key="another-key-of-16", version=version(workspace, image))
    restore(workspace, image)
    assert opened_desk(workspace, "rita", image)["review"]["rejected"] is False
    assert standing(workspace)["records"] == 1


def test_a_flag_brings_a_record_before_a_reviewer(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    ingest(workspace, make_photos(1), Provenance(license="CC-BY-4.0"))
    submit(workspace, 1, "anna", Answer("event", True, "protest", flags=("personal_data",)), key="1")
    submit(workspace, 1, "ben", Answer("event", True, "protest"), key="2")
    with workspace.catalog.read() as connection:
        assert waiting_reviews(connection) == {"flag": 1}
    review = next_review_desk(workspace, "rita")["review"]
    assert review["reasons"][0]["note"] == "flagged: personal data"
    assert review["record"]["revision"] == 1
    decide(workspace, review["image_id"])  # what was flagged stands in the record from now on
    assert record(workspace, review["image_id"])["flags"] == ["personal_data"]
    assert next_review(workspace, "rita") is None


def test_a_flag_that_is_taken_back_asks_no_reviewer(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    ingest(workspace, make_photos(1), Provenance(license="CC-BY-4.0"))
    submit(workspace, 1, "anna", Answer("event", True, "protest", flags=("personal_data",)), key="1")
    submit(workspace, 1, "anna", Answer("event", True, "protest"), key="3")
    assert next_review(workspace, "rita") is None


def test_conflicts_come_before_skips(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    from gatherset.annotate.queue import skip

    ingest(workspace, make_photos(2), Provenance(license="CC-BY-4.0"))
    for name in TYPES:
        skip(workspace, 1, name, "too dark")
    for name, kind in TYPES.items():
        submit(workspace, 2, name, Answer("event", True, kind), key=name)
    gather(workspace)
    desk = next_review_desk(workspace, "rita")
    assert [one["title"] for one in desk["waiting"]] == ["The annotators disagree", "Skipped"]
    assert len(desk["review"]["opinions"]) == 2


def test_what_a_model_doubts_is_reviewed_and_settled_by_what_stands_there_then(
    workspace: Workspace, image: str
) -> None:
    decide(workspace, image)
    doubts = [
        Suspect(image, "event", 0, "protest", 0.9, "looks like a rally", "political_rally"),
        Suspect(image, "caption", 1, captions(workspace)[1], 0.8, "fits another picture better"),
    ]
    assert add_suspects(workspace, "run", doubts).new == 2
    assert gather(workspace) == 2
    with workspace.catalog.read() as connection:
        assert waiting_reviews(connection) == {"suspect": 1}
    assert next_review(workspace, "rita") == image
    decide(workspace, image, "political_rally", key="another-key-of-16", reason="It is one")
    with workspace.catalog.read() as connection:
        states = dict(connection.execute(sa.select(suspects.c.kind, suspects.c.state)).all())
    assert states == {"event": "mended", "caption": "right"}
    assert gather(workspace) == 0


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        {},
        {"is_gathering": 1, "event_type": None, "captions": [], "reason": ""},
        {"is_gathering": True, "event_type": 3, "captions": [], "reason": ""},
        {"is_gathering": True, "event_type": None, "captions": ["\ud800"], "reason": ""},
        {"is_gathering": True, "event_type": None, "captions": ["x"] * 50, "reason": ""},
        {"is_gathering": True, "event_type": None, "captions": [], "reason": None},
    ],
)
def test_what_is_no_decision_is_refused(given: object) -> None:
    with pytest.raises(InputError, match="no decision"):
        read_verdict(given)
