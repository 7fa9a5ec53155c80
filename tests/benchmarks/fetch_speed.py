"""2,000 images from 20 hosts with 50 ms of latency: how near fetch comes to what its limits allow, in how much memory.

    python tests/benchmarks/fetch_speed.py [--per-second 5] [--images 2000] [--img2dataset PATH/TO/ITS/bin/img2dataset]

With img2dataset the same list is also fetched with limits that do not bind, by both in turns.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.rude_server import RudeServer, picture

HOSTS = tuple(f"127.0.0.{number}" for number in range(1, 21))
LATENCY = 0.05  # seconds
ROUNDS = 3
KNOWN = b'{"url":'  # begins a line of the journal with an outcome


def one_of_many(number: int) -> bytes:
    """An image file of its own for each number, quickly made: fifty pictures, each with bytes behind its end."""
    return picture(number % 50, 512) + f"number {number}".encode()


def serve() -> None:
    """In a process of its own: it prints its port, and for each empty line it reads, what was served."""
    server = RudeServer(HOSTS, latency=LATENCY)
    server.picture = one_of_many
    for number in range(50):
        picture(number, 512)
    with server.running():
        print(server.port, flush=True)
        for _ in sys.stdin:
            twice = sum(count - 1 for key, count in server.served.items() if count > 1)
            first = min((times[0] for times in server.times.values()), default=0)
            last = max((times[-1] for times in server.times.values()), default=0)
            busiest = max(server.most_at_once.values())
            print(sum(server.served.values()), twice, last - first, busiest, flush=True)
            server.served.clear()
            server.times.clear()
            server.most_at_once = Counter({host: 0 for host in HOSTS})


def timed(command: list[str]) -> tuple[float, int]:
    """(seconds, peak memory in MB of all of its processes together, what they share counted once)."""
    begin, most = time.monotonic(), 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        most = max(most, memory(process.pid))
        time.sleep(0.5)
    assert process.returncode == 0, command
    return time.monotonic() - begin, most // 1024


def memory(pid: int) -> int:
    """kB of a process and of those that it started."""
    own = Path("/proc") / str(pid)
    try:
        rollup = (own / "smaps_rollup").read_text()
        children = [child for task in own.glob("task/*/children") for child in task.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return 0
    [pss] = [line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:")]
    return int(pss) + sum(memory(int(child)) for child in children)


class Served:
    def __init__(self) -> None:
        command = [sys.executable, __file__, "--serve"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def counts(self) -> tuple[int, int, float, int]:
        """(served, of them more than once, seconds from the first question to the last, connections to one host)."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        served, twice, window, busiest = self.process.stdout.readline().split()
        return int(served), int(twice), float(window), int(busiest)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--per-second", type=float, default=5.0)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--img2dataset", type=Path)
    given = parser.parse_args()
    if given.serve:
        serve()
        return
    print("load", os.getloadavg())
    server = Served()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        urls = [f"http://{HOSTS[number % len(HOSTS)]}:{server.port}/ok/{number}.jpg" for number in range(given.images)]
        (folder / "urls.csv").write_text("url\n" + "\n".join(urls) + "\n")
        fetch = [sys.executable, "-m", "gatherset.cli", "fetch", str(folder / "urls.csv")]
        reach = ["--allow-network", "127.0.0.0/8"]
        limited = [*reach, "--per-second", str(given.per_second)]
        allowed = given.images / len(HOSTS) / given.per_second
        seconds, most = timed([*fetch, str(folder / "whole"), *limited])
        served, twice, window, busiest = server.counts()
        print(f"limits allow {allowed:.1f} s; the command took {seconds:.1f} s: {allowed / seconds:.1%}; {most} MB")
        print(f"  served {served}, twice {twice}, first to last question {window:.1f} s, {busiest} connections at most")
        resumed(fetch, limited, folder, given.images, server)
        if given.img2dataset:
            beside(given.img2dataset, fetch, reach, folder, server)
    server.process.kill()


def resumed(fetch: list[str], limited: list[str], folder: Path, wanted: int, server: Served) -> None:
    """Kill it when half is known, and run it again."""
    process = subprocess.Popen([*fetch, str(folder / "killed"), *limited], stderr=subprocess.DEVNULL)
    journal, known = folder / "killed" / "fetch.jsonl", 0
    while process.poll() is None and known < wanted // 2:
        time.sleep(0.05)
        known = journal.read_bytes().count(KNOWN) if journal.exists() else 0
    process.send_signal(signal.SIGKILL)
    process.wait()
    known = journal.read_bytes().count(KNOWN)
    timed([*fetch, str(folder / "killed"), *limited])
    served, twice, _, _ = server.counts()
    print(f"killed with {known} known, then resumed: served {served}, of them twice {twice} (under way when killed)")


def beside(program: Path, fetch: list[str], reach: list[str], folder: Path, server: Served) -> None:
    for turn in range(ROUNDS):
        own = folder / f"own-{turn}"
        seconds, most = timed([*fetch, str(own), *reach, "--per-second", "1000", "--per-host", "2"])
        print(f"fetch, 2 connections a host, no pace: {seconds:.1f} s, {most} MB; served {server.counts()[0]}")
        there = folder / f"img2dataset-{turn}"
        options = {
            "url_list": folder / "urls.csv", "input_format": "csv", "url_col": "url", "output_folder": there,
            "output_format": "files", "resize_mode": "no", "processes_count": 1, "thread_count": 40,
            "compute_hash": "sha256", "enable_wandb": False, "number_sample_per_shard": 2000,
        }  # fmt: skip
        seconds, most = timed([str(program), *(f"--{name}={value}" for name, value in options.items())])
        kept = sum(1 for _ in there.rglob("*.jpg"))
        print(f"img2dataset, 40 threads: {seconds:.1f} s, {most} MB; kept {kept}")
        server.counts()
        shutil.rmtree(own)
        shutil.rmtree(there)


if __name__ == "__main__":
    main()
