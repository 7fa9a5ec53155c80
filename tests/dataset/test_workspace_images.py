from __future__ import annotations

from collections.abc import Callable

from gatherset.dataset.corrections import withdraw
from gatherset.dataset.records import current_records
from gatherset.dataset.workspace import Workspace
from gatherset.dataset.workspace_images import WorkspaceImages


def test_all_images_that_may_be_records_are_there(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 4, split=False)
    shown = WorkspaceImages(workspace)
    with workspace.catalog.read() as connection:
        records = list(current_records(connection))
    assert shown["train"].ids == [record["id"] for record in records]
    assert shown["test"].ids == []
    assert len(shown["train"].image_bytes(2)) == records[2]["image"]["bytes"]


def test_withdrawing_one_changes_what_it_is_called(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 3, split=False)
    before = WorkspaceImages(workspace)
    withdraw(workspace, before["train"].ids[0], "a mistake", "lead")
    after = WorkspaceImages(workspace)
    assert after["train"].ids == before["train"].ids[1:]
    assert after.content_hash != before.content_hash
