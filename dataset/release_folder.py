"""The folder of a release: its file names, checksums, and what may stand in it besides what was built."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

MANIFEST = "release.json"
CHECKSUMS = "SHA256SUMS"
PULLED = ".pulled.json"  # what was fetched of a release that was not fetched whole
RETRACTIONS = "retractions.json"  # what was taken out of it since
MEASUREMENTS = "measurements"  # what was measured since
_OWN = (MANIFEST, CHECKSUMS, PULLED, RETRACTIONS)
SECONDS_UNTIL_ABANDONED = 86_400  # a killed build leaves a hidden folder; a running one must not lose its own


def is_release_path(path: str) -> bool:
    """Whether a manifest may list this path: inside its folder on any system, spelt in one way, no file of our own."""
    parts = PurePosixPath(path).parts
    inside = bool(parts) and not path.startswith("/") and not {"..", "."} & set(parts) and path.isprintable()
    one_spelling = PurePosixPath(path).as_posix() == path and not set(path) & set("\\:")
    # Some systems do not tell small letters from capital ones.
    return inside and one_spelling and parts[0].lower() not in {name.lower() for name in (*_OWN, MEASUREMENTS)}


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_checksums(folder: Path, manifest: dict[str, Any]) -> None:
    """The last files of a release: the manifest with the sha256 of all others, and SHA256SUMS; all on the disk."""
    manifest["files"] = [file_entry(folder, path) for path in release_files(folder)]
    write_json(folder / MANIFEST, manifest)
    entries = [*manifest["files"], file_entry(folder, folder / MANIFEST)]
    write_sums(folder, {entry["path"]: entry["sha256"] for entry in entries})
    for path in (*release_files(folder), folder / MANIFEST, folder / CHECKSUMS):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    for below in (folder, *filter(Path.is_dir, folder.rglob("*"))):
        flush_folder(below)


def write_sums(folder: Path, sums: Mapping[str, str]) -> None:
    """SHA256SUMS, as `sha256sum -c` reads it."""
    (folder / CHECKSUMS).write_text(sums_text(sums), encoding="utf-8")


def sums_text(sums: Mapping[str, str]) -> str:
    return "".join(f"{sha256}  {path}\n" for path, sha256 in sorted(sums.items()))


def flush_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk: a power cut must not leave files without names."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hidden_beside(folder: Path, ending: str = "partial") -> Path:
    """A name of nobody's yet for what is on the way to becoming `folder`, or was it."""
    return folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.{ending}")


def _left_beside(folder: Path, ending: str) -> list[Path]:
    ours = re.compile(rf"\.{re.escape(folder.name)}\.[0-9a-f]{{8}}\.{ending}")
    return [path for path in folder.parent.glob(f".*.{ending}") if ours.fullmatch(path.name)]


def sweep_abandoned(folder: Path) -> None:
    """Remove the hidden folders that builds and pulls of `folder` left when they were killed."""
    for leftover in _left_beside(folder, "partial"):
        if time.time() - leftover.stat().st_mtime > SECONDS_UNTIL_ABANDONED:
            shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def assembled(folder: Path, *, replacing: bool = False) -> Iterator[Path]:
    """A hidden folder beside `folder` that takes its name when all went well, and is removed when not.

    With `replacing`, what has the name now steps aside first, whole: `recover` brings it back after a kill.
    """
    sweep_abandoned(folder)
    partial = hidden_beside(folder)
    try:
        partial.mkdir(parents=True)
        yield partial
        if replacing:
            os.rename(folder, hidden_beside(folder, "replaced"))
        os.rename(partial, folder)
        flush_folder(folder.parent)
    finally:
        if replacing:
            recover(folder)
        shutil.rmtree(partial, ignore_errors=True)


def recover(folder: Path) -> None:
    """Bring back the folder that stepped aside for a new one that never came; remove it where the new one came."""
    for old in _left_beside(folder, "replaced"):
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.rename(old, folder)


def release_files(folder: Path) -> list[Path]:
    """The files of a release that its manifest lists: all but itself, the checksums, and what came later."""
    own = {folder / name for name in _OWN}
    beside = folder / MEASUREMENTS
    return sorted(
        path for path in folder.rglob("*") if not path.is_dir() and path not in own and beside not in path.parents
    )


def file_entry(folder: Path, path: Path) -> dict[str, Any]:
    """What the manifest says of a file."""
    return {"path": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size, "sha256": file_sha256(path)}


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
