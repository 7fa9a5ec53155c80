"""Retractions: records that must not be used any more, in whatever version they stand.

A registry keeps the list. A folder that has applied it keeps `retractions.json`: which of its records are gone, and for
each file that was written anew without them the checksums before and after.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jsonschema

from gatherset import schemas
from gatherset.dataset.errors import ReleaseError
from gatherset.dataset.release_folder import MANIFEST, RETRACTIONS, is_release_path
from gatherset.dataset.store import write_whole

REASONS = ("takedown", "privacy", "licence", "wrong")
_ID = re.compile(r"gs-[0-9a-f]{16}")


class RetractionWarning(UserWarning):
    """Records of a release were retracted and are left out."""


@dataclass(frozen=True)
class Retraction:
    id: str
    reason: str  # one of REASONS
    date: str  # "2026-11-21"
    note: str = ""  # for those who ask why


@dataclass(frozen=True)
class Replaced:
    """A file that was written anew without retracted records."""

    path: str
    was: tuple[int, str]  # bytes, sha256: what the manifest says
    now: tuple[int, str]


@dataclass(frozen=True)
class Applied:
    """What a folder's `retractions.json` says."""

    retractions: tuple[Retraction, ...] = ()
    replaced: tuple[Replaced, ...] = ()
    content_hash: str | None = None  # of the records that remain, where files were written anew

    def expected_file(self, entry: Mapping[str, Any]) -> tuple[int, str]:
        """Bytes and sha256 that a file of the manifest must have now."""
        for file in self.replaced:
            if file.path == entry["path"] and file.was == (entry["bytes"], entry["sha256"]):
                return file.now
        return entry["bytes"], entry["sha256"]

    def expected(self, manifest: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
        """Bytes and sha256 of all files of a manifest, as they must be now."""
        return {entry["path"]: self.expected_file(entry) for entry in manifest["files"]}

    def sums(self, manifest: Mapping[str, Any], manifest_sha256: str) -> dict[str, str]:
        """What SHA256SUMS must say now, by path."""
        return {path: sha256 for path, (_, sha256) in self.expected(manifest).items()} | {MANIFEST: manifest_sha256}

    def document(self) -> dict[str, Any]:
        return {
            "schema_version": "1.0",
            "retractions": [asdict(entry) for entry in self.retractions],
            "content_hash": self.content_hash,
            "files": [
                {"path": entry.path, "was": _sum_json(entry.was), "now": _sum_json(entry.now)}
                for entry in self.replaced
            ],
        }


def _sum_json(checksum: tuple[int, str]) -> dict[str, Any]:
    return {"bytes": checksum[0], "sha256": checksum[1]}


def _sum(document: Mapping[str, Any]) -> tuple[int, str]:
    return document["bytes"], document["sha256"]


def check_id(identity: str) -> None:
    if not _ID.fullmatch(identity):
        raise ReleaseError(f"'{identity}' is not the id of a record", "Write it as gs- and 16 hex digits")


def parse_retractions(data: bytes, where: str) -> Applied:
    """The document in `data`, a registry's or a folder's. Raises ReleaseError, which names `where`."""
    try:
        document = json.loads(data.decode("utf-8"))
        jsonschema.validate(document, schemas.read("retractions.schema.json"), jsonschema.Draft202012Validator)
    except (ValueError, RecursionError) as error:
        raise ReleaseError(f"{where} cannot be read: {error}", "Get it again") from error
    except jsonschema.ValidationError as error:
        raise ReleaseError(f"{where}: {error.json_path}: {error.message[:200]}", "Get it again") from error
    for entry in document["files"]:
        if not is_release_path(entry["path"]):
            raise ReleaseError(f"{where} names '{entry['path']}', which no release has", "Do not trust it")
    files = (Replaced(entry["path"], _sum(entry["was"]), _sum(entry["now"])) for entry in document["files"])
    return Applied(
        tuple(Retraction(**entry) for entry in document["retractions"]), tuple(files), document["content_hash"]
    )


def applied_in(folder: Path) -> Applied:
    """What was retracted in a release folder; nothing where nobody did."""
    path = folder / RETRACTIONS
    return parse_retractions(path.read_bytes(), str(path)) if path.is_file() else Applied()


def keep_retractions(folder: Path, retractions: Sequence[Retraction]) -> None:
    """Add the list to that of a workspace, whose rules then refuse the records on it (GS605)."""
    known = {entry.id: entry for entry in (*retractions, *applied_in(folder).retractions)}
    both = sorted(known.values(), key=lambda entry: (entry.date, entry.id))
    text = json.dumps(Applied(tuple(both)).document(), indent=1, ensure_ascii=False)
    write_whole(folder / RETRACTIONS, f"{text}\n".encode())


def retracted_in(folder: Path) -> dict[str, str]:
    """The ids on the list that a workspace keeps, each with the reason."""
    return {retraction.id: retraction.reason for retraction in applied_in(folder).retractions}


def folder_retractions(folder: Path) -> tuple[Retraction, ...]:
    return applied_in(folder).retractions
