"""The shell commands of the dataset: init, ingest, validate, split, release, specimens."""

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
@click.option("--counts", metavar="TRAIN:VAL:TEST", help="Exactly so many records in each, e.g. 8000:1000:1000.")
@click.option(
    "--features",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A feature file: images that look alike by it stay together too.",
)
@workspace_option
@json_option
def split(counts: str | None, features: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Give every record that has no split one: train, val or test.

    Near-duplicates and images of one source stay together; a record that has a split keeps it.
    Without --counts the splits fill to splits.ratios; with it, records beyond the counts get none.

    Example: gatherset split --counts 8000:1000:1000
    """
    from gatherset.dataset.features import FeatureFile
    from gatherset.dataset.splits import assign_splits, parse_counts
    from gatherset.dataset.workspace import Workspace

    wanted = parse_counts(counts) if counts else None
    plan = assign_splits(Workspace.open(workspace), wanted, FeatureFile.open(features) if features else None)
    if as_json:
        numbers = {"assigned": plan.assigned, "counts": plan.counts, "left": plan.left}
        print_json({**numbers, "findings": findings_json(plan.findings)})
    else:
        say_findings(plan.findings)
        now = ", ".join(f"{name} {count}" for name, count in plan.counts.items())
        left = f"; {plan.left} have none" if plan.left else ""
        say(f"{len(plan.assigned)} records got a split; now {now}{left}.")
    finish(errors(plan.findings) > 0)


@click.group()
def release() -> None:
    """Build and list releases.

    Example: gatherset release build
    """


@release.command()
@click.option("--version", help="MAJOR.MINOR.PATCH. Default: the least one that the changes ask for.")
@workspace_option
@json_option
def build(version: str | None, workspace: Path | None, as_json: bool) -> None:
    """Check all records by the rules and build the next release.

    Example: gatherset release build
    """
    from gatherset.dataset.release import build_release
    from gatherset.dataset.workspace import Workspace

    built = build_release(Workspace.open(workspace), version)
    made = built.release
    if as_json:
        named = (
            {"release": str(made), "path": str(made.path), "content_hash": made.content_hash}
            if made
            else {"release": None}
        )
        print_json({**named, "findings": findings_json(built.report.findings)})
    elif made is None:
        _say_report(built.report)
        say("Nothing was released: mend the errors first.")
    else:
        counts = ", ".join(f"{name} {len(split)}" for name, split in made.splits.items())
        say(f"Built {made} ({counts}; {built.report.warnings} warnings): {made.path}")
    finish(made is None)


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
