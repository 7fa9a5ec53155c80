from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatherset.annotate.answer import Answer
from gatherset.annotate.answer_file import import_gold
from gatherset.annotate.gold import gold_scores, is_right, practise, set_gold
from gatherset.annotate.queue import next_task
from gatherset.annotate.standing import standing
from gatherset.annotate.submissions import submit
from gatherset.dataset.catalog.tables import tasks
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace

PROTEST = Answer("event", True, "protest")


@pytest.fixture
def photos(tmp_path: Path, make_photos: Callable[..., Path]) -> Workspace:
    workspace = Workspace.create(tmp_path / "mg", overlap=1)
    settings = tmp_path / "mg" / "gatherset.toml"
    settings.write_text(settings.read_text().replace("[queue]", "[queue]\ngold_rate = 0.25"))
    workspace = Workspace(tmp_path / "mg")
    ingest(workspace, make_photos(60), Provenance(license="CC-BY-4.0"))
    return workspace


def test_images_of_known_answer_come_at_about_the_set_rate(photos: Workspace) -> None:
    for number in range(1, 31):
        set_gold(photos, number, PROTEST, practice=False)
    seen = []
    for _ in range(28):
        task = next_task(photos, "anna")
        assert task is not None
        seen.append(task.id)
        submit(photos, task.id, "anna", PROTEST, key=f"k{task.id}", version=0)
    assert 2 <= sum(number <= 30 for number in seen) <= 14
    assert len(set(seen)) == 28


def test_correcting_another_answer_to_a_known_image_decides_nothing(
    workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(1), Provenance("filtered", "CC-BY-4.0"))
    for name in ("anna", "ben"):
        submit(workspace, 1, name, Answer("screen", is_gathering=True), key=name)
    submit(workspace, 2, "anna", Answer("event", event_type="protest"), key="before")
    set_gold(workspace, 1, Answer("screen", is_gathering=True), practice=False)
    submit(workspace, 2, "anna", Answer("event", event_type="sports_event"), key="after", version=1)
    with workspace.catalog.read() as connection:
        assert set(connection.execute(sa.select(tasks.c.state)).scalars()) <= {"done", "gold"}


def test_an_answer_to_a_known_image_decides_nothing_and_is_scored(photos: Workspace) -> None:
    set_gold(photos, 1, PROTEST, practice=False)
    submit(photos, 1, "anna", PROTEST, key="a", version=0)
    submit(photos, 1, "ben", Answer("event", is_gathering=False), key="b", version=0)
    assert gold_scores(photos) == {"anna": (1, 1), "ben": (0, 1)}
    assert standing(photos) == {
        "records": 0, "rejected": 0, "in review": 0, "in the queue": 59, "of known answer": 1
    }  # fmt: skip


def test_the_practice_round_comes_first_and_once(photos: Workspace) -> None:
    set_gold(photos, 7, PROTEST, explanation="The banner.", practice=True)
    task = next_task(photos, "anna")
    assert task is not None
    assert (task.id, task.practice) == (7, True)
    feedback = practise(photos, 7, "anna", Answer("event", True, "sports_event"))
    assert (feedback.right, feedback.explanation) == (False, "The banner.")
    after = next_task(photos, "anna")
    assert after is not None
    assert not after.practice


def test_known_answers_come_from_a_file_and_a_bad_line_is_named(photos: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "known.csv"
    path.write_text(
        "image,is_gathering,event_type,explanation\n"
        "0.jpg,1,protest,The banner.\n"
        "1.jpg,0,,Two people only.\n"
        "99.jpg,1,protest,\n"
        "2.jpg,1,picnic,\n"
    )
    report = import_gold(photos, path, practice=True)
    assert (report.rows, report.stored) == (4, 2)
    assert ["99.jpg" in report.findings[0].message, "picnic" in report.findings[1].message] == [True, True]
    task = next_task(photos, "anna")
    assert task is not None
    assert task.practice


@pytest.mark.parametrize(
    ("known", "said", "right"),
    [
        (PROTEST, PROTEST, True),
        (PROTEST, Answer("event", None, "protest"), True),
        (PROTEST, Answer("event", True, "sports_event"), False),
        (PROTEST, Answer("event", is_gathering=False), False),
        (Answer("event", is_gathering=False), Answer("event", False, "protest"), True),
        (Answer("screen", is_gathering=True), Answer("screen", is_gathering=True), True),
    ],
)
def test_an_answer_is_right_as_far_as_something_is_known(known: Answer, said: Answer, right: bool) -> None:
    assert is_right(known.document(), said.document()) is right


def test_an_image_that_waits_for_captions_can_be_in_the_practice_round(
    workspace: Workspace, make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    ingest(workspace, make_photos(2, captions=False), Provenance(license="CC-BY-4.0"))
    path = tmp_path / "gold.csv"
    path.write_text("image,event_type,explanation\n0.jpg,protest,The signs make a demand.\n1.jpg,picnic,None\n")
    report = import_gold(workspace, path, practice=True)
    assert [report.stored, *(finding.rule for finding in report.findings)] == [1, "GS401"]
    task = next_task(workspace, "anna")
    assert task is not None
    assert practise(workspace, task.id, "anna", Answer("caption", True, "protest")).right
