"""A browser page that notices whatever a text of somebody else's makes it do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser import PATIENCE

Watched = Callable[[str], tuple[Any, list[str]]]


@pytest.fixture
def watched(browser: Any) -> Iterator[Watched]:
    """watched(address) opens a page, and lists what it asks of others than `address`, its dialogs and its hits.

    A script of a hostile text says `hit()`, or asks for something elsewhere.
    """
    contexts = []

    def watched(address: str) -> tuple[Any, list[str]]:
        context = browser.new_context(viewport={"width": 1400, "height": 900}, accept_downloads=True)
        contexts.append(context)
        noticed: list[str] = []
        context.expose_function("hit", lambda *_: noticed.append("a script ran"))

        def asked(request: Any) -> None:
            if not request.url.startswith((address, address.replace("http", "ws", 1), "data:", "blob:")):
                noticed.append(f"asked for {request.url}")

        def said(dialog: Any) -> None:
            noticed.append(f"said {dialog.message}")
            dialog.dismiss()

        context.on("request", asked)
        page = context.new_page()
        page.on("dialog", said)
        page.set_default_timeout(PATIENCE)
        return page, noticed

    yield watched
    for context in contexts:
        context.close()
