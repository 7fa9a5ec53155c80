"""The rules: one check a class, behind a registry. The same code runs at the door, at validation, and at a release."""

from __future__ import annotations

from gatherset.dataset.rules import captions, event, image, provenance, shape, splits
from gatherset.dataset.rules.rule import RULES, Rule

__all__ = ["RULES", "Rule", "captions", "event", "image", "provenance", "shape", "splits"]
