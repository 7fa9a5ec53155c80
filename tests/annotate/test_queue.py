from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatherset.annotate.annotators import annotator_id
from gatherset.annotate.answer import Answer
from gatherset.annotate.drafts import save_draft
from gatherset.annotate.own_work import kept_drafts
from gatherset.annotate.queue import next_task, skip, task_after
from gatherset.annotate.reasons import send_to_review
from gatherset.annotate.standing import standing
from gatherset.annotate.submissions import submit
from gatherset.dataset.catalog.database import VARIABLE
from gatherset.dataset.catalog.tables import FRESH, STARTED, images, leases, submissions, tasks
from gatherset.dataset.errors import SubmissionError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace
from tests.postgresql import Cluster


def test_an_empty_queue_hands_out_nothing(workspace: Workspace) -> None:
    assert next_task(workspace, "anna") is None


def test_a_reload_shows_the_same_task(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    ingest(workspace, make_photos(3), Provenance(license="CC-BY-4.0"))
    first, again = next_task(workspace, "anna"), next_task(workspace, "anna")
    assert first is not None
    assert again is not None
    assert first.id == again.id


def test_what_a_clock_that_was_wrong_has_leased_is_let_go(
    workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(1), Provenance(license="CC-BY-4.0"))
    for name in ("anna", "ben"):
        assert next_task(workspace, name)
    assert next_task(workspace, "cleo") is None
    for wrong, names in (("2999-01-01T00:00:00Z", ("cleo", "dan")), ("2001-01-01T00:00:00Z", ("eve", "finn"))):
        with workspace.catalog.write() as connection:
            connection.execute(sa.update(leases).values(expires_at=wrong))
        assert all(next_task(workspace, name) for name in names)
        assert next_task(workspace, "anna") is None


def test_no_more_than_overlap_annotators_hold_a_task(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    ingest(workspace, make_photos(2), Provenance(license="CC-BY-4.0"))
    held = [next_task(workspace, name) for name in ("anna", "ben", "cleo", "dan", "eve")]
    ids = [task.id for task in held if task]
    assert sorted(ids) == [1, 1, 2, 2]
    assert held[4] is None


def test_an_annotator_never_gets_an_answered_task_again(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    ingest(workspace, make_photos(3), Provenance(license="CC-BY-4.0"))
    seen = []
    while task := next_task(workspace, "anna"):
        seen.append(task.id)
        submit(workspace, task.id, "anna", Answer("event", True, "protest"), key=f"anna-{task.id}")
    assert seen == [1, 2, 3]


def test_an_expired_lease_frees_the_place(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    ingest(workspace, make_photos(1), Provenance(license="CC-BY-4.0"))
    for name in ("anna", "ben"):
        assert next_task(workspace, name)
    assert next_task(workspace, "cleo") is None
    with workspace.catalog.write() as connection:
        connection.execute(sa.update(leases).values(expires_at=now(plus_minutes=-1)))
    assert next_task(workspace, "cleo") is not None


def test_the_event_task_of_a_filtered_image_waits_for_its_screening(
    workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(1), Provenance("filtered", "CC-BY-4.0"))
    for name in ("anna", "ben"):
        task = next_task(workspace, name)
        assert task is not None
        assert task.kind == "screen"
        submit(workspace, task.id, name, Answer("screen", is_gathering=True), key=name)
    after = next_task(workspace, "anna")
    assert after is not None
    assert after.kind == "event"


def test_twenty_annotators_at_once_never_exceed_the_overlap(
    workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(10), Provenance(license="CC-BY-4.0"))
    with ThreadPoolExecutor(20) as pool:
        held = list(pool.map(lambda number: next_task(workspace, f"annotator {number}"), range(20)))
    ids = sorted(task.id for task in held if task)
    assert ids == sorted([*range(1, 11), *range(1, 11)])


def test_a_name_typed_with_another_kind_of_space_is_the_same_person(
    workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(3), Provenance())
    first, again = next_task(workspace, "Anna Lee"), next_task(workspace, " Anna\u00a0Lee")
    assert first is not None
    assert again is not None
    assert first.id == again.id


def test_an_image_that_waits_for_one_more_answer_comes_before_a_fresh_one(
    workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(3), Provenance(license="CC-BY-4.0"))
    submit(workspace, 3, "anna", Answer("event", True, "protest"), key="k")
    task = next_task(workspace, "ben")
    assert task is not None
    assert task.id == 3


def test_the_walk_through_started_images_comes_round(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    ingest(workspace, make_photos(4), Provenance(license="CC-BY-4.0"))
    for number in (4, 2, 3, 1):
        submit(workspace, number, "anna", Answer("event", True, "protest"), key=f"anna-{number}")
    seen = []
    while task := next_task(workspace, "ben"):
        seen.append(task.id)
        submit(workspace, task.id, "ben", Answer("event", True, "sports_event"), key=f"ben-{task.id}")
    assert sorted(seen) == [1, 2, 3, 4]
    assert next_task(workspace, "anna") is None


def test_a_skipped_image_does_not_come_back_and_goes_to_review_when_all_skip_it(
    workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(2), Provenance(license="CC-BY-4.0"))
    for name in ("anna", "ben"):
        next_task(workspace, name)
        skip(workspace, 1, name, "too dark")
        after = next_task(workspace, name)
        assert after is not None
        assert after.id == 2
    assert standing(workspace)["in review"] == 1


def test_a_skip_without_a_reason_is_refused(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    ingest(workspace, make_photos(1), Provenance(license="CC-BY-4.0"))
    with pytest.raises(SubmissionError, match="with a reason"):
        skip(workspace, 1, "anna", "  ")


def test_the_image_to_fetch_ahead_is_the_one_that_comes(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    ingest(workspace, make_photos(3), Provenance(license="CC-BY-4.0"))
    first = next_task(workspace, "anna")
    assert first is not None
    ahead = task_after(workspace, "anna", first.id)
    submit(workspace, first.id, "anna", Answer("event", True, "protest"), key="k")
    assert ahead is not None
    assert ahead == next_task(workspace, "anna")


def test_the_image_to_fetch_ahead_is_the_one_that_comes_where_others_have_begun(
    workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(4), Provenance(license="CC-BY-4.0"))
    for number in (2, 4):
        submit(workspace, number, "anna", Answer("event", True, "protest"), key=f"anna-{number}")
    came, ahead = [], []
    while task := next_task(workspace, "ben"):
        came.append(task)
        ahead.append(task_after(workspace, "ben", task.id))
        submit(workspace, task.id, "ben", Answer("event", True, "protest"), key=f"ben-{task.id}")
    assert [task.id for task in came] == [2, 4, 1, 3]
    assert ahead == [*came[1:], None]


def test_a_draft_in_a_second_tab_does_not_bring_a_skipped_image_back(
    workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(2), Provenance(license="CC-BY-4.0"))
    next_task(workspace, "anna")
    skip(workspace, 1, "anna", "too dark")
    begun = Answer("event", event_type="protest")
    assert not save_draft(workspace, 1, "anna", begun, revision=0, version=0).place
    task = next_task(workspace, "anna")
    assert task is not None
    assert task.id == 2


def test_a_skip_keeps_what_was_typed(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    ingest(workspace, make_photos(2), Provenance(license="CC-BY-4.0"))
    next_task(workspace, "anna")
    save_draft(workspace, 1, "anna", Answer("event", captions=("Half a sen",)), revision=0, version=0)
    skip(workspace, 1, "anna", "too dark")
    with workspace.catalog.read() as connection:
        assert [draft.captions for draft in kept_drafts(connection, "anna")] == [("Half a sen",)]


def test_a_review_is_not_for_annotators(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    ingest(workspace, make_photos(1), Provenance(license="CC-BY-4.0"))
    with workspace.catalog.write() as connection:
        image = connection.execute(sa.select(tasks.c.image_id)).scalar_one()
        send_to_review(connection, image, "to be looked at")
    answer = Answer("review", True, "protest")
    for version in (None, 0):
        with pytest.raises(SubmissionError):
            submit(workspace, 2, "anna", answer, key="k", version=version)
    with pytest.raises(SubmissionError):
        save_draft(workspace, 2, "anna", answer, revision=0, version=0)
    with pytest.raises(SubmissionError):
        skip(workspace, 2, "anna", "too dark")


@pytest.mark.in_file  # it reads how SQLite plans
def test_the_queue_looks_through_an_index(workspace: Workspace) -> None:
    """The partial indexes serve only while the queries say their condition in the same words."""
    for where, index in ((FRESH, "ix_tasks_fresh"), (STARTED, "ix_tasks_started")):
        with workspace.catalog.read() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN SELECT id FROM tasks WHERE {where} ORDER BY id")
            assert index in str(plan.all())


@pytest.fixture
def in_postgresql(postgresql: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workspace is made there, in every run."""
    monkeypatch.setenv(VARIABLE, postgresql.url)


@pytest.fixture
def many(workspace: Workspace, make_photos: Callable[..., Path]) -> Workspace:
    """2,300 images, the first 2,100 of which the lead has put first; anna has answered those up to 2,050."""
    ingest(workspace, make_photos(1), Provenance(license="CC-BY-4.0"))
    with workspace.catalog.write() as connection:
        image = dict(connection.execute(sa.select(images)).mappings().one())
        task = {"kind": "event", "state": "open", "overlap": 2, "note": ""}
        others = [f"gs-{number:016x}" for number in range(2, 2301)]
        connection.execute(sa.insert(images), [image | {"id": name} for name in others])
        connection.execute(sa.insert(tasks), [task | {"image_id": name, "answers": 0} for name in others])
        connection.execute(sa.update(tasks).where(tasks.c.id <= 2100).values(priority=1))
    answered(workspace, range(1, 2051))
    return workspace


def answered(workspace: Workspace, numbers: Iterable[int]) -> None:
    """Say that anna has answered these tasks, which then wait for somebody else."""
    answer = Answer("event", True, "protest").document()
    with workspace.catalog.write() as connection:
        said = {"annotator_id": annotator_id(connection, "anna"), "version": 1, "answer": answer, "submitted_at": now()}
        rows = [said | {"task_id": number, "key": f"made-{number}"} for number in numbers]
        connection.execute(sa.insert(submissions), rows)
        wait = sa.update(tasks).where(tasks.c.id.in_([row["task_id"] for row in rows]))
        connection.execute(wait.values(answers=1))


def test_who_has_answered_the_beginning_of_what_comes_first_goes_on_behind_it(many: Workspace) -> None:
    task, after = next_task(many, "anna"), task_after(many, "anna", 2051)
    assert task is not None
    assert after is not None
    assert (task.id, after.id) == (2051, 2052)


def test_who_has_answered_all_that_comes_first_goes_on_with_the_rest(many: Workspace) -> None:
    answered(many, range(2051, 2101))
    task = next_task(many, "anna")
    assert task is not None
    assert task.id == 2101


def test_what_becomes_free_anywhere_among_what_comes_first_is_found_in_time(many: Workspace) -> None:
    answered(many, (number for number in range(2051, 2101) if number != 2060))
    for _ in range(60):  # each answer draws the place anew
        task = next_task(many, "anna")
        assert task is not None
        if task.id == 2060:
            return
        submit(many, task.id, "anna", Answer("event", True, "protest"), key=f"anna-{task.id}")
    pytest.fail("it was never found")


def test_who_has_answered_nothing_begins_with_the_first_of_what_comes_first(many: Workspace) -> None:
    task = next_task(many, "ben")
    assert task is not None
    assert task.id == 1


def rows_read(workspace: Workspace, act: Callable[[], object]) -> int:
    """How many rows of all tables PostgreSQL reads for what `act` does in a transaction."""
    counted: list[int] = []

    def count(connection: sa.Connection) -> None:
        read = "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables"
        counted.append(connection.exec_driver_sql(read).scalar_one())

    for moment in ("begin", "commit"):
        sa.event.listen(workspace.catalog.engine, moment, count)
    act()
    before, after = counted
    return after - before


def test_who_has_answered_what_comes_first_does_not_have_all_of_it_read(in_postgresql: None, many: Workspace) -> None:
    """PostgreSQL has counted before it was put first, and before anna came."""
    with many.catalog.write() as connection:
        connection.execute(sa.update(tasks).values(priority=0))
        of_ben = {"annotator_id": annotator_id(connection, "ben"), "key": "ben's " + submissions.c.key}
        connection.execute(sa.update(submissions).values(of_ben))
        connection.exec_driver_sql("ANALYZE")
        connection.execute(sa.update(tasks).where(tasks.c.id <= 2100).values(priority=1))
    answered(many, range(1, 2051))
    assert rows_read(many, lambda: next_task(many, "anna")) < 2000
