"""What the tests of the desk do there, and what they look up."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from gatherset.dataset.catalog.tables import annotators, submissions
from gatherset.dataset.workspace import Workspace


def answers(workspace: Workspace, name: str = "anna") -> list[dict[str, Any]]:
    """What an annotator has submitted, oldest first."""
    query = sa.select(submissions.c.answer).join(annotators).where(annotators.c.name == name)
    with workspace.catalog.read() as connection:
        return list(connection.execute(query.order_by(submissions.c.id)).scalars())


def shown(page: Any) -> str:
    return str(page.locator("#image").get_attribute("src"))


# Different enough for the rules about captions that are nearly the same.
BEGINNINGS = (
    "Many people gather near a tall tower: ",
    "Long rows of visitors wait behind a rope: ",
    "Young families with prams arrive early: ",
    "Two speakers wave from a small stage: ",
    "",
)


def write(page: Any, text: str = "Sentence {} about the crowd in the picture.") -> None:
    for number in range(1, 6):
        ordinal = ("one", "two", "three", "four", "five")[number - 1]
        page.get_by_label(f"Caption {number}", exact=True).fill(BEGINNINGS[number - 1] + text.format(ordinal))


def acknowledged(page: Any) -> None:
    page.get_by_role("status").get_by_text("Stored", exact=True).wait_for()


def saved(page: Any) -> None:
    page.get_by_role("status").get_by_text("Saved", exact=True).wait_for()
