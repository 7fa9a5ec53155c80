"""What Label Studio calls the parts of an answer, in every project and file of ours, and how it writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

IMAGE = "image"  # the picture in the configuration, and its address in a task
EVENT_TYPE = "event_type"
CAPTION = "caption"  # caption1, caption2, …


def caption_name(number: int) -> str:
    """The name of caption `number`, counted from 1."""
    return f"{CAPTION}{number}"


def choices(name: str, chosen: Sequence[str]) -> dict[str, Any]:
    """The part `name` of an annotation or a prediction: what is chosen."""
    return _result(name, "choices", {"choices": list(chosen)})


def text(name: str, written: str) -> dict[str, Any]:
    """The part `name` of an annotation or a prediction: what is written."""
    return _result(name, "textarea", {"text": [written]})


def _result(name: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"from_name": name, "to_name": IMAGE, "type": kind, "value": value}
