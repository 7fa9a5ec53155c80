from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatherset.annotate.answer import Answer
from gatherset.annotate.drafts import AnsweredError, NewerDraftError, read_draft, save_draft
from gatherset.annotate.own_work import discard_draft, kept_drafts
from gatherset.annotate.queue import next_task, skip
from gatherset.annotate.submissions import GoneError, submit
from gatherset.dataset.catalog.tables import drafts, leases
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

BEGUN = Answer("event", event_type="protest", captions=("Half a sen",))


@pytest.fixture
def begun(workspace: Workspace, make_photos: Callable[..., Path]) -> Workspace:
    """One image, which anna has and has begun."""
    ingest(workspace, make_photos(1), Provenance(license="CC-BY-4.0"))
    next_task(workspace, "anna")
    save_draft(workspace, 1, "anna", BEGUN, revision=0, version=0)
    return workspace


def expire(workspace: Workspace) -> None:
    with workspace.catalog.write() as connection:
        connection.execute(sa.update(leases).values(expires_at=now(plus_minutes=-1)))


def count(workspace: Workspace) -> int:
    with workspace.catalog.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(drafts)).scalar_one())


def test_a_draft_is_read_as_it_was_saved(begun: Workspace) -> None:
    with begun.catalog.read() as connection:
        draft = read_draft(connection, 1, 1)
    assert draft is not None
    assert (draft.content["event_type"], draft.revision) == ("protest", 1)


def test_saving_renews_the_lease(begun: Workspace) -> None:
    expire(begun)
    assert save_draft(begun, 1, "anna", BEGUN, revision=1, version=0).place
    with begun.catalog.read() as connection:
        assert connection.execute(sa.select(leases.c.expires_at)).scalar_one() > now()


def test_a_draft_that_goes_on_from_an_older_one_is_not_saved_over_the_newer(begun: Workspace) -> None:
    other = Answer("event", event_type="sports_event")
    with pytest.raises(NewerDraftError) as caught:
        save_draft(begun, 1, "anna", other, revision=0, version=0)
    assert caught.value.draft.content["event_type"] == "protest"


def test_a_draft_whose_image_went_to_others_is_kept_and_says_so(begun: Workspace) -> None:
    expire(begun)
    for name in ("ben", "cleo"):
        assert next_task(begun, name)
    saved = save_draft(begun, 1, "anna", Answer("event", event_type="riot_response"), revision=1, version=0)
    assert not saved.place
    with pytest.raises(GoneError, match="went to someone else"):
        submit(begun, 1, "anna", Answer("event", True, "protest"), key="k", version=0)
    assert count(begun) == 1


def test_a_text_whose_place_is_free_again_comes_back_first(begun: Workspace, make_photos: Callable[..., Path]) -> None:
    expire(begun)
    next_task(begun, "ben")  # cleans up what has expired
    task = next_task(begun, "anna")
    assert task is not None
    assert task.id == 1


def test_a_submission_takes_the_place_of_its_draft(begun: Workspace) -> None:
    submit(begun, 1, "anna", Answer("event", True, "protest"), key="k", version=0)
    assert count(begun) == 0
    with pytest.raises(AnsweredError):
        save_draft(begun, 1, "anna", BEGUN, revision=1, version=0)


def test_an_untouched_page_leaves_no_text_to_keep(begun: Workspace) -> None:
    save_draft(begun, 1, "anna", Answer("event", captions=("", " ")), revision=1, version=0)
    skip(begun, 1, "anna", "too dark")
    with begun.catalog.read() as connection:
        assert kept_drafts(connection, "anna") == []


def test_a_text_that_is_discarded_is_gone(begun: Workspace) -> None:
    discard_draft(begun, "anna", 1)
    assert count(begun) == 0


def test_the_text_for_an_image_that_others_have_finished_is_listed(begun: Workspace) -> None:
    expire(begun)
    for name in ("ben", "cleo"):
        submit(begun, 1, name, Answer("event", True, "protest"), key=name)
    with begun.catalog.read() as connection:
        assert [draft.task for draft in kept_drafts(connection, "anna")] == [1]
        assert kept_drafts(connection, "ben") == []
