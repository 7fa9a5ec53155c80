"""Fixtures of the web part: a rude server, and limits that do not make a test wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gatherset.dataset.web.addresses import Reach
from gatherset.dataset.web.crawl import crawl
from gatherset.dataset.web.hosts import Limits
from gatherset.dataset.web.judging import Received, judged
from gatherset.dataset.web.outcome import Outcome
from tests.rude_server import RudeServer, gzip_bomb

LOOPBACK = Reach.of(["127.0.0.0/8"])
QUICK = Limits(per_second=1000, connect_seconds=5, read_seconds=5, total_seconds=10, max_bytes=1_000_000, back_off=0.01)
HURRIED = replace(QUICK, read_seconds=0.3, total_seconds=0.6, tries=1)


@pytest.fixture
def rude() -> Iterator[RudeServer]:
    gzip_bomb()  # it takes a moment to make
    with RudeServer().running() as server:
        yield server


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., list[Outcome]]:
    """ask(url, …) gives the outcome of each."""

    def ask(*urls: str, limits: Limits = QUICK, reach: Reach = LOOPBACK) -> list[Outcome]:
        answers = dict(crawl(urls, tmp_path, lambda _, path: judged(Received(path, "")), limits=limits, reach=reach))
        return [answers[url] for url in urls]

    return ask
