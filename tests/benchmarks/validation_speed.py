"""How fast records are validated: all rules on a large file, and the shape rules beside a loop of jsonschema.

    python tests/benchmarks/validation_speed.py --captions ../shared/data/text/flickr30k_captions.jsonl

Prints seconds, records a second and the peak of memory (the proportional set size of all processes together, every
second); the shape rules, jsonschema and reading the JSON alone are medians of several turns within this run.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import jsonschema
import jsonschema_rs

from gatherset import schemas
from gatherset.dataset.rules.rule import numbered

ROOT = Path(__file__).parents[2]
SAMPLE = 20_000  # lines for the loops that are compared


def write_records(path: Path, captions: Path | None, count: int) -> None:
    """`count` records whose captions come from the file `captions` and are all different, with clean splits."""
    texts = [entry for line in captions.open() for entry in json.loads(line)["captions"]] if captions else []
    splits = ["train"] * 8 + ["val", "test"]
    with path.open("w") as file:
        for number in range(count):
            record = numbered(number)
            for entry, text in zip(record["captions"], different_captions(texts, number), strict=False):
                entry["text"] = text
            record["source"]["ref"] = f"{number}.jpg"
            record["split"] = splits[number % 10]
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def different_captions(texts: list[str], number: int) -> list[str]:
    """Five captions for a record, from `texts`, that no other number has; none where there are no texts."""
    places = range(5 * number, 5 * number + 5) if texts else ()
    return [f"{texts[place % len(texts)].rstrip(' .')}, {_in_words(place)}." for place in places]


def _in_words(number: int) -> str:
    """A number as two made-up words: captions differ, without digits that look like a telephone's."""
    letters = ""
    for _ in range(8):
        number, digit = divmod(number, 16)
        letters += "bcdfghjklmnpqrst"[digit] + "aeiou"[digit % 5]
    return f"{letters[:8]} {letters[8:]}"


def run(*arguments: str) -> tuple[float, float, float, str]:
    """(seconds, processor seconds, peak of memory in MB, what it printed) of a gatherset command."""
    started, used = time.perf_counter(), _processor_seconds()
    command = [sys.executable, "-m", "gatherset.cli", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    peak = 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(1.0):  # adding up the pages of a process takes a while
            peak = max(peak, sum(_memory(pid) for pid in _tree(process.pid)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    output = process.communicate()[0]
    done.set()
    watcher.join()
    seconds = time.perf_counter() - started
    return seconds, _processor_seconds() - used, peak, output.strip().splitlines()[-1]


def _processor_seconds() -> float:
    """Of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from _tree(int(child))


def _memory(pid: int) -> float:
    try:
        [line] = [
            line for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() if line.startswith("Pss:")
        ]
    except (OSError, ValueError):
        return 0.0
    return int(line.split()[1]) / 1000


def rate(work: Callable[[list[bytes]], object], lines: list[bytes], turns: int = 3) -> float:
    """Lines a second: the median of several turns."""
    found = []
    for _ in range(turns):
        started = time.perf_counter()
        work(lines)
        found.append(len(lines) / (time.perf_counter() - started))
    return statistics.median(found)


def compare_shape(path: Path) -> None:
    """The shape rules over the whole file, as the command runs them, beside the loops that people write."""
    schema = schemas.read("record.schema.json")
    slow, fast = jsonschema.Draft202012Validator(schema), jsonschema_rs.Draft202012Validator(schema)
    with path.open("rb") as file:
        lines = list(islice(file, SAMPLE))
    total = sum(1 for _ in path.open("rb"))

    def loop(lines: list[bytes]) -> None:
        for line in lines:
            list(slow.iter_errors(json.loads(line)))

    def compiled(lines: list[bytes]) -> None:
        for line in lines:
            fast.is_valid(json.loads(line))

    def read(lines: list[bytes]) -> None:
        for line in lines:
            json.loads(line)

    rates = {
        "jsonschema, iter_errors": rate(loop, lines[: SAMPLE // 4]),
        "jsonschema-rs, is_valid": rate(compiled, lines),
        "json.loads alone": rate(read, lines),
    }
    seconds = statistics.median(run("validate", str(path), "--select", "GS1", "--statistics")[0] for _ in range(3))
    rates["gatherset validate --select GS1 (whole command)"] = total / seconds
    for name, value in rates.items():
        print(f"{name:50} {value:>10,.0f} records/s  {value / rates['jsonschema, iter_errors']:6.1f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--captions", type=Path, help='JSON lines with {"captions": [...]}; without: made up')
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--ignore", action="append", default=["GS307"], help="rules left out; the language always is")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "records.jsonl")
        write_records(path, arguments.captions, arguments.count)
        print(f"{arguments.count:,} records, {path.stat().st_size / 1e6:,.0f} MB")
        ignored = [word for rule in arguments.ignore for word in ("--ignore", rule)]
        seconds, used, peak, said = run("validate", str(path), "--statistics", *ignored)
        print(f"all rules but {', '.join(arguments.ignore)}: {seconds:.1f} s ({used:.1f} s of processors)")
        print(f"at most {peak:,.0f} MB; {said}")
        compare_shape(path)


if __name__ == "__main__":
    main()
