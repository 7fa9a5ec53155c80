"""Access: who asks, and what they may. Every page and route asks `visitor` and `may`, and nothing else decides it.

In a workspace without accounts whoever sits at its machine says who they are, and the browser keeps a ticket with that
name under the workspace's seal; all may do everything, since nothing could tell them apart. With the first account
tickets open nothing any more: the browser keeps the token of a session, which `sign_in` gives for a password.
A signed address opens one image to whoever has it, until a day that it names: Label Studio's pages show images by it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from contextlib import suppress

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from gatherset.annotate.accounts import any_account, digest_of
from gatherset.annotate.annotators import checked_name, find_annotator, one_name, stored_name
from gatherset.annotate.passwords import fits, hashed, outgrown
from gatherset.dataset.catalog.tables import accounts, annotators, sessions
from gatherset.dataset.clock import SKEW
from gatherset.dataset.errors import WorkspaceError
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

COOKIE = "gatherset_visitor"
DAYS = 30  # that a browser keeps its ticket, and that a session lasts at most
RENEWED = 15  # minutes: a session that is used is written to the catalog so often
MAY = {  # act: the roles
    "annotate": ("annotator", "reviewer", "maintainer"),
    "review": ("reviewer", "maintainer"),
    "lead": ("maintainer",),  # see and steer the team
    "accounts": ("maintainer",),
}
_ACCOUNT = sa.select(annotators.c.id, annotators.c.name, accounts.c.role, accounts.c.password).join(
    accounts, accounts.c.annotator_id == annotators.c.id
)
_ENABLED = _ACCOUNT.where(accounts.c.disabled.is_(None))
_NAMED = _ENABLED.where(annotators.c.name == sa.bindparam("name"))
# One that began in the future was made by a clock that was wrong, and so was its end.
_SESSION = (
    sa.select(annotators.c.name, sessions.c.started_at, sessions.c.expires_at)
    .join(accounts, accounts.c.annotator_id == sessions.c.annotator_id)
    .join(annotators, annotators.c.id == sessions.c.annotator_id)
    .where(
        sessions.c.token == sa.bindparam("token"),
        sessions.c.expires_at > sa.bindparam("now"),
        sessions.c.started_at <= sa.bindparam("soon"),
        accounts.c.disabled.is_(None),
    )
)


def open_to_all(workspace: Workspace) -> bool:
    """Whether nobody has to sign in: there are no accounts."""
    with workspace.catalog.read() as connection:
        return not any_account(connection)


def ticket(workspace: Workspace, name: str) -> str:
    """What the browser of the person called `name` shows in a workspace without accounts. Raises SubmissionError for no
    such name."""
    with workspace.catalog.read() as connection:
        name = stored_name(connection, checked_name(name))
    written = base64.urlsafe_b64encode(name.encode()).decode()
    return f"{written}.{_seal(workspace, written)}"


def sign_in(workspace: Workspace, name: str, password: str) -> str | None:
    """The token of a new session of the person called `name`; None where the two do not fit.

    Whether there is no such name, no such password, or no entry, takes as long and says as much.
    """
    with workspace.catalog.read() as connection:
        known = stored_name(connection, name) if one_name(name).isprintable() else ""
        row = connection.execute(_NAMED, {"name": known}).one_or_none()
    if not fits(password, row and row.password) or row is None:
        return None
    stored = _hashed_again(workspace, row.id, row.password, password) if outgrown(row.password) else row.password
    return begin_session(workspace, row.id, password=stored)


def _hashed_again(workspace: Workspace, annotator: int, stored: str, password: str) -> str:
    """The password's hash as it is made today, which takes the place of `stored`, if that is still theirs.

    Only now, while the password is at hand, can a hash follow what argon2's authors hold to be enough.
    """
    fresh = hashed(password)  # outside the transaction: it takes its time
    with workspace.catalog.write() as connection:
        mine = (accounts.c.annotator_id == annotator, accounts.c.password == stored)
        connection.execute(sa.update(accounts).where(*mine).values(password=fresh))
    return fresh


def begin_session(workspace: Workspace, annotator: int, *, password: str | None = None) -> str | None:
    """The token of a new session; those that have ended are forgotten on the way.

    `password` is the hash that was compared; without it a provider has said who it is. None where that holds no more:
    the account was disabled or reset while it was looked at.
    """
    shown = accounts.c.subject.is_not(None) if password is None else accounts.c.password == password
    still = sa.select(accounts.c.annotator_id).where(accounts.c.annotator_id == annotator, shown)
    token = secrets.token_urlsafe(32)
    row = {"token": digest_of(token), "annotator_id": annotator, "started_at": now(), "expires_at": _end(workspace)}
    with workspace.catalog.write() as connection:
        if connection.execute(still.where(accounts.c.disabled.is_(None))).scalar() is None:
            return None
        connection.execute(sa.delete(sessions).where(sessions.c.expires_at <= now()))
        connection.execute(sa.insert(sessions).values(row))
    return token


def end_session(workspace: Workspace, cookies: Mapping[str, str]) -> None:
    with workspace.catalog.write() as connection:
        token = digest_of(cookies.get(COOKIE, ""))
        connection.execute(sa.delete(sessions).where(sessions.c.token == token))


def visitor(workspace: Workspace, cookies: Mapping[str, str]) -> str | None:
    """The name of the person whose cookies these are; None for one who has not signed in, or whose session is over."""
    shown = cookies.get(COOKIE, "")
    return _of_ticket(workspace, shown) if "." in shown else _of_session(workspace, shown)


def number_of(workspace: Workspace, name: str) -> int | None:
    """The annotator's number, by which the journal knows them; None for one who has no row yet."""
    with workspace.catalog.read() as connection:
        found = find_annotator(connection, one_name(name))
    return None if found is None else int(found.id)


def may(workspace: Workspace, name: str, act: str) -> bool:
    """Whether the person called `name` may "annotate", "review" (decide about images), "lead" (see and steer the team)
    or change "accounts"."""
    with workspace.catalog.read() as connection:
        row = connection.execute(_NAMED, {"name": name}).one_or_none()
        if row is None:
            return not any_account(connection)
    return row.role in MAY[act]


def _of_ticket(workspace: Workspace, shown: str) -> str | None:
    written, _, seal = shown.partition(".")
    if not hmac.compare_digest(seal.encode(), _seal(workspace, written).encode()) or not open_to_all(workspace):
        return None
    return base64.urlsafe_b64decode(written).decode()


def _of_session(workspace: Workspace, shown: str) -> str | None:
    if not shown:
        return None
    token = digest_of(shown)
    with workspace.catalog.read() as connection:
        asked = {"token": token, "now": now(), "soon": now(plus_minutes=SKEW)}
        row = connection.execute(_SESSION, asked).one_or_none()
    if row is None or row.started_at <= now(plus_minutes=-DAYS * 24 * 60):
        return None
    end = _end(workspace)
    if row.expires_at < now(plus_minutes=60 * workspace.settings.app.session_hours - RENEWED):
        # Where the catalog cannot be written the session only ends a little earlier.
        with suppress(DBAPIError, WorkspaceError), workspace.catalog.write() as connection:
            connection.execute(sa.update(sessions).where(sessions.c.token == token).values(expires_at=end))
    return str(row.name)


def _end(workspace: Workspace) -> str:
    return now(plus_minutes=60 * workspace.settings.app.session_hours)


def signed(workspace: Workspace, path: str, until: str) -> str:
    """`path` of an image with the day `until` ("2026-11-20") and the seal that lets anyone see it up to then."""
    return f"{path}?until={until}&seal={_seal(workspace, f'{path} {until}', purpose=b'image ')}"


def is_signed(workspace: Workspace, path: str, query: Mapping[str, str]) -> bool:
    """Whether the query of this request for the image at `path` carries a seal that still holds."""
    until, seal = query.get("until", ""), query.get("seal", "")
    expected = _seal(workspace, f"{path} {until}", purpose=b"image ")
    return hmac.compare_digest(seal.encode(), expected.encode()) and now()[:10] <= until


def _seal(workspace: Workspace, written: str, *, purpose: bytes = b"ticket ") -> str:
    # A key of its own, derived: what is published (pseudonyms) and what opens doors must not share one.
    key = hashlib.sha256(purpose + workspace.pseudonym_key.encode()).digest()
    return hmac.new(key, written.encode(), hashlib.sha256).hexdigest()
