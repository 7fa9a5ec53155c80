"""The web server: who comes in, the image routes that the pages link to, and the start of Streamlit."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy.exc import DBAPIError
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

import gatherset
from gatherset.annotate import access, journal, provider
from gatherset.annotate.outages import in_words
from gatherset.dataset.errors import GathersetError, WorkspaceError
from gatherset.dataset.images import SUFFIX
from gatherset.dataset.rules.language import identifier
from gatherset.dataset.shell import say
from gatherset.dataset.workspace import Workspace, find_workspace

ADDRESS = "127.0.0.1"  # unless another is asked for, which takes accounts
FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}  # an image is named after its bytes
_NAME = re.compile(r"([0-9a-f]{64})\.(jpg|png|webp)")
_FORMATS = {suffix: image_format for image_format, suffix in SUFFIX.items()}


@cache
def open_workspace() -> Workspace:
    """The workspace that this server serves: opened once, shared by all sessions."""
    return Workspace.open()


@asynccontextmanager
async def lifespan(app: object) -> AsyncIterator[None]:
    """Load what the checks need while nobody waits for them; otherwise the first fifty drafts all would."""
    journal.begin()
    Thread(target=identifier, daemon=True).start()
    journal.record("started", version=gatherset.__version__)
    yield
    journal.record("stopped")


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
    try:
        if not _may_see(workspace, request.cookies, request.url.path, request.query_params):
            return PlainTextResponse("sign in first", status_code=403)
    except DBAPIError as error:
        return PlainTextResponse(in_words(error), status_code=503)
    match = _NAME.fullmatch(request.path_params["name"])
    if match is None:
        return PlainTextResponse("no such image", status_code=404)
    try:
        path = find(workspace, match[1], _FORMATS[f".{match[2]}"])
    except (GathersetError, OSError):  # not there, or damaged: `gatherset validate` says which
        return PlainTextResponse("no such image", status_code=404)
    return FileResponse(path, media_type=media_type, headers=FOR_EVER)


def permission(request: Request) -> Response:
    """Whether the browser may see the image whose address is in X-Original-URI: a proxy that keeps images asks here."""
    try:
        parts = urlsplit(request.headers.get("x-original-uri", ""))
    except ValueError:  # no address: "//["
        return Response(status_code=403, headers={"Cache-Control": "no-store"})
    try:
        may = _may_see(open_workspace(), request.cookies, parts.path, dict(parse_qsl(parts.query)))
    except DBAPIError as error:
        return PlainTextResponse(in_words(error), status_code=503)
    return Response(status_code=204 if may else 403, headers={"Cache-Control": "no-store"})


def _may_see(workspace: Workspace, cookies: Mapping[str, str], path: str, query: Mapping[str, str]) -> bool:
    name = access.visitor(workspace, cookies)
    if name is not None and access.may(workspace, name, "annotate"):
        return True
    # The seal is on the address as the workspace knows it, wherever it is served.
    return access.is_signed(workspace, "/" + "/".join(path.split("/")[-2:]), query)


ROUTES = [
    Route("/img/{name}", thumbnail),
    Route("/original/{name}", original),
    Route("/permission", permission),
]


def under(base: str, routes: Sequence[Route]) -> list[Route]:
    """The routes, served under the sub-path `base` ("" or "/mg")."""
    return [Route(f"{base}{route.path}", route.endpoint, methods=list(route.methods or ())) for route in routes]


def base_path(path: str | None) -> str:
    """Where under its host the app is, as the routes begin: "" or "/mg"."""
    return f"/{path.strip('/')}" if path and path.strip("/") else ""


def hosts(workspace: Workspace) -> list[str]:
    """The names under which the app may be called: another site's, made to lead here, must not be one of them."""
    named = urlsplit(workspace.settings.app.url).hostname
    return [ADDRESS, "localhost", *([named] if named else [])]


def check_exposure(workspace: Workspace, address: str | None) -> None:
    """Raises WorkspaceError where others than who sits at this machine could reach a workspace without accounts."""
    named = urlsplit(workspace.settings.app.url).hostname or ADDRESS
    if not (_is_loopback(address) and _is_loopback(named)) and access.open_to_all(workspace):
        raise WorkspaceError(
            f"{workspace.root} has no accounts, so that it is served at this machine alone",
            "Make one: gatherset account add NAME --role maintainer",
        )
    if not _is_loopback(address) and not workspace.settings.app.url:
        raise WorkspaceError(
            f"nothing says under which name annotators reach {address}",
            'Write it into gatherset.toml: [app] url = "https://annotate.example.org"',
        )


def _is_loopback(address: str | None) -> bool:
    try:
        return address == "localhost" or ip_address(address or "0.0.0.0").is_loopback
    except ValueError:
        return False


def serve(workspace: Path | None, *, port: int, address: str = ADDRESS) -> None:
    """Run the app on a workspace until Ctrl-C.

    Raises WorkspaceError where there is none, the port is taken, or it has no accounts and others could reach it.
    """
    import streamlit  # noqa: F401  (says in one line that it is missing, before a child process cannot)

    root = find_workspace(workspace)
    opened = Workspace.open(root)  # a workspace that cannot be used is refused here, not in the browser
    check_exposure(opened, address)
    provider.configuration(opened)
    _check_port(address, port)
    url = opened.settings.app.url or f"http://{address}:{port}"
    say(f"Gatherset serves {root} at {url} (stop it with Ctrl-C)")
    opened.catalog.close()
    script = Path(gatherset.__file__).parent / "app.py"
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    command += [
        "--server.address",
        address,
        "--server.port",
        str(port),
        "--server.baseUrlPath",
        base_path(urlsplit(url).path),
    ]
    sys.stdout.flush()
    # Become the server instead of starting one: whoever stops this process stops the server, and no child is left over.
    os.execve(sys.executable, command, {**os.environ, "GATHERSET_WORKSPACE": str(root)})


def _check_port(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise WorkspaceError(
                f"{address}, port {port}: {error.strerror}", "Choose another: gatherset app --port 8502"
            ) from error
