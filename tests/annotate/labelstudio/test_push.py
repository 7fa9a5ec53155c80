from collections.abc import Callable

import pytest
import sqlalchemy as sa

from gatherset.annotate.answer import Answer
from gatherset.annotate.labelstudio.client import MissingError
from gatherset.annotate.labelstudio.push import VERSION
from gatherset.annotate.labelstudio.tasks_there import TASK
from gatherset.annotate.submissions import submit
from gatherset.dataset.catalog.tables import labelstudio_tasks, submissions, suggestions, tasks
from gatherset.dataset.labelstudio import caption_name
from tests.labelstudio_workspace import SENTENCES, Over, results

pytestmark = pytest.mark.labelstudio
Make = Callable[..., Over]
TEXTS = tuple(sentence.format(1) for sentence in SENTENCES)


def tasks_there(over: Over) -> list[int]:
    """Which tasks of the workspace the project has, in the order of their numbers there."""
    found, last = [], 0
    while rows := over.client.tasks_after(over.link.project, last, 500):
        found += [row["data"][TASK] for row in rows]
        last = rows[-1]["id"]
    return found


def test_a_thousand_tasks_pushed_twice_are_there_once(over: Make) -> None:
    there = over(1000, sent=False)
    first, second = there.push(), there.push()
    assert (first.sent, first.there) == (1000, 0)
    assert (second.sent, second.there) == (0, 1000)
    assert tasks_there(there) == list(range(1, 1001))


def test_only_open_tasks_of_the_kind_are_sent(over: Make) -> None:
    there = over(3, sent=False)
    with there.workspace.catalog.write() as connection:
        connection.execute(sa.update(tasks).where(tasks.c.id == 2).values(state="done"))
        connection.execute(sa.update(tasks).where(tasks.c.id == 3).values(kind="event"))
    assert there.push().sent == 1
    assert tasks_there(there) == [1]


def test_a_push_that_never_heard_what_arrived_finds_it(over: Make) -> None:
    there = over(4)
    with there.workspace.catalog.write() as connection:  # as a kill between sending and hearing leaves it
        connection.execute(sa.update(labelstudio_tasks).values(remote=None))
    again = there.push()
    assert (again.sent, again.recovered) == (0, 4)
    assert tasks_there(there) == [1, 2, 3, 4]


def test_a_push_that_never_arrived_is_sent_again(over: Make) -> None:
    there = over(2, sent=False)
    with there.workspace.catalog.write() as connection:
        row = {"project_id": there.link.id, "task_id": 1, "image": "", "overlap": 2, "remarks": ""}
        connection.execute(sa.insert(labelstudio_tasks).values(row))
    assert there.push().sent == 2
    assert tasks_there(there) == [1, 2]


def test_a_task_that_is_there_twice_is_removed_once(over: Make) -> None:
    there = over(2)
    [first, _] = there.client.tasks_after(there.link.project, 0, 2)
    there.client.add_tasks(there.link.project, [{"data": first["data"]}])
    assert there.push().doubles == 1
    assert tasks_there(there) == [1, 2]


def test_of_two_equal_tasks_the_annotated_one_stays(over: Make) -> None:
    there = over(1)
    [first] = there.client.tasks_after(there.link.project, 0, 1)
    [double] = there.client.add_tasks(there.link.project, [{"data": first["data"]}])
    with there.workspace.catalog.write() as connection:
        connection.execute(sa.update(labelstudio_tasks).values(remote=double))
    there.annotate(1)
    with there.workspace.catalog.write() as connection:
        connection.execute(sa.update(labelstudio_tasks).values(remote=first["id"]))
    assert there.push().doubles == 1
    assert there.there(1) == double
    assert there.pull().stored == 1


def test_tasks_of_others_in_the_project_are_left_alone(over: Make) -> None:
    there = over(2)
    there.client.add_tasks(there.link.project, [{"data": {"image": "http://127.0.0.1/x.jpg", "remarks": ""}}])
    pushed = there.push()
    assert (pushed.sent, pushed.doubles) == (0, 0)
    assert there.client.project(there.link.project)["task_number"] == 3


def test_a_task_that_was_deleted_there_is_sent_again(over: Make) -> None:
    there = over(3)
    there.client.remove_task(there.there(2))
    pushed = there.push()
    assert (pushed.sent, pushed.again) == (1, 1)
    assert sorted(tasks_there(there)) == [1, 2, 3]


def test_suggestions_fill_the_boxes_beforehand(over: Make) -> None:
    there = over(1, sent=False)
    with there.workspace.catalog.write() as connection:
        [image] = connection.execute(sa.select(tasks.c.image_id)).scalars()
        row = {"image_id": image, "model": "m", "created_at": "2026-11-20T10:00:00Z"}
        for kind, value, score in (("caption", TEXTS[0], 0.2), ("caption", TEXTS[1], 0.9), ("event", "protest", 0.7)):
            connection.execute(sa.insert(suggestions).values(kind=kind, value=value, score=score, **row))
    there.push()
    [document] = there.client.whole_tasks(there.link.project, [there.there(1)])
    [prediction] = document["predictions"]
    said = {result["from_name"]: result["value"] for result in prediction["result"]}
    assert prediction["model_version"] == VERSION
    assert said[caption_name(1)] == {"text": [TEXTS[1]]}
    assert said[caption_name(2)] == {"text": [TEXTS[0]]}
    assert said["event_type"] == {"choices": ["protest"]}


def test_an_accepted_suggestion_is_known_again(over: Make) -> None:
    there = over(1, overlap=1, sent=False)
    with there.workspace.catalog.write() as connection:
        [image] = connection.execute(sa.select(tasks.c.image_id)).scalars()
        row = {"image_id": image, "model": "m", "created_at": "2026-11-20T10:00:00Z", "score": 0.5}
        connection.execute(sa.insert(suggestions).values(kind="caption", value=SENTENCES[1], **row))
    there.push()
    there.annotate(1)
    there.pull()
    assert [row["suggested"] for row in answers(there)] == [[None, 1, None, None, None]]


def answers(over: Over) -> list[dict[str, object]]:
    with over.workspace.catalog.read() as connection:
        return [dict(row) for row in connection.execute(sa.select(submissions.c.answer)).scalars()]


def next_task(over: Over) -> int | None:
    """The task that Label Studio hands out next, to the lead, whose token this is; None where there is none."""
    try:
        return int(over.client.call("GET", f"/api/projects/{over.link.project}/next")["data"][TASK])
    except MissingError:
        return None


def test_an_answer_given_in_the_app_is_wanted_there_no_more(over: Make) -> None:
    there = over(1)
    for name in ("dora", "emil"):
        submit(there.workspace, 1, name, Answer("caption", True, "protest", TEXTS), key=name)
    assert there.push().changed == 1
    assert there.push().changed == 0
    assert next_task(there) is None


def test_people_who_disagree_make_the_server_ask_one_more(over: Make) -> None:
    there = over(1)
    there.annotate(1, 0, results(1, "protest"))
    there.annotate(1, 1, results(1, "sports_event"))
    assert next_task(there) is None
    there.pull()
    assert there.push().changed == 1
    assert next_task(there) == 1


def test_maximum_annotations_follows_the_workspace(over: Make) -> None:
    there = over(2, overlap=3)
    submit(there.workspace, 2, "dora", Answer("caption", True, "protest", TEXTS), key="dora")
    there.push()
    for other in (1, 5):
        there.client.change_project(there.link.project, maximum_annotations=other)
        there.push()
        assert there.client.project(there.link.project)["maximum_annotations"] == 3
        rows = there.client.tasks_after(there.link.project, 0, 10, fields="id,overlap")
        assert [row["overlap"] for row in rows] == [3, 2]
