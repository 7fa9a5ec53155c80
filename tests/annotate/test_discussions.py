"""Discussions, and the cases that they leave in the guidelines."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatherset.annotate.discussions import (
    add_remark,
    all_discussions,
    decide_discussion,
    decided_cases,
    raise_discussion,
    reopen_discussion,
)
from gatherset.annotate.guidelines import guidelines
from gatherset.dataset.catalog.tables import discussions, images, tasks
from gatherset.dataset.errors import InputError
from gatherset.dataset.workspace import Workspace
from tests.annotate.conftest import some_image

Photos = Callable[..., Path]


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
    assert "(<img/" in guidelines(photos)
    reopen_discussion(photos, image)
    assert "decided case" not in guidelines(photos)


def test_a_question_that_is_sent_again_is_asked_once(photos: Workspace) -> None:
    image = some_image(photos)
    for by, question in (("rita", "March or rally?"), ("lea", "Is there a stage?")) * 2:
        raise_discussion(photos, image, by, question)
    raise_discussion(photos, image, "lea", "March or rally?")
    [talk] = all_discussions(photos)
    assert [remark.text for remark in talk.remarks] == ["Is there a stage?", "March or rally?"]


def test_the_guidelines_grow_at_their_end(photos: Workspace) -> None:
    with photos.catalog.read() as connection:
        first, second = connection.execute(sa.select(tasks.c.image_id).order_by(tasks.c.id).limit(2)).scalars()
    for image, decided_at in ((first, "2026-11-21T10:00:02Z"), (second, "2026-11-21T10:00:01Z")):
        raise_discussion(photos, image, "rita", "Which?")
        decide_discussion(photos, image, "lea", f"The case of {decided_at}")
        with photos.catalog.write() as connection:
            this = discussions.c.image_id == image
            raised_at = "2026-11-20T10:00:00Z" if image == first else "2026-11-20T11:00:00Z"
            connection.execute(sa.update(discussions).where(this).values(decided_at=decided_at, raised_at=raised_at))
    assert [one.image_id for one in decided_cases(photos)] == [second, first]


def test_a_sensitive_picture_does_not_stand_in_the_guidelines(photos: Workspace) -> None:
    image = some_image(photos)
    with photos.catalog.write() as connection:
        connection.execute(sa.update(images).values(flags=["sensitive"]))
    raise_discussion(photos, image, "rita", "Flag it?")
    decide_discussion(photos, image, "lea", "Flag it")
    assert "(<img/" not in guidelines(photos)


def test_what_is_not_there_cannot_be_discussed(photos: Workspace) -> None:
    for act in (
        lambda: raise_discussion(photos, "gs-0000000000000000", "rita", "why"),
        lambda: raise_discussion(photos, some_image(photos), "rita", " "),
        lambda: add_remark(photos, some_image(photos), "rita", "why"),
        lambda: decide_discussion(photos, some_image(photos), "rita", ""),
        lambda: decide_discussion(photos, some_image(photos), "rita", "so be it"),
        lambda: reopen_discussion(photos, some_image(photos)),
    ):
        with pytest.raises(InputError):
            act()
