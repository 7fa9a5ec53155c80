"""The rules: one check a class, behind a registry. The same code runs at the door, at validation, and at a release."""

from __future__ import annotations

from gatherset.dataset.rules import captions, diversity, event, image, language, provenance, shape, splits
from gatherset.dataset.rules.rule import RULES, DatasetRule, Rule

__all__ = [
    "RULES",
    "DatasetRule",
    "Rule",
    "captions",
    "diversity",
    "event",
    "image",
    "language",
    "provenance",
    "shape",
    "splits",
]
