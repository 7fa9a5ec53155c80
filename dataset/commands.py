"""The shell commands of the dataset: init, ingest, validate, split, specimens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gatherset.dataset.caption_file import PARTS
from gatherset.dataset.findings import as_json as findings_json
from gatherset.dataset.findings import errors
from gatherset.dataset.shell import finish, json_option, print_json, say, say_findings, workspace_option

if TYPE_CHECKING:
    from gatherset.dataset.validation import Report


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", help="Of the dataset and its releases. Default: the folder's name.")
@click.option("--language", default="en", show_default=True, help="BCP 47 tag of the captions.")
@click.option("--overlap", default=2, show_default=True, type=click.IntRange(1, 5), help="Annotators an image goes to.")
def init(folder: Path, name: str | None, language: str, overlap: int) -> None:
    """Make FOLDER a new workspace.

    Example: gatherset init mg
    """
    from gatherset.dataset.workspace import SETTINGS_FILE, Workspace

    workspace = Workspace.create(folder, name, language=language, overlap=overlap)
    say(f"Made the workspace {workspace.root} (settings: {SETTINGS_FILE}).")
    say(f"Next: gatherset ingest PHOTOS -w {folder} --license SPDX-ID")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--part", type=click.Choice(PARTS), default="collected", show_default=True, help="Where the images are from."
)
@click.option("--license", help="SPDX id or LicenseRef-…, for images whose line in captions.jsonl names none.")
@click.option("--dataset", help="The collection they come from. Default: the folder's name.")
@workspace_option
@json_option
def ingest(
    folder: Path, part: str, license: str | None, dataset: str | None, workspace: Path | None, as_json: bool
) -> None:
    """Bring the images in FOLDER, and their captions in FOLDER/captions.jsonl, into the workspace.

    What is there already stays; a run that was interrupted is repeated to go on.

    Example: gatherset ingest photos --part filtered --license CC-BY-2.0
    """
    from gatherset.dataset.ingest import Provenance, ingest
    from gatherset.dataset.workspace import Workspace

    report = ingest(Workspace.open(workspace), folder, Provenance(part, license, dataset))
    if as_json:
        counts = {"found": report.found, "added": report.added, "present": report.present}
        print_json({**counts, "findings": findings_json(report.findings)})
    else:
        say_findings(report.findings)
        say(f"{report.found} images: {report.added} added, {report.present} were there already.")
    finish(errors(report.findings) > 0)


@click.command()
@click.argument("target", required=False, type=click.Path(path_type=Path, exists=True))
@click.option("--strict", is_flag=True, help="Warnings count as findings too.")
@workspace_option
@json_option
def validate(target: Path | None, strict: bool, workspace: Path | None, as_json: bool) -> None:
    """Check a workspace, or the release folder or records file (.jsonl) TARGET, by all rules.

    Exit code 0: clean; 1: errors were found (with --strict: or warnings); 2: could not run.

    Example: gatherset validate releases/mg-1.0.0
    """
    from gatherset.dataset.targets import validate_target

    report = validate_target(target, workspace)
    if as_json:
        print_json({"checked": report.checked, "rules": report.per_rule(), "findings": findings_json(report.findings)})
    else:
        _say_report(report)
    finish(report.errors > 0 or (strict and report.warnings > 0))


def _say_report(report: Report) -> None:
    say_findings(report.findings)
    for rule in report.per_rule():
        if rule["findings"]:
            say(f"{rule['id']}  {rule['level']:<8}{rule['findings']:>6}")
    say(
        f"{report.checked} records checked by {len(report.rules)} rules: "
        f"{report.errors} errors, {report.warnings} warnings."
    )


@click.command()
@workspace_option
@json_option
def split(workspace: Path | None, as_json: bool) -> None:
    """Give every record that has no split one: train, val or test.

    Near-duplicates stay together; a record that has a split keeps it.

    Example: gatherset split
    """
    from gatherset.dataset.splits import assign_splits
    from gatherset.dataset.workspace import Workspace

    plan = assign_splits(Workspace.open(workspace))
    if as_json:
        print_json({"assigned": plan.assigned, "counts": plan.counts, "findings": findings_json(plan.findings)})
    else:
        say_findings(plan.findings)
        counts = ", ".join(f"{name} {count}" for name, count in plan.counts.items())
        say(f"{len(plan.assigned)} records got a split; now {counts}.")
    finish(errors(plan.findings) > 0)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--count", default=300, show_default=True, type=click.IntRange(1), help="Images.")
@click.option("--unannotated", default=0, show_default=True, type=click.IntRange(0), help="Of them, without captions.")
@click.option("--seed", default=0, show_default=True)
def specimens(folder: Path, count: int, unannotated: int, seed: int) -> None:
    """Draw synthetic gatherings with captions and two annotators' answers into FOLDER, ready to be ingested.

    Example: gatherset specimens photos --count 100
    """
    from gatherset.dataset.specimens import write_specimens

    write_specimens(folder, count, seed=seed, unannotated=unannotated)
    say(f"Drew {count} specimens: {folder}")
