"""Screening in a real browser: the text first, then whether the image fits it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from gatherset.dataset.catalog.tables import submissions
from gatherset.dataset.filtering import TEXT_DOES_NOT_FIT
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace
from tests.browser import APP, server
from tests.conftest import CAPTIONS, draw


@pytest.fixture
def filtered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, str]]:
    """A workspace of three images of the filtered part, one annotator each, and the address of the app on it."""
    folder = tmp_path_factory.mktemp("filtered")
    workspace = Workspace.create(folder / "mg", overlap=1)
    lines = [json.dumps({"image": f"{number}.jpg", "captions": CAPTIONS}) for number in range(3)]
    for number in range(3):
        draw(folder / "photos" / f"{number}.jpg", number)
    (folder / "photos" / "captions.jsonl").write_text("\n".join(lines))
    ingest(workspace, folder / "photos", Provenance("filtered", "CC-BY-4.0"))
    with server(workspace.root, APP) as address:
        yield workspace, address
    workspace.catalog.close()


def test_the_text_is_judged_before_the_image_is_shown(
    filtered: tuple[Workspace, str], visit: Callable[..., Any]
) -> None:
    workspace, address = filtered
    page = visit(address, "anna")

    def asked(question: str, opacity: str) -> None:
        page.get_by_role("heading", name=question).wait_for()
        assert page.locator("#image").evaluate("image => getComputedStyle(image).opacity") == opacity

    for number, answers in enumerate(("n", "yn", "yy"), start=1):
        asked("Do these captions describe a mass gathering?", "0")
        page.keyboard.press(answers[0])
        if len(answers) > 1:
            asked("Does the text fit this image?", "1")
            page.locator("#image:not(.coming)").wait_for()
            page.keyboard.press(answers[1])
        page.get_by_text(f"anna: {number} today").wait_for()
    with workspace.catalog.read() as connection:
        given = connection.execute(sa.select(submissions.c.answer).order_by(submissions.c.id)).scalars().all()
    assert [(answer["is_gathering"], answer["flags"]) for answer in given] == [
        (False, []),
        (False, [TEXT_DOES_NOT_FIT]),
        (True, []),
    ]
