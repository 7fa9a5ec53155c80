"""Gatherset: build, annotate, release and benchmark image-caption datasets of mass gatherings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gatherset.dataset.loading import load as load

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    # `gatherset --help` imports this module: pyarrow and Pillow are imported when a release is opened, not before.
    if name == "load":
        from gatherset.dataset.loading import load

        return load
    if name == "baselines":
        from importlib import import_module

        import_module("gatherset.baselines.loader")
        return import_module("gatherset.baselines")
    raise AttributeError(f"module 'gatherset' has no attribute {name!r}")
