"""What the lead of a team sees and changes."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from gatherset.annotate.answer import Answer
from gatherset.annotate.checklist import checklist
from gatherset.annotate.desk import next_desk
from gatherset.annotate.discussions import (
    add_remark,
    all_discussions,
    decide_discussion,
    raise_discussion,
    reopen_discussion,
)
from gatherset.annotate.guidelines import guidelines
from gatherset.annotate.overview import TOO_MANY, most_in_a_minute, overview
from gatherset.annotate.queue import next_task
from gatherset.annotate.review import Verdict, decide_review, seen_version, send_back
from gatherset.annotate.review_queue import gather, next_review, waiting_reviews
from gatherset.annotate.standing import standing
from gatherset.annotate.submissions import GoneError, submit
from gatherset.annotate.team import change_queue, groups, hand_over, pause, put_first, reinstate, resume, retire
from gatherset.dataset.catalog.tables import images, leases, submissions, tasks
from gatherset.dataset.errors import InputError, WorkspaceError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

Photos = Callable[..., Path]


@pytest.fixture
def photos(workspace: Workspace, make_photos: Photos) -> Workspace:
    ingest(workspace, make_photos(4), Provenance(license="CC-BY-4.0"))
    return workspace


def say(workspace: Workspace, task: int, **types: str) -> None:
    """What annotators say to a task; "" for no gathering."""
    for name, kind in types.items():
        answer = Answer("event", True, kind) if kind else Answer("event", is_gathering=False)
        submit(workspace, task, name, answer, key=f"{task}-{name}-{kind}", started_at=now(plus_minutes=-0.5))


def some_image(workspace: Workspace) -> str:
    with workspace.catalog.read() as connection:
        return str(connection.execute(sa.select(tasks.c.image_id).where(tasks.c.id == 1)).scalar_one())


def test_who_is_paused_gets_nothing_and_is_told_why(photos: Workspace) -> None:
    say(photos, 1, anna="protest")
    assert next_task(photos, "anna") is not None
    pause(photos, "anna", "Please call me", "lea")
    desk = next_desk(photos, "anna")
    assert (desk["task"], desk["rest"]) == (None, "Please call me")
    with photos.catalog.read() as connection:
        assert connection.execute(sa.select(leases)).all() == []
    resume(photos, "anna", "lea")
    assert next_task(photos, "anna") is not None


def test_retired_work_is_kept_and_asks_others_again(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="")
    say(photos, 2, anna="", ben="")
    assert standing(photos)["rejected"] == 1
    assert retire(photos, "ben", "guessed", "lea") == 2
    assert standing(photos)["rejected"] == 0
    with photos.catalog.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(submissions)).scalar_one() == 4
        assert connection.execute(sa.select(tasks.c.answers).where(tasks.c.id.in_([1, 2]))).scalars().all() == [1, 1]
    say(photos, 1, cleo="protest")
    assert standing(photos)["records"] == 1
    assert next_task(photos, "ben") is None


def test_a_record_that_rests_on_retired_work_goes_to_review(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="protest")
    say(photos, 2, anna="protest", cleo="protest")
    retire(photos, "ben", "guessed", "lea")
    with photos.catalog.read() as connection:
        assert waiting_reviews(connection) == {"retired": 1}
    assert standing(photos)["records"] == 2


def test_what_a_reviewer_has_decided_does_not_rest_on_anybody(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="political_rally")
    image = some_image(photos)
    with photos.catalog.read() as connection:
        texts = tuple(
            e["text"] for e in connection.execute(sa.select(images).where(images.c.id == image)).one().captions
        )
        version = seen_version(connection, image)
    decide_review(photos, image, "rita", Verdict(True, "protest", texts), key="a-key-of-16-signs", version=version)
    retire(photos, "anna", "guessed", "lea")
    with photos.catalog.read() as connection:
        assert waiting_reviews(connection) == {}


def test_reinstated_answers_count_again(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="")
    retire(photos, "ben", "guessed", "lea")
    reinstate(photos, "ben", "lea")
    say(photos, 1, cleo="")
    assert standing(photos)["rejected"] == 1


def test_retiring_again_after_a_crash_changes_nothing_more(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="")
    for _ in range(2):
        retire(photos, "ben", "guessed", "lea")
    with photos.catalog.read() as connection:
        assert connection.execute(sa.select(tasks.c.answers).where(tasks.c.id == 1)).scalar_one() == 1


def test_what_one_holds_is_handed_over(photos: Workspace) -> None:
    say(photos, 4, anna="protest", ben="sports_event")
    held = next_task(photos, "anna")
    assert held is not None
    assert hand_over(photos, "anna", "ben") == 1
    again = next_task(photos, "ben")
    assert again is not None
    assert again.id == held.id


def test_what_was_sent_back_is_handed_over_as_one_more_opinion(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="political_rally")
    say(photos, 2, cleo="protest")
    image = some_image(photos)
    with photos.catalog.read() as connection:
        version = seen_version(connection, image)
    send_back(photos, image, "rita", ["ben"], "Look again", key="a-key-of-16-signs", version=version)
    assert hand_over(photos, "ben", "cleo") == 1
    taken = next_task(photos, "cleo")
    assert taken is not None
    assert taken.id == 1
    say(photos, 1, cleo="protest")
    assert standing(photos)["records"] == 1


def test_nobody_hands_over_to_themselves_or_to_a_stranger(photos: Workspace) -> None:
    say(photos, 1, anna="protest")
    for to in ("anna", "nobody"):
        with pytest.raises(InputError):
            hand_over(photos, "anna", to)


def test_what_is_put_first_is_handed_out_first(photos: Workspace, make_photos: Photos) -> None:
    ingest(photos, make_photos(6, folder="urgent"), Provenance("synthetic", "CC-BY-4.0", "rescue"))
    assert [(one.part, one.dataset, one.waiting, one.first) for one in groups(photos)] == [
        ("collected", "photos", 4, False),
        ("synthetic", "rescue", 2, False),
    ]
    put_first(photos, "synthetic", "rescue", first=True)
    task = next_task(photos, "anna")
    assert task is not None
    assert task.id > 4
    put_first(photos, "synthetic", "rescue", first=False)
    other = next_task(photos, "ben")
    assert other is not None
    assert other.id <= 4 or other.id == task.id


def test_fewer_opinions_send_what_is_disputed_to_review_and_the_file_keeps_its_comments(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="political_rally")
    change_queue(photos, overlap=2, max_overlap=2, gold_rate=0.1)
    text = (photos.root / "gatherset.toml").read_text()
    queue = tomllib.loads(text)["queue"]
    assert (queue["overlap"], queue["max_overlap"], queue["gold_rate"]) == (2, 2, 0.1)
    assert "# different annotators an image goes to" in text
    assert standing(photos)["in review"] == 1
    assert photos.settings.queue.max_overlap == 2


def test_more_opinions_are_asked_of_what_is_not_done(photos: Workspace) -> None:
    say(photos, 1, anna="protest")
    change_queue(photos, overlap=3, max_overlap=5, gold_rate=0.05)
    say(photos, 1, ben="protest")
    assert standing(photos)["records"] == 0
    say(photos, 1, cleo="protest")
    assert standing(photos)["records"] == 1


def test_one_opinion_is_enough_from_now_on(photos: Workspace) -> None:
    say(photos, 1, anna="protest")
    change_queue(photos, overlap=1, max_overlap=5, gold_rate=0.05)
    assert standing(photos)["records"] == 1


def test_settings_that_cannot_be_change_nothing(photos: Workspace) -> None:
    before = (photos.root / "gatherset.toml").read_text()
    with pytest.raises(WorkspaceError):
        change_queue(photos, overlap=3, max_overlap=2, gold_rate=0.1)
    assert (photos.root / "gatherset.toml").read_text() == before
    assert not list(photos.root.glob("*.partial"))


def test_a_thousand_answers_in_a_minute_are_flagged_unless_they_came_in_a_file(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="protest")
    rows = [
        {"task_id": 1, "annotator_id": person, "version": n + 2, "key": f"{prefix}{n}", "submitted_at": now()}
        | {"answer": Answer("event", True, "protest").document()}
        for person, prefix in ((1, "quick-"), (2, "import-"))
        for n in range(1000)
    ]
    with photos.catalog.write() as connection:
        connection.execute(sa.insert(submissions), rows)
    lines = {line.name: line for line in overview(photos).annotators}
    assert (lines["anna"].hurried, lines["anna"].most_a_minute >= 1000) == (True, True)
    assert (lines["ben"].hurried, lines["ben"].answers) == (False, 1)


def test_the_most_in_a_minute_is_not_cut_at_the_full_minute() -> None:
    start = np.datetime64("2026-11-21T10:00:50")
    assert most_in_a_minute(start + np.arange(40).astype("timedelta64[s]")) == 40
    assert most_in_a_minute(start + 61 * np.arange(5).astype("timedelta64[s]")) == 1
    assert most_in_a_minute(np.array([], dtype="datetime64[s]")) == 0
    assert TOO_MANY == 60


def test_the_overview_counts_what_there_is(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="protest")
    say(photos, 2, anna="protest", ben="sports_event")
    seen = overview(photos)
    assert seen.standing["records"] == 1
    assert [(day["annotator"], day["answers"]) for day in seen.days] == [("anna", 2), ("ben", 2)]
    assert {one["answers"]: one["images"] for one in seen.coverage} == {0: 2, 2: 2}
    assert {one["type"]: one["records"] for one in seen.types if one["records"]} == {"protest": 1}
    assert seen.seconds == {"event": 30}
    assert [(one.image_id != some_image(photos), one.votes) for one in seen.disputes] == [
        (True, "protest 1, sports_event 1")
    ]
    assert [(line.name, line.answers, line.agreed) for line in seen.annotators] == [("anna", 2, 0.5), ("ben", 2, 0.5)]


def test_an_overview_of_nothing_is_empty(workspace: Workspace) -> None:
    seen = overview(workspace)
    assert (seen.days, seen.annotators, seen.disputes, seen.seconds) == ([], [], [], {})
    assert not checklist(workspace, seen.types)[0].done


def test_the_overview_sees_what_was_submitted_since(photos: Workspace) -> None:
    say(photos, 1, anna="protest")
    assert len(overview(photos).ledger) == 1
    say(photos, 1, ben="protest")
    assert len(overview(photos).ledger) == 2


def test_the_checklist_names_what_is_missing(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="protest")
    say(photos, 2, anna="protest", ben="sports_event")
    gather(photos)
    said = {point.what: point.done for point in checklist(photos, overview(photos).types)}
    assert said["records: 1"]
    assert not said["images that wait for a reviewer: 1"]
    assert not said["types with fewer than 10 records (GS403): Protest"]
    assert not said["records without a split: 1"]


def test_a_type_without_its_place_in_the_taxonomy_is_on_the_checklist(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="protest")
    from gatherset import schemas

    taxonomy = json.loads(json.dumps(schemas.read("event_types.json")))
    taxonomy["types"] = [one for one in taxonomy["types"] if one["name"] != "protest"]
    (photos.root / "event_types.json").write_text(json.dumps(taxonomy))
    again = Workspace.open(photos.root)
    points = checklist(again, overview(again).types)
    assert "types no longer in the taxonomy: protest" in [point.what for point in points if not point.done]
    again.catalog.close()


def test_a_decided_discussion_stands_in_the_guidelines_with_its_picture(photos: Workspace) -> None:
    image = some_image(photos)
    raise_discussion(photos, image, "rita", "March or *rally*?")
    raise_discussion(photos, image, "lea", "Is there a stage?")
    add_remark(photos, image, "anna", "I see a speaker")
    [talk] = all_discussions(photos)
    assert [remark.text for remark in talk.remarks] == ["Is there a stage?", "I see a speaker"]
    assert "decided case" not in guidelines(photos)
    decide_discussion(photos, image, "lea", "A speaker on a stage makes it a rally")
    assert "A speaker on a stage makes it a rally" in guidelines(photos)
    assert r"March or \*rally\*?" in guidelines(photos)
    assert "(img/" in guidelines(photos)
    reopen_discussion(photos, image)
    assert "decided case" not in guidelines(photos)


def test_a_sensitive_picture_does_not_stand_in_the_guidelines(photos: Workspace) -> None:
    image = some_image(photos)
    with photos.catalog.write() as connection:
        connection.execute(sa.update(images).values(flags=["sensitive"]))
    raise_discussion(photos, image, "rita", "Flag it?")
    decide_discussion(photos, image, "lea", "Flag it")
    assert "(img/" not in guidelines(photos)


def test_what_is_not_there_cannot_be_discussed(photos: Workspace) -> None:
    for act in (
        lambda: raise_discussion(photos, "gs-0000000000000000", "rita", "why"),
        lambda: raise_discussion(photos, some_image(photos), "rita", " "),
        lambda: add_remark(photos, some_image(photos), "rita", "why"),
        lambda: decide_discussion(photos, some_image(photos), "rita", ""),
    ):
        with pytest.raises(InputError):
            act()


def test_what_was_sent_back_to_who_is_retired_is_before_the_reviewer_again(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="political_rally")
    image = some_image(photos)
    gather(photos)
    with photos.catalog.read() as connection:
        version = seen_version(connection, image)
    send_back(photos, image, "rita", ["ben"], "Look again", key="a-key-of-16-signs", version=version)
    assert next_review(photos, "rita") is None
    retire(photos, "ben", "guessed", "lea")
    assert next_review(photos, "rita") == image


def test_what_a_retired_annotator_still_sends_is_kept_and_counts_for_nothing(photos: Workspace) -> None:
    say(photos, 1, anna="protest")
    say(photos, 2, ben="protest")
    retire(photos, "ben", "guessed", "lea")
    say(photos, 1, ben="protest")
    assert standing(photos)["records"] == 0
    with photos.catalog.read() as connection:
        assert connection.execute(sa.select(tasks.c.answers).where(tasks.c.id == 1)).scalar_one() == 1
    with pytest.raises(GoneError):
        submit(photos, 3, "ben", Answer("event", True, "protest"), key="a page that was open", version=0)
