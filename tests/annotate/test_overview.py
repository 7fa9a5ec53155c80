"""What the lead of a team sees."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from gatherset.annotate.answer import Answer
from gatherset.annotate.checklist import checklist
from gatherset.annotate.overview import TOO_MANY, most_in_a_minute, overview
from gatherset.annotate.review_queue import gather
from gatherset.annotate.submissions import store
from gatherset.dataset.catalog.tables import submissions
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace
from tests.annotate.conftest import say, some_image

Photos = Callable[..., Path]


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


def test_the_last_answer_is_the_latest_whatever_came_last(photos: Workspace) -> None:
    with photos.catalog.write() as connection:
        for task, at in ((1, "2026-11-20T10:00:00Z"), (2, "2026-11-19T10:00:00Z")):
            answer = Answer("event", True, "protest")
            store(connection, photos, task, "anna", answer, key=f"pulled-{task}", submitted_at=at)
    [line] = overview(photos).annotators
    assert line.last == "2026-11-20 10:00"


def test_the_most_in_a_minute_is_not_cut_at_the_full_minute() -> None:
    start = np.datetime64("2026-11-21T10:00:50")
    assert most_in_a_minute(start + np.arange(40).astype("timedelta64[s]")) == 40
    assert most_in_a_minute(start + 61 * np.arange(5).astype("timedelta64[s]")) == 1
    assert most_in_a_minute(np.array([], dtype="datetime64[s]")) == 0
    later_first = start + 300 * np.arange(200)[::-1].astype("timedelta64[s]")  # as they come from elsewhere
    assert most_in_a_minute(later_first) == 1
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
        (True, "Protest 1, Sports event 1")
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
