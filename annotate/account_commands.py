"""The shell commands of accounts, and `init`, which can make the first one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from getpass import getuser
from pathlib import Path
from typing import TextIO

import click

from gatherset.dataset.shell import json_option, print_json, say, workspace_option
from gatherset.dataset.workspace import Workspace

PASSWORD = "GATHERSET_PASSWORD"
ROLES = click.Choice(("annotator", "reviewer", "maintainer"))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", help="Of the dataset and its releases. Default: the folder's name.")
@click.option("--language", default="en", show_default=True, help="BCP 47 tag of the captions.")
@click.option("--overlap", default=2, show_default=True, type=click.IntRange(1, 5), help="Annotators an image goes to.")
@click.option("--maintainer", metavar="NAME", help="Make this person's account: from then on everybody signs in.")
@click.option("--alone", is_flag=True, help="No accounts, and do not ask: for whoever sits at this machine.")
def init(folder: Path, name: str | None, language: str, overlap: int, maintainer: str | None, alone: bool) -> None:
    """Make FOLDER a new workspace.

    Without accounts it is for whoever sits at this machine, and is served to nobody else. On a terminal it asks for
    the first one, a maintainer's; the password is asked for too, or taken from $GATHERSET_PASSWORD.

    Example: gatherset init mg
    """
    from gatherset.annotate.annotators import checked_name
    from gatherset.annotate.passwords import checked_password
    from gatherset.dataset.workspace import SETTINGS_FILE

    if maintainer is None and not alone and sys.stdin.isatty():
        question = "Your name, for a team that signs in (empty: no accounts, for this machine alone)"
        maintainer = click.prompt(question, default="", show_default=False)
    password = checked_password(_password(), checked_name(maintainer)) if maintainer else ""
    workspace = Workspace.create(folder, name, language=language, overlap=overlap)
    say(f"Made the workspace {workspace.root} (settings: {SETTINGS_FILE}).")
    if maintainer:
        from gatherset.annotate.accounts import add_account

        add_account(workspace, maintainer, "maintainer", password=password, by=maintainer)
        say(f"{maintainer} is its maintainer, and signs in with the password.")
    say(f"Next: gatherset ingest PHOTOS -w {folder} --license SPDX-ID")


def _password() -> str:
    known = os.environ.get(PASSWORD)
    return known if known is not None else click.prompt("Password", hide_input=True, confirmation_prompt=True)


@click.group()
def account() -> None:
    """Who may come in: annotators, reviewers, maintainers.

    Example: gatherset account add ben --role reviewer
    """


@account.command()
@click.argument("name")
@click.option("--role", type=ROLES, default="annotator", show_default=True, help="What they may do.")
@click.option("--email", help="By which a provider of identities knows them.")
@click.option("--password", is_flag=True, help=f"Ask for it (or take ${PASSWORD}) instead of printing a link.")
@workspace_option
def add(name: str, role: str, email: str | None, password: bool, workspace: Path | None) -> None:
    """Make an account for NAME, and print the link with which they choose a password.

    The first account is a maintainer's. Who has annotated here under the same name keeps their work.

    Example: gatherset account add ben --role reviewer --email ben@example.org
    """
    from gatherset.annotate.accounts import add_account

    opened = Workspace.open(workspace)
    token = add_account(opened, name, role, email, password=_password() if password else None, by=_by())
    say(f"{name} has an account: {role}.")
    _say_link(opened, token)


@account.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--links", type=click.Path(path_type=Path, dir_okay=False), help="Write the links to this CSV file.")
@workspace_option
def import_(file: Path, links: Path | None, workspace: Path | None) -> None:
    """Make the accounts in FILE (CSV: name, role, email); all of them, or none.

    Who has an account already is left as they are. Each new person gets a link to choose a password.

    Example: gatherset account import team.csv --links links.csv
    """
    from gatherset.annotate.accounts import import_accounts
    from gatherset.dataset.spreadsheet import as_csv

    opened = Workspace.open(workspace)
    # The file first: once the accounts are made, nobody learns the links from anywhere else.
    with _only_mine(links) if links else nullcontext(sys.stdout) as out:
        made = import_accounts(opened, file, by=_by())
        rows = [{"name": name, "link": _link(opened, token)} for name, token in made]
        if links:
            out.write(as_csv(["name", "link"], rows))
    for row in [] if links else rows:
        say(f"{row['name']}: {row['link']}")
    say(f"{len(made)} accounts made.")


@account.command()
@click.argument("name")
@workspace_option
def invite(name: str, workspace: Path | None) -> None:
    """Print a new link for NAME to choose a password; earlier links end, the password stays until then.

    Example: gatherset account invite ben
    """
    from gatherset.annotate.accounts import invite

    opened = Workspace.open(workspace)
    _say_link(opened, invite(opened, name, by=_by()))


@account.command()
@click.argument("name")
@workspace_option
def reset(name: str, workspace: Path | None) -> None:
    """End the password and all sessions of NAME at once, and print a link to choose another.

    Example: gatherset account reset ben
    """
    from gatherset.annotate.accounts import reset

    opened = Workspace.open(workspace)
    _say_link(opened, reset(opened, name, by=_by()))


@account.command()
@click.argument("name")
@click.option("--role", type=ROLES, help="What they may do from now on.")
@click.option("--email", help="By which a provider of identities knows them; '' takes it away.")
@workspace_option
def change(name: str, role: str | None, email: str | None, workspace: Path | None) -> None:
    """Change the role or the e-mail of NAME.

    Example: gatherset account change ben --role maintainer
    """
    from gatherset.annotate.accounts import change_account
    from gatherset.dataset.errors import InputError

    if role is None and email is None:
        raise InputError("nothing is to be changed", "Say --role or --email")
    opened = Workspace.open(workspace)
    asked = {key: value for key, value in (("role", role), ("email", email)) if value is not None}
    change_account(opened, name, by=_by(), version=None, **asked)
    say(f"Changed: {name}.")


@account.command()
@click.argument("name")
@click.option("--reason", default="at the shell", show_default=True, help="Why; maintainers read it.")
@workspace_option
def disable(name: str, reason: str, workspace: Path | None) -> None:
    """Let NAME come in no more, and sign them out. Their work stays.

    Example: gatherset account disable ben --reason "has left the team"
    """
    from gatherset.annotate.accounts import change_account
    from gatherset.dataset.corrections import said

    change_account(Workspace.open(workspace), name, by=_by(), disabled=said(reason))
    say(f"{name} cannot come in any more.")


@account.command()
@click.argument("name")
@workspace_option
def enable(name: str, workspace: Path | None) -> None:
    """Let NAME come in again, with the password they had.

    Example: gatherset account enable ben
    """
    from gatherset.annotate.accounts import change_account

    change_account(Workspace.open(workspace), name, by=_by(), disabled=None)
    say(f"{name} can come in again.")


@account.command("list")
@workspace_option
@json_option
def list_(workspace: Path | None, as_json: bool) -> None:
    """List all accounts.

    Example: gatherset account list
    """
    from dataclasses import asdict

    from gatherset.annotate.accounts import all_accounts

    found = all_accounts(Workspace.open(workspace))
    if as_json:
        print_json([{key: value for key, value in asdict(one).items() if key != "annotator"} for one in found])
        return
    for one in found:
        say(f"{one.name}: {one.role}, {one.state}" + (f", {one.email}" if one.email else ""))
    if not found:
        say("There are no accounts: whoever sits at this machine may do everything.")


@account.command()
@click.argument("name")
@click.option(
    "--work",
    type=click.Choice(("keep", "withdraw")),
    required=True,
    help="keep: their answers stay, under a pseudonym; withdraw: they count no more, and leave the dataset.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@workspace_option
def erase(name: str, work: str, yes: bool, workspace: Path | None) -> None:
    """Take the name, e-mail and password of NAME out of the workspace for good.

    Releases that were built, and backups, keep what they hold: there it is a pseudonym, or is to be deleted by you.

    Example: gatherset account erase ben --work keep
    """
    from gatherset.annotate.erasure import erase

    opened = Workspace.open(workspace)
    if not yes:
        click.confirm(f"Erase {name} for good?", abort=True)
    erased = erase(opened, name, withdraw=work == "withdraw", by=_by())
    say(f"Erased: what they did is {erased.pseudonym}'s now.")
    if work == "withdraw":
        say(f"{erased.decided_anew} images were decided anew, {erased.withdrawn} records withdrawn.")


@contextmanager
def _only_mine(path: Path) -> Iterator[TextIO]:
    """The new file at `path`, which nobody else can read; not left there where it is not written to its end."""
    from gatherset.dataset.errors import InputError

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise InputError(f"{path} exists", "Choose another name: links are not overwritten") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", "Choose another place for the links") from error
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as out:
            yield out
    except BaseException:
        path.unlink()
        raise


def _by() -> str:
    """Who does it: at the shell the user of the machine."""
    try:
        return f"{getuser()} (shell)"
    except (OSError, KeyError):  # a container may have no name for its user
        return "the shell"


def _link(workspace: Workspace, token: str) -> str:
    return f"{(workspace.settings.app.url or 'http://127.0.0.1:8501').rstrip('/')}/invitation#{token}"


def _say_link(workspace: Workspace, token: str) -> None:
    from gatherset.annotate.accounts import INVITED_DAYS

    if token:
        say(f"The link to choose a password, once, within {INVITED_DAYS} days: {_link(workspace, token)}")
