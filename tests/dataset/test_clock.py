"""A clock that is wrong is noticed by what was written last."""

import pytest
import sqlalchemy as sa

from gatherset.dataset.catalog.tables import decisions, images
from gatherset.dataset.clock import trouble
from gatherset.dataset.doctor import examine
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace


@pytest.mark.parametrize(("minutes", "wrong"), [(-60, False), (1, False), (60, True)])
def test_what_was_written_in_the_future_says_that_the_clock_is_behind(
    workspace: Workspace, minutes: int, wrong: bool
) -> None:
    image = {"id": "gs-1", "sha256": "a", "phash": "b", "width": 1, "height": 1, "format": "jpeg", "bytes": 1}
    image |= {"language": "en", "captions": [], "source": {}, "flags": [], "added_at": now()}
    decision = {"image_id": "gs-1", "key": "k", "kind": "rejected", "seen": [], "comment": "", "decided_by": "eva"}
    with workspace.catalog.write() as connection:
        connection.execute(sa.insert(images).values(image))
        connection.execute(sa.insert(decisions).values(**decision, decided_at=now(plus_minutes=minutes)))
    assert ("timedatectl" in (trouble(workspace.catalog) or "")) == wrong
    [check] = [check for check in examine(workspace.root) if check.what == "clock"]
    assert check.well != wrong


def test_a_new_workspace_says_nothing(workspace: Workspace) -> None:
    assert trouble(workspace.catalog) is None
