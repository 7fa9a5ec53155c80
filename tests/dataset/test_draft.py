from collections.abc import Callable
from pathlib import Path

import pytest

from gatherset.dataset import draft as draft_module
from gatherset.dataset import processes as processes_module
from gatherset.dataset.loading import Release
from gatherset.dataset.records import content_hash
from gatherset.dataset.release import build_release
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import next_release


def files(release: Release) -> dict[str, bytes]:
    return {str(p.relative_to(release.path)): p.read_bytes() for p in release.path.rglob("*") if p.is_file()}


@pytest.mark.parametrize(("images", "processes"), [(True, 1), (True, 2), (False, 2)])
def test_the_bytes_know_nothing_of_chunks_and_processes(
    workspace: Workspace,
    fill: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    images: bool,
    processes: int,
) -> None:
    fill(workspace, 24, types=("protest", "sports_event"))
    if not images:
        settings = workspace.root / "gatherset.toml"
        settings.write_text(settings.read_text() + "\n[release]\nimages = false\n")
        workspace = Workspace.open(workspace.root)
    whole = next_release(workspace, "1.0.0")
    expected = files(whole)
    for path in sorted(whole.path.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    whole.path.rmdir()
    monkeypatch.setattr(processes_module, "cores", lambda: processes)
    monkeypatch.setattr(draft_module, "RECORDS_WITH_IMAGES", 4)
    monkeypatch.setattr(draft_module, "RECORDS_WITHOUT", 4)
    assert files(next_release(workspace, "1.0.0")) == expected


def test_a_finding_among_many_is_found_across_chunks(
    workspace: Workspace, fill: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(workspace, 3)
    monkeypatch.setattr(draft_module, "RECORDS_WITH_IMAGES", 1)
    with_parts = build_release(workspace, dry_run=True).report
    monkeypatch.undo()
    whole = build_release(workspace, dry_run=True).report
    assert with_parts.document() == whole.document()
    assert whole.counts


def test_the_content_hash_is_that_of_the_records(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 5)
    release = next_release(workspace)
    assert release.content_hash == content_hash(release.records())


def test_half_a_character_is_found_by_the_rules_and_breaks_nothing(
    workspace: Workspace, fill: Callable[..., None], tmp_path: Path
) -> None:
    from tests.dataset.conftest import correct

    fill(workspace, 4)
    correct(workspace, "A crowd \ud800 in the street.")
    report = build_release(workspace, dry_run=True).report
    assert report.errors
