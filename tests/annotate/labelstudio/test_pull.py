from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from gatherset.annotate.answer import Answer
from gatherset.annotate.labelstudio.configuration import REMARKS
from gatherset.annotate.labelstudio.project import Wanted, set_up
from gatherset.annotate.labelstudio.returned import returned_annotations
from gatherset.annotate.standing import standing
from gatherset.annotate.submissions import submit
from gatherset.dataset.catalog.tables import (
    annotators,
    labelstudio_annotations,
    labelstudio_tasks,
    skips,
    submissions,
    tasks,
)
from gatherset.dataset.labelstudio import EVENT_TYPE, choices, text
from gatherset.dataset.records import current_records
from gatherset.dataset.workspace import SETTINGS_FILE, Workspace
from tests.labelstudio_server import annotate
from tests.labelstudio_workspace import PEOPLE, SENTENCES, Over, results

pytestmark = pytest.mark.labelstudio
Make = Callable[..., Over]
TEXTS = tuple(sentence.format(1) for sentence in SENTENCES)


def stored(over: Over) -> list[Any]:
    query = sa.select(submissions, annotators.c.name, annotators.c.pseudonym).join(annotators)
    with over.workspace.catalog.read() as connection:
        return list(connection.execute(query.order_by(submissions.c.id)))


def states(over: Over) -> list[tuple[str, bool]]:
    """(what became of it, whether it is deleted there) of each annotation."""
    query = sa.select(labelstudio_annotations).order_by(labelstudio_annotations.c.remote)
    with over.workspace.catalog.read() as connection:
        return [(row.state, row.deleted_at is not None) for row in connection.execute(query)]


def everything(over: Over) -> list[Any]:
    """All that a pull may write."""
    with over.workspace.catalog.read() as connection:
        return [connection.execute(sa.select(table)).all() for table in (submissions, tasks, labelstudio_annotations)]


def test_300_annotations_by_three_people_are_taken_over_once(over: Make) -> None:
    there = over(100, overlap=3)
    there.annotate_all(people=3)
    first = there.pull()
    before = everything(there)
    second = there.pull()
    assert (first.read, first.stored, first.refused) == (300, 300, 0)
    assert (second.read, second.stored) == (0, 0)
    assert everything(there) == before
    assert standing(there.workspace)["records"] == 100


def test_an_answer_from_there_makes_a_record_with_a_pseudonym(over: Make) -> None:
    there = over(1, overlap=1)
    there.annotate(1)
    there.pull()
    with there.workspace.catalog.read() as connection:
        [record] = current_records(connection)
    assert record["event"] == {"type": "protest", "votes": {"protest": 1}}
    assert [entry["text"] for entry in record["captions"]] == [SENTENCES[0].format(1), *TEXTS[1:2], *TEXTS[2:]]
    assert {entry["author"] for entry in record["captions"]} == {stored(there)[0].pseudonym}
    assert "anna" not in str(record)


def test_lead_time_comes_along(over: Make) -> None:
    there = over(1)
    there.annotate(1, lead_time=42.0)
    there.pull()
    [row] = stored(there)
    taken = datetime.fromisoformat(row.submitted_at) - datetime.fromisoformat(row.started_at)
    assert taken.total_seconds() == pytest.approx(42, abs=1)


def test_somebody_may_be_known_here_by_another_name(over: Make) -> None:
    there = over(1)
    there.link.people[PEOPLE[0]] = "anna"  # type: ignore[index]
    there.annotate(1)
    there.pull()
    assert stored(there)[0].name == "anna"


BROKEN = {  # {what is said of it: what was returned}
    "there is no event type 'picnic'": results(1, "picnic"),
    "4 captions instead of 5": results(1)[:5],
    "caption 3 is empty": results(1, caption3="  "),
    "no event type is chosen": [],
    "the unknown name 'colour'": [*results(1), text("colour", "red")],
    "'event_type' is answered twice": [*results(1), choices(EVENT_TYPE, ["protest"])],
    "the unknown choice 'pretty'": [*results(1), choices("flags", ["pretty"])],
}


def test_what_breaks_a_rule_is_kept_shown_and_sent_back(over: Make) -> None:
    there = over(len(BROKEN))
    numbers = [there.annotate(task, said=said) for task, said in enumerate(BROKEN.values(), 1)]
    pulled = there.pull()
    assert (pulled.stored, pulled.refused, pulled.sent_back) == (0, len(BROKEN), len(BROKEN))
    assert stored(there) == []
    kept = returned_annotations(there.workspace)[::-1]
    assert [one.returned["result"] for one in kept] == list(BROKEN.values())
    told = [row["data"][REMARKS] for row in there.client.tasks_after(there.link.project, 0, 10)]
    for why, one, remarks in zip(BROKEN, kept, told, strict=True):
        assert why in "; ".join(finding["message"] for finding in one.findings)
        assert why in remarks
    assert all(there.annotation(number)["was_cancelled"] for number in numbers)
    assert there.pull().read == 0


def test_what_was_sent_back_and_mended_is_taken_over(over: Make) -> None:
    there = over(1)
    number = there.annotate(1, said=results(1)[:5])
    there.pull()
    there.client.change_annotation(number, result=results(1), was_cancelled=False)
    assert there.pull().stored == 1
    assert states(there) == [("stored", False)]
    assert returned_annotations(there.workspace) == []
    [task] = there.client.tasks_after(there.link.project, 0, 1)
    assert task["data"][REMARKS] == ""


def test_what_was_sent_back_and_answered_anew_is_settled(over: Make) -> None:
    there = over(1)
    there.annotate(1, said=results(1)[:5])
    there.pull()
    there.annotate(1)  # as the page does it: the same person, another annotation
    assert there.pull().stored == 1
    assert states(there) == [("mended", False), ("stored", False)]
    assert returned_annotations(there.workspace) == []
    [task] = there.client.tasks_after(there.link.project, 0, 1)
    assert task["data"][REMARKS] == ""
    assert there.pull().read == 0


def test_of_two_answers_of_one_person_the_later_holds(over: Make) -> None:
    there = over(1)
    for said in (results(1)[:5], results(1, "sports_event"), results(1)):
        there.annotate(1, said=said)
    pulled = there.pull()
    assert (pulled.read, pulled.stored, pulled.sent_back) == (3, 2, 0)
    assert [row.answer["event_type"] for row in stored(there)] == ["sports_event", "protest"]
    assert states(there) == [("mended", False), ("stored", False), ("stored", False)]


def test_what_was_sent_back_and_mended_while_it_counts_as_skipped_is_taken_over(over: Make) -> None:
    there = over(1)
    number = there.annotate(1, said=results(1)[:5])
    there.pull()
    there.client.change_annotation(number, result=results(1))
    assert there.pull().stored == 1
    assert there.annotation(number)["was_cancelled"] is False
    assert there.pull().read == 0


def test_what_was_settled_by_another_annotation_and_is_mended_after_all_supersedes_it(over: Make) -> None:
    there = over(1)
    number = there.annotate(1, said=results(1)[:5])
    there.pull()
    there.annotate(1)
    there.pull()
    there.client.change_annotation(number, result=results(1, "sports_event"))  # it counts as skipped there
    pulled = there.pull()
    assert (pulled.stored, pulled.skipped) == (1, 0)
    assert [row.answer["event_type"] for row in stored(there)] == ["protest", "sports_event"]
    assert there.annotation(number)["was_cancelled"] is False


def test_what_was_sent_back_and_given_again_as_it_was_is_sent_back_again(over: Make) -> None:
    there = over(1)
    number = there.annotate(1, said=results(1)[:5])
    there.pull()
    there.client.change_annotation(number, was_cancelled=False)
    assert there.pull().sent_back == 1
    assert there.annotation(number)["was_cancelled"] is True


def test_an_annotation_edited_there_supersedes(over: Make) -> None:
    there = over(1)
    number = there.annotate(1)
    there.pull()
    there.client.change_annotation(number, result=results(1, "sports_event"))
    assert there.pull().stored == 1
    assert [(row.version, row.answer["event_type"]) for row in stored(there)] == [(1, "protest"), (2, "sports_event")]


def test_an_annotation_edited_there_and_back_supersedes_twice(over: Make) -> None:
    there = over(1)
    number = there.annotate(1)
    for event_type in ("protest", "sports_event", "protest"):
        there.client.change_annotation(number, result=results(1, event_type))
        there.pull()
    assert [row.answer["event_type"] for row in stored(there)] == ["protest", "sports_event", "protest"]


def test_an_annotation_deleted_there_is_marked_and_its_submission_stays(over: Make) -> None:
    there = over(1)
    number = there.annotate(1)
    there.pull()
    there.client.call("DELETE", f"/api/annotations/{number}/")
    assert there.pull().deleted == 1
    assert states(there) == [("stored", True)]
    assert len(stored(there)) == 1
    assert there.pull().deleted == 0


def test_a_task_deleted_there_is_marked_with_its_annotations(over: Make) -> None:
    there = over(2)
    there.annotate(1)
    there.pull()
    there.client.remove_task(there.there(1))
    assert there.pull().gone == 1
    assert states(there) == [("stored", True)]
    assert len(stored(there)) == 1
    assert there.push().again == 1
    there.annotate(1, 1)
    assert there.pull().stored == 1


def test_the_number_of_a_deleted_task_may_become_anothers(over: Make) -> None:
    """On sqlite, Label Studio gives the highest number again: that task's answers are not ours."""
    there = over(2)
    number = there.there(2)
    there.client.remove_task(number)
    [other] = there.client.add_tasks(there.link.project, [{"data": {"image": "http://127.0.0.1/x", "remarks": ""}}])
    assert other == number
    annotate(there.client, other, results(2), there.people[PEOPLE[0]])
    pulled = there.pull()
    assert (pulled.stored, pulled.gone) == (0, 1)
    assert there.push().again == 1


def test_tasks_that_were_exported_and_imported_again_are_found(over: Make, people: dict[str, int]) -> None:
    there = over(2)
    over(1)  # so that their numbers are not given again
    there.annotate_all(noticed=False)
    assert there.pull().stored == 2


def test_one_annotation_too_many_is_kept_and_counts_for_nothing(over: Make) -> None:
    there = over(1, overlap=1)
    there.annotate(1, 0)
    there.annotate(1, 1)
    pulled = there.pull()
    assert (pulled.stored, pulled.surplus) == (1, 1)
    assert [one.state for one in returned_annotations(there.workspace)] == ["surplus"]


def test_what_came_of_a_task_that_is_gone_is_shown_without_its_number(over: Make) -> None:
    there = over(1)
    there.annotate(1, said=results(1)[:5])
    there.pull()
    there.client.remove_task(there.there(1))
    there.pull()
    [one] = returned_annotations(there.workspace)
    assert one.url == f"{there.link.url}/projects/{there.link.project}/data"
    assert one.deleted_at is not None


def test_one_too_many_is_taken_when_one_more_is_asked_for(over: Make) -> None:
    there = over(1)
    there.annotate(1, 0, results(1, "protest"))
    for name in ("dora", "emil"):
        event_type = {"dora": "sports_event", "emil": "public_assembly"}[name]
        with there.workspace.catalog.write() as connection:
            connection.execute(sa.update(tasks).values(overlap=2))
        submit(there.workspace, 1, name, Answer("caption", True, event_type, TEXTS), key=name)
    with there.workspace.catalog.write() as connection:
        connection.execute(sa.update(tasks).values(overlap=2))  # both places are taken
    assert there.pull().surplus == 1
    with there.workspace.catalog.write() as connection:
        connection.execute(sa.update(tasks).values(overlap=3))
    pulled = there.pull()
    assert (pulled.stored, pulled.surplus) == (1, 0)


def test_a_skip_there_is_a_skip_here_and_may_be_taken_back(over: Make) -> None:
    there = over(1)
    number = there.annotate(1, said=[], was_cancelled=True)
    assert there.pull().skipped == 1
    with there.workspace.catalog.read() as connection:
        assert connection.execute(sa.select(skips.c.reason)).scalars().all() == ["skipped in Label Studio"]
    there.client.change_annotation(number, result=results(1), was_cancelled=False)
    assert there.pull().stored == 1
    with there.workspace.catalog.read() as connection:
        assert connection.execute(sa.select(skips)).all() == []


def test_a_stored_answer_that_is_skipped_later_counts_on(over: Make) -> None:
    there = over(1)
    first = there.annotate(1, 0)
    there.pull()
    there.client.change_annotation(first, was_cancelled=True)
    there.annotate(1, 1, said=[], was_cancelled=True)
    assert there.pull().skipped == 2
    with there.workspace.catalog.read() as connection:
        [task] = connection.execute(sa.select(tasks)).all()
        assert len(connection.execute(sa.select(skips)).all()) == 1  # ben's alone
    assert (task.state, task.answers, len(stored(there))) == ("open", 1, 1)
    assert there.pull().read == 0
    there.annotate(1, 2)
    assert there.pull().stored == 1
    assert standing(there.workspace)["records"] == 1


def test_no_gathering_is_an_answer_without_a_type(over: Make) -> None:
    there = over(1, overlap=1)
    there.annotate(1, said=[choices("is_gathering", ["no"])])
    there.pull()
    assert [row.answer["is_gathering"] for row in stored(there)] == [False]
    assert standing(there.workspace)["rejected"] == 1


def test_captions_that_came_along_are_no_correction(over: Make) -> None:
    there = over(1, overlap=1, kind="event", captions=TEXTS)
    there.annotate(1, said=results(1))
    there.pull()
    [row] = stored(there)
    assert (row.answer["kind"], row.answer["captions"], row.answer["event_type"]) == ("event", [], "protest")


def test_captions_that_came_along_are_no_correction_where_fewer_are_asked_for(over: Make) -> None:
    there = over(1, overlap=1, kind="event", captions=TEXTS, sent=False)
    settings = there.workspace.root / SETTINGS_FILE
    settings.write_text(settings.read_text().replace("captions_per_image = 5", "captions_per_image = 3"))
    fewer = Workspace(there.workspace.root)
    link, _ = set_up(fewer, there.client, Wanted("event", images_url=there.link.images))
    again = Over(fewer, there.client, link, there.people)
    again.push()
    [document] = there.client.whole_tasks(link.project, [again.there(1)])
    again.annotate(1, said=[*document["predictions"][0]["result"], choices(EVENT_TYPE, ["protest"])])
    again.pull()
    assert [row.answer["captions"] for row in stored(again)] == [[]]
    fewer.catalog.close()


def test_a_screen_task_asks_one_thing(over: Make) -> None:
    there = over(1, overlap=1, kind="screen", captions=TEXTS)
    there.annotate(1, said=[choices("is_gathering", ["yes"])])
    there.pull()
    assert [row.answer["is_gathering"] for row in stored(there)] == [True]


def test_a_pull_that_was_cut_off_goes_on(over: Make) -> None:
    there = over(2)
    there.annotate(1)
    there.annotate(2)
    there.pull()
    with there.workspace.catalog.write() as connection:  # as if the second had come after the last transaction
        connection.execute(sa.update(labelstudio_tasks).where(labelstudio_tasks.c.task_id == 2).values(seen=None))
    before = everything(there)
    assert there.pull().stored == 0
    assert everything(there) == before
