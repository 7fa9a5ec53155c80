"""An annotator is erased: the name is nowhere in the catalog, the work is kept or withdrawn."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from gatherset.annotate.accounts import add_account, all_accounts
from gatherset.annotate.answer import Answer
from gatherset.annotate.discussions import add_remark, raise_discussion
from gatherset.annotate.drafts import save_draft
from gatherset.annotate.erasure import erase
from gatherset.annotate.labelstudio.annotation import annotations_in
from gatherset.annotate.labelstudio.links import current_links, keep_link
from gatherset.annotate.ledger import current_ledger
from gatherset.annotate.queue import next_task
from gatherset.annotate.review import Verdict, decide_review, send_back
from gatherset.annotate.review_desk import opened_desk
from gatherset.annotate.submissions import submit
from gatherset.annotate.team import last_change, pause, put_first, retire
from gatherset.dataset.catalog.tables import (
    annotators,
    images,
    labelstudio_annotations,
    labelstudio_tasks,
    metadata,
    tasks,
)
from gatherset.dataset.corrections import withdraw
from gatherset.dataset.errors import InputError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.records import count_records, current_records
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

NAME = "Anna Zimtstern"
TEXTS = (
    "Many people gather near a tall tower.",
    "Long rows of visitors wait behind a rope.",
    "Young families with prams arrive early.",
    "Two speakers wave from a small wooden stage.",
    "A child holds a paper flag.",
)
ANSWER = Answer("caption", True, "protest", TEXTS)


@pytest.fixture
def worked(workspace: Workspace, make_photos: Callable[..., Path]) -> Workspace:
    """Four images without captions, on the first two of which Anna and Ben agree; Anna has her hands in much else."""
    ingest(workspace, make_photos(4, captions=False), Provenance(license="CC-BY-4.0"))
    add_account(workspace, "mia", "maintainer", password="a sentence of hers", by=NAME)
    add_account(workspace, NAME, "reviewer", "anna@example.org", password="a sentence of hers", by="mia")
    for number in range(2):
        for name in (NAME, "ben"):
            task = next_task(workspace, name)
            assert task is not None
            submit(workspace, task.id, name, ANSWER, key=f"key-{name[:1]}-{number}", version=0)
    task = next_task(workspace, NAME)
    assert task is not None
    save_draft(workspace, task.id, NAME, Answer("caption", captions=TEXTS), revision=0, version=0)
    with workspace.catalog.read() as connection:
        ids = connection.execute(sa.select(images.c.id).order_by(images.c.id)).scalars().all()
    raise_discussion(workspace, ids[0], NAME, "What is this?")
    add_remark(workspace, ids[0], NAME, "A protest.")
    pause(workspace, "ben", "holidays", NAME)
    return workspace


def everything(workspace: Workspace) -> str:
    with workspace.catalog.read() as connection:
        return "\n".join(str(row) for table in metadata.sorted_tables for row in connection.execute(sa.select(table)))


def test_the_name_is_nowhere_and_the_work_stays(worked: Workspace) -> None:
    with worked.catalog.read() as connection:
        before = list(current_records(connection))
    assert NAME in everything(worked)
    erased = erase(worked, NAME, withdraw=False, by="mia")
    assert NAME not in everything(worked)
    assert "anna@example.org" not in everything(worked)
    with worked.catalog.read() as connection:
        assert list(current_records(connection)) == before != []
    assert [one.name for one in all_accounts(worked) if one.enabled] == ["mia"]
    assert erased.pseudonym in {one.name for one in all_accounts(worked)}


def test_the_work_is_withdrawn_where_that_is_asked_for(worked: Workspace) -> None:
    erased = erase(worked, NAME, withdraw=True, by="mia")
    assert NAME not in everything(worked)
    assert (erased.decided_anew, erased.withdrawn) == (2, 2)
    with worked.catalog.read() as connection:
        assert count_records(connection) == 0
        assert connection.execute(sa.select(annotators.c.retired).where(annotators.c.name == erased.pseudonym)).scalar()


def test_a_name_in_the_sentences_for_reviewers_goes_too(worked: Workspace) -> None:
    retire(worked, NAME, "too quick", "mia")
    assert f"the work of {NAME}" in everything(worked)
    erase(worked, NAME, withdraw=False, by="mia")
    assert NAME not in everything(worked)


def test_who_decided_is_a_pseudonym_afterwards(worked: Workspace) -> None:
    with worked.catalog.read() as connection:
        first, second = (record["id"] for record in current_records(connection))
    seen = opened_desk(worked, NAME, second)["review"]["version"]
    withdraw(worked, first, "a slip", NAME)
    decide_review(
        worked,
        second,
        NAME,
        Verdict(True, "concert_performance", TEXTS, reason="a stage"),
        key="a-decision",
        version=seen,
    )
    erase(worked, NAME, withdraw=False, by="mia")
    assert NAME not in everything(worked)


def test_what_was_sent_back_to_them_is_before_the_reviewer_again(worked: Workspace) -> None:
    with worked.catalog.read() as connection:
        image = next(iter(current_records(connection)))["id"]
    version = opened_desk(worked, "mia", image)["review"]["version"]
    send_back(worked, image, "mia", [NAME], "Look again", key="sent-back", version=version)
    assert review_state(worked, image) == "waiting"
    erase(worked, NAME, withdraw=False, by="mia")
    assert review_state(worked, image) == "open"


def review_state(workspace: Workspace, image: str) -> str:
    with workspace.catalog.read() as connection:
        query = sa.select(tasks.c.state).where(tasks.c.image_id == image, tasks.c.kind == "review")
        return str(connection.execute(query).scalar_one())


def test_who_has_changed_the_queue_is_a_pseudonym_afterwards(worked: Workspace) -> None:
    put_first(worked, "web", "", NAME, first=True)
    with worked.catalog.read() as connection:
        assert NAME in current_ledger(worked, connection).names
    erased = erase(worked, NAME, withdraw=False, by="mia")
    assert f"{erased.pseudonym}: web" in last_change(worked)
    with worked.catalog.read() as connection:
        assert NAME not in current_ledger(worked, connection).names


def test_who_comes_again_from_label_studio_is_who_they_were(worked: Workspace) -> None:
    with worked.catalog.write() as connection:
        link = keep_link(
            connection,
            "caption",
            **{"url": "http://x", "project": 1, "title": "mg", "config": "", "images": ""},
            people={"anna@example.org": NAME, "ben@example.org": "ben"},
        )
        row = {"project_id": link.id, "remote": 7, "task_id": 1, "author": NAME, "state": "refused", "digest": ""}
        row |= {"findings": [{"rule": "GS301", "where": f"annotation 7 (gs-1, {NAME})"}], "pulled_at": now()}
        connection.execute(sa.insert(labelstudio_annotations).values(row))
        sent = {"project_id": link.id, "task_id": 1, "image": "", "overlap": 1, "remarks": f"{NAME}: too short"}
        connection.execute(sa.insert(labelstudio_tasks).values(sent))
    erased = erase(worked, NAME, withdraw=False, by="mia")
    assert NAME not in everything(worked)
    assert "anna@example.org" not in everything(worked)
    [link] = current_links(worked)
    given = {"id": 7, "result": [], "completed_by": "anna@example.org"}
    [again] = annotations_in({"annotations": [given]}, SimpleNamespace(id=1), {}, link)
    assert again.author == erased.pseudonym
    assert link.people["ben@example.org"] == "ben"


def test_a_short_name_leaves_the_words_of_others_alone(worked: Workspace) -> None:
    add_account(worked, "a", "annotator", by="mia")
    before = everything(worked)
    erase(worked, "a", withdraw=False, by="mia")
    assert before.count("Zimtstern") == everything(worked).count("Zimtstern")


def test_nobody_and_the_last_maintainer_are_not_erased(worked: Workspace) -> None:
    with pytest.raises(InputError, match="there is no annotator"):
        erase(worked, "eve", withdraw=False, by="mia")
    with pytest.raises(InputError, match="no maintainer would be left"):
        erase(worked, "mia", withdraw=True, by="mia")
    assert "mia" in {one.name for one in all_accounts(worked)}
