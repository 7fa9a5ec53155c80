"""The web server: the image route that the pages link to, and the start of Streamlit."""

from __future__ import annotations

import os
import re
import socket
import sys
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

import gatherset
from gatherset.dataset.errors import GathersetError, WorkspaceError
from gatherset.dataset.images import SUFFIX
from gatherset.dataset.shell import say
from gatherset.dataset.workspace import Workspace, find_workspace

ADDRESS = "127.0.0.1"  # there are no accounts yet, so nobody but the people on this machine
_NAME = re.compile(r"([0-9a-f]{64})\.(jpg|png|webp)")
_FORMATS = {suffix: image_format for image_format, suffix in SUFFIX.items()}


@cache
def open_workspace() -> Workspace:
    """The workspace that this server serves: opened once, shared by all sessions."""
    return Workspace.open()


def image_url(sha256: str, image_format: str) -> str:
    """Where the image route has the thumbnail of a stored image."""
    return f"/img/{sha256}{SUFFIX[image_format]}"


def image(request: Request) -> Response:
    """The thumbnail of a stored image. Its name is the hash of the stored bytes, so it may be cached for ever."""
    match = _NAME.fullmatch(request.path_params["name"])
    if match is None:
        return PlainTextResponse("no such image", status_code=404)
    workspace = open_workspace()
    try:
        path = workspace.store.thumbnail(
            match[1], _FORMATS[f".{match[2]}"], side=workspace.settings.images.thumbnail_side
        )
    except (GathersetError, OSError):  # not there, or damaged: `gatherset validate` says which
        return PlainTextResponse("no such image", status_code=404)
    for_ever = {"Cache-Control": "private, max-age=31536000, immutable"}
    return FileResponse(path, media_type="image/jpeg", headers=for_ever)


def serve(workspace: Path | None, *, port: int) -> None:
    """Run the app on a workspace until Ctrl-C. Raises WorkspaceError where there is none or the port is taken."""
    import streamlit  # noqa: F401  (says in one line that it is missing, before a child process cannot)

    root = find_workspace(workspace)
    Workspace.open(root)  # a workspace that cannot be used is refused here, not in the browser
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise WorkspaceError(f"port {port} is in use", "Choose another: gatherset app --port 8502") from error
    say(f"Gatherset serves {root} at http://{ADDRESS}:{port} (stop it with Ctrl-C)")
    script = Path(gatherset.__file__).parent / "app.py"
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    command += ["--server.address", ADDRESS, "--server.port", str(port)]
    sys.stdout.flush()
    # Become the server instead of starting one: whoever stops this process stops the server, and no child is left over.
    os.execve(sys.executable, command, {**os.environ, "GATHERSET_WORKSPACE": str(root)})
