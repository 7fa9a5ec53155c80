import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gatherset import schemas
from gatherset.dataset.errors import InputError, WorkspaceError
from gatherset.dataset.release import build_release
from gatherset.dataset.targets import validate_target
from gatherset.dataset.workspace import Workspace


def test_a_release_with_types_of_its_own_is_valid_anywhere(
    workspace: Workspace, fill: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = json.loads(json.dumps(schemas.read("event_types.json")).replace("public_assembly", "market_day"))
    (workspace.root / "event_types.json").write_text(json.dumps(own))
    fill(workspace, 12, types=["market_day"])
    release = build_release(workspace).release
    assert release is not None
    monkeypatch.chdir(tmp_path)
    assert validate_target(release.path, None).errors == 0


def test_a_damaged_workspace_around_is_not_passed_over(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace.root / "gatherset.toml").write_text('format = 99\nname = "mg"\n')
    records = tmp_path / "records.jsonl"
    records.write_text("{}\n")
    monkeypatch.chdir(workspace.root)
    with pytest.raises(WorkspaceError, match="newer"):
        validate_target(records, None)


def test_no_records_is_never_a_pass(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="holds no records"):
        validate_target(workspace.root, None)
