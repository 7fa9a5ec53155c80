"""Near-duplicates: how quick the search is, and what the hash and the features find of changed copies of photographs.

    python tests/benchmarks/near_duplicates.py speed     [--imagededup PYTHON] [--rounds 3]
    python tests/benchmarks/near_duplicates.py copies    [--sample 1000]
    python tests/benchmarks/near_duplicates.py features  [--sample 300] [--side 224]
    python tests/benchmarks/near_duplicates.py sheet FILE --distance 6

The photographs are the 8,091 of Flickr8k in ../shared/data; without them only `speed` says something. docs/results/
near_duplicates.md has what they printed.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from gatherset.dataset.duplicates import duplicate_groups

PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "flickr8k" / "images"
DISTANCES = range(2, 13, 2)
COSINES = (0.80, 0.85, 0.875, 0.90, 0.925, 0.95)
Hashes = NDArray[np.uint64]


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def cropped(picture: Image.Image, share: float) -> Image.Image:
    """Without `share` of the width and height, off centre: a third of it at the left and top."""
    width, height = picture.size
    left, top = round(width * share / 3), round(height * share / 3)
    return picture.crop((left, top, left + round(width * (1 - share)), top + round(height * (1 - share))))


def watermarked(picture: Image.Image) -> Image.Image:
    marked = picture.convert("RGB").resize((448, 448))
    drawing = ImageDraw.Draw(marked, "RGBA")
    drawing.rectangle((230, 400, 440, 440), fill=(0, 0, 0, 110))
    drawing.text((240, 408), "(c) A. N. Other", fill=(255, 255, 255, 220), font_size=26)
    return marked


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "resized to a half": lambda picture: picture.resize((picture.width // 2, picture.height // 2)),
    "JPEG quality 50": lambda picture: jpeg(picture, 50),
    "squashed to 4:3": lambda picture: picture.resize((picture.width, picture.height * 3 // 4)),
    "grey": lambda picture: picture.convert("L"),
    "watermarked": watermarked,
    "cropped 5 %": lambda picture: cropped(picture, 0.05),
    "cropped 10 %": lambda picture: cropped(picture, 0.10),
    "mirrored": ImageOps.mirror,
}


def phash(picture: Image.Image) -> int:
    return int(str(imagehash.phash(picture)), 16)


def photographs() -> list[Path]:
    paths = sorted(PHOTOS.glob("*.jpg"))
    if not paths:
        sys.exit(f"the photographs are not in {PHOTOS}")
    return paths


def hashes_of(paths: Sequence[Path]) -> Hashes:
    """Of the photographs, kept in the temporary folder: hashing takes a minute."""
    kept = Path(tempfile.gettempdir()) / f"gatherset-flickr8k-{len(paths)}.npy"
    if not kept.exists():
        np.save(kept, np.array([phash(Image.open(path)) for path in paths], dtype=np.uint64))
    return np.asarray(np.load(kept))


def near_pairs(hashes: Hashes, distance: int) -> list[tuple[int, int]]:
    """All pairs, one against all: the reference."""
    pairs = []
    for row in range(len(hashes)):
        bits = np.bitwise_count(hashes[row + 1 :] ^ hashes[row])
        pairs += [(row, row + 1 + int(other)) for other in np.flatnonzero(bits <= distance)]
    return pairs


def flipped(rng: np.random.Generator, hashes: Hashes, bits: int) -> Hashes:
    """Copies of the hashes with up to `bits` bits turned."""
    turned = hashes.copy()
    for _ in range(bits):
        turned ^= np.uint64(1) << rng.integers(0, 64, len(hashes), dtype=np.uint64)
    return turned


def millions() -> dict[str, Hashes]:
    rng = np.random.default_rng(0)

    def some(count: int) -> Hashes:
        return rng.integers(0, 2**64, count, dtype=np.uint64)

    base, low = some(800_000), ~np.uint64(0xFFFF)
    return {
        "800,000 and 200,000 copies within 6 bits": np.concatenate(
            [base, flipped(rng, base[:100_000], 3), flipped(rng, base[:100_000], 6)]
        ),
        "700,000 of them 70 hashes": np.concatenate([base[:300_000], np.repeat(base[:70], 10_000)]),
        "500,000 with the same last 16 bits": np.concatenate([some(500_000), some(500_000) & low]),
        "all with the same last 16 bits": some(1_000_000) & low,
        "1,000 clusters of 1,000 within 5 bits": flipped(rng, np.repeat(some(1000), 1000), 5),
        "one cluster of 200,000": np.concatenate([base, flipped(rng, np.repeat(base[:1], 200_000), 5)]),
    }


def timed(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Medians: seconds by the clock, and seconds of the processor (what they would be on an idle machine)."""
    wall, own = [], []
    for _ in range(rounds):
        started, used = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - started)
        own.append(time.process_time() - used)
    return statistics.median(wall), statistics.median(own)


def speed(rounds: int, imagededup: str | None) -> None:
    for name, hashes in millions().items():
        wall, own = timed(lambda hashes=hashes: duplicate_groups(hashes, 6), rounds)  # type: ignore[misc]
        print(f"1,000,000, {name}: {wall:.2f} s, of the processor {own:.2f} s", flush=True)
    print(f"most memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB, with the hashes of all cases")
    sample = millions()["800,000 and 200,000 copies within 6 bits"][np.r_[:10_000, 800_000:810_000]]
    reference = len(sample) - joined_by(near_pairs(sample, 6), len(sample))
    groups = int(duplicate_groups(sample, 6).max()) + 1
    print(f"sample of 20,000: {groups} groups, by all pairs {reference}")
    if PHOTOS.is_dir():
        photos = hashes_of(photographs())
        ours, reference_time = timed(lambda: duplicate_groups(photos, 6), 7), timed(lambda: near_pairs(photos, 6), 1)
        print(f"{len(photos)} photographs: {ours[0]:.3f} s ({ours[1]:.3f}); all pairs {reference_time[0]:.2f} s")
        if imagededup:
            theirs = json.loads(
                subprocess.run(
                    [imagededup, "-c", THEIRS],
                    input=json.dumps(photos.tolist()),
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout.splitlines()[-1]
            )
            print(
                f"imagededup {theirs['version']}: {theirs['seconds']:.1f} s, {theirs['pairs']} pairs; "
                f"ours {len(near_pairs(photos, 6))} pairs"
            )


# Runs in imagededup's own environment: its search on the same hashes. Its networks are not asked for, and their
# torchvision need not fit the torch that is there.
THEIRS = """
import json, sys, time
from unittest.mock import MagicMock
names = ("", ".models", ".models.vision_transformer", ".transforms")
sys.modules.update({"torchvision" + name: MagicMock() for name in names})
import imagededup
from imagededup.methods import PHash
encodings = {str(i): f"{value:016x}" for i, value in enumerate(json.load(sys.stdin))}
started = time.perf_counter()
found = PHash(verbose=False).find_duplicates(encoding_map=encodings, max_distance_threshold=6)
seconds = time.perf_counter() - started
print(json.dumps({"version": imagededup.__version__, "seconds": seconds, "pairs": sum(map(len, found.values())) // 2}))
"""


def joined_by(pairs: Sequence[tuple[int, int]], count: int) -> int:
    """How many unions the pairs make among `count` nodes, by union-find."""
    parent = list(range(count))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    unions = 0
    for left, right in pairs:
        one, other = root(left), root(right)
        unions += one != other
        parent[one] = other
    return unions


def copies(sample: int) -> None:
    paths = photographs()
    originals = hashes_of(paths)
    chosen = np.random.default_rng(0).choice(len(paths), sample, replace=False)
    print("change".ljust(20), *(f"d<={distance}".rjust(7) for distance in DISTANCES))
    for name, change in CHANGES.items():
        bits = np.array([(phash(change(Image.open(paths[i]))) ^ int(originals[i])).bit_count() for i in chosen])
        print(name.ljust(20), *(f"{(bits <= distance).mean():7.1%}" for distance in DISTANCES), flush=True)
    print("pairs of originals".ljust(20), *(f"{len(near_pairs(originals, d)):7}" for d in DISTANCES))


def sheet(file: Path, distance: int, least: int) -> None:
    """The pairs of photographs that the hash calls near, side by side, with their distance."""
    paths = photographs()
    hashes = hashes_of(paths)
    pairs = [(int(hashes[a] ^ hashes[b]).bit_count(), a, b) for a, b in near_pairs(hashes, distance)]
    contact_sheet(file, [(f"{bits} bits", paths[a], paths[b]) for bits, a, b in sorted(pairs) if bits >= least])


def contact_sheet(file: Path, pairs: Sequence[tuple[str, Path, Path]], side: int = 150, columns: int = 5) -> None:
    rows = -(-len(pairs) // columns)
    page = Image.new("RGB", (columns * (2 * side + 12), max(1, rows) * (side + 22)), "white")
    drawing = ImageDraw.Draw(page)
    for number, (text, *two) in enumerate(pairs):
        x, y = number % columns * (2 * side + 12), number // columns * (side + 22)
        drawing.text((x + 2, y + 2), f"{number + 1}: {text}", fill="black", font_size=14)
        for place, path in enumerate(two):
            page.paste(Image.open(path).convert("RGB").resize((side, side)), (x + place * side, y + 20))
    page.save(file)


def features(sample: int, side: int, sheet_file: Path | None) -> None:
    from gatherset.baselines.extractors import make_extractor
    from gatherset.dataset.features import FeatureFile, FeatureWriter, Header
    from gatherset.dataset.lookalikes import lookalikes

    extractor = make_extractor(side=side)
    paths = photographs()
    chosen = np.random.default_rng(0).choice(len(paths), sample, replace=False)
    ids = [path.stem for path in paths] + [f"{paths[i].stem}#{name}" for name in CHANGES for i in chosen]
    header = Header(extractor.identity, "flickr8k", "1.0.0", "0" * 64, extractor.regions, extractor.dim, ids)
    file = Path(tempfile.gettempdir()) / f"gatherset-flickr8k-{side}-{sample}.feat"
    if not file.exists():
        with FeatureWriter(file, header) as writer:
            for start in range(writer.rows, len(ids), extractor.batch):
                rows = range(start, min(start + extractor.batch, len(ids)))
                writer.append(*extractor.extract([extractor.prepare(as_bytes(row, paths, chosen)) for row in rows]))
    started = time.perf_counter()
    lookalikes(FeatureFile.open(file), COSINES[0])
    print(
        f"{len(ids)} images compared in {time.perf_counter() - started:.1f} s; most memory "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB"
    )
    report_features(FeatureFile.open(file), paths, chosen, sheet_file)


def as_bytes(row: int, paths: Sequence[Path], chosen: NDArray[np.intp]) -> bytes:
    """The file of a photograph, or of a changed copy of one."""
    if row < len(paths):
        return paths[row].read_bytes()
    change, number = divmod(row - len(paths), len(chosen))
    buffer = io.BytesIO()
    list(CHANGES.values())[change](Image.open(paths[chosen[number]])).save(buffer, "PNG")
    return buffer.getvalue()


def report_features(file: object, paths: Sequence[Path], chosen: NDArray[np.intp], sheet_file: Path | None) -> None:
    from gatherset.dataset.features import FeatureFile
    from gatherset.dataset.lookalikes import lookalikes

    assert isinstance(file, FeatureFile)
    hashes, count, sample = hashes_of(paths), len(paths), len(chosen)
    table: dict[str, list[float]] = {name: [] for name in CHANGES}
    both: dict[str, list[float]] = {name: [] for name in CHANGES}
    false = []
    within = {
        (name, k): (phash(change(Image.open(paths[i]))) ^ int(hashes[i])).bit_count() <= 6
        for name, change in CHANGES.items()
        for k, i in enumerate(chosen)
    }
    for cosine in COSINES:
        left, right = lookalikes(file, cosine)
        found = set(zip(left.tolist(), right.tolist(), strict=True))
        for number, name in enumerate(CHANGES):
            alike = [(int(i), count + number * sample + k) in found for k, i in enumerate(chosen)]
            table[name].append(float(np.mean(alike)))
            both[name].append(float(np.mean([seen or within[name, k] for k, seen in enumerate(alike)])))
        false.append(int((right < count).sum()))
        if sheet_file and cosine == COSINES[0]:
            some = [(int(a), int(b)) for a, b in zip(left, right, strict=True) if b < count]
            contact_sheet(sheet_file, [("", paths[a], paths[b]) for a, b in some])
    for title, rows in (("features alone", table), ("features, or hash within 6 bits", both)):
        print(title.ljust(34), *(f">={cosine}".rjust(8) for cosine in COSINES))
        for name, shares in rows.items():
            print(name.ljust(34), *(f"{share:8.1%}" for share in shares))
    print("pairs of originals".ljust(34), *(f"{number:8}" for number in false))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "copies", "features", "sheet"])
    parser.add_argument("file", nargs="?", type=Path, help="where the contact sheet goes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--imagededup", help="the Python of an environment that has imagededup")
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--distance", type=int, default=6)
    parser.add_argument("--least", type=int, default=0)
    given = parser.parse_args()
    if given.what == "speed":
        speed(given.rounds, given.imagededup)
    elif given.what == "copies":
        copies(given.sample)
    elif given.what == "features":
        features(given.sample, given.side, given.file)
    else:
        sheet(given.file, given.distance, given.least)
