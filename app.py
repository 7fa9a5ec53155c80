"""The browser door: `gatherset app`, or `streamlit run app.py` in a workspace. It draws, and decides nothing."""

from __future__ import annotations

from pathlib import Path

from starlette.routing import Route
from streamlit.starlette import App

import gatherset
from gatherset.annotate import server

# Not beside this file: as a script it may be reached through a symlink, and the page must be found all the same.
PAGE = Path(gatherset.__file__).parent / "annotate" / "pages" / "annotate.py"

app = App(str(PAGE.resolve()), routes=[Route("/img/{name}", server.image)])
