"""A real Streamlit server and a real Chromium, for the tests that need a page."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[1]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Without these, Chromium calls home at every start, which a closed network refuses many times over.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
SECONDS_TO_START = 60


@contextmanager
def server(workspace: Path, command: list[str], *, folder: Path = ROOT) -> Iterator[str]:
    """The app on `workspace`, started in `folder` by `command` with "PORT" replaced; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = {**os.environ, "GATHERSET_WORKSPACE": str(workspace)}
    process = subprocess.Popen([port if part == "PORT" else part for part in command], cwd=folder, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(SECONDS_TO_START * 5):
        assert process.poll() is None, f"the server ended with {process.returncode}"
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health") as answer:
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"no answer from {address} in {SECONDS_TO_START} s")


APP = [sys.executable, "-m", "gatherset.cli", "app", "--port", "PORT"]
STREAMLIT = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", "PORT"]


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
