"""The settings of a workspace: `gatherset.toml` as frozen dataclasses."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from gatherset.dataset.errors import WorkspaceError

FORMAT = 1  # of gatherset.toml; a larger number in a file means that a newer Gatherset made it
T = TypeVar("T")


@dataclass(frozen=True)
class ImageSettings:
    min_side: int = 64  # pixels; a smaller image breaks GS204
    max_pixels: int = 100_000_000  # refused before decoding: a decompression bomb costs nothing
    thumbnail_side: int = 1024  # pixels; what the annotation page shows


@dataclass(frozen=True)
class QueueSettings:
    overlap: int = 2  # different annotators an image goes to; their majority decides
    max_overlap: int = 5  # asked one by one while they disagree; then it waits for review
    lease_minutes: int = 20  # how long an image is held for an annotator who says nothing


@dataclass(frozen=True)
class SplitSettings:
    ratios: tuple[int, ...] = (8, 1, 1)  # train : val : test, as in the paper's 8000/1000/1000
    seed: int = 0  # ranks the units; changing it moves no record that has a split


@dataclass(frozen=True)
class RuleSettings:
    ignore: tuple[str, ...] = ()  # rule ids that are not run
    levels: Mapping[str, str] = field(default_factory=dict)  # e.g. {GS304 = "error"}
    min_words: int = 3  # a shorter caption breaks GS302
    max_words: int = 60  # a longer one breaks GS303
    near_duplicate_distance: int = 6  # bits of the 64-bit perceptual hash
    min_records_per_type: int = 10  # fewer make a thin type (GS403)
    split_tolerance: float = 0.05  # how far a split's share may be from its ratio
    licenses: tuple[str, ...] = ()  # the allowed ones; empty: any that is an SPDX id or LicenseRef-…


@dataclass(frozen=True)
class ReleaseSettings:
    buckets: int = 16  # data files a split; a record's bucket follows from its id


@dataclass(frozen=True)
class Settings:
    format: int  # of this file
    name: str  # of the dataset and its releases
    language: str = "en"  # BCP 47 tag of the captions
    captions_per_image: int = 5  # exactly so many a record
    images: ImageSettings = ImageSettings()
    queue: QueueSettings = QueueSettings()
    splits: SplitSettings = SplitSettings()
    rules: RuleSettings = field(default_factory=RuleSettings)
    release: ReleaseSettings = ReleaseSettings()


def read_settings(path: Path) -> Settings:
    """The settings in the file `path`. Raises WorkspaceError for a file that is damaged, newer, or has unknown keys."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WorkspaceError(f"{path} is not valid TOML: {error}", "Mend the file") from error
    version = table.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise WorkspaceError(
            f"{path} was made by a newer Gatherset (format {version}; this one reads {FORMAT})",
            "Upgrade: pip install -U gatherset",
        )
    settings = _build(Settings, table, str(path))
    _check(settings, path)
    return settings


def _build(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    assert is_dataclass(cls)
    hints = get_type_hints(cls)
    known = {f.name for f in fields(cls)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"Did you mean '{near[0]}'?" if near else f"Known here: {', '.join(sorted(known))}"
            raise WorkspaceError(f"{where}: unknown setting '{key}'", hint)
        values[key] = _value(hints[key], value, f"{where}: {key}")
    try:
        return cls(**values)
    except TypeError as error:  # a required one is missing
        raise WorkspaceError(f"{where}: {error}", "Add it") from error


def _value(hint: Any, value: Any, where: str) -> Any:
    if is_dataclass(hint) and isinstance(hint, type) and isinstance(value, dict):
        return _build(hint, value, where)
    if isinstance(value, list):
        value = tuple(value)
    kinds: dict[Any, tuple[type, ...]] = {int: (int,), str: (str,), float: (int, float)}
    wanted = kinds.get(hint) or ((tuple,) if str(hint).startswith("tuple") else (dict,))
    if isinstance(value, bool) or not isinstance(value, wanted):
        raise WorkspaceError(f"{where} has the value {value!r}, which is of the wrong kind", f"It should be {hint}")
    item = int if "int" in str(hint) else str
    if isinstance(value, tuple) and not all(isinstance(part, item) for part in value):
        raise WorkspaceError(f"{where} has the value {list(value)!r}", f"Each entry should be {item.__name__}")
    return value


def _check(settings: Settings, path: Path) -> None:
    queue, splits = settings.queue, settings.splits
    checks = {
        "name must be lower-case letters, digits, '-' or '_'": is_name(settings.name),
        "captions_per_image must be at least 1": settings.captions_per_image >= 1,
        "queue: 1 <= overlap <= max_overlap": 1 <= queue.overlap <= queue.max_overlap,
        "queue: lease_minutes must be at least 1": queue.lease_minutes >= 1,
        "splits: ratios must be three numbers of 0 or more, the first above 0": len(splits.ratios) == 3
        and min(splits.ratios) >= 0
        and splits.ratios[0] > 0,
        "release: buckets must be 1, 2, 4, … 256": settings.release.buckets in {2**n for n in range(9)},
        "rules: levels must be 'error' or 'warning'": set(settings.rules.levels.values()) <= {"error", "warning"},
    }
    for text, holds in checks.items():
        if not holds:
            raise WorkspaceError(f"{path}: {text}", "Mend the file")


def is_name(text: str) -> bool:
    """Whether `text` can name a dataset: a file name everywhere, and half of `name@version`."""
    return (
        text.isascii()
        and text[:1].isalpha()
        and text == text.lower()
        and text.replace("-", "").replace("_", "").isalnum()
    )
