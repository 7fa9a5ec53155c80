"""Visits of the pages, and a server for those that only need an image of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace
from tests.browser import APP, PATIENCE, server, sign_in
from tests.conftest import draw

pytest.importorskip("streamlit", reason="streamlit is not installed: pip install 'gatherset[app]'")
IMAGES = 30
Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def uncaptioned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, str]]:
    """A workspace of images without captions, one annotator each, and the address of the app on it."""
    folder = tmp_path_factory.mktemp("uncaptioned")
    workspace = Workspace.create(folder / "mg", overlap=1)
    for number in range(IMAGES):
        draw(folder / "photos" / f"{number}.jpg", number)
    ingest(workspace, folder / "photos", Provenance(license="CC-BY-4.0"))
    with server(workspace.root, APP) as address:
        yield workspace, address
    workspace.catalog.close()


@pytest.fixture(autouse=True)
def _no_page_stays_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """A page that is left open goes on asking its server, and every later test is slower for it."""
    opened = request.getfixturevalue("browser") if "browser" in request.fixturenames else None
    yield
    for context in list(opened.contexts) if opened else ():
        context.close()


@pytest.fixture
def visit(browser: Any) -> Visit:
    """visit(address, "anna") opens the app in a browser of their own, signed in, on the first image."""

    def visit(address: str, name: str = "anna", width: int = 1400, height: int = 900) -> Any:
        page = browser.new_context(viewport={"width": width, "height": height}).new_page()
        page.set_default_timeout(PATIENCE)
        sign_in(page, address, name)
        page.locator("#image").wait_for()
        return page

    return visit
