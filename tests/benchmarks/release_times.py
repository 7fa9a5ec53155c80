"""How fast a release is opened, read at random, and pulled beside curl: medians.

Run it on release folders, of which the first has images: python tests/benchmarks/release_times.py mg-1.0.0 large-1.0.0
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gatherset.dataset.loading import load, open_release
from gatherset.dataset.pull import cache_folder, pull
from gatherset.dataset.registry import Registry
from gatherset.dataset.versions import parse_wanted

READS = 2_000
RUNS = 5


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def random_reads(folder: Path) -> list[float]:
    """Milliseconds for an image with its five captions, each from a random place of the training split."""
    train = load(folder)["train"]
    chance = random.Random(0)
    places = [chance.randrange(len(train)) for _ in range(READS)]
    return [1000 * seconds(lambda place=place: (train[place].image_bytes, train[place].captions)) for place in places]  # type: ignore[misc]


def opening(folder: Path) -> float:
    """Seconds until the release is open and the length of each split and one record are known."""
    return seconds(lambda: [(len(split), split[0].captions) for split in load(folder).splits.values() if len(split)])


def pulls(folder: Path) -> tuple[list[float], list[float]]:
    """Megabytes a second of a pull (fetching, hashing, assembling) and of curl, in turn, from the same server."""
    release = open_release(folder)
    total = sum(entry["bytes"] for entry in release.manifest["files"])
    ours, curls = [], []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        Registry(str(root / "registry")).publish(release)
        command = [sys.executable, "-m", "http.server", "8123", "--bind", "127.0.0.1", "-d", str(root / "registry")]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        url = "http://127.0.0.1:8123"
        listing = root / "urls"
        listing.write_text(
            "".join(
                f'url = "{url}/{release.name}/{release.version}/{entry["path"]}"\n'
                f'output = "{root / "curl" / entry["path"]}"\n'
                for entry in release.manifest["files"]
            )
        )
        curl = ["curl", "-s", "--create-dirs", "-K", str(listing)]
        try:
            time.sleep(1)
            for run in range(RUNS):
                os.environ["GATHERSET_CACHE"] = str(root / f"cache{run}")
                ours.append(total / 1e6 / seconds(lambda: pull(parse_wanted(release.name), url)))
                assert cache_folder().is_dir()
                curls.append(total / 1e6 / seconds(lambda: subprocess.run(curl, check=True)))
        finally:
            server.terminate()
            server.wait()
    return ours, curls


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        folder = Path(argument)
        records = sum(len(split) for split in load(folder).splits.values())
        opened = statistics.median(opening(folder) for _ in range(RUNS))
        print(f"{folder.name}: {records} records, opened in {opened:.3f} s")
    first = Path(sys.argv[1])
    reads = sorted(random_reads(first))
    print(f"random read: median {statistics.median(reads):.2f} ms, 95th of 100 {reads[READS * 95 // 100]:.2f} ms")
    ours, curls = map(statistics.median, pulls(first))
    print(f"pull {ours:.0f} MB/s, curl {curls:.0f} MB/s, ratio {ours / curls:.2f}")
