"""The taxonomy of event types: a fixed list by default, one's own where the workspace brings `event_types.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

from gatherset import schemas
from gatherset.dataset.errors import InputError


@dataclass(frozen=True)
class EventType:
    name: str  # the token used in records and in models, e.g. "holiday_party"
    title: str  # what people read
    group: str
    definition: str
    includes: str
    excludes: str
    keywords: tuple[str, ...]


@dataclass(frozen=True)
class Taxonomy:
    types: tuple[EventType, ...]
    groups: tuple[tuple[str, str], ...]  # (name, title), in the order shown

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(kind.name for kind in self.types)

    def __getitem__(self, name: str) -> EventType:
        return next(kind for kind in self.types if kind.name == name)


def load_taxonomy(path: Path | None = None) -> Taxonomy:
    """The taxonomy in the file `path`, or the one that Gatherset brings.

    Raises InputError where the file is not a taxonomy.
    """
    document = schemas.read("event_types.json") if path is None else _read(path)
    types = tuple(EventType(**{**entry, "keywords": tuple(entry["keywords"])}) for entry in document["types"])
    return Taxonomy(types, tuple((group["name"], group["title"]) for group in document["groups"]))


def named_taxonomy(names: Sequence[str]) -> Taxonomy:
    """A taxonomy of which only the names are known, as from the manifest of a release."""
    return Taxonomy(tuple(EventType(name, name, "", "", "", "", ()) for name in names), ())


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.validate(document, schemas.read("event_taxonomy.schema.json"), jsonschema.Draft202012Validator)
    except (OSError, ValueError, RecursionError, jsonschema.ValidationError) as error:
        reason = error.message if isinstance(error, jsonschema.ValidationError) else error
        raise InputError(
            f"{path} is not a taxonomy of event types: {reason}",
            "Compare it with schemas/event_types.json, or remove it to use the ten types that Gatherset brings",
        ) from error
    names = [entry["name"] for entry in document["types"]]
    if len(set(names)) < len(names):
        raise InputError(f"{path} names an event type twice", "Give each type a name of its own")
    return dict(document)
