"""How many planted faults `gatherset suspects` finds among specimens, and how much of what it doubts is one.

Draws specimens with known faults, walks the line to a release and a trained model, and compares suspects.jsonl with
planted.jsonl. Near-duplicates are for `gatherset split`, which must keep each with its original. Repeated, it goes on
where it was.

Run it: OMP_NUM_THREADS=1 nice -n 19 python tests/benchmarks/planted_faults.py FOLDER [--count 1000 --faults 30]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from gatherset.cli import main
from gatherset.dataset.loading import Release
from gatherset.dataset.workspace import Workspace


def line(photos: Path, mg: Path, count: int, faults: int, seed: int, switches: list[str]) -> None:
    """From nothing to suspects."""
    here = ["-w", str(mg)]
    steps: list[tuple[list[str], Path | None]] = [
        (["specimens", str(photos), "--count", str(count), "--faults", str(faults), "--seed", str(seed)], photos),
        (["init", str(mg)], mg / "gatherset.toml"),
        (["ingest", str(photos), *here], None),
        (["submissions", "import", str(photos / "annotator_a.csv"), "--as", "a", *here], None),
        (["submissions", "import", str(photos / "annotator_b.csv"), "--as", "b", *here], None),
        (["split", *here], mg / "releases"),
        (["release", "build", *here], mg / "releases" / "mg-1.0.0"),
        (["features", "--side", "224", *here], None),
        (["train", "--run", "first", *(word for s in switches for word in ("--set", s)), *here], None),
        (["suspects", "first", *here], None),
    ]
    for command, made in steps:
        if made is None or not made.exists():
            print(f"$ gatherset {' '.join(command)}", flush=True)
            main.main(command, standalone_mode=False)


def compare(release: Release, planted: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    """Precision and recall of each kind, and where the first false ones stand."""
    identity = {str(record["source"]["ref"]): str(record["id"]) for record in release.records()}
    split = {str(record["id"]): record["split"] for record in release.records()}
    kept = [fault for fault in planted if fault["image"] in identity]
    print(f"{len(release['train'])} + {len(release['val'])} + {len(release['test'])} records; "
          f"{len(planted) - len(kept)} of {len(planted)} planted faults became no record")  # fmt: skip
    wrong = {(identity[f["image"]], "event", 0): f["kind"] for f in kept if f["kind"] == "wrong_label"}
    wrong |= {
        (identity[f["image"]], "caption", f["position"]): f["kind"] for f in kept if f["kind"].endswith("caption")
    }
    for kind in ("caption", "event"):
        doubted = [(one["record_id"], one["kind"], one["position"]) for one in found if one["kind"] == kind]
        right = [place in wrong for place in doubted]
        all_wrong = [place for place in wrong if place[1] == kind]
        precision, recall = sum(right) / max(len(doubted), 1), sum(right) / max(len(all_wrong), 1)
        first = sum(right[: len(all_wrong)]) / max(len(all_wrong), 1)
        print(f"{kind}: {len(all_wrong)} planted, {len(doubted)} doubted, {sum(right)} of them planted; "
              f"precision {precision:.1%}, recall {recall:.1%}; of the first so many {first:.1%}")  # fmt: skip
    for name in sorted(set(wrong.values())):
        own = [place for place, kind in wrong.items() if kind == name]
        seen = sum((one["record_id"], one["kind"], one["position"]) in own for one in found)
        print(f"  {name}: {seen} of {len(own)} found")
    twins = [f for f in kept if f["kind"] == "near_duplicate" and f["other"] in identity]
    together = sum(split[identity[f["image"]]] == split[identity[f["other"]]] for f in twins)
    print(f"near_duplicate: {together} of {len(twins)} in the split of their original")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", nargs="*", default=[])
    arguments = parser.parse_args()
    photos, mg = arguments.folder / "photos", arguments.folder / "mg"
    line(photos, mg, arguments.count, arguments.faults, arguments.seed, arguments.set)
    lists = [
        [json.loads(text) for text in path.read_text("utf-8").splitlines()]
        for path in (photos / "planted.jsonl", mg / "runs" / "first" / "suspects.jsonl")
    ]
    compare(Workspace.open(mg).release(), *lists)
