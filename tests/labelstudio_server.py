"""A real Label Studio for the tests: installed in a folder of its own, on sqlite, without a browser; it can be killed.

`make` installs it (see the Makefile). By hand:
    python -m venv .labelstudio-venv
    .labelstudio-venv/bin/pip install --no-deps -r tests/labelstudio-requirements.txt
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

from gatherset.annotate.labelstudio.client import Client

ROOT = Path(__file__).parents[1]
VENV = ROOT / ".labelstudio-venv"
PROGRAM = VENV / "bin" / "label-studio"
TOKEN = "0123456789abcdef0123456789abcdef01234567"
EMAIL, PASSWORD = "lead@example.org", "a-password-of-the-tests"
SECONDS_TO_START = 180  # the first time it makes its database
QUIET = {
    "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
    "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
    "LABEL_STUDIO_SENTRY_DSN": "",
    "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
    "LABEL_STUDIO_SSRF_PROTECTION_ENABLED": "false",  # webhooks may reach this machine
}
CONFUSING = ("CI", "HOST", "PORT", "DEBUG", "USERNAME", "PASSWORD")  # it would read them as its own


class LabelStudioServer:
    """Label Studio with its data in `folder`, which may show files below `document_root`."""

    def __init__(self, folder: Path, document_root: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        self.url = f"http://127.0.0.1:{self.port}"
        own = {
            "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
            "LABEL_STUDIO_USERNAME": EMAIL,
            "LABEL_STUDIO_PASSWORD": PASSWORD,
            "LABEL_STUDIO_USER_TOKEN": TOKEN,
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
            "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
            "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
            "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(document_root),
        }
        inherited = {key: value for key, value in os.environ.items() if key not in (*CONFUSING, "PYTHONPATH")}
        self.environment = {**inherited, **QUIET, **own}

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [str(PROGRAM), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(self.port)]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )
        for _ in range(SECONDS_TO_START * 10):
            assert self.process.poll() is None, (self.folder / "server.log").read_text()[-2000:]
            try:
                with urllib.request.urlopen(f"{self.url}/health/", timeout=5) as answer:
                    assert answer.status == 200
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"no answer from {self.url} in {SECONDS_TO_START} s")

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)

    def client(self) -> Client:
        return Client(self.url, TOKEN)


def make_person(client: Client, email: str) -> int:
    """The number of a new user."""
    return int(client.call("POST", "/api/users/", {"email": email, "username": email.partition("@")[0]})["id"])


def annotate(client: Client, task: int, results: list[dict[str, Any]], person: int, **fields: Any) -> int:
    """The number of a new annotation, as the page would send it."""
    body = {"result": results, "completed_by": person, **fields}
    return int(client.call("POST", f"/api/tasks/{task}/annotations/", body)["id"])


def main() -> None:
    """Make an empty database in the folder of the program, to be copied by the tests: it takes half a minute."""
    made = VENV / "empty"
    if made.is_dir():
        return
    partial = VENV / "empty.partial"
    shutil.rmtree(partial, ignore_errors=True)
    server = LabelStudioServer(partial, VENV)
    server.start()
    server.process.terminate()
    server.process.wait(20)
    partial.rename(made)


if __name__ == "__main__":
    main()
