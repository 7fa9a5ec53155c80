"""The shell commands of releases: release …, pull."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gatherset.dataset.errors import NoWorkspaceError
from gatherset.dataset.findings import as_json as findings_json
from gatherset.dataset.findings import errors
from gatherset.dataset.records import SPLITS
from gatherset.dataset.retractions import REASONS
from gatherset.dataset.shell import F, finish, json_option, print_json, say, say_findings, workspace_option

if TYPE_CHECKING:
    from gatherset.dataset.loading import Release
    from gatherset.dataset.release import Built


def registry_option(command: F) -> F:
    """Gives the command a `registry: str` argument."""
    return click.option(
        "--registry",
        envvar="GATHERSET_REGISTRY",
        required=True,
        help="A folder, or a URL: file, http(s) to read, or what fsspec reaches. Default: $GATHERSET_REGISTRY.",
    )(command)


@click.group()
def release() -> None:
    """Build, compare, check and publish releases.

    Example: gatherset release build
    """


@release.command()
@click.option("--version", help="MAJOR.MINOR.PATCH. Default: the least one that the changes ask for.")
@click.option("--dry-run", is_flag=True, help="Check everything and say what would change; write nothing.")
@click.option(
    "--blur-faces",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Blur the faces that this CenterFace or YuNet model (ONNX) finds. It misses some.",
)
@click.option("--no-blur-faces", "show_faces", is_flag=True, help="Show faces although the release before blurs them.")
@workspace_option
@json_option
def build(
    version: str | None,
    dry_run: bool,
    blur_faces: Path | None,
    show_faces: bool,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Give new records a split, check all records by the rules, and build the next release.

    Example: gatherset release build --dry-run
    """
    from gatherset.dataset.faces import FaceBlurring
    from gatherset.dataset.release import build_release
    from gatherset.dataset.workspace import Workspace

    blurring = FaceBlurring(blur_faces) if blur_faces else None
    opened = Workspace.open(workspace)
    built = build_release(opened, version, dry_run=dry_run, blur_faces=blurring, show_faces=show_faces)
    if as_json:
        print_json(_built_json(built))
    else:
        _say_built(built, dry_run)
    finish(built.report.errors > 0)


def _built_json(built: Built) -> dict[str, Any]:
    from gatherset.dataset import diff_report
    from gatherset.dataset.versions import version_text

    made = built.release
    return {
        "release": str(made) if made else None,
        **({"path": str(made.path), "content_hash": made.content_hash} if made else {}),
        "version": version_text(built.version) if built.version else None,
        "changes": diff_report.as_json(built.comparison) if built.comparison else None,
        "unanswered": list(built.unanswered),
        "unsaid": list(built.unsaid),
        "findings": findings_json(built.report.findings),
    }


def _say_built(built: Built, dry_run: bool) -> None:
    from gatherset.dataset import diff_report
    from gatherset.dataset.versions import version_text

    if built.report.errors or built.version is None:
        say_findings(built.report.findings)
        say(f"{built.report.checked} records checked: {built.report.errors} errors.")
        say("Nothing was released: mend the errors first.")
        return
    if dry_run:
        if built.comparison:
            say(diff_report.as_text(built.comparison))
        version = version_text(built.version)
        say(f"Would build version {version} ({built.report.warnings} warnings). Nothing was written.")
    elif made := built.release:
        counts = ", ".join(f"{name} {len(split)}" for name, split in made.splits.items())
        say(f"Built {made} ({counts}; {built.report.warnings} warnings): {made.path}")
    if built.unanswered:
        say(f"{len(built.unanswered)} questions of DATASHEET.md wait for a person: answer them in datasheet.toml.")
    if built.unsaid:
        say(f"The papers leave out what [about] in gatherset.toml does not say: {', '.join(built.unsaid)}.")


@release.command()
@click.argument("before")
@click.argument("after")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "html"]),
    default="text",
    show_default=True,
    help="html: a page of its own.",
)
@workspace_option
def diff(before: str, after: str, form: str, workspace: Path | None) -> None:
    """What changed from release BEFORE to release AFTER, record by record and word by word.

    Each is a release folder, anyone's, or a version in the workspace.

    Example: gatherset release diff 1.0.0 2.0.0
    """
    from gatherset.dataset import diff_report
    from gatherset.dataset.diff import compare_releases

    first, second = find_release(before, workspace), find_release(after, workspace)
    comparison = compare_releases(first, second)
    if form == "json":
        print_json(diff_report.as_json(comparison))
    else:
        say(diff_report.as_html(comparison) if form == "html" else diff_report.as_text(comparison))


def find_release(reference: str, workspace: Path | None) -> Release:
    """The release in the folder `reference`, or the workspace's of this version."""
    from gatherset.dataset.loading import open_release
    from gatherset.dataset.workspace import Workspace

    if Path(reference).is_dir() or "/" in reference:
        return open_release(Path(reference))
    return Workspace.open(workspace).release(reference)


@release.command()
@click.argument("reference", metavar="[RELEASE]", required=False)
@registry_option
@workspace_option
def publish(reference: str | None, registry: str, workspace: Path | None) -> None:
    """Put RELEASE (a folder or a version; default: the newest) into a registry. It never changes there.

    Example: gatherset release publish --registry s3://bucket/registry
    """
    from gatherset.dataset.registry import Registry
    from gatherset.dataset.workspace import Workspace

    found = find_release(reference, workspace) if reference else Workspace.open(workspace).release()
    there = Registry(registry)
    if there.publish(found):
        say(f"Published {found} in {there.url} (one writer at a time by {there.storage.how_locked}).")
    else:
        say(f"{found} is published in {there.url} already.")


@release.command("list")
@registry_option
@json_option
def list_(registry: str, as_json: bool) -> None:
    """The releases in a registry, and how many records were retracted.

    Example: gatherset release list --registry https://example.org/registry
    """
    from gatherset.dataset.registry import Registry
    from gatherset.dataset.versions import version_text

    there = Registry(registry)
    index, retractions = there.index(), there.retractions()
    if as_json:
        rows = [
            {"release": f"{name}@{version_text(version)}", **vars(entry)}
            for name, versions in sorted(index.items())
            for version, entry in sorted(versions.items())
        ]
        print_json({"releases": rows, "retractions": [vars(entry) for entry in retractions]})
        return
    for name, versions in sorted(index.items()):
        for version, entry in sorted(versions.items()):
            yanked = "" if entry.yanked is None else f"  yanked: {entry.yanked}"
            named = f"{name}@{version_text(version)}"
            say(f"{named:<16}{entry.records:>9} records{entry.bytes:>15,} bytes  {entry.published[:10]}{yanked}")
    say(f"{sum(map(len, index.values()))} releases, {len(retractions)} retracted records.")


@release.command()
@click.argument("reference", metavar="NAME@VERSION")
@click.option("--reason", help="What is wrong with it.")
@click.option("--undo", is_flag=True, help="Take it back.")
@registry_option
def yank(reference: str, reason: str | None, undo: bool, registry: str) -> None:
    """Say that a version should not be used: only who names it in full still gets it, with a warning.

    Example: gatherset release yank mg@1.2.0 --reason "the test split was shuffled"
    """
    from gatherset.dataset.registry import Registry
    from gatherset.dataset.versions import parse_wanted

    if not undo and not reason:
        raise click.UsageError("--reason is needed: it is what people will read")
    Registry(registry).yank(parse_wanted(reference), None if undo else reason)
    say(f"{reference} is {'no longer ' if undo else ''}yanked.")


@release.command()
@click.argument("identity", metavar="ID")
@click.option("--reason", type=click.Choice(REASONS), required=True, help="Why it must not be used any more.")
@click.option("--note", default="", help="For those who ask why.")
@click.option("--purge", is_flag=True, help="Also write the published files that hold it anew, in every version.")
@registry_option
@workspace_option
def retract(identity: str, reason: str, note: str, purge: bool, registry: str, workspace: Path | None) -> None:
    """Take record ID out of every version: pull and load leave it out from now on.

    Without --purge its image and captions stay readable in the published files. A workspace keeps the list too, and
    builds no release with a record on it (GS605): gatherset record withdraw.

    Example: gatherset release retract gs-3f9a1c0b7d2e4a55 --reason takedown --purge
    """
    from gatherset.dataset.registry import Registry
    from gatherset.dataset.retractions import Retraction, keep_retractions
    from gatherset.dataset.workspace import find_workspace

    there = Registry(registry)
    new = there.retract(Retraction(identity, reason, datetime.now(UTC).strftime("%Y-%m-%d"), note))
    say(f"{identity} is on the list of {there.url}." if new else f"{identity} was on the list already.")
    with suppress(NoWorkspaceError):
        root = find_workspace(workspace)
        keep_retractions(root, there.retractions())
        say(f"The list is kept in {root} too. To leave the record out: gatherset record withdraw")
    if purge:
        written = there.purge()
        for name, count in written.items():
            say(f"{name}: {count} files were written anew without retracted records.")
        say("Purged." if written else "No published version holds retracted records.")
    else:
        say("Its bytes are still in the published files; --purge takes them out.")


@release.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, exists=True))
@click.option("--registry", envvar="GATHERSET_REGISTRY", help="Check all published files there instead.")
@workspace_option
@json_option
def verify(folder: Path | None, registry: str | None, workspace: Path | None, as_json: bool) -> None:
    """Check a release FOLDER by its checksums, its manifest and all rules; or the published files of a registry.

    Example: gatherset release verify releases/mg-1.0.0
    """
    if (folder is None) == (registry is None) and folder is None:
        raise click.UsageError("name a release folder, or a registry with --registry")
    from gatherset.dataset.registry import Registry
    from gatherset.dataset.targets import validate_target

    if folder is not None:
        report = validate_target(folder, workspace)
        found = [finding for finding in report.findings if finding.level == "error"]
        text = f"{report.checked} records checked by {len(report.rules)} rules"
    else:
        assert registry is not None
        looked_at: list[str] = []
        found = list(Registry(registry).verify(looked_at.append))
        text = f"{len(looked_at)} published releases checked by their checksums"
    if as_json:
        print_json({"errors": errors(found), "findings": findings_json(found)})
    else:
        say_findings(found)
        say(f"{text}: {errors(found)} errors.")
    finish(errors(found) > 0)


@release.command()
@click.argument("reference", metavar="[RELEASE]", required=False)
@click.option("--links", is_flag=True, help="As gatherset linkcheck does, with its defaults.")
@click.option("--density", "features", type=click.Path(path_type=Path), help="How close the images are, by this file.")
@click.option("--benchmark", "result", type=click.Path(path_type=Path), help="A benchmark.json to publish with it.")
@click.option("--registry", envvar="GATHERSET_REGISTRY", help="Also publish it there, beside the release.")
@workspace_option
def measure(
    reference: str | None,
    links: bool,
    features: Path | None,
    result: Path | None,
    registry: str | None,
    workspace: Path | None,
) -> None:
    """Measure RELEASE (a folder or a version; default: the newest) and keep the result in its folder measurements/.

    The release itself does not change by it.

    Example: gatherset release measure --links --density features/mg-1.0.0-efficientnet_lite0-448.gsf
    """
    from gatherset.dataset import measurements
    from gatherset.dataset.registry import Registry
    from gatherset.dataset.versions import parse_version
    from gatherset.dataset.web.addresses import Reach
    from gatherset.dataset.web.hosts import Limits
    from gatherset.dataset.web.link_rot import forget_journal
    from gatherset.dataset.workspace import Workspace

    found = find_release(reference, workspace) if reference else Workspace.open(workspace).release()
    documents = [measurements.link_measurement(found, limits=Limits(), reach=Reach())] if links else []
    documents += [measurements.density_measurement(found, features)] if features else []
    documents += [measurements.benchmark_result(found, result)] if result else []
    if not documents:
        raise click.UsageError("name what to measure: --links, --density FILE or --benchmark FILE")
    for path in measurements.write_measurements(found, documents):
        say(f"Measured {found}: {path}")
    if links:
        forget_journal(found)
    if registry:
        there = Registry(registry)
        for document in documents:
            there.add_measurement(found.name, parse_version(found.version), document["kind"], document)
        say(f"Published in {there.url}.")


@click.command()
@click.argument("reference", metavar="NAME[@VERSION]")
@click.option("--split", "splits", multiple=True, type=click.Choice(SPLITS), help="Only this split; may be repeated.")
@click.option("--captions-only", is_flag=True, help="Everything but the images.")
@click.option("--to", type=click.Path(path_type=Path), help="The folder to make. Default: one in the cache.")
@registry_option
@json_option
def pull(
    reference: str, splits: tuple[str, ...], captions_only: bool, to: Path | None, registry: str, as_json: bool
) -> None:
    """Fetch a release: mg (the newest), mg@1, mg@1.2 (the newest 1.2.x), mg@1.2.0, or mg@^1.2 (up to 2.0).

    Every file is checked by its sha256; what is here already is not fetched again; what was cut off is gone on with.
    Retracted records are left out.

    Example: gatherset pull mg@1.2 --registry https://example.org/registry --split test
    """
    from gatherset.dataset.pull import as_selection
    from gatherset.dataset.pull import pull as fetch
    from gatherset.dataset.versions import parse_wanted

    pulled = fetch(parse_wanted(reference), registry, to=to, selection=as_selection(splits, captions_only))
    if pulled.yanked is not None:
        say(f"{pulled.release} was yanked: {pulled.yanked}", err=True)
    for entry in pulled.retracted:
        say(f"{entry.id} was retracted on {entry.date} ({entry.reason}) and is left out.", err=True)
    if as_json:
        counts = {"fetched": pulled.fetched, "reused": pulled.reused}
        names = {"release": str(pulled.release), "path": str(pulled.release.path), "yanked": pulled.yanked}
        print_json({**names, **counts, "retracted": [vars(entry) for entry in pulled.retracted]})
    else:
        text = f"{pulled.fetched:,} bytes fetched, {pulled.reused:,} were here"
        say(f"Pulled {pulled.release} ({text}): {pulled.release.path}")
