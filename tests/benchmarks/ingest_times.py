"""How quickly photographs are ingested, beside cleanvision's checks and imagededup's hash alone, in turns.

    python tests/benchmarks/ingest_times.py ../shared/data/flickr8k --count 2000 --rivals ENVIRONMENT/bin/python
    python tests/benchmarks/ingest_times.py ../shared/data/flickr8k              # all of them, for the memory
    python tests/benchmarks/ingest_times.py --rows 1000000                       # rows of specimens, without pixels

`--rivals` is the Python of an environment in which cleanvision and imagededup are installed (imagededup with --no-deps:
its hashing does not use torchvision, which it imports). Prints, for each, images a second of wall time and of two
processors' time, since other work on the machine lengthens the first alone, and the peak of memory of all processes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from subprocess import PIPE

from gatherset.dataset.bulk import Row
from gatherset.dataset.candidates import Candidate
from gatherset.dataset.caption_file import as_entry
from gatherset.dataset.parts import PART, write_part
from gatherset.dataset.places import Place
from gatherset.dataset.specimens import PROVENANCE, specimens
from tests.benchmarks.validation_speed import run

CLEANVISION = "from cleanvision import Imagelab; Imagelab(data_path={!r}, verbose=False).find_issues(verbose=False)"
IMAGEDEDUP = """
import sys, types
from importlib.machinery import ModuleSpec
from unittest.mock import MagicMock
class Absent(types.ModuleType):
    __path__ = []
    def __getattr__(self, name):
        return MagicMock()
class Finder:
    def find_spec(name, path=None, target=None):
        return ModuleSpec(name, Finder, is_package=True) if name.partition(".")[0] in ("torch", "torchvision") else None
    def create_module(spec):
        return Absent(spec.name)
    def exec_module(module):
        pass
sys.meta_path.insert(0, Finder)
from imagededup.methods.hashing import PHash
print(len(PHash(verbose=False).encode_images({!r}, num_enc_workers=2)))
"""

DIFFERENT = 2000  # specimens whose captions are written; the others have these, each with its number
BRING_IN = """
import resource, sys
from pathlib import Path
from gatherset.dataset.ingest import Provenance, bring_in_parts
from gatherset.dataset.workspace import Workspace
workspace = Workspace.open(Path(sys.argv[1]))
report = bring_in_parts(workspace, Path(sys.argv[2]), Provenance(), pixels=False)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
print(f"{report.added:,} of {report.found:,} added, {len(report.findings)} findings, at most {peak:,.0f} MB", end="")
"""


def some(photos: Path, folder: Path, count: int) -> Path:
    """A folder with links to the first `count` photographs, and their captions."""
    (folder / "images").mkdir(parents=True)
    lines = (photos / "captions.jsonl").read_text(encoding="utf-8").splitlines()[:count]
    (folder / "captions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for line in lines:
        name = json.loads(line)["image"]
        shutil.copy(photos / "images" / name, folder / "images" / name)
    return folder


def ours(photos: Path) -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory() as folder:
        run("init", f"{folder}/mg")
        arguments = ("-w", f"{folder}/mg", "--part", "filtered", "--license", "LicenseRef-research")
        return run("ingest", str(photos), *arguments)[:3]


def theirs(python: str, program: str) -> tuple[float, float, float]:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([python, "-c", program], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, float("nan")


def rows(count: int) -> Iterator[tuple[Candidate, Row]]:
    """`count` specimens without pixels, each with hashes and captions of its own; ids are spread as hashes are."""
    texts = [specimen.captions for specimen in specimens(min(count, DIFFERENT))]
    for number in range(count):
        digits = f"{(number + 1) * 0xD1B54A32D192ED03 % 2**64:016x}"
        captions = [f"{text[:-1]}, number {number}." for text in texts[number % len(texts)]]
        name = f"specimen-{number:07d}.jpg"
        entry = as_entry(number + 1, {"image": name, "captions": captions, **PROVENANCE})
        row = Row(digits * 4, digits[::-1] * 4, digits, 320, 240, "jpeg", None, 20_000 + number % 5000)
        yield Candidate(Place(Path(".")), name, name, entry), row


def import_rows(count: int) -> None:
    """Write the rows as measured parts, and time how long another process takes to bring them in."""
    with tempfile.TemporaryDirectory() as folder:
        source, parts = rows(count), Path(folder, "parts")
        parts.mkdir()
        for number in range(-(-count // PART)):
            write_part(parts, number, islice(source, min(PART, count - number * PART)), "made")
        run("init", f"{folder}/mg")
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run([sys.executable, "-c", BRING_IN, f"{folder}/mg", str(parts)], check=True, stdout=PIPE)
        seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        size = Path(folder, "mg", "catalog.db").stat().st_size / 1e6
        print(f"{done.stdout.decode().strip()}; a catalog of {size:,.0f} MB")
        print(f"{seconds:.1f} s by the clock, {used:.1f} s of processors; load {os.getloadavg()[0]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="?")
    parser.add_argument("--count", type=int, default=10**9)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--rivals")
    parser.add_argument("--rows", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.rows:
        import_rows(chosen.rows)
        return
    with tempfile.TemporaryDirectory() as folder:
        photos = some(chosen.photos.resolve(), Path(folder, "photos"), chosen.count)
        images = photos / "images"
        count = len(list(images.iterdir()))
        tasks: dict[str, Callable[[], tuple[float, float, float]]] = {"gatherset ingest": lambda: ours(photos)}
        if chosen.rivals:
            tasks["imagededup's hash alone"] = lambda: theirs(chosen.rivals, IMAGEDEDUP.format(str(images)))
            tasks["cleanvision's checks"] = lambda: theirs(chosen.rivals, CLEANVISION.format(str(images)))
        results: dict[str, list[tuple[float, float, float]]] = {name: [] for name in tasks}
        for _ in range(chosen.rounds):
            for name, task in tasks.items():
                results[name].append(task())
    print(f"{count} photographs, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {sys.version.split()[0]}")
    for name, given in results.items():
        wall, used, peak = (statistics.median(values) for values in zip(*given, strict=True))
        print(f"{name}: {count / wall:.0f} images a second, {2 * count / used:.0f} by two processors, {peak:.0f} MB")


if __name__ == "__main__":
    main()
