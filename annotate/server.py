"""The web server: who comes in, the image routes that the pages link to, and the start of Streamlit."""

from __future__ import annotations

import html
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

import gatherset
from gatherset.annotate import access
from gatherset.dataset.errors import GathersetError, WorkspaceError
from gatherset.dataset.images import SUFFIX
from gatherset.dataset.rules.language import identifier
from gatherset.dataset.shell import say
from gatherset.dataset.workspace import Workspace, find_workspace

ADDRESS = "127.0.0.1"  # there are no accounts yet, so nobody but the people on this machine
FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}  # an image is named after its bytes
_NAME = re.compile(r"([0-9a-f]{64})\.(jpg|png|webp)")
_FORMATS = {suffix: image_format for image_format, suffix in SUFFIX.items()}
SIGN_IN = Path(__file__).parent / "pages" / "sign_in.html"


@cache
def open_workspace() -> Workspace:
    """The workspace that this server serves: opened once, shared by all sessions."""
    return Workspace.open()


@asynccontextmanager
async def lifespan(app: object) -> AsyncIterator[None]:
    """Load what the checks need while nobody waits for them; otherwise the first fifty drafts all would."""
    Thread(target=identifier, daemon=True).start()
    yield


def thumbnail(request: Request) -> Response:
    """The thumbnail of a stored image, for who may see it; made when it is first asked for."""

    def path(workspace: Workspace, sha256: str, image_format: str) -> Path:
        return workspace.store.thumbnail(sha256, image_format, side=workspace.settings.images.thumbnail_side)

    return _image(request, path, media_type="image/jpeg")


def original(request: Request) -> Response:
    """The stored image itself, for a close look."""

    def path(workspace: Workspace, sha256: str, image_format: str) -> Path:
        found = workspace.store.path(sha256, image_format)
        found.stat()
        return found

    return _image(request, path)


def _image(request: Request, find: Callable[[Workspace, str, str], Path], media_type: str | None = None) -> Response:
    workspace = open_workspace()
    may = access.visitor(workspace, request.cookies) is not None
    if not may and not access.is_signed(workspace, request.url.path, request.query_params):
        return PlainTextResponse("sign in first", status_code=403)
    match = _NAME.fullmatch(request.path_params["name"])
    if match is None:
        return PlainTextResponse("no such image", status_code=404)
    try:
        path = find(workspace, match[1], _FORMATS[f".{match[2]}"])
    except (GathersetError, OSError):  # not there, or damaged: `gatherset validate` says which
        return PlainTextResponse("no such image", status_code=404)
    return FileResponse(path, media_type=media_type, headers=FOR_EVER)


async def sign_in(request: Request) -> Response:
    """The page that asks for a name, and what takes it."""
    workspace, name, problem = open_workspace(), "", ""
    if request.method == "POST":
        sent = parse_qs((await request.body())[:10_000].decode("utf-8", "replace"))
        name = sent.get("name", [""])[0]
        try:
            pass_ = access.ticket(workspace, name)
        except GathersetError as error:
            problem = str(error)
        else:
            response = RedirectResponse("/", status_code=303)
            age = access.DAYS * 24 * 3600
            # Lax: another site's page can link here, but nothing that it sends carries the ticket.
            response.set_cookie(access.COOKIE, pass_, max_age=age, httponly=True, samesite="lax")
            return response
    page = SIGN_IN.read_text(encoding="utf-8")
    for key, value in {"DATASET": workspace.settings.name, "NAME": name, "PROBLEM": problem}.items():
        page = page.replace(f"[{key}]", html.escape(value, quote=True))
    return HTMLResponse(page, status_code=400 if problem else 200, headers={"Cache-Control": "no-store"})


def sign_out(request: Request) -> Response:
    """Forget who it was, in the browser too: half-typed texts must not be left for the next person."""
    response = HTMLResponse(
        "<!doctype html><title>Signed out</title><script>"
        'localStorage.setItem("gatherset:signed-out", "");'  # a desk that is open in another tab hears it, and closes
        'for (const key of Object.keys(localStorage)) if (key.startsWith("gatherset:")) localStorage.removeItem(key);'
        'location.replace("/sign-in");</script><a href="/sign-in">Signed out. Sign in again</a>',
        headers={"Cache-Control": "no-store"},
    )
    response.delete_cookie(access.COOKIE)
    return response


ROUTES = [
    Route("/img/{name}", thumbnail),
    Route("/original/{name}", original),
    Route("/sign-in", sign_in, methods=["GET", "POST"]),
    Route("/sign-out", sign_out, methods=["GET"]),
]


class Door:
    """Sends whoever opens a page without a ticket to the sign-in page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in ("/sign-in", "/sign-out"):
            page = "text/html" in Headers(scope=scope).get("accept", "")
            if page and access.visitor(open_workspace(), Request(scope).cookies) is None:
                await RedirectResponse("/sign-in", status_code=303)(scope, receive, send)
                return
        await self.app(scope, receive, send)


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
