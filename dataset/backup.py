"""Backups: one file with all that a workspace cannot make again, taken while annotators work."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any

import gatherset
from gatherset.dataset.catalog.database import FILE, POINTER
from gatherset.dataset.catalog.moving import snapshot
from gatherset.dataset.errors import InputError, WorkspaceError
from gatherset.dataset.progress import progress
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import SETTINGS_FILE, Workspace

CONTENTS = "backup.json"  # the last member: without it the backup was cut off
FORMAT = 1
# Made again from the rest: thumbnails, features. Runs can be large, and are measurements of what is in here.
LEFT_OUT = ("thumbnails", "features", "runs")
BLOCK = 1 << 20


def back_up(workspace: Workspace, path: Path) -> int:
    """Write the workspace's catalog, settings, images and releases to the new file `path` (tar); returns bytes.

    The catalog is read at one moment; images never change, and those it names are there already. Raises InputError
    where there is a file already, or the file would be in the workspace.
    """
    if path.resolve().is_relative_to(workspace.root.resolve()):
        # The next backup would hold it, and who loses the folder would lose both.
        raise InputError(f"{path} is in the workspace itself", "Write it elsewhere, best to another disk")
    if path.exists():
        raise InputError(f"{path} exists", "Choose another name: backups are not overwritten")
    partial = path.with_name(f"{path.name}.partial")
    try:
        with tempfile.TemporaryDirectory(dir=path.parent or None, prefix=".gatherset-backup-") as made:
            catalog = Path(made) / FILE
            snapshot(workspace.catalog, catalog)
            partial.unlink(missing_ok=True)
            partial.touch(mode=0o600)  # it holds names, and what seals are made with
            with partial.open("wb") as raw, tarfile.open(fileobj=raw, mode="w") as tar:
                sums = {FILE: _add(tar, catalog, FILE)}
                files = sorted(_files(workspace.root))
                for file in progress(files, total=len(files), label="files"):
                    name = file.relative_to(workspace.root).as_posix()
                    with suppress(FileNotFoundError):  # it was removed since it was listed
                        sums[name] = _add(tar, file, name)
                about = {
                    "format": FORMAT,
                    "gatherset": gatherset.__version__,
                    "dataset": workspace.settings.name,
                    "made_at": now(),
                    "sha256": sums,
                }
                _add_text(tar, CONTENTS, json.dumps(about, indent=1))
                tar.close()
                raw.flush()
                os.fsync(raw.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path.stat().st_size


def restore(path: Path, folder: Path) -> Workspace:
    """Make the new workspace `folder` from a backup, each file compared with the sum that it had.

    The catalog is a file there, wherever it was before. Raises InputError for what is no whole backup, and
    WorkspaceError where the folder is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WorkspaceError(f"{folder} exists and is not empty", "Restore into a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".gatherset-restore-") as made:
        root = Path(made) / "workspace"
        root.mkdir()
        _extract(path, root)
        (root / FILE).chmod(0o600)
        if folder.exists():
            folder.rmdir()
        os.replace(root, folder)
    return Workspace.open(folder)


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        if Path(folder) == root:
            folders[:] = [name for name in folders if name not in LEFT_OUT]
            names = [name for name in names if not name.startswith(("catalog.db", POINTER))]
        folders[:] = [name for name in folders if not name.endswith(".partial")]  # releases that are being made
        for name in names:
            path = Path(folder) / name
            if not name.endswith(".partial") and path.is_file() and not path.is_symlink():
                yield path


class _Summed:
    """A file that is read while its sha256 is taken."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


def _add(tar: tarfile.TarFile, path: Path, name: str) -> str:
    with path.open("rb") as file:
        summed = _Summed(file)
        member = tar.gettarinfo(arcname=name, fileobj=file)
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        tar.addfile(member, summed)
    return summed.digest.hexdigest()


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode()
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _extract(path: Path, root: Path) -> None:
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                _extract_member(tar, member, root)
        about = json.loads((root / CONTENTS).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        what = f"there is no file {path}" if not path.exists() else f"{path} is no whole backup: its end is missing"
        raise InputError(what, "Use a file that gatherset backup has written") from error
    except (tarfile.TarError, ValueError, RecursionError, EOFError, FileExistsError) as error:
        raise InputError(f"{path} is no backup of a workspace: {error}", "Use another backup") from error
    _compare(path, root, about)
    (root / CONTENTS).unlink()


def _extract_member(tar: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> None:
    # Plain files alone, below the folder: what back_up writes. (tarfile's own filter came with Python 3.11.4.)
    name = PurePosixPath(member.name)
    if not member.isreg() or name.is_absolute() or ".." in name.parts:
        raise tarfile.ReadError(f"it holds {member.name!r}")
    target = root / name
    target.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(member)
    assert source is not None  # it is a plain file
    with source, target.open("xb") as file:
        shutil.copyfileobj(source, file)


def _compare(path: Path, root: Path, about: Any) -> None:
    match about:
        case {"format": int(number), "gatherset": made_by} if number > FORMAT:
            raise InputError(f"{path} was made by Gatherset {made_by}", "Upgrade: pip install -U gatherset")
        case {"sha256": dict(sums)} if {FILE, SETTINGS_FILE} <= sums.keys():
            pass
        case _:
            raise InputError(f"{path} holds no workspace", "Use a file that gatherset backup has written")
    there = {file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file()}
    if strange := sorted(there - sums.keys() - {CONTENTS}):
        raise InputError(f"{path} is damaged: it holds {strange[0]}, which it does not list", "Use another backup")
    for name, sha256 in progress(sums.items(), total=len(sums), label="compare"):
        file = root / name
        if not file.is_file() or _sha256(file) != sha256:
            raise InputError(f"{path} is damaged: {name} is not what it was", "Use another backup")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
