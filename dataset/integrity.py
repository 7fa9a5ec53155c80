"""GS7xx: whether a release folder is still the one that was built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from gatherset.dataset.findings import Finding
from gatherset.dataset.loading import Release
from gatherset.dataset.progress import progress
from gatherset.dataset.records import content_hash
from gatherset.dataset.release import CHECKSUMS, MANIFEST, file_sha256, release_files

AGAIN = "Get the release again"


def integrity_findings(release: Release) -> Iterator[Finding]:
    """What is missing from, was added to, or was changed in the folder of a release."""
    folder, listed = release.path, release.manifest["files"]
    for entry in progress(listed, total=len(listed), label="checksums"):
        relative = PurePosixPath(entry["path"])
        path = folder / relative
        if relative.is_absolute() or ".." in relative.parts or path.is_symlink():
            yield _finding(
                "GS704", entry["path"], "the manifest points outside the release", "Do not trust this release"
            )
        elif not path.is_file():
            yield _finding("GS702", str(path), "the file is missing", AGAIN)
        elif path.stat().st_size != entry["bytes"] or file_sha256(path) != entry["sha256"]:
            message = f"the file was changed: {path.stat().st_size} bytes, {entry['bytes']} expected, or another sha256"
            yield _finding("GS701", str(path), message, AGAIN)
    known = {entry["path"] for entry in listed}
    for path in release_files(folder):
        if path.relative_to(folder).as_posix() not in known:
            yield _finding("GS703", str(path), "the file is not in the manifest", "Remove it")
    if not (folder / CHECKSUMS).is_file():
        yield _finding("GS702", str(folder / CHECKSUMS), "the file is missing", AGAIN)
        return
    text = (folder / CHECKSUMS).read_text(encoding="utf-8", errors="replace")
    sums = {line[66:]: line[:64] for line in text.splitlines()}
    if sums.pop(MANIFEST, None) != file_sha256(folder / MANIFEST):
        yield _finding("GS701", str(folder / MANIFEST), f"the file is not the one in {CHECKSUMS}", AGAIN)
    elif sums != {entry["path"]: entry["sha256"] for entry in listed}:
        yield _finding("GS701", str(folder / CHECKSUMS), f"the file does not agree with {MANIFEST}", AGAIN)


def content_finding(release: Release) -> Finding | None:
    """A finding where the records are not those whose hash the manifest names."""
    if content_hash(release.records()) == release.content_hash:
        return None
    return _finding("GS705", str(release.path), "the records do not have the manifest's content hash", AGAIN)


def _finding(rule: str, where: str, message: str, next_step: str) -> Finding:
    return Finding(rule, "error", where, message, next_step)
