"""The door: what nobody may reach without having signed in. It stands before Streamlit and all routes."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatherset.annotate import access
from gatherset.annotate.outages import in_words
from gatherset.annotate.server import open_workspace
from gatherset.annotate.sign_in import outage
from gatherset.dataset.errors import GathersetError

# Open to all: how one comes in, and what holds nothing of the workspace: Streamlit's own files, and whether it runs.
OPEN = frozenset(
    ("/sign-in", "/invitation", "/sign-out", "/arrived", "/_stcore/health", "/_stcore/host-config", "/favicon.png")
)
PROVIDER = frozenset(("/enter", "/auth/login", "/auth/logout", "/oauth2callback"))
# These look at the ticket themselves, and answer the page in its own terms.
CHECKED = ("/work/", "/review/", "/img/", "/original/", "/permission")


class Door:
    """Sends who opens a page without a ticket to the sign-in page, and refuses everything else.

    Streamlit's websocket is let through: a page that is open when its session ends shall say so, and the frame of the
    pages shows nothing to who has no ticket.
    """

    def __init__(self, app: ASGIApp, base: str = "") -> None:
        self.app = app
        self.base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        path = str(scope["path"])
        if not path.startswith(f"{self.base}/"):
            away = RedirectResponse(f"{self.base}/") if path in (self.base, "/") else PlainTextResponse("", 404)
            return await away(scope, receive, send)
        path = path.removeprefix(self.base)
        if path in OPEN or path.startswith(("/static/", *CHECKED)):
            return await self.app(scope, receive, send)
        if path in PROVIDER:
            return await self.app(scope, receive, self._told(path, scope, send))
        await self._guarded(path, scope, receive, send)

    async def _guarded(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        page = "text/html" in Headers(scope=scope).get("accept", "")
        try:
            name = await run_in_threadpool(lambda: access.visitor(open_workspace(), Request(scope).cookies))
        except (DBAPIError, GathersetError) as error:
            what = in_words(error) if isinstance(error, DBAPIError) else str(error)
            await (outage(what) if page else PlainTextResponse(what, 503))(scope, receive, send)
        else:
            if name is None:
                away = (
                    RedirectResponse(f"{self.base}/sign-in", 303) if page else PlainTextResponse("sign in first", 403)
                )
                await away(scope, receive, send)
            elif page and path != "/" and path.endswith("/"):  # the pages' links are relative to the one above
                await RedirectResponse(f"{self.base}/{path.strip('/')}", 307)(scope, receive, send)
            else:
                await self.app(scope, receive, send)

    def _told(self, path: str, scope: Scope, send: Send) -> Send:
        """`send`, which leads who comes back from the provider to the page that knows them, or to what went wrong."""

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and path in ("/auth/login", "/oauth2callback"):
                headers = MutableHeaders(scope=message)
                # Where it was in vain, Streamlit sets the same cookie to end at once.
                given = [value for value in headers.getlist("set-cookie") if value.startswith("_streamlit_user=")]
                known = any("max-age=0" not in value.lower() for value in given)
                if path == "/oauth2callback":
                    tried = bool(scope["query_string"])
                    there = "enter" if known else "sign-in?problem=provider" if tried else "sign-in"
                    headers["location"] = f"{self.base}/{there}"
                elif message["status"] >= 400:
                    message["status"] = 303
                    headers["location"] = f"{self.base}/sign-in?problem=provider"
            await send(message)

        return told
