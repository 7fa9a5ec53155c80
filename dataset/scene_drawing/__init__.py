"""The picture of a scene: flat figures and things on layered backgrounds, drawn with Pillow."""

from __future__ import annotations

from gatherset.dataset.scene_drawing.composition import draw

__all__ = ["draw"]
