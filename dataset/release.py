"""Building a release: an immutable, versioned, checksummed folder, which is there whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

import gatherset
from gatherset.dataset import formats
from gatherset.dataset.card import changes, dataset_card
from gatherset.dataset.diff import Version, difference
from gatherset.dataset.errors import ReleaseError
from gatherset.dataset.loading import Release, load, releases_in
from gatherset.dataset.membership import Membership
from gatherset.dataset.progress import progress
from gatherset.dataset.records import SPLITS, Record, content_hash, current_records, newest_change
from gatherset.dataset.rules.rule import Context
from gatherset.dataset.timestamps import FORMAT, from_epoch
from gatherset.dataset.validation import Report, validate
from gatherset.dataset.workspace import Workspace

CHECKSUMS = "SHA256SUMS"
MANIFEST = "release.json"
SECONDS_UNTIL_ABANDONED = 86_400  # a build that was killed leaves a hidden folder; a running one must not lose its own
LIBRARIES = ("numpy", "pillow", "pyarrow", "imagehash")  # those that decide what the bytes of a release are


@dataclass(frozen=True)
class Built:
    release: Release | None  # None: rules were broken, nothing was written
    report: Report


def build_release(workspace: Workspace, wanted: str | None = None) -> Built:
    """Build the next release of the workspace: all rules first, then the folder, in one move.

    `wanted` is a version, at least as high as the changes since the newest release ask for (see `diff`); None takes
    that one. Raises ReleaseError where there is nothing to release or the version is too low or taken.
    """
    with workspace.catalog.read() as connection:
        records = list(current_records(connection))
        changed = newest_change(connection)
    if not records or changed is None:
        raise ReleaseError(
            "the catalog has no records", "Annotate first: gatherset app, or gatherset submissions import"
        )
    built = releases_in(workspace.releases_folder)
    parent = load(built[max(built)]) if built else None
    before = Membership(parent.records()) if parent else None
    context = Context(workspace.settings, workspace.taxonomy, workspace.store, parent=before)
    checked = progress(records, total=len(records), label="validate")
    report = validate(((record["id"], record) for record in checked), context)
    if report.errors:
        return Built(None, report)
    version = _next_version(parent, records, wanted)
    if version in built:
        raise ReleaseError(f"{built[version]} is there already", "A release never changes; name a higher version")
    text = ".".join(map(str, version))
    folder = workspace.releases_folder / f"{workspace.settings.name}-{text}"
    manifest = _manifest(workspace, records, text, parent, _created(changed), report)
    _write_atomically(folder, workspace, records, manifest, parent)
    return Built(load(folder), report)


def _created(changed: str) -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return changed
    if not epoch.isdecimal():
        raise ReleaseError(f"SOURCE_DATE_EPOCH is '{epoch}', not a number of seconds", "Mend or unset it")
    return from_epoch(int(epoch))


def _next_version(parent: Release | None, records: Sequence[Record], wanted: str | None) -> Version:
    chosen = parse_version(wanted) if wanted else None
    if parent is None:
        return chosen or (1, 0, 0)
    difference_ = difference(parent.records(), records)
    least = difference_.least_version(parse_version(parent.version))
    if chosen is None and not difference_:
        raise ReleaseError(
            f"nothing has changed since {parent}", "To package it again, name a version: --version X.Y.Z"
        )
    if chosen is not None and chosen < least:
        text = ".".join(map(str, least))
        raise ReleaseError(f"version {wanted} is too low: {difference_}", f"The changes ask for at least {text}")
    return chosen or least


def parse_version(text: str) -> Version:
    """ "1.2.0" as numbers. Raises ReleaseError."""
    parts = text.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdecimal() and str(int(part)) == part for part in parts):
        raise ReleaseError(f"'{text}' is not a version", "Write it as MAJOR.MINOR.PATCH, e.g. 1.2.0")
    major, minor, patch = map(int, parts)
    return major, minor, patch


def _manifest(
    workspace: Workspace, records: Sequence[Record], version: str, parent: Release | None, created: str, report: Report
) -> dict[str, Any]:
    settings = workspace.settings
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        counts[record["split"]][record["event"]["type"]] += 1
    return {
        "schema_version": "1.0",
        "name": settings.name,
        "version": version,
        "parent": parent and {"version": parent.version, "content_hash": parent.content_hash},
        "created": created,
        "language": settings.language,
        "captions_per_image": settings.captions_per_image,
        "event_types": list(workspace.taxonomy.names),
        "counts": {split: dict(sorted(counts[split].items())) for split in SPLITS},
        "buckets": settings.release.buckets,
        "splits": {"seed": settings.splits.seed, "ratios": list(settings.splits.ratios)},
        "rules": report.per_rule(),
        "tool": f"gatherset {gatherset.__version__}",
        "libraries": {name: library_version(name) for name in LIBRARIES},
        "content_hash": content_hash(records),
        "files": [],
    }


def _write_atomically(
    folder: Path, workspace: Workspace, records: Sequence[Record], manifest: dict[str, Any], parent: Release | None
) -> None:
    for leftover in folder.parent.glob(".*.partial"):
        if time.time() - leftover.stat().st_mtime > SECONDS_UNTIL_ABANDONED:
            shutil.rmtree(leftover, ignore_errors=True)
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.mkdir(parents=True)
        _write_data(partial, workspace, records, manifest)
        (partial / "README.md").write_text(dataset_card(manifest, records), encoding="utf-8")
        (partial / "CHANGES.md").write_text(changes(manifest, records, parent), encoding="utf-8")
        _write_checksums(partial, manifest)
        os.rename(partial, folder)
    except OSError as error:
        if folder.exists():
            raise ReleaseError(f"{folder} was built meanwhile by somebody else", "Look at it first") from error
        raise ReleaseError(
            f"cannot write {folder}: {error.strerror or error}", "Nothing was released; make room and try again"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_data(folder: Path, workspace: Workspace, records: Sequence[Record], manifest: dict[str, Any]) -> None:
    buckets: defaultdict[str, list[Record]] = defaultdict(list)
    splits: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        bucket = formats.bucket_of(record["id"], manifest["buckets"])
        buckets[formats.bucket_file(record["split"], bucket)].append(record)
        splits[record["split"]].append(record)
    for name in ("captions", "annotations", *(f"data/{split}" for split in SPLITS)):
        (folder / name).mkdir(parents=True)
    for path, members in progress(sorted(buckets.items()), total=len(buckets), label="release"):
        formats.write_bucket(folder / path, members, workspace.store)
    _write_json(folder / "annotations/karpathy.json", formats.karpathy(manifest["name"], records))
    year = datetime.strptime(manifest["created"], FORMAT).year
    for split in SPLITS:
        if splits[split]:
            formats.write_captions(folder / formats.captions_file(split), splits[split])
        document = formats.coco(manifest["name"], manifest["version"], year, splits[split])
        _write_json(folder / f"annotations/coco_{split}.json", document)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_checksums(folder: Path, manifest: dict[str, Any]) -> None:
    manifest["files"] = [_entry(folder, path) for path in release_files(folder)]
    _write_json(folder / MANIFEST, manifest)
    lines = [
        f"{entry['sha256']}  {entry['path']}\n" for entry in [*manifest["files"], _entry(folder, folder / MANIFEST)]
    ]
    (folder / CHECKSUMS).write_text("".join(sorted(lines, key=lambda line: line[66:])), encoding="utf-8")
    for path in (*release_files(folder), folder / MANIFEST, folder / CHECKSUMS):
        with path.open("rb") as file:
            os.fsync(file.fileno())


def release_files(folder: Path) -> list[Path]:
    """The files of a release that its manifest lists: all but the manifest itself and the checksums."""
    own = {folder / MANIFEST, folder / CHECKSUMS}
    return sorted(path for path in folder.rglob("*") if not path.is_dir() and path not in own)


def _entry(folder: Path, path: Path) -> dict[str, Any]:
    return {"path": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size, "sha256": file_sha256(path)}


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
