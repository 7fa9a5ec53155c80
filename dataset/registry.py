"""The registry: where releases are published, once and for ever, and where it is said which of them not to use.

index.json          which versions there are; written last, under a lock, so that nothing half is ever listed
retractions.json    the records that must not be used, whatever the version
mg/1.2.0/           the files of the release, as they were built
mg/1.2.0/measurements/   what was measured since
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import jsonschema

from gatherset import schemas
from gatherset.dataset.errors import RegistryError, ReleaseError
from gatherset.dataset.findings import Finding
from gatherset.dataset.integrity import integrity_findings
from gatherset.dataset.loading import Release, read_manifest
from gatherset.dataset.progress import progress
from gatherset.dataset.purge import purge
from gatherset.dataset.records import SPLITS
from gatherset.dataset.release_folder import (
    CHECKSUMS,
    MANIFEST,
    MEASUREMENTS,
    RETRACTIONS,
    file_sha256,
    is_release_path,
    sums_text,
)
from gatherset.dataset.retractions import Applied, Retraction, check_id, parse_retractions
from gatherset.dataset.storage import MissingError, Storage, read_small, storage_at
from gatherset.dataset.timestamps import now
from gatherset.dataset.versions import Version, Wanted, parse_version, version_text

INDEX = "index.json"
CLAIM = ".publishing"  # which release is being put into the folder of a version
PURGE_LOCK = "purge.lock"
SECONDS_A_PURGE_LASTS = 86_400  # it writes many files anew
MOST_INDEX = 64 << 20  # bytes; a longer index, manifest or list is no such thing
BLOCK = 1 << 20


@dataclass(frozen=True)
class Entry:
    """A published version, as the index lists it."""

    manifest_sha256: str
    content_hash: str
    records: int
    bytes: int  # of all files
    published: str
    yanked: str | None  # why it should not be used; None where it may


Index = dict[str, dict[Version, Entry]]


class Registry:
    """A registry at a path or URL."""

    def __init__(self, location: str) -> None:
        self.storage: Storage = storage_at(location)

    @property
    def url(self) -> str:
        return self.storage.url

    def index(self) -> Index:
        """All published versions; empty where nothing was published yet. Raises RegistryError for garbage."""
        try:
            data = read_small(self.storage, INDEX, MOST_INDEX)
        except MissingError:
            return {}
        where = f"{self.url}/{INDEX}"
        try:
            document = json.loads(data.decode("utf-8"))
            jsonschema.validate(document, schemas.read("registry_index.schema.json"), jsonschema.Draft202012Validator)
        except (ValueError, RecursionError) as error:
            raise RegistryError(f"{where} is not the index of a registry: {error}", "Check the address") from error
        except jsonschema.ValidationError as error:
            text = f"{where}: {error.json_path}: {error.message[:200]}"
            raise RegistryError(text, "Check the address, or upgrade Gatherset") from error
        return {
            name: {parse_version(text): Entry(**entry) for text, entry in versions.items()}
            for name, versions in document["releases"].items()
        }

    def resolve(self, wanted: Wanted) -> tuple[Version, Entry]:
        """The newest version that fits; one that was yanked only where it is named exactly. Raises RegistryError."""
        index = self.index()
        versions = index.get(wanted.name, {})
        usable = [version for version, entry in versions.items() if entry.yanked is None or wanted.exact]
        chosen = wanted.newest(usable)
        if chosen is None:
            known = ", ".join(
                version_text(v) + " (yanked)" * (e.yanked is not None) for v, e in sorted(versions.items())
            )
            there = f"There is: {known}" if known else f"There is: {', '.join(sorted(index)) or 'nothing'}"
            raise RegistryError(f"no release '{wanted}' in {self.url}", there)
        return chosen, versions[chosen]

    def retractions(self) -> tuple[Retraction, ...]:
        try:
            data = read_small(self.storage, RETRACTIONS, MOST_INDEX)
        except MissingError:
            return ()
        return parse_retractions(data, f"{self.url}/{RETRACTIONS}").retractions

    def manifest(self, name: str, version: Version, entry: Entry) -> tuple[dict[str, Any], bytes]:
        """The manifest of a published version and its bytes. Raises RegistryError where it is not the published one."""
        where = f"{name}/{version_text(version)}/{MANIFEST}"
        try:
            data = read_small(self.storage, where, MOST_INDEX)
        except MissingError as error:
            raise RegistryError(f"{self.url}/{where} is missing", "Tell whoever keeps the registry") from error
        if hashlib.sha256(data).hexdigest() != entry.manifest_sha256:
            message = f"{self.url}/{where} is not the one that was published: its sha256 is another"
            raise RegistryError(message, "Do not use it; tell whoever keeps the registry")
        manifest = read_manifest(data, f"{self.url}/{where}")
        if (manifest["name"], manifest["version"]) != (name, version_text(version)):
            named = f"{manifest['name']}@{manifest['version']}"
            raise RegistryError(f"{self.url}/{where} is that of {named}", "Tell whoever keeps the registry")
        seen: set[str] = set()
        for file in manifest["files"]:
            if not is_release_path(file["path"]) or file["path"].lower() in seen:
                message = (
                    f"{self.url}/{where} lists '{file['path']}', which is no path of a release, or stands there twice"
                )
                raise RegistryError(message, "Do not trust this release")
            seen.add(file["path"].lower())
        return manifest, data

    def applied(self, name: str, version: Version) -> Applied:
        """What was purged from the published files of a version."""
        path = f"{name}/{version_text(version)}/{RETRACTIONS}"
        try:
            return parse_retractions(read_small(self.storage, path, MOST_INDEX), f"{self.url}/{path}")
        except MissingError:
            return Applied()

    # What writes

    def publish(self, release: Release) -> bool:
        """Put a release there; False where it was there already. A version that was published never changes.

        All files first, the manifest after them, the index last and under the lock: what is interrupted is listed
        nowhere, and publishing again goes on. Raises RegistryError where the release is damaged or the version taken.
        """
        if not release.whole or release.retracted:
            raise RegistryError(f"{release.path} is not the release as it was built", "Publish the one in releases/")
        if damage := next(integrity_findings(release), None):
            raise RegistryError(f"{release} is damaged: {damage.where}: {damage.message}", "Build it again")
        version, sha256 = parse_version(release.version), file_sha256(release.path / MANIFEST)
        if self._is_published(release, version, sha256):
            return False
        if gone := {entry.id for entry in self.retractions()} & {i for split in SPLITS for i in release[split].ids}:
            named = ", ".join(sorted(gone)[:5]) + (", …" if len(gone) > 5 else "")
            message = f"{release} holds {len(gone)} records that were retracted in {self.url}: {named}"
            raise RegistryError(message, "Leave them out (gatherset record withdraw), and build a higher version")
        folder = f"{release.name}/{release.version}"
        self._claim(folder, sha256)
        if self._was_published_before_the_claim(release, version, sha256):
            return False
        files = [entry["path"] for entry in release.manifest["files"]] + [CHECKSUMS, MANIFEST]
        for path in progress(files, total=len(files), label="publish"):
            self._put(f"{folder}/{path}", release.path / path)
        entry = Entry(
            sha256,
            release.content_hash,
            sum(sum(types.values()) for types in release.manifest["counts"].values()),
            sum(file["bytes"] for file in release.manifest["files"]),
            now(),
            None,
        )
        with self.storage.locked():
            if self._is_published(release, version, sha256):
                return False
            index = self.index()
            index.setdefault(release.name, {})[version] = entry
            self._write_index(index)
        self.storage.remove(f"{folder}/{CLAIM}")
        return True

    def _is_published(self, release: Release, version: Version, sha256: str) -> bool:
        there = self.index().get(release.name, {}).get(version)
        if there and there.manifest_sha256 != sha256:
            message = f"{release} is published in {self.url} already, with other content"
            raise RegistryError(message, "A published version never changes: build a higher one")
        return there is not None

    def _was_published_before_the_claim(self, release: Release, version: Version, sha256: str) -> bool:
        """Look once more: between the first look and the claim another publisher may have finished."""
        published = True
        try:
            published = self._is_published(release, version, sha256)
        finally:
            if published:  # or published with other content, which is said
                self.storage.remove(f"{release.name}/{release.version}/{CLAIM}")
        return published

    def _claim(self, folder: str, manifest_sha256: str) -> None:
        """Keep two different releases of the same version from being put into one folder at the same time."""
        claim = f"{folder}/{CLAIM}"
        for _ in range(5):
            if self.storage.create(claim, manifest_sha256.encode()):
                return
            try:
                there = read_small(self.storage, claim, 100).decode("ascii", "replace")
            except MissingError:
                continue  # published or given up this moment
            if there == manifest_sha256:
                return  # of an earlier attempt, which is gone on with
            break
        message = f"somebody else is publishing another release as {folder}"
        raise RegistryError(message, f"If they have given it up, remove {self.url}/{claim}")

    def _put(self, path: str, source: Path) -> None:
        """Copy a file unless it is there already, whole."""
        if self.storage.size(path) != source.stat().st_size or self._sha256(path) != file_sha256(source):
            self.storage.write(path, source)

    def _sha256(self, path: str) -> str:
        digest, buffer = hashlib.sha256(), memoryview(bytearray(BLOCK))
        with self.storage.open(path) as stream:
            while read := stream.readinto(buffer):
                digest.update(buffer[:read])
        return digest.hexdigest()

    def _write_index(self, index: Mapping[str, Mapping[Version, Entry]]) -> None:
        releases = {
            name: {version_text(version): asdict(entry) for version, entry in sorted(versions.items())}
            for name, versions in sorted(index.items())
        }
        self._write_json(INDEX, {"schema_version": "1.0", "releases": releases})

    def _write_json(self, path: str, document: Any) -> None:
        self.storage.write(path, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())

    def yank(self, wanted: Wanted, reason: str | None) -> None:
        """Say that a version should not be used, and why; None takes it back. It stays there for who names it."""
        if not wanted.exact:
            raise RegistryError(f"'{wanted}' is not one version", "Name it in full: mg@1.2.0")
        version = (wanted.numbers[0], wanted.numbers[1], wanted.numbers[2])
        with self.storage.locked():
            index = self.index()
            entry = index.get(wanted.name, {}).get(version)
            if entry is None:
                raise RegistryError(f"no release '{wanted}' in {self.url}", "See: gatherset release list")
            index[wanted.name][version] = replace(entry, yanked=reason)
            self._write_index(index)

    def retract(self, retraction: Retraction) -> bool:
        """Put a record on the list that pull and load apply to every version; False where it stands there already."""
        check_id(retraction.id)
        with self.storage.locked():
            known = self.retractions()
            if any(entry.id == retraction.id for entry in known):
                return False
            both = sorted((*known, retraction), key=lambda entry: (entry.date, entry.id))
            self._write_json(RETRACTIONS, Applied(tuple(both)).document())
        return True

    def purge(self) -> dict[str, int]:
        """Write all published files that hold retracted records anew without them; files written by version.

        The new checksums stand in the version's retractions.json before the first file is replaced, so that an
        interrupted purge is seen, and finished by the next one.
        """
        written = {}
        with self.storage.locked(PURGE_LOCK, SECONDS_A_PURGE_LASTS):
            retractions = self.retractions()
            for name, versions in sorted(self.index().items()):
                for version, entry in sorted(versions.items()):
                    try:
                        count = self._purge_version(name, version, entry, retractions)
                    except MissingError as error:
                        step = "Restore it, or publish it again from the release folder; then purge again"
                        raise RegistryError(f"{self.url}/{error} is missing", step) from error
                    if count:
                        written[f"{name}@{version_text(version)}"] = count
        return written

    def _purge_version(self, name: str, version: Version, entry: Entry, retractions: tuple[Retraction, ...]) -> int:
        folder = f"{name}/{version_text(version)}"
        before = self.applied(name, version)
        manifest, _ = self.manifest(name, version, entry)
        if (
            {entry.id for entry in retractions} <= {entry.id for entry in before.retractions}
            and all(self._sha256(f"{folder}/{file.path}") == file.now[1] for file in before.replaced)
            and self._has_right_sums(folder, before.sums(manifest, entry.manifest_sha256))
        ):
            return 0
        with tempfile.TemporaryDirectory(prefix="gatherset-purge-") as name_of_copy:
            copy = Path(name_of_copy)
            paths = [MANIFEST, CHECKSUMS, *(file["path"] for file in manifest["files"])]
            for path in [*paths, *([RETRACTIONS] if before.retractions else [])]:
                self._get(f"{folder}/{path}", copy / path)
            after = purge(copy, retractions)
            changed = [file for file in after.replaced if self._sha256(f"{folder}/{file.path}") != file.now[1]]
            if after != before:
                self.storage.write(f"{folder}/{RETRACTIONS}", copy / RETRACTIONS)
            for file in changed:
                self.storage.write(f"{folder}/{file.path}", copy / file.path)
            if changed or not self._has_right_sums(folder, after.sums(manifest, entry.manifest_sha256)):
                self.storage.write(f"{folder}/{CHECKSUMS}", copy / CHECKSUMS)
        return len(changed)

    def _has_right_sums(self, folder: str, sums: Mapping[str, str]) -> bool:
        """Whether SHA256SUMS says what it must. Raises MissingError."""
        return self._sha256(f"{folder}/{CHECKSUMS}") == hashlib.sha256(sums_text(sums).encode()).hexdigest()

    def _get(self, path: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        buffer = memoryview(bytearray(BLOCK))
        with self.storage.open(path) as stream, target.open("wb") as file:
            while read := stream.readinto(buffer):
                file.write(buffer[:read])

    def add_measurement(self, name: str, version: Version, kind: str, document: Any) -> None:
        """Publish what was measured on a release, beside it."""
        if version not in self.index().get(name, {}):
            raise RegistryError(f"no release '{name}@{version_text(version)}' in {self.url}", "Publish it first")
        self._write_json(f"{name}/{version_text(version)}/{MEASUREMENTS}/{kind}.json", document)

    def verify(self, say: Callable[[str], None] = lambda text: None) -> Iterator[Finding]:
        """What is missing from, or was changed in, the published files; `say` hears which version is looked at."""
        for name, versions in sorted(self.index().items()):
            for version, entry in sorted(versions.items()):
                say(f"{name}@{version_text(version)}")
                yield from self._verify_version(name, version, entry)

    def _verify_version(self, name: str, version: Version, entry: Entry) -> Iterator[Finding]:
        folder = f"{name}/{version_text(version)}"
        try:
            manifest, _ = self.manifest(name, version, entry)
            applied = self.applied(name, version)
        except ReleaseError as error:
            yield Finding("GS701", "error", f"{self.url}/{folder}", error.what, error.next_step)
            return
        text = sums_text(applied.sums(manifest, entry.manifest_sha256)).encode()
        expected = {**applied.expected(manifest), CHECKSUMS: (len(text), hashlib.sha256(text).hexdigest())}
        for path, (size, sha256) in expected.items():
            where, step = f"{self.url}/{folder}/{path}", "Publish it again from the release folder, or restore it"
            try:
                there = self._sha256(f"{folder}/{path}")
            except MissingError:
                yield Finding("GS702", "error", where, f"the file of {size} bytes is missing", step)
                continue
            if there != sha256:
                message = f"the file was changed: {self.storage.size(f'{folder}/{path}')} bytes, {size} expected"
                yield Finding("GS701", "error", where, f"{message}, or another sha256", step)
