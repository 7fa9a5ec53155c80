from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sqlalchemy as sa

from gatherset.annotate.answer import Answer
from gatherset.annotate.queue import next_task
from gatherset.annotate.submissions import submit
from gatherset.dataset.catalog.tables import leases
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace


def test_an_empty_queue_hands_out_nothing(workspace: Workspace) -> None:
    assert next_task(workspace, "anna") is None


def test_a_reload_shows_the_same_task(workspace: Workspace, make_photos: Callable[..., Path]) -> None:
    ingest(workspace, make_photos(3), Provenance(license="CC-BY-4.0"))
    first, again = next_task(workspace, "anna"), next_task(workspace, "anna")
    assert first is not None
    assert again is not None
    assert first.id == again.id


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
