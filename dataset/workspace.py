"""A workspace: the folder with `gatherset.toml`, the catalog, the image store, releases, features and runs."""

from __future__ import annotations

import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from gatherset.dataset.catalog.database import POINTER, Catalog
from gatherset.dataset.errors import NoWorkspaceError, ReleaseError, WorkspaceError
from gatherset.dataset.settings import FORMAT, Settings, is_language, is_name, read_settings
from gatherset.dataset.taxonomy import Taxonomy, load_taxonomy

if TYPE_CHECKING:
    from gatherset.dataset.loading import Release
    from gatherset.dataset.store import ImageStore

SETTINGS_FILE = "gatherset.toml"
TEMPLATE = """\
# A Gatherset workspace. Every setting and its default: docs/settings.md
format = {format}
name = "{name}"
language = "{language}"
captions_per_image = 5

[queue]
overlap = {overlap}          # different annotators an image goes to

[splits]
ratios = [8, 1, 1]   # train : val : test
seed = 0
"""


class Workspace:
    """An open workspace. Make one with `Workspace.create`, open one with `Workspace.open`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings: Settings = read_settings(root / SETTINGS_FILE)
        self.catalog = Catalog.of(root)

    @classmethod
    def create(cls, root: Path, name: str | None = None, *, language: str = "en", overlap: int = 2) -> Workspace:
        """Make the folder `root` a new workspace. Raises WorkspaceError where there is something already."""
        root = root.absolute()
        name = name or root.name
        if not is_name(name):
            raise WorkspaceError(
                f"'{name}' cannot name a dataset",
                "Use lower-case letters, digits, '-' or '_': gatherset init FOLDER --name mg",
            )
        if not is_language(language):
            raise WorkspaceError(f"'{language}' is not a language tag", "Write it as in BCP 47: en, de, zh-Hant")
        if (root / SETTINGS_FILE).exists():
            raise WorkspaceError(f"{root} is a workspace already", f"Use it: gatherset ingest PHOTOS -w {root}")
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise WorkspaceError(f"{root} exists and is not empty", "Choose a new folder")
        catalog = Catalog.new(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
            catalog.create()
            # Pseudonyms are keyed with it, so that nobody can test a name against a published author.
            catalog.set_property("pseudonym_key", secrets.token_hex(32))
            catalog.close()
            if catalog.schema:
                (root / POINTER).write_text(f"{catalog.schema}\n", encoding="utf-8")
            text = TEMPLATE.format(format=FORMAT, name=name, language=language, overlap=overlap)
            (root / SETTINGS_FILE).write_text(text, encoding="utf-8")  # last: without it there is no workspace
        except BaseException as error:
            catalog.discard()
            for leftover in root.glob("*") if root.is_dir() else ():  # it was empty: all of this is ours
                leftover.unlink()
            if isinstance(error, OSError | DBAPIError):
                reason = str(error.orig).strip() if isinstance(error, DBAPIError) else error.strerror
                message = f"cannot make the workspace {root}: {reason}"
                raise WorkspaceError(message, "Make room or choose another folder") from error
            raise
        return cls(root)

    @classmethod
    def open(cls, path: Path | None = None) -> Workspace:
        """The workspace at `path`, else at $GATHERSET_WORKSPACE, else in the current folder or one above it."""
        workspace = cls(find_workspace(path))
        workspace.catalog.require_current()
        return workspace

    @cached_property
    def taxonomy(self) -> Taxonomy:
        own = self.root / "event_types.json"
        return load_taxonomy(own if own.exists() else None)

    @cached_property
    def pseudonym_key(self) -> str:
        """The workspace's secret: without it nobody can tell whose pseudonym is whose."""
        return self.catalog.property("pseudonym_key")

    @cached_property
    def store(self) -> ImageStore:
        from gatherset.dataset.store import ImageStore

        return ImageStore(self.root / "images", self.root / "thumbnails")

    @property
    def releases_folder(self) -> Path:
        return self.root / "releases"

    @property
    def features_folder(self) -> Path:
        return self.root / "features"

    @property
    def runs_folder(self) -> Path:
        return self.root / "runs"

    def release(self, reference: str | None = None) -> Release:
        """The release `reference` ("mg@1.0.0", "1.0.0", or a folder); the newest one where it is None."""
        from gatherset.dataset.loading import load, releases_in

        if reference is not None and Path(reference).is_dir():
            return load(Path(reference))
        built = releases_in(self.releases_folder)
        if not built:
            raise ReleaseError(f"no release in {self.releases_folder}", "Build one: gatherset release build")
        if reference is None:
            return load(built[max(built)])
        version = reference.removeprefix(f"{self.settings.name}@")
        for numbers, folder in built.items():
            if ".".join(map(str, numbers)) == version:
                return load(folder)
        known = ", ".join(".".join(map(str, numbers)) for numbers in sorted(built))
        raise ReleaseError(f"no release '{reference}' in {self.releases_folder}", f"There is: {known}")


def find_workspace(path: Path | None) -> Path:
    """The folder of the workspace that `path`, the environment, or the current folder points to."""
    named = path or (Path(os.environ["GATHERSET_WORKSPACE"]) if os.environ.get("GATHERSET_WORKSPACE") else None)
    if named is not None:
        if not (named / SETTINGS_FILE).is_file():
            raise WorkspaceError(
                f"{named} is not a workspace: it has no {SETTINGS_FILE}",
                f"Check the path, or make one: gatherset init {named}",
            )
        return named.absolute()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / SETTINGS_FILE).is_file():
            return folder
    raise NoWorkspaceError(
        f"no workspace here: neither {here} nor a folder above it has a {SETTINGS_FILE}",
        "Name one with -w FOLDER, or make one: gatherset init mg",
    )
