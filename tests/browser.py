"""A real Streamlit server and a real Chromium, for the tests that need a page."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Playwright, sync_playwright

ROOT = Path(__file__).parents[1]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Without these, Chromium calls home at every start, which a closed network refuses many times over.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
SECONDS_TO_START = 300  # a machine that does other work at the same time is slow, and that is no failure
PATIENCE = 60_000  # milliseconds that a page may take on a machine that runs other tests at the same time
APP = [sys.executable, "-m", "gatherset.cli", "app", "--port", "PORT"]
STREAMLIT = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", "PORT"]


class Server:
    """The app on `workspace`, started in `folder` by `command` with "PORT" replaced; it can be killed and come back."""

    def __init__(self, workspace: Path, command: list[str], folder: Path = ROOT) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.command = [str(self.port) if part == "PORT" else part for part in command]
        self.folder = folder
        self.environment = {**os.environ, "GATHERSET_WORKSPACE": str(workspace)}
        self.errors: int | None = None  # where its standard error goes; None: with the test's
        self.path = ""  # the sub-path that [app] url says
        self.address = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command, cwd=self.folder, env=self.environment, stderr=self.errors, text=True
        )
        for _ in range(SECONDS_TO_START * 20):
            assert self.process.poll() is None, f"the server ended with {self.process.returncode}"
            try:
                with urllib.request.urlopen(f"{self.address}{self.path}/_stcore/health") as answer:
                    assert answer.status == 200
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"no answer from {self.address} in {SECONDS_TO_START} s")

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@contextmanager
def server(workspace: Path, command: list[str], *, folder: Path = ROOT) -> Iterator[str]:
    """The address of the app on `workspace`, while it runs."""
    running = Server(workspace, command, folder)
    running.start()
    try:
        yield running.address
    finally:
        running.stop()


def launch(playwright: Playwright, *more: str) -> Browser:
    """A Chromium of its own, with `more` flags."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *more])


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


# Nothing runs, loads, fades or is about to be drawn anew; what turns for ever is no reason to wait.
_SETTLED = """() => {
  const app = document.querySelector("[data-test-script-state]");
  const all = (selector) => [...document.querySelectorAll(selector)];
  return (!app || app.dataset.testScriptState === "notRunning")
    && !document.querySelector('[data-stale="true"]')
    && [...document.images].every((image) => image.complete)
    && all('[data-testid="stVegaLiteChart"]').every((chart) => chart.querySelector("canvas, svg"))
    && document.getAnimations().every((one) =>
      one.playState !== "running" || one.effect.getComputedTiming().endTime === Infinity);
}"""


def settled(page: Any) -> None:
    """Wait until the page looks as it will."""
    page.wait_for_function(_SETTLED)


def sign_in(page: Any, address: str, name: str = "anna") -> None:
    page.goto(address)
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="Keys").wait_for()
