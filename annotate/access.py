"""Access: who asks. Every page and every route calls `visitor`, and nothing else decides it.

There are no accounts yet: whoever sits at this machine says who they are, at the sign-in page, and the browser keeps a
ticket with that name under the workspace's seal. Accounts change what it takes to get a ticket, not what reads it.
A signed address opens one image to whoever has it, until a day that it names: Label Studio's pages show images by it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

from gatherset.annotate.annotators import checked_name, stored_name
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

COOKIE = "gatherset_visitor"
DAYS = 30  # that a browser keeps its ticket


def ticket(workspace: Workspace, name: str) -> str:
    """What the browser of the person called `name` shows from now on. Raises SubmissionError for no such name."""
    with workspace.catalog.read() as connection:
        name = stored_name(connection, checked_name(name))
    written = base64.urlsafe_b64encode(name.encode()).decode()
    return f"{written}.{_seal(workspace, written)}"


def visitor(workspace: Workspace, cookies: Mapping[str, str]) -> str | None:
    """The name of the person whose cookies these are; None for one who has not signed in."""
    written, _, seal = cookies.get(COOKIE, "").partition(".")
    if not hmac.compare_digest(seal.encode(), _seal(workspace, written).encode()):
        return None
    return base64.urlsafe_b64decode(written).decode()


def may(workspace: Workspace, name: str, act: str) -> bool:
    """Whether the person called `name` may "review" (decide about images) or "lead" (see and steer the team).

    Without accounts everybody at this machine may: nothing could tell them apart. Every page and route that is not an
    annotator's asks here, and nowhere else.
    """
    return act in ("review", "lead")


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
