"""GS7xx: whether a release folder is still the one that was built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gatherset.dataset.diff import difference
from gatherset.dataset.findings import Finding
from gatherset.dataset.loading import Release
from gatherset.dataset.progress import progress
from gatherset.dataset.records import ordered_content_hash
from gatherset.dataset.release_folder import CHECKSUMS, MANIFEST, file_sha256, is_release_path, release_files
from gatherset.dataset.retractions import Applied, applied_in
from gatherset.dataset.versions import parse_version, version_text

AGAIN = "Get the release again"


def integrity_findings(release: Release) -> Iterator[Finding]:
    """What is missing from, was added to, or was changed in the folder of a release.

    Of a release that was not pulled whole only the files that are there are looked at; files that a retraction wrote
    anew must be those that it wrote.
    """
    folder, listed = release.path, release.manifest["files"]
    applied = applied_in(folder)
    for entry in progress(listed, total=len(listed), label="checksums"):
        if finding := _file_finding(folder, entry, applied, release.whole):
            yield finding
    known = {entry["path"] for entry in listed}
    for path in release_files(folder):
        if path.relative_to(folder).as_posix() not in known:
            yield _finding("GS703", str(path), "the file is not in the manifest", "Remove it")
    yield from _sums_findings(release, applied)


def _file_finding(folder: Path, entry: Mapping[str, Any], applied: Applied, whole: bool) -> Finding | None:
    path = folder / entry["path"]
    if not is_release_path(entry["path"]) or _through_a_link(folder, path):
        message = "the manifest points outside the release"
        return _finding("GS704", entry["path"], message, "Do not trust this release")
    if not path.is_file():
        return _finding("GS702", str(path), "the file is missing", AGAIN) if whole else None
    size, sha256 = applied.expected_file(entry)
    found = path.stat().st_size
    if found != size or file_sha256(path) != sha256:
        message = f"the file was changed: {found} bytes, {size} expected"
        return _finding("GS701", str(path), message + (", or another sha256" if found == size else ""), AGAIN)
    return None


def _through_a_link(folder: Path, path: Path) -> bool:
    return any(part.is_symlink() for part in (path, *path.parents) if folder in part.parents)


def _sums_findings(release: Release, applied: Applied) -> Iterator[Finding]:
    folder = release.path
    if not (folder / CHECKSUMS).is_file():
        yield _finding("GS702", str(folder / CHECKSUMS), "the file is missing", AGAIN)
        return
    text = (folder / CHECKSUMS).read_text(encoding="utf-8", errors="replace")
    sums = {line[66:]: line[:64] for line in text.splitlines()}
    expected = {path: sha256 for path, (_, sha256) in applied.expected(release.manifest).items()}
    if sums.pop(MANIFEST, None) != file_sha256(folder / MANIFEST):
        yield _finding("GS701", str(folder / MANIFEST), f"the file is not the one in {CHECKSUMS}", AGAIN)
    elif sums != expected:
        yield _finding("GS701", str(folder / CHECKSUMS), f"the file does not agree with {MANIFEST}", AGAIN)


def content_findings(release: Release, parent: Release | None = None) -> Iterator[Finding]:
    """What the manifest says of the records, and is not so: their content hash, their counts, the version.

    `parent` is the release that the manifest calls so, where it is known.
    """
    wanted = applied_in(release.path).content_hash or release.content_hash
    if release.whole and ordered_content_hash(release.records_by_id()) != wanted:
        yield _finding("GS705", str(release.path), "the records do not have the manifest's content hash", AGAIN)
    yield from _count_findings(release)
    if parent:
        yield from _version_findings(release, parent)


def _count_findings(release: Release) -> Iterator[Finding]:
    """Where records were retracted, there may be as many fewer than the manifest says."""
    missing = 0
    for split in release.pulled_splits:
        found = Counter(release[split].event_types)
        said = Counter(release.manifest["counts"].get(split, {}))
        missing += said.total() - found.total()
        if found - said or (said != found and not release.retracted):
            different = sorted(name for name in said | found if said[name] != found[name])
            counts = ", ".join(f"{found[name]} of {name} instead of {said[name]}" for name in different)
            yield _finding("GS706", str(release.path), f"{split} holds {counts}", AGAIN)
    if release.retracted and missing > len(release.retracted):
        message = f"{missing} records fewer than the manifest counts, {len(release.retracted)} were retracted"
        yield _finding("GS706", str(release.path), message, AGAIN)


def _version_findings(release: Release, parent: Release) -> Iterator[Finding]:
    where, named = str(release.path), release.manifest["parent"]
    if parent.content_hash != named["content_hash"]:
        message = f"{parent.path} is not the {parent} that this release followed: its content hash is another"
        yield _finding("GS707", where, message, "Put the right one beside it, or none")
    elif release.whole and parent.whole and not release.retracted and not parent.retracted:
        changes = difference(parent, release)
        least = changes.least_version(parse_version(parent.version))
        if parse_version(release.version) < least:
            message = f"version {release.version} is too low after {parent}: {changes}"
            yield _finding("GS707", where, message, f"It should be {version_text(least)} at least: build it again")


def _finding(rule: str, where: str, message: str, next_step: str) -> Finding:
    return Finding(rule, "error", where, message, next_step)
