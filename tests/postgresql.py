"""A PostgreSQL server of the tests' own: a new cluster in a folder, on a free port of loopback."""

from __future__ import annotations

import glob
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gatherset.dataset.catalog.database import VARIABLE


def programs() -> Path | None:
    """The folder with initdb and pg_ctl; Debian keeps them out of the path."""
    places = [shutil.which("initdb"), *sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True)]
    return next((Path(place).resolve().parent for place in places if place), None)


@contextmanager
def database(wanted: bool) -> Iterator[Cluster | None]:
    """A server in which new workspaces have their catalog while this holds; None where it is not wanted."""
    if not wanted:
        yield None
        return
    found = programs()
    assert found is not None, "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    cluster = Cluster(found)
    os.environ[VARIABLE] = cluster.url
    try:
        yield cluster
    finally:
        del os.environ[VARIABLE]
        cluster.remove()


class Cluster:
    """PostgreSQL refuses to run as root; there it runs as the user whom its Debian package makes."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._as = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        self.folder = Path(tempfile.mkdtemp(prefix="gatherset-postgresql-"))
        if self._as:
            shutil.chown(self.folder, "postgres")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._run("initdb", "-D", f"{self.folder}/data", "-U", "tests", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://tests@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -h 127.0.0.1 -c max_connections=200"
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-w", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-w", "-m", mode, "stop")

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self._programs / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")
