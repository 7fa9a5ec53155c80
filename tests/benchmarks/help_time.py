"""How long `gatherset --help` takes, beside a Python that does nothing: medians of 11 runs each.

Run it: python tests/benchmarks/help_time.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 11
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "gatherset --help": [sys.executable, "-m", "gatherset.cli", "--help"],
}


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    medians = {}
    for name, command in COMMANDS.items():
        seconds(command)  # warm the file cache and write the bytecode
        medians[name] = statistics.median(seconds(command) for _ in range(RUNS))
        print(f"{name:<20}{1000 * medians[name]:6.0f} ms")
    print(f"{'ratio':<20}{medians['gatherset --help'] / medians['python -c pass']:6.1f}")
