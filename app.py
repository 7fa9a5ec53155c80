"""The browser door: `gatherset app`, or `streamlit run app.py` in a workspace. It draws, and decides nothing."""

from __future__ import annotations

from pathlib import Path

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from streamlit.starlette import App

import gatherset
from gatherset.annotate import routes, server

# Not beside this file: as a script it may be reached through a symlink, and the page must be found all the same.
PAGE = Path(gatherset.__file__).parent / "annotate" / "pages" / "frame.py"
# The app is for this machine: a name of another site that is made to lead here must not be one of its names.
HOSTS = Middleware(TrustedHostMiddleware, allowed_hosts=[server.ADDRESS, "localhost"])

app = App(
    str(PAGE.resolve()),
    lifespan=server.lifespan,
    routes=[*server.ROUTES, *routes.ROUTES],
    middleware=[HOSTS, Middleware(server.Door)],
)
