"""Taking retracted records out of the files of a release folder."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gatherset.dataset import formats
from gatherset.dataset.errors import ReleaseError
from gatherset.dataset.facts import NO_LICENCE
from gatherset.dataset.loading import Release, open_release
from gatherset.dataset.records import SPLITS, ordered_content_hash
from gatherset.dataset.release_folder import (
    CHECKSUMS,
    MANIFEST,
    RETRACTIONS,
    file_entry,
    file_sha256,
    hidden_beside,
    sums_text,
    write_json,
)
from gatherset.dataset.retractions import Applied, Replaced, Retraction, applied_in
from gatherset.dataset.store import write_whole

RECORDS_AT_ONCE = 2_000
_TEXTS = ("CHANGES.md", "ATTRIBUTION.md", "report.html")  # what names records besides the data


def purge(folder: Path, retractions: Sequence[Retraction]) -> Applied:
    """Write the files of a release folder that hold these records anew without them; images and captions are gone.

    The new checksums are written to `retractions.json` before the first file is replaced: what is interrupted is seen,
    and calling it again finishes it. Returns what has been applied to the folder altogether.
    """
    release, before = open_release(folder), applied_in(folder)
    known = {entry.id for entry in before.retractions}
    here = {identity for split in release.pulled_splits for identity in _ids(release, split)}
    here |= _mentioned(folder, {entry.id for entry in retractions} - here)
    new = tuple(entry for entry in retractions if entry.id not in known and entry.id in here)
    if unknown := {file.path for file in before.replaced} - {entry["path"] for entry in release.manifest["files"]}:
        raise ReleaseError(f"{folder}/{RETRACTIONS} names '{min(unknown)}', which {release} has not", "Do not trust it")
    if not new and all(_is_as_said(release, file) for file in before.replaced):
        _keep_sums(release, before)
        return before
    gone = frozenset(known | {entry.id for entry in new})
    rest = Release(folder, release.manifest, {"splits": release.pulled_splits}, gone)
    staging = hidden_beside(folder)
    staging.mkdir()
    try:
        _stage(rest, {file.path for file in before.replaced}, staging)
        applied = _applied(rest, before, new, staging)
        write_whole(folder / RETRACTIONS, json.dumps(applied.document(), indent=1).encode())
        for path in sorted(filter(Path.is_file, staging.rglob("*"))):
            os.replace(path, folder / path.relative_to(staging))
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    _keep_sums(release, applied)
    return applied


def _is_as_said(release: Release, file: Replaced) -> bool:
    """Whether a file is the one that a retraction wrote; of a release that is not here whole it may be missing."""
    path = release.path / file.path
    return file_sha256(path) == file.now[1] if path.is_file() else not release.whole


def _keep_sums(release: Release, applied: Applied) -> None:
    """Write SHA256SUMS anew where it does not say what it must: an interrupted purge left the one before."""
    text = sums_text(applied.sums(release.manifest, file_sha256(release.path / MANIFEST))).encode()
    path = release.path / CHECKSUMS
    if not path.is_file() or path.read_bytes() != text:
        write_whole(path, text)


def _ids(release: Release, split: str) -> list[str]:
    path = release.path / formats.captions_file(split)
    return list(pq.read_table(path, columns=["id"])["id"].to_pylist()) if path.is_file() else []


def _mentioned(folder: Path, identities: Collection[str]) -> set[str]:
    """Which of the records the papers name: CHANGES.md quotes those that the version before still had."""
    texts = [(folder / name).read_text(encoding="utf-8") for name in _TEXTS if (folder / name).is_file()]
    return {identity for identity in identities if any(identity in text for text in texts)}


def _applied(rest: Release, before: Applied, new: Sequence[Retraction], staging: Path) -> Applied:
    listed = {entry["path"]: (entry["bytes"], entry["sha256"]) for entry in rest.manifest["files"]}
    replaced = {file.path: file for file in before.replaced}
    for path in filter(Path.is_file, staging.rglob("*")):
        entry = file_entry(staging, path)
        replaced[entry["path"]] = Replaced(entry["path"], listed[entry["path"]], (entry["bytes"], entry["sha256"]))
    retractions = sorted((*before.retractions, *new), key=lambda entry: (entry.date, entry.id))
    files = (replaced[path] for path in sorted(replaced))
    return Applied(tuple(retractions), tuple(files), ordered_content_hash(rest.records_by_id()))


def _stage(rest: Release, touched_before: Collection[str], staging: Path) -> None:
    """Write into `staging` all files that change where the hidden records of `rest` are left out."""
    buckets = rest.manifest["buckets"]
    touched = set(touched_before)
    for split in rest.pulled_splits:
        if hit := rest.retracted & set(_ids(rest, split)):
            touched |= {formats.captions_file(split), f"annotations/coco_{split}.json", "annotations/karpathy.json"}
            touched |= {formats.bucket_file(split, formats.bucket_of(identity, buckets)) for identity in hit}
    _stage_annotations(rest, touched, staging)
    for path in sorted(touched):
        if path.startswith("data/") and (rest.path / path).is_file():
            _stage_bucket(rest.path / path, rest.retracted, staging / path)
    for name in _TEXTS:
        if (rest.path / name).is_file():
            text = (rest.path / name).read_text(encoding="utf-8")
            kept = without_mentions(text, rest.retracted)
            if kept != text or name in touched:
                (staging / name).write_text(kept, encoding="utf-8")
    if (rest.path / "croissant.json").is_file():
        document = json.loads((rest.path / "croissant.json").read_text(encoding="utf-8"))
        listed = {entry["path"] for entry in rest.manifest["files"]}
        write_json(staging / "croissant.json", _with_checksums(document, staging, listed))


def _stage_annotations(rest: Release, touched: Collection[str], staging: Path) -> None:
    licenses: defaultdict[str, set[str]] = defaultdict(set)
    for record in rest.records():
        licenses[record["split"]].add(record["source"]["license"] or NO_LICENCE)
    named = {split: sorted(licenses[split]) for split in SPLITS}
    with formats.AnnotationFiles(staging, rest.manifest, named) as annotations:
        numbers, records = formats.Numbers(), rest.records_by_id()
        while part := list(islice(records, RECORDS_AT_ONCE)):
            annotations.add(formats.annotation_part(part, numbers, named))
            for record in part:
                numbers.add(record)
    for path in list(filter(Path.is_file, staging.rglob("*"))):
        name = path.relative_to(staging).as_posix()
        if name not in touched or not (rest.path / name).is_file():
            path.unlink()


def _stage_bucket(source: Path, gone: Collection[str], target: Path) -> None:
    table = pq.read_table(source)
    kept = table.filter(pc.invert(pc.is_in(table["id"], pa.array(sorted(gone)))))
    target.parent.mkdir(parents=True, exist_ok=True)
    formats.write_bucket_table(target, kept)


def without_mentions(text: str, gone: Collection[str]) -> str:
    """`text` without the lines, and of a page without the figures, that name one of these records."""
    names = "|".join(map(re.escape, sorted(gone)))
    text = re.sub(rf'\n<figure data-id="(?:{names})">.*?</figure>', "", text, flags=re.S)
    return "".join(_lines_without(text, re.compile(names)))


def _lines_without(text: str, names: re.Pattern[str]) -> Iterator[str]:
    return (line for line in text.splitlines(keepends=True) if not names.search(line))


def _with_checksums(document: Any, staging: Path, listed: Collection[str]) -> Any:
    """croissant.json with the checksums of the files in `staging`; of somebody else's, what has no such form stays."""
    parts = document.get("distribution") if isinstance(document, dict) else None
    for part in parts if isinstance(parts, list) else ():
        name = part.get("@id") if isinstance(part, dict) else None
        if isinstance(name, str) and name in listed and "sha256" in part and (staging / name).is_file():
            part.update(_checksum(file_entry(staging, staging / name)))
    return document


def _checksum(entry: Mapping[str, Any]) -> dict[str, str]:
    return {"sha256": entry["sha256"], "contentSize": f"{entry['bytes']} B"}
