"""The same bulk work in Daft, on this machine and on a real Ray cluster of two nodes."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gatherset.dataset.bulk import in_threads
from gatherset.dataset.candidates import offered
from tests.conftest import ROOT
from tests.dataset.conftest import Photos

pytest.importorskip("daft", reason="pip install 'gatherset[scale]'")

# In a process of its own: Daft keeps the runner that it was first used with.
MEASURED = """
import json, sys
from pathlib import Path
from gatherset.dataset.bulk import Job, Measuring
from gatherset.dataset.candidates import offered
from gatherset.dataset.scale import in_daft
jobs = [Job(c.place) for c in offered(Path(sys.argv[1])).candidates]
rows = list(in_daft(Measuring(10_000_000), jobs, ray=sys.argv[2] or None))
print(json.dumps([[row.sha256, row.phash, row.error] for row in rows]))
if sys.argv[2]:
    import ray
    print(len([node for node in ray.nodes() if node["Alive"]]))
"""


@pytest.fixture
def photos(make_photos: Photos) -> Path:
    folder = make_photos(12)
    (folder / "images" / "1.jpg").write_bytes(b"damaged")
    return folder


def expected(photos: Path) -> list[list[str | None]]:
    from gatherset.dataset.bulk import Job, Measuring

    jobs = [Job(candidate.place) for candidate in offered(photos).candidates]
    return [[row.sha256, row.phash, row.error] for row in in_threads(Measuring(10_000_000), jobs)]


def measured(photos: Path, ray: str, environment: dict[str, str]) -> list[str]:
    command = [sys.executable, "-c", MEASURED, str(photos), ray]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()


@pytest.mark.slow
def test_daft_gives_the_rows_that_the_pool_gives(photos: Path) -> None:
    [rows] = measured(photos, "", {**os.environ, "PYTHONPATH": str(ROOT), "DO_NOT_TRACK": "1"})
    assert json.loads(rows) == expected(photos)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a Ray cluster of two nodes on this machine, and the environment to use it in."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),  # Ray writes a token there
        "DO_NOT_TRACK": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    ray = str(Path(sys.executable).with_name("ray"))
    port = 20000 + os.getpid() % 12000
    folder = tempfile.mkdtemp(prefix="ray")  # the path of a socket in it has room for 107 bytes: not below tmp_path
    head = (
        "start",
        "--head",
        f"--port={port}",
        "--num-cpus=1",
        "--include-dashboard=false",
        f"--temp-dir={folder}",
    )
    node = ("start", f"--address=127.0.0.1:{port}", "--num-cpus=1")
    memory = ("--object-store-memory=200000000", "--disable-usage-stats")
    started = []
    try:
        for command in (head, node):
            run = [ray, *command, *memory, "--block"]
            with (tmp_path / "ray.log").open("a") as log:
                started.append(subprocess.Popen(run, env=environment, stdout=log, stderr=log))
            wait_for_nodes(ray, port, environment, started, tmp_path / "ray.log")
        yield f"127.0.0.1:{port}", environment
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_nodes(
    ray: str, port: int, environment: dict[str, str], started: list[subprocess.Popen[bytes]], log: Path
) -> None:
    until = time.monotonic() + 200
    while time.monotonic() < until:
        command = [ray, "status", f"--address=127.0.0.1:{port}"]
        with suppress(subprocess.TimeoutExpired):  # it waits for a head that is not yet there
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
            if done.stdout.count(" node_") >= len(started):
                return
        if any(process.poll() is not None for process in started):
            break
        time.sleep(2)
    pytest.fail(f"the Ray cluster did not come up: {log.read_text()[-2000:]}")


@pytest.mark.slow
def test_a_ray_cluster_of_two_nodes_gives_the_rows_that_the_pool_gives(
    photos: Path, cluster: tuple[str, dict[str, str]]
) -> None:
    *_, rows, nodes = measured(photos, *cluster)
    assert json.loads(rows) == expected(photos)
    assert nodes == "2"
