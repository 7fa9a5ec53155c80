"""Accounts: who may come in, and as what. A maintainer makes them, at the shell or on the accounts page.

The first account of a workspace is a maintainer's; from then on everybody has to sign in. No account is ever deleted,
and the last maintainer who can come in stays one: a workspace cannot fall back to being open, or be without a keeper.
"""

from __future__ import annotations

import csv
import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.annotate import journal
from gatherset.annotate.annotators import annotator_id, checked_name, one_name, stored_name
from gatherset.annotate.passwords import checked_password, hashed
from gatherset.dataset.catalog.tables import accounts, annotators, sessions
from gatherset.dataset.errors import GathersetError, InputError
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

ROLES = ("annotator", "reviewer", "maintainer")  # each may do what those before it may
INVITED_DAYS = 7
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_ANY = sa.select(accounts.c.annotator_id).limit(1)
_ALL = sa.select(annotators.c.name, accounts).join(annotators, annotators.c.id == accounts.c.annotator_id)


class AccountChangedError(GathersetError):
    """Somebody else has changed the account since it was shown."""


class InvitationError(GathersetError):
    """A link to choose a password that has ended, or was used."""


@dataclass(frozen=True)
class Account:
    annotator: int  # number of the annotator whose account it is
    name: str
    role: str
    email: str | None
    state: str  # "invited", "active", or "disabled: why"
    version: int

    @property
    def enabled(self) -> bool:
        return not self.state.startswith("disabled")


def all_accounts(workspace: Workspace) -> list[Account]:
    with workspace.catalog.read() as connection:
        return [_account(row) for row in connection.execute(_ALL.order_by(annotators.c.name))]


def any_account(connection: Connection) -> bool:
    """Whether people have to sign in."""
    return connection.execute(_ANY).scalar() is not None


def add_account(
    workspace: Workspace, name: str, role: str, email: str | None = None, *, password: str | None = None, by: str
) -> str:
    """Make an account; what an invitation to choose a password holds, or "" where `password` is given.

    An annotator who worked here before there were accounts keeps their work under the same name. Raises InputError for
    a role or e-mail that cannot be, or that another account has, and where the first account is not a maintainer's.
    """
    made, token = None, ""
    if password is not None:
        made = hashed(checked_password(password, name))
    with workspace.catalog.write() as connection:
        token = _add(connection, name, role, email, made, by)
    return token


def _add(connection: Connection, name: str, role: str, email: str | None, password: str | None, by: str) -> str:
    name = stored_name(connection, checked_name(name))
    _check_role(role)
    if role != "maintainer" and not any_account(connection):
        raise InputError("the first account is a maintainer's", "Make it: gatherset account add NAME --role maintainer")
    if connection.execute(_ALL.where(annotators.c.name == name)).first():
        raise InputError(f"{name} has an account already", "Change that one")
    email = _checked_email(connection, email, name)
    person = annotator_id(connection, name)
    row = {"annotator_id": person, "role": role, "email": email, "password": password, "version": 1}
    row |= {"created_at": now(), "changed_by": by, "changed_at": now()}
    connection.execute(sa.insert(accounts).values(row))
    _tell(connection, "account_added", person, by, role=role)
    return "" if password else _invitation(connection, person)


def _check_role(role: str | None) -> None:
    if role not in ROLES:
        raise InputError(f"there is no role '{role}'", f"Choose {', '.join(ROLES)}")


def _checked_email(connection: Connection, email: str | None, name: str) -> str | None:
    """`email` as it is stored. Raises InputError for one that cannot be, or that is somebody else's."""
    email = (email or "").strip().lower() or None
    if email and not (_EMAIL.fullmatch(email) and email.isprintable()):
        raise InputError(f"'{email}' is no e-mail address", "Write it as anna@example.org, or leave it out")
    other = connection.execute(_ALL.where(accounts.c.email == email, annotators.c.name != name)).first()
    if email and other:
        raise InputError(f"{other.name} has the e-mail {email} already", "An e-mail is one person's")
    return email


def import_accounts(workspace: Workspace, path: Path, *, by: str) -> list[tuple[str, str]]:
    """Make the accounts in a CSV file (name, role, email); each new name with its invitation. All of them, or none.

    Who has an account already is left as they are. Raises InputError for the first line that cannot be.
    """
    made = []
    with workspace.catalog.write() as connection:
        for number, row in _lines(path):
            try:
                name = stored_name(connection, checked_name(row["name"]))
                if connection.execute(_ALL.where(annotators.c.name == name)).first() is None:
                    role = row["role"].strip() or "annotator"
                    made.append((name, _add(connection, name, role, row["email"], None, by)))
            except GathersetError as error:
                raise InputError(f"{path}, line {number}: {error.what}", error.next_step) from error
    return made


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The lines of a CSV file of accounts with their numbers."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            columns = reader.fieldnames or []
            if "name" not in columns or not set(columns) <= {"name", "role", "email"}:
                found = ", ".join(columns) or "none"
                raise InputError(f"{path} has the columns {found}", "It needs 'name'; 'role' and 'email' may be there")
            for row in reader:
                if None in row:
                    raise InputError(f"{path}, line {reader.line_num} has too many cells", "Mend the line")
                yield reader.line_num, {"role": "", "email": "", **row}
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", "Name a CSV file") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no CSV file in UTF-8: {error}", "Save it as CSV, UTF-8") from error


def change_account(
    workspace: Workspace, name: str, *, by: str, version: int | None = None, **changes: str | None
) -> None:
    """Set `role`, `email` or `disabled` (why, or None) of an account; who is disabled is signed out at once.

    `version` is that of the account as it was shown: raises AccountChangedError where it is another one by now. Raises
    InputError where no maintainer would be left who can come in.
    """
    with workspace.catalog.write() as connection:
        account = _one(connection, name, version)
        if "role" in changes:
            _check_role(changes["role"])
        if "email" in changes:
            changes["email"] = _checked_email(connection, changes["email"], account.name)
        if changes.get("disabled"):
            _sign_out(connection, account.annotator)
        _set(connection, account, by, **changes)
        _keep_a_maintainer(connection)
        # Neither the address nor the reason may be in the journal.
        told = {key: value if key == "role" else bool(value) for key, value in changes.items()}
        _tell(connection, "account_changed", account.annotator, by, **told)


def invite(workspace: Workspace, name: str, *, by: str, version: int | None = None) -> str:
    """What a new link to choose a password holds; earlier links end. The password stays until another is chosen."""
    with workspace.catalog.write() as connection:
        account = _enabled(connection, name, version)
        _set(connection, account, by)
        _tell(connection, "account_invited", account.annotator, by)
        return _invitation(connection, account.annotator)


def reset(workspace: Workspace, name: str, *, by: str, version: int | None = None) -> str:
    """As `invite`, and the old password ends now, with every session: for one that others may know."""
    with workspace.catalog.write() as connection:
        account = _enabled(connection, name, version)
        _set(connection, account, by, password=None, subject=None)
        _sign_out(connection, account.annotator)
        _tell(connection, "account_reset", account.annotator, by)
        return _invitation(connection, account.annotator)


def accept_invitation(workspace: Workspace, token: str, password: str) -> str:
    """Give the invited person the password they chose; their name. Raises InvitationError; InputError for a bad one."""
    digest = digest_of(token)
    ended = InvitationError("this invitation has ended or was used", "Ask a maintainer for a new one")
    with workspace.catalog.read() as connection:
        row = connection.execute(_ALL.where(accounts.c.invitation == digest, _still_open())).one_or_none()
    if row is None:
        raise ended
    made = hashed(checked_password(password, row.name))  # outside the transaction: it takes its time
    with workspace.catalog.write() as connection:
        row = connection.execute(_ALL.where(accounts.c.invitation == digest, _still_open())).one_or_none()
        if row is None:
            raise ended
        values = {"password": made, "invitation": None, "invited_until": None}
        _set(connection, _account(row), row.name, **values)
        _sign_out(connection, row.annotator_id)
    return str(row.name)


def _still_open() -> Any:
    return (accounts.c.invited_until > now()) & accounts.c.disabled.is_(None)


def account_from_provider(workspace: Workspace, subject: str, email: str | None) -> int | None:
    """The annotator whom a provider of identities calls `subject`, with the address `email`; None for a stranger.

    Who comes for the first time is known by their e-mail, from then on by `subject`: an address may become another's.
    """
    with workspace.catalog.write() as connection:
        known = connection.execute(_ALL.where(accounts.c.subject == subject)).one_or_none()
        if known is None and email:
            mine = accounts.c.email == email.strip().lower(), accounts.c.subject.is_(None)
            known = connection.execute(_ALL.where(*mine)).one_or_none()
            if known is not None and not known.disabled:
                _set(connection, _account(known), known.name, subject=subject)
        return None if known is None or known.disabled else int(known.annotator_id)


def digest_of(token: str) -> str:
    """What the catalog keeps of a secret: who reads the catalog, or a backup, cannot use it."""
    return hashlib.sha256(token.encode("utf-8", "backslashreplace")).hexdigest()


def _account(row: Any) -> Account:
    state = f"disabled: {row.disabled}" if row.disabled else "active" if row.password or row.subject else "invited"
    return Account(row.annotator_id, row.name, row.role, row.email, state, row.version)


def _one(connection: Connection, name: str, version: int | None) -> Account:
    row = connection.execute(_ALL.where(annotators.c.name == stored_name(connection, one_name(name)))).one_or_none()
    if row is None:
        raise InputError(f"{name} has no account", "gatherset account list names them all")
    if version is not None and row.version != version:
        what = f"{row.changed_by} has changed the account of {row.name} meanwhile"
        raise AccountChangedError(what, "Look at it as it is now, then change it again if you still want to")
    return _account(row)


def _enabled(connection: Connection, name: str, version: int | None) -> Account:
    account = _one(connection, name, version)
    if not account.enabled:
        raise InputError(f"the account of {account.name} is disabled", "Enable it first")
    return account


def _set(connection: Connection, account: Account, by: str, **values: Any) -> None:
    change = sa.update(accounts).where(accounts.c.annotator_id == account.annotator)
    values |= {"version": account.version + 1, "changed_by": by, "changed_at": now()}
    connection.execute(change.values(**values))


def _tell(connection: Connection, event: str, person: int, by: str, **fields: Any) -> None:
    """A line in the journal: whose account, and by whom; numbers, never names."""
    maintainer = connection.execute(sa.select(annotators.c.id).where(annotators.c.name == by)).scalar()
    journal.record(event, person=person, by=maintainer, **fields)


def _invitation(connection: Connection, annotator: int) -> str:
    token = secrets.token_urlsafe(24)
    until = now(plus_minutes=INVITED_DAYS * 24 * 60)
    change = sa.update(accounts).where(accounts.c.annotator_id == annotator)
    connection.execute(change.values(invitation=digest_of(token), invited_until=until))
    return token


def _sign_out(connection: Connection, annotator: int) -> None:
    connection.execute(sa.delete(sessions).where(sessions.c.annotator_id == annotator))


def _keep_a_maintainer(connection: Connection) -> None:
    enabled = _ANY.where(accounts.c.role == "maintainer", accounts.c.disabled.is_(None))
    if connection.execute(enabled).scalar() is None:
        raise InputError("no maintainer would be left who can come in", "Make somebody else a maintainer first")
