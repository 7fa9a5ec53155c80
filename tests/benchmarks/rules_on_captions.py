"""How often each caption rule speaks on datasets that people made with care: what is found there is the false alarm
that a maintainer must expect, or a real fault of the dataset. And how GS405 does where the event types are known.

    python tests/benchmarks/rules_on_captions.py ../shared/data
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from gatherset.dataset.records import Record
from gatherset.dataset.rules import RULES
from gatherset.dataset.rules.rule import Context, numbered
from gatherset.dataset.settings import Settings
from gatherset.dataset.taxonomy import load_taxonomy
from gatherset.dataset.validation import validate

CONTEXT = Context(Settings(1, "captions"), load_taxonomy())
CAPTION_RULES = [rule for rule in sorted(RULES) if rule.startswith("GS3")]


def json_lines(path: Path) -> dict[str, list[str]]:
    return {entry["image"]: entry["captions"] for entry in map(json.loads, path.open(encoding="utf-8"))}


def coco(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in json.loads(path.read_text(encoding="utf-8"))["annotations"]:
        found.setdefault(str(entry["image_id"]), []).append(entry["caption"].strip())
    return {image: captions[:5] for image, captions in found.items()}


def records(captions: Iterable[Sequence[str]]) -> Iterable[Record]:
    for number, texts in enumerate(captions):
        entries = [{"text": text, "origin": "imported", "author": None, "verified": True} for text in texts]
        yield numbered(number, partial(dict.update, captions=entries))


def table(folder: Path) -> None:
    sets = {
        "Flickr8k": json_lines(folder / "flickr8k" / "captions.jsonl"),
        "Flickr30k": json_lines(folder / "text" / "flickr30k_captions.jsonl"),
        "COCO val2017": coco(folder / "text" / "coco_captions_val2017.json"),
    }
    counts: dict[str, Counter[str]] = {}
    for name, captions in sets.items():
        items = ((record["id"], record) for record in records(captions.values()))
        counts[name] = validate(items, CONTEXT, CAPTION_RULES).counts
    print(
        "| findings in | " + " | ".join(f"{name} ({len(captions):,} images)" for name, captions in sets.items()) + " |"
    )
    print("|---|" + "---|" * len(sets))
    for rule in CAPTION_RULES:
        print(f"| {rule} {RULES[rule].title} | " + " | ".join(f"{counts[name][rule]:,}" for name in sets) + " |")


def keywords(folder: Path) -> None:
    """GS405 on photographs whose type two annotators agree on, and on the same with another of the types planted."""
    captions = json_lines(folder / "captions.jsonl")
    votes = []
    for name in ("a", "b"):
        with (folder / f"annotator_{name}.csv").open(newline="", encoding="utf-8") as file:
            votes.append(
                {row["image"]: row["event_type"] for row in csv.DictReader(file) if row["is_gathering"] == "1"}
            )
    agreed = {image: kind for image, kind in votes[0].items() if votes[1].get(image) == kind}
    names = CONTEXT.taxonomy.names
    spoke = planted = found = 0
    for image, kind in agreed.items():
        for other in names:
            [record] = records([captions[image]])
            record["event"] = {"type": other, "votes": {other: 2}}
            messages = list(RULES["GS405"](CONTEXT).check(record))
            spoke += bool(messages) and other == kind
            planted += other != kind
            found += bool(messages) and other != kind
    print(f"\nGS405: {len(agreed)} records, {spoke} false alarms; of {planted} wrong types planted it found {found}.")


if __name__ == "__main__":
    table(Path(sys.argv[1]))
    keywords(Path(sys.argv[1]) / "gatherings")
