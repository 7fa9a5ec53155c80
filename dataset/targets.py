"""What can be validated: a workspace, a release folder, a file of records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gatherset.dataset.errors import InputError, NoWorkspaceError
from gatherset.dataset.findings import Finding
from gatherset.dataset.integrity import content_finding, integrity_findings
from gatherset.dataset.loading import Release, load, releases_in
from gatherset.dataset.membership import Membership
from gatherset.dataset.progress import progress
from gatherset.dataset.records import Record, current_records
from gatherset.dataset.rules.rule import Context
from gatherset.dataset.settings import FORMAT, Settings
from gatherset.dataset.taxonomy import Taxonomy, load_taxonomy, named_taxonomy
from gatherset.dataset.validation import Report, read_records_file, validate
from gatherset.dataset.workspace import SETTINGS_FILE, Workspace

Items = Iterator[tuple[str, Record | Finding]]


def validate_target(target: Path | None, workspace: Path | None) -> Report:
    """The report on `target`, or on the workspace where it is None or a workspace's folder.

    A release or a records file is judged by the settings of the workspace around it, if there is one. Raises
    InputError where there is nothing to check: no records is never a pass.
    """
    if target is None or (target / SETTINGS_FILE).is_file():
        report = _validate_workspace(Workspace.open(target or workspace))
    elif (target / "release.json").is_file():
        report = _validate_release(target, workspace)
    elif target.is_file():
        settings, taxonomy = _surroundings(workspace)
        report = validate(read_records_file(target), Context(settings, taxonomy))
    else:
        raise InputError(f"{target} is neither a workspace, a release, nor a file of records", "Name one of these")
    if not report.checked and not report.findings:
        raise InputError(f"{target or 'the workspace'} holds no records", "Annotate first: gatherset app")
    return report


def _validate_workspace(workspace: Workspace) -> Report:
    with workspace.catalog.read() as connection:
        records = list(current_records(connection))
    items = ((record["id"], record) for record in progress(records, total=len(records), label="validate"))
    built = releases_in(workspace.releases_folder)
    parent = Membership(load(built[max(built)]).records()) if built else None
    return validate(items, Context(workspace.settings, workspace.taxonomy, workspace.store, parent=parent))


def _validate_release(folder: Path, workspace: Path | None) -> Report:
    release = load(folder)
    damage = list(integrity_findings(release))
    if damage:
        return Report(findings=damage)  # its records cannot be trusted
    settings, _ = _surroundings(workspace)
    manifest = release.manifest
    settings = replace(
        settings,
        captions_per_image=manifest["captions_per_image"],
        splits=replace(settings.splits, ratios=tuple(manifest["splits"]["ratios"])),
    )
    # A release may have types of its own.
    context = Context(settings, named_taxonomy(release.event_types), parent=_parent(release))
    report = validate(((record["id"], record) for record in release.records()), context)
    if finding := content_finding(release):
        report.findings.append(finding)
    return report


def _parent(release: Release) -> Membership | None:
    """Who was in which split of the release's parent, where that stands beside it."""
    if release.manifest["parent"] is None:
        return None
    folder = release.path.absolute().parent / f"{release.name}-{release.manifest['parent']['version']}"
    return Membership(load(folder).records()) if (folder / "release.json").is_file() else None


def _surroundings(workspace: Path | None) -> tuple[Settings, Taxonomy]:
    try:
        opened = Workspace.open(workspace)
    except NoWorkspaceError:
        return Settings(FORMAT, "records"), load_taxonomy()
    return opened.settings, opened.taxonomy
