"""JSON Schemas and the event taxonomy: the only place where a shape is defined."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def read(name: str) -> dict[str, Any]:
    """The JSON document `name` of this folder, e.g. "record.schema.json"; do not change what you get."""
    document: dict[str, Any] = json.loads(files(__name__).joinpath(name).read_text(encoding="utf-8"))
    return document
