"""The browser door: `gatherset app`, or `streamlit run app.py` in a workspace. It draws, and decides nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from streamlit import config
from streamlit.starlette import App

import gatherset
from gatherset.annotate import door, provider, routes, server, sign_in
from gatherset.dataset.errors import GathersetError
from gatherset.dataset.shell import COULD_NOT_RUN, say

# Not beside this file: as a script it may be reached through a symlink, and the page must be found all the same.
PAGE = Path(gatherset.__file__).parent / "annotate" / "pages" / "frame.py"

try:
    workspace = server.open_workspace()
    server.check_exposure(workspace, config.get_option("server.address"))
    auth = provider.configuration(workspace)
except GathersetError as error:
    say(f"gatherset: {error}", err=True)
    sys.exit(COULD_NOT_RUN)

base = server.base_path(config.get_option("server.baseUrlPath"))
app = App(
    str(PAGE.resolve()),
    secrets={"auth": dict(auth)} if auth else None,
    lifespan=server.lifespan,
    routes=server.under(base, [*server.ROUTES, *sign_in.ROUTES, *routes.ROUTES]),
    middleware=[
        # A name of another site that is made to lead here must not be one of the app's names.
        Middleware(TrustedHostMiddleware, allowed_hosts=server.hosts(workspace)),
        Middleware(door.Door, base=base),
    ],
)
