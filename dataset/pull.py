"""Pulling a release: only the bytes that are not here yet, in parallel, each file checked, interrupted or not."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import IO, Any

from gatherset.dataset.errors import RegistryError, ReleaseError, one_line
from gatherset.dataset.loading import Release, open_release, releases_in
from gatherset.dataset.progress import progress
from gatherset.dataset.purge import purge
from gatherset.dataset.records import SPLITS
from gatherset.dataset.registry import Entry, Registry
from gatherset.dataset.release_folder import (
    CHECKSUMS,
    MANIFEST,
    PULLED,
    RETRACTIONS,
    assembled,
    file_sha256,
    recover,
    write_json,
    write_sums,
)
from gatherset.dataset.retractions import Applied, Retraction, applied_in
from gatherset.dataset.storage import MissingError
from gatherset.dataset.store import write_whole
from gatherset.dataset.versions import Wanted, version_text

THREADS = 4  # files at once
ATTEMPTS = 5  # at one file, while each brings more of it
_ONE_NAME_ONLY = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}
REGISTRY = "registry.txt"  # in the cache, beside what was pulled from it: its address
BLOCK = 1 << 18  # bytes read, hashed and written at once: what a cut can cost, for each file in hand


class YankWarning(UserWarning):
    """A release that should not be used any more was pulled all the same."""


@dataclass(frozen=True)
class Selection:
    """What of a release to pull."""

    splits: tuple[str, ...] = SPLITS
    captions_only: bool = False

    @property
    def whole(self) -> bool:
        return self.splits == SPLITS and not self.captions_only

    def within(self, release: Release) -> bool:
        """Whether all of it is in what was pulled of the release."""
        images = release.has_images or self.captions_only or not release.manifest.get("images", True)
        return images and set(self.splits) <= set(release.pulled_splits)

    def with_(self, release: Release) -> Selection:
        """This, and what was pulled of the release before."""
        both = {*self.splits, *release.pulled_splits}
        return as_selection(both, self.captions_only and not release.has_images)

    def takes(self, path: str) -> bool:
        """Whether this file of a release belongs to it; what belongs to no split always does."""
        kind, _, rest = path.partition("/")
        if kind == "data":
            return not self.captions_only and rest.partition("/")[0] in self.splits
        if kind == "captions":
            return rest.removesuffix(".parquet") in self.splits
        if path == "report.html":
            return not self.captions_only  # it shows some of the photographs
        if kind == "annotations" and rest != "karpathy.json":
            return rest.removeprefix("coco_").removesuffix(".json") in self.splits
        # Karpathy's file holds all splits: with one of them it would show the captions of the others.
        return kind != "annotations" or self.splits == SPLITS


@dataclass
class Pulled:
    """What a pull did."""

    release: Release
    fetched: int = 0  # bytes that came from the registry
    reused: int = 0  # bytes that were here already
    yanked: str | None = None  # why the version should not be used
    retracted: tuple[Retraction, ...] = ()  # records of it that were left out


@dataclass
class _Fetching:
    fetched: int = 0
    reused: int = 0
    stop: Event = field(default_factory=Event)


def cache_folder() -> Path:
    """Where pulled files are kept: $GATHERSET_CACHE, else gatherset in the user's cache folder."""
    if named := os.environ.get("GATHERSET_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gatherset"


def pulled_release(wanted: Wanted, registry: str | None) -> Release:
    """The release that fits: pulled where a registry is known, else the newest that was pulled before."""
    location = registry or os.environ.get("GATHERSET_REGISTRY")
    if location:
        pulled = pull(wanted, location)
        if pulled.yanked is not None:
            warnings.warn(one_line(f"{pulled.release} was yanked: {pulled.yanked}"), YankWarning, stacklevel=3)
        return pulled.release
    found = {}  # by registry: the newest that was pulled from it
    for place in sorted(cache_folder().glob("releases/*")):
        there = {v: p for v, p in releases_in(place).items() if p.name == f"{wanted.name}-{version_text(v)}"}
        if chosen := wanted.newest(there):
            found[place] = there[chosen]
    if not found:
        raise ReleaseError(
            f"no release '{wanted}' was pulled yet", "Name a registry: gatherset pull, or $GATHERSET_REGISTRY"
        )
    if len({file_sha256(path / MANIFEST) for path in found.values()}) > 1:
        sources = sorted(f"{open_release(path)} from {_registry_of(place)}" for place, path in found.items())
        raise ReleaseError(
            f"'{wanted}' stands for different releases: {', '.join(sources)}", "Say which: load(…, registry=URL)"
        )
    return open_release(next(iter(found.values())))


def _registry_of(place: Path) -> str:
    note = place / REGISTRY
    return note.read_text(encoding="utf-8").strip() if note.is_file() else str(place)


def pull(wanted: Wanted, location: str, *, to: Path | None = None, selection: Selection = Selection()) -> Pulled:
    """Bring a release from the registry at `location` here, and apply the registry's retractions to it.

    Files are kept by content, so that another version fetches only what changed; a file that was cut off is gone on
    with. The folder (in `to`, or in the cache) is there whole or not at all. Raises RegistryError for a registry that
    cannot be reached, or does not say the truth.
    """
    registry = Registry(location)
    version, entry = registry.resolve(wanted)
    retractions = registry.retractions()
    folder = to or _place(registry) / f"{wanted.name}-{version_text(version)}"
    work = _Fetching()
    try:
        with _one_at_a_time(folder):
            recover(folder)
            before = _before(folder, registry, entry)
            if before is None or not selection.within(before) or not _is_complete(before):
                if before:  # what was pulled of it before stays
                    selection = selection.with_(before)
                manifest, data = registry.manifest(wanted.name, version, entry)
                applied = registry.applied(wanted.name, version)
                with assembled(folder, replacing=before is not None) as partial:
                    _fill(partial, registry, manifest, data, applied, selection, work)
                    _apply(partial, retractions)
                    if before:
                        _carry_over(before, partial)
            else:
                _apply(folder, retractions)
            if to is None:
                _note_address(folder.parent, registry.url)
            release = open_release(folder)
    except OSError as error:
        step = "Make room, then pull again: it goes on"
        raise ReleaseError(f"cannot write {folder}: {error.strerror or error}", step) from error
    return Pulled(release, work.fetched, work.reused, entry.yanked, applied_in(folder).retractions)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other pull is making this folder: it may bring what this one would."""
    import fcntl

    named = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    lock = cache_folder() / "locks" / named
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the system gives it back when the process ends, however it ends
        yield


def _is_complete(release: Release) -> bool:
    """Whether all files are there that an earlier pull brought: somebody may have removed some."""
    had = Selection(release.pulled_splits, not release.has_images)
    return all(
        (release.path / entry["path"]).is_file() for entry in release.manifest["files"] if had.takes(entry["path"])
    )


def _carry_over(before: Release, folder: Path) -> None:
    """Bring what others put into the folder of a release, measurements above all, into the one that replaces it."""
    ours = {entry["path"] for entry in before.manifest["files"]} | {MANIFEST, CHECKSUMS, PULLED, RETRACTIONS}
    for path in before.path.rglob("*"):
        name = path.relative_to(before.path)
        if name.as_posix() not in ours and (path.is_symlink() or path.is_file()):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, folder / name, follow_symlinks=False)


def _place(registry: Registry) -> Path:
    """The folder of the cache for one registry: two registries may have different releases of one name."""
    return cache_folder() / "releases" / hashlib.sha256(registry.url.encode()).hexdigest()[:16]


def _note_address(place: Path, url: str) -> None:
    """For people who ask where what is in the cache came from; without the password that an address may hold."""
    if not (place / REGISTRY).is_file():
        write_whole(place / REGISTRY, (re.sub(r"//[^/@]*@", "//", url) + "\n").encode())


def _before(folder: Path, registry: Registry, entry: Entry) -> Release | None:
    """The release where it, or a part of it, was pulled before. Raises RegistryError where that was another one."""
    if not folder.exists():
        return None
    if not (folder / MANIFEST).is_file():
        raise ReleaseError(f"{folder} is there and is not a release", "Name another folder")
    if file_sha256(folder / MANIFEST) != entry.manifest_sha256:
        message = f"{folder} was pulled before and is not what {registry.url} has under this version now"
        raise RegistryError(message, "A published version never changes: ask whoever keeps the registry")
    return open_release(folder)


def _fill(
    folder: Path,
    registry: Registry,
    manifest: Mapping[str, Any],
    manifest_bytes: bytes,
    applied: Applied,
    selection: Selection,
    work: _Fetching,
) -> None:
    below = f"{manifest['name']}/{manifest['version']}"
    wanted = {path: sums for path, sums in applied.expected(manifest).items() if selection.takes(path)}
    blobs = _blobs(registry, below, wanted, work)
    for path, (_, sha256) in wanted.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        _link(blobs / sha256[:2] / sha256, folder / path)
    (folder / MANIFEST).write_bytes(manifest_bytes)
    if applied.retractions:
        write_json(folder / RETRACTIONS, applied.document())
    if not selection.whole:
        write_json(folder / PULLED, {"splits": list(selection.splits), "captions_only": selection.captions_only})
    write_sums(folder, applied.sums(manifest, file_sha256(folder / MANIFEST)))


def _blobs(registry: Registry, below: str, wanted: Mapping[str, tuple[int, str]], work: _Fetching) -> Path:
    """Fetch what is missing into the cache of files by content; the folder of that cache."""
    blobs = cache_folder() / "files"
    missing: dict[str, tuple[str, int]] = {}
    pool = ThreadPoolExecutor(THREADS)
    try:
        right = pool.map(lambda sums: _is_right(blobs / sums[1][:2] / sums[1], *sums), wanted.values())
        for (path, (size, sha256)), here in zip(wanted.items(), right, strict=True):
            if here:
                work.reused += size
            else:
                missing[sha256] = (f"{below}/{path}", size)
        tasks = [
            pool.submit(_fetch, registry, path, size, sha256, blobs, work)
            for sha256, (path, size) in sorted(missing.items(), key=lambda item: -item[1][1])
        ]
        for task in progress(as_completed(tasks), total=len(tasks), label="pull"):
            task.result()
    except BaseException as error:
        if not isinstance(error, RegistryError):  # Ctrl-C, or a full disk: at once
            work.stop.set()
        raise
    finally:  # where one file failed, those in hand are finished: they are not fetched again
        pool.shutdown(cancel_futures=True)
    return blobs


def _is_right(blob: Path, size: int, sha256: str) -> bool:
    """Whether a kept file is still what it was: pulled folders share its bytes, and somebody may edit those."""
    return blob.is_file() and blob.stat().st_size == size and file_sha256(blob) == sha256


def _fetch(registry: Registry, path: str, size: int, sha256: str, blobs: Path, work: _Fetching) -> None:
    """Fetch one file, from where an earlier attempt stopped; it gets its name when its sha256 is right."""
    blob = blobs / sha256[:2] / sha256
    blob.parent.mkdir(parents=True, exist_ok=True)
    partial = blob.with_name(f"{sha256}.partial")
    with _locked(partial, work.stop) as file:
        if _is_right(blob, size, sha256):  # another pull has finished it since this one looked
            partial.unlink()
            return
        for _ in range(ATTEMPTS):
            before = file.seek(0, os.SEEK_END)
            digest = _resume(registry, path, size, file, work)
            got = file.tell()
            if got >= size or got <= before:
                break  # whole, or the registry has no more of it
        os.fsync(file.fileno())
        if got < size:
            raise RegistryError(f"{registry.url}/{path} ended after {got} of {size} bytes", "Pull again: it goes on")
        if digest != sha256:
            file.truncate(0)  # what is wrong must not be gone on with
            what = f"more than {size} bytes" if got > size else "another sha256"
            message = f"{registry.url}/{path} is not what was published: {what}"
            raise RegistryError(message, "Pull again; if it says so again, tell whoever keeps the registry")
        os.fchmod(file.fileno(), 0o444)  # release folders share these bytes: no editor should change them unasked
        os.replace(partial, blob)


@contextmanager
def _locked(path: Path, stop: Event) -> Iterator[IO[bytes]]:
    """The file at `path`, made where there is none, once no other pull has it in hand."""
    import fcntl

    while True:
        with path.open("a+b", buffering=0) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if stop.wait(0.05):
                    raise RegistryError(f"fetching {path.stem} was stopped", "Pull again: it goes on") from None
                continue
            if path.is_file() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                yield file
                return
            # Another pull finished it meanwhile, and gave it its name.


def _resume(registry: Registry, path: str, size: int, file: Any, work: _Fetching) -> str:
    """Write the rest of the file, and one byte more where the server sends too many; the sha256 of all of it."""
    digest, buffer = hashlib.sha256(), memoryview(bytearray(BLOCK))
    start = min(file.seek(0, os.SEEK_END), size)
    file.truncate(start)
    file.seek(0)
    while read := file.readinto(buffer):
        digest.update(buffer[:read])
    if start == size:
        return digest.hexdigest()
    try:
        with registry.storage.open(path, start) as stream:
            if stream.start != start:  # the server sends all of it again
                file.truncate(0)
                file.seek(0)
                digest = hashlib.sha256()
            while file.tell() <= size and not work.stop.is_set() and (read := stream.readinto(buffer)):
                digest.update(buffer[:read])
                file.write(buffer[:read])
                work.fetched += read
    except MissingError as error:
        step = "Pull again; if it says so again, tell whoever keeps the registry"
        raise RegistryError(f"{registry.url}/{path} is missing", step) from error
    if work.stop.is_set():
        raise RegistryError(f"fetching {path} was stopped", "Pull again: it goes on")
    return digest.hexdigest()


def _link(blob: Path, target: Path) -> None:
    """The cached file under another name; a copy where the folder is on another disk, or files have but one name."""
    try:
        os.link(blob, target)
    except OSError as error:
        if error.errno not in _ONE_NAME_ONLY:
            raise
        with blob.open("rb") as source, target.open("xb") as copy:  # never through a name that is there already
            shutil.copyfileobj(source, copy)


def _apply(folder: Path, retractions: Sequence[Retraction]) -> None:
    """Take retracted records out of the folder, and the files that held them out of the cache."""
    applied = purge(folder, retractions)
    for file in applied.replaced:
        (cache_folder() / "files" / file.was[1][:2] / file.was[1]).unlink(missing_ok=True)


def as_selection(splits: Collection[str], captions_only: bool) -> Selection:
    """The selection that a user names; no split stands for all of them."""
    return Selection(tuple(split for split in SPLITS if split in splits or not splits), captions_only)
