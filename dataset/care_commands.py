"""The shell commands that take care of a workspace: db, backup, restore, doctor."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gatherset.dataset.shell import FINDINGS, json_option, print_json, say, workspace_option


@click.group()
def db() -> None:
    """Where the catalog is: a file, or PostgreSQL for a team.

    Example: gatherset db move --to postgresql
    """


@db.command()
@click.option("--to", "place", type=click.Choice(("postgresql", "file")), required=True, help="Where it is to be.")
@workspace_option
def move(place: str, workspace: Path | None) -> None:
    """Move the catalog, counted and compared, into PostgreSQL ($GATHERSET_DATABASE_URL) or back into a file.

    Stop the app first: one that still runs is refused by the old catalog, and its pages wait.

    Example: gatherset db move --to file
    """
    from gatherset.dataset.catalog.database import FILE, Catalog, new_schema
    from gatherset.dataset.catalog.moving import move
    from gatherset.dataset.errors import WorkspaceError
    from gatherset.dataset.workspace import find_workspace

    root = find_workspace(workspace)
    now = Catalog.of(root)
    now.close()
    if (place == "file") == (now.path is not None):
        raise WorkspaceError(f"the catalog is there already: {now}", "Nothing is to be done")
    target = new_schema() if place == "postgresql" else Catalog.in_file(root / f"{FILE}.new")
    rows = move(root, target)
    target.close()
    for name, count in rows.items():
        say(f"{count:>10}  {name}")
    say(f"Moved and compared: {Catalog.of(root)}. The old catalog is kept, marked as moved.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@workspace_option
def backup(file: Path, workspace: Path | None) -> None:
    """Write all that the workspace cannot make again into one FILE (tar), while annotators work.

    Left out: thumbnails, features and runs. FILE is not in the workspace, best on another disk.

    Example: gatherset backup ../mg-monday.tar
    """
    from gatherset.dataset.backup import back_up
    from gatherset.dataset.workspace import Workspace

    size = back_up(Workspace.open(workspace), file)
    say(f"Wrote {file} ({size / 1e6:.1f} MB). Try it: gatherset restore {file} ELSEWHERE")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
def restore(file: Path, folder: Path) -> None:
    """Make the new workspace FOLDER from a backup; every file is compared with the sum that it had.

    Example: gatherset restore mg-monday.tar mg
    """
    from gatherset.dataset.backup import restore

    workspace = restore(file, folder.absolute())
    say(f"Restored {workspace.root}. Its catalog is a file; into PostgreSQL: gatherset db move --to postgresql")


@click.command()
@workspace_option
@json_option
def doctor(workspace: Path | None, as_json: bool) -> None:
    """Look at what a workspace needs: versions, folder, disk, catalog, images. Each is ok, or says what to do.

    Example: gatherset doctor -w mg
    """
    from dataclasses import asdict

    from gatherset.dataset.doctor import examine

    checks = []
    for check in examine(workspace):
        checks.append(check)
        if not as_json:
            say(str(check))
    if as_json:
        print_json([asdict(check) for check in checks])
    if not all(check.well for check in checks):
        sys.exit(FINDINGS)
