"""Where the files of a registry are: a folder, a web server (to read), or any other place that fsspec reaches."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import quote, urlsplit

from gatherset.dataset.errors import RegistryError
from gatherset.dataset.store import write_whole

LOCK = "index.lock"
SECONDS_A_LOCK_LASTS = 300  # it is held while the index is written, for seconds; a killed writer leaves it behind
TIMEOUT = 60  # seconds without a byte from a web server
SECONDS_TO_WAIT = 30  # for a lock that somebody holds
# The kinds of URL whose fsspec implementation has the server create a file on condition that there is none (s3fs and
# adlfs by If-None-Match, gcsfs by ifGenerationMatch). The others look first and write then, or ignore the condition.
CONDITIONAL = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"}
SECONDS_TO_SETTLE = 5.0  # in other stores: longer than a small file takes to be written


class MissingError(Exception):
    """There is no such file."""


class Storage(Protocol):
    """Files below one place, by relative paths. Every method may raise RegistryError; reading also MissingError."""

    url: str

    @property
    def how_locked(self) -> str:
        """In words, what keeps two writers of the index apart."""

    def open(self, path: str, start: int = 0) -> AbstractContextManager[Stream]: ...

    def write(self, path: str, source: Path | bytes) -> None:
        """Put a file there whole, in the place of any other."""

    def create(self, path: str, data: bytes) -> bool:
        """Put a small file there unless there is one; whether it was put."""

    def size(self, path: str) -> int | None:
        """The length of a file in bytes; None where there is none."""

    def remove(self, path: str) -> None:
        """Remove a file; nothing happens where there is none."""

    def locked(self, name: str = LOCK, lasts: float = SECONDS_A_LOCK_LASTS) -> AbstractContextManager[None]:
        """Hold a lock, that of the index if no other is named; after `lasts` seconds its holder counts as killed."""


class Stream:
    """A file that is being read, from byte `start` on; 0 where the server knows no ranges and sent all of it."""

    def __init__(self, source: IO[bytes], start: int, where: str) -> None:
        self._source = source
        self.start = start
        self._where = where

    def readinto(self, buffer: memoryview) -> int:
        """Read some bytes; 0 at the end, which is too early where the connection broke. Raises RegistryError."""
        try:
            return int(self._source.readinto(buffer) or 0)  # type: ignore[attr-defined]
        except (OSError, HTTPException) as error:
            raise _failed(self._where, error) from error


def read_small(storage: Storage, path: str, limit: int) -> bytes:
    """A whole file of at most `limit` bytes: a server that sends without end costs no more."""
    buffer = bytearray(min(limit, 1 << 20) + 1)
    data = b""
    with storage.open(path) as stream:
        while read := stream.readinto(memoryview(buffer)):
            data += buffer[:read]
            if len(data) > limit:
                raise RegistryError(f"{storage.url}/{path} is longer than {limit} bytes", "Is this a registry?")
    return data


def storage_at(location: str) -> Storage:
    """The storage that a path or URL names. Raises RegistryError."""
    try:
        scheme = urlsplit(location).scheme
    except ValueError as error:
        raise RegistryError(f"'{location}' is not an address: {error}", "Name a folder or a URL") from error
    if scheme in ("http", "https"):
        return WebStorage(location.rstrip("/"))
    if scheme == "file":
        return FolderStorage(Path(urllib.request.url2pathname(urlsplit(location).path)))
    if len(scheme) < 2:  # none, or a drive
        return FolderStorage(Path(location))
    return ObjectStorage(location.rstrip("/"))


class FolderStorage:
    """A folder of this machine, or one that it has mounted."""

    how_locked = "a lock on the file index.lock, held by this process (flock)"

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.url = str(self.root)

    @contextmanager
    def open(self, path: str, start: int = 0) -> Iterator[Stream]:
        try:
            file = (self.root / path).open("rb", buffering=0)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MissingError(path) from error
        except OSError as error:
            raise _failed(f"{self.url}/{path}", error) from error
        with file:
            file.seek(start)
            yield Stream(file, start, f"{self.url}/{path}")

    def write(self, path: str, source: Path | bytes) -> None:
        target = self.root / path
        try:
            if isinstance(source, bytes):
                write_whole(target, source)
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
            try:
                shutil.copyfile(source, partial)
                with partial.open("rb") as file:
                    os.fsync(file.fileno())
                os.replace(partial, target)
            finally:
                partial.unlink(missing_ok=True)
        except OSError as error:
            raise _failed(f"{self.url}/{path}", error) from error

    def create(self, path: str, data: bytes) -> bool:
        target = self.root / path
        partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(data)
            os.link(partial, target)  # unlike a rename, this fails where there is a file
            return True
        except FileExistsError:
            return False
        except OSError as error:
            raise _failed(f"{self.url}/{path}", error) from error
        finally:
            with suppress(OSError):
                partial.unlink()

    def size(self, path: str) -> int | None:
        target = self.root / path
        return target.stat().st_size if target.is_file() else None

    def remove(self, path: str) -> None:
        (self.root / path).unlink(missing_ok=True)

    @contextmanager
    def locked(self, name: str = LOCK, lasts: float = SECONDS_A_LOCK_LASTS) -> Iterator[None]:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = (self.root / name).open("w")
        except OSError as error:
            raise _failed(f"{self.url}/{name}", error) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the system gives it back when the process ends, however it ends
            yield


class WebStorage:
    """A registry behind a web server, to read only."""

    how_locked = "nothing: it can only be read"

    def __init__(self, url: str) -> None:
        self.url = url

    @contextmanager
    def open(self, path: str, start: int = 0) -> Iterator[Stream]:
        headers = {"Range": f"bytes={start}-"} if start else {}
        headers["Accept-Encoding"] = "identity"  # the checksums are of the files as they are
        request = urllib.request.Request(f"{self.url}/{quote(path)}", headers=headers)
        where = f"{self.url}/{path}"
        try:
            response = urllib.request.urlopen(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (404, 410):
                raise MissingError(path) from error
            raise _failed(where, error) from error
        except (OSError, ValueError, HTTPException) as error:  # ValueErrors are for addresses that are none
            raise _failed(where, error) from error
        with response:
            yield Stream(response, start if response.status == 206 else 0, where)

    def size(self, path: str) -> int | None:
        raise self._read_only()

    def write(self, path: str, source: Path | bytes) -> None:
        raise self._read_only()

    def create(self, path: str, data: bytes) -> bool:
        raise self._read_only()

    def remove(self, path: str) -> None:
        raise self._read_only()

    def locked(self, name: str = LOCK, lasts: float = SECONDS_A_LOCK_LASTS) -> AbstractContextManager[None]:
        raise self._read_only()

    def _read_only(self) -> RegistryError:
        return RegistryError(f"{self.url} can only be read", "Name the folder or bucket behind it")


class ObjectStorage:
    """A bucket of an object store, or whatever else fsspec reaches by a URL: s3://, gs://, hf://, memory://."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            import fsspec

            self._fs, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            step = "Install fsspec and the package for this kind of URL, e.g. pip install s3fs"
            raise RegistryError(f"{url} cannot be reached: {error}", step) from error
        kinds = (self._fs.protocol,) if isinstance(self._fs.protocol, str) else self._fs.protocol
        self._conditional = not CONDITIONAL.isdisjoint(kinds)

    @property
    def how_locked(self) -> str:
        """In words."""
        how = (
            "created on condition that there is none"
            if self._conditional
            else f"written and read back after {SECONDS_TO_SETTLE:g} s, since this kind of store knows no condition"
        )
        return f"the object {LOCK}, {how}, given up after {SECONDS_A_LOCK_LASTS} s"

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}"

    @contextmanager
    def open(self, path: str, start: int = 0) -> Iterator[Stream]:
        with self._errors(path):
            file = self._fs.open(self._path(path), "rb")
            file.seek(start)
        with file:
            yield Stream(file, start, f"{self.url}/{path}")

    @contextmanager
    def _errors(self, path: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MissingError(path) from error
        except FileExistsError:
            raise
        except RegistryError:
            raise
        except Exception as error:  # each implementation of fsspec has errors of its own
            raise _failed(f"{self.url}/{path}", error) from error

    def write(self, path: str, source: Path | bytes) -> None:
        with self._errors(path):
            self._fs.makedirs(self._path(path).rpartition("/")[0], exist_ok=True)
            if isinstance(source, bytes):
                self._fs.pipe_file(self._path(path), source)
            else:
                self._fs.put_file(str(source), self._path(path))

    def create(self, path: str, data: bytes) -> bool:
        try:
            with self._errors(path):
                self._fs.makedirs(self._path(path).rpartition("/")[0], exist_ok=True)
                if self._conditional:
                    self._fs.pipe_file(self._path(path), data, mode="create")
                    return True
        except FileExistsError:
            return False
        return self._create_and_look(path, data)

    def _create_and_look(self, path: str, data: bytes) -> bool:
        """What a store allows that writes over what is there without a word: of two who write in the same moment both
        then read whose file has stayed. It fails where a write takes longer than SECONDS_TO_SETTLE.
        """
        if self.size(path) is not None:
            return False
        self.write(path, data)
        time.sleep(SECONDS_TO_SETTLE)
        return self._holds(path, data)

    def size(self, path: str) -> int | None:
        try:
            with self._errors(path):
                self._fs.invalidate_cache()
                return int(self._fs.size(self._path(path)))
        except MissingError:
            return None

    def remove(self, path: str) -> None:
        try:
            with self._errors(path):
                self._fs.rm_file(self._path(path))
        except MissingError:
            pass

    @contextmanager
    def locked(self, name: str = LOCK, lasts: float = SECONDS_A_LOCK_LASTS) -> Iterator[None]:
        token = json.dumps({"token": secrets.token_hex(8), "since": time.time()}).encode()
        waiting_until = time.monotonic() + SECONDS_TO_WAIT
        while not self.create(name, token):
            holder = self._lock_holder(name)
            if holder is not None and time.time() - holder > lasts:
                self.remove(name)  # of a writer that was killed
            elif time.monotonic() > waiting_until:
                raise RegistryError(f"somebody else is writing to {self.url}", f"Try again, or remove its {name}")
            else:
                time.sleep(0.2)
        try:
            if not self._holds(name, token):
                raise RegistryError(f"somebody else took the lock of {self.url}", "Try again")
            yield
        finally:
            if self._holds(name, token):  # another writer, who took it over, keeps it
                self.remove(name)

    def _holds(self, path: str, data: bytes) -> bool:
        """Whether this file holds these bytes now, whatever was remembered of it."""
        try:
            return self.size(path) == len(data) and read_small(self, path, len(data)) == data
        except MissingError:
            return False

    def _lock_holder(self, name: str) -> float | None:
        """When the lock was taken; None where it was given back meanwhile."""
        try:
            document: Any = json.loads(read_small(self, name, 1000))
            return float(document["since"])
        except MissingError:
            return None
        except (ValueError, TypeError, KeyError):
            return 0.0  # nobody of ours wrote this


def _failed(where: str, error: Exception) -> RegistryError:
    reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or error
    return RegistryError(f"{where}: {reason}", "Check the address and your rights, and try again")
