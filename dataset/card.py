"""The pages of a release that people read: the dataset card and the list of changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gatherset.dataset.diff import difference
from gatherset.dataset.loading import Release
from gatherset.dataset.records import SPLITS, Record


def dataset_card(manifest: Mapping[str, Any], records: Sequence[Record]) -> str:
    """README.md with the YAML header that the Hugging Face hub reads: images by default, or captions alone."""
    filled = [split for split in SPLITS if any(manifest["counts"][split].values())]
    licenses = Counter(record["source"]["license"] for record in records)
    lines = [
        "---",
        f"pretty_name: {manifest['name']}",
        f"language: [{manifest['language']}]",
        "task_categories: [image-to-text, text-to-image]",
        "configs:",
        "- config_name: images",
        "  default: true",
        "  data_files:",
        *(f"  - {{split: {_hub_name(split)}, path: data/{split}/*.parquet}}" for split in filled),
        "- config_name: captions",
        "  data_files:",
        *(f"  - {{split: {_hub_name(split)}, path: captions/{split}.parquet}}" for split in filled),
        "---",
        f"# {manifest['name']} {manifest['version']}",
        "",
        f"Images of mass gatherings with {manifest['captions_per_image']} captions and one event type each, "
        f"built with {manifest['tool']}. Content hash `{manifest['content_hash']}`.",
        "",
        f"| event type | {' | '.join(SPLITS)} |",
        f"|---|{'---:|' * len(SPLITS)}",
        *_counts(manifest),
        "",
        "| licence of the images | images |",
        "|---|---:|",
        *(f"| {license} | {count} |" for license, count in sorted(licenses.items())),
        "",
        "Whole records are in the column `record` (JSON); `annotations/` has the forms of Karpathy and COCO, "
        "with images named `<id>.jpg`. Check the files with `sha256sum -c SHA256SUMS`.",
        "",
    ]
    return "\n".join(lines)


def _hub_name(split: str) -> str:
    return {"val": "validation"}.get(split, split)


def _counts(manifest: Mapping[str, Any]) -> list[str]:
    counts = manifest["counts"]
    used = [name for name in manifest["event_types"] if any(counts[split].get(name) for split in SPLITS)]
    rows = [f"| {name} | {' | '.join(str(counts[split].get(name, 0)) for split in SPLITS)} |" for name in used]
    totals = [str(sum(counts[split].values())) for split in SPLITS]
    return [*rows, f"| **all** | {' | '.join(totals)} |"]


def changes(manifest: Mapping[str, Any], records: Sequence[Record], parent: Release | None) -> str:
    """CHANGES.md: the record ids that were added, removed, edited or moved since the parent."""
    title = f"# {manifest['name']} {manifest['version']}\n\n"
    if parent is None:
        return f"{title}The first release: {len(records)} records.\n"
    since = difference(parent.records(), records)
    sections = {
        "Added": since.added,
        "Removed": since.removed,
        "Edited": since.edited,
        "Moved to another split": since.moved,
    }
    text = "".join(
        f"\n## {name}\n\n" + "".join(f"- {identity}\n" for identity in ids) for name, ids in sections.items() if ids
    )
    return f"{title}Since {parent.version}: {since}.\n{text}"
