"""Where the pages of Label Studio find a stored image: as a file of its own machine, or at the app's image route."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gatherset.annotate import access
from gatherset.annotate.desk import original_url
from gatherset.dataset.workspace import Workspace

LOCAL = "/data/local-files/?d="  # how Label Studio calls a file below its document root
DAYS = 365  # that a signed address lasts


def image_address(workspace: Workspace, images: str, sha256: str, image_format: str) -> tuple[str, str | None]:
    """The address of a stored image, and the day on which it ends, if it does; `images` is what it begins with."""
    if images.startswith(LOCAL):
        path = workspace.store.path(sha256, image_format).relative_to(workspace.store.folder)
        return f"{images}{path.as_posix()}", None
    until = days_from_now(DAYS)
    route = f"/{original_url(sha256, image_format)}"  # as the server sees it, whatever sub-path is before it
    return f"{images}{access.signed(workspace, route, until)}", until


def days_from_now(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%d")
