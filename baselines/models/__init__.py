"""EDAN and its peers by name. A new one is a file here, on the interface of interface.py, and a line in `MODELS`."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from torch import Tensor

from gatherset.baselines.edan import Edan, EdanConfig
from gatherset.baselines.interface import Model
from gatherset.baselines.models.hslm import Hslm, HslmConfig
from gatherset.baselines.models.saf import Saf, SafConfig
from gatherset.baselines.models.scan import Scan, ScanConfig
from gatherset.baselines.models.vse_infinity import VseInfinity, VseInfinityConfig
from gatherset.baselines.models.vsepp import VsePlusPlus, VsePlusPlusConfig
from gatherset.baselines.ranges import check_choices
from gatherset.dataset.errors import ModelError

Config = Any  # one of the frozen dataclasses below

# Name of a model: its settings, and the model of these, the dimension of the regions and the first word vectors.
MODELS: Mapping[str, tuple[type, Callable[[Any, int, Tensor], Model]]] = {
    "edan": (EdanConfig, Edan),
    "vse++": (VsePlusPlusConfig, VsePlusPlus),
    "vse-infinity": (VseInfinityConfig, VseInfinity),
    "scan": (ScanConfig, Scan),
    "saf": (SafConfig, Saf),
    "hslm": (HslmConfig, Hslm),
}


def model_name(config: Config) -> str:
    """The name of the model whose settings `config` are."""
    return next(name for name, (kind, _) in MODELS.items() if kind is type(config))


def build(config: Config, region_dim: int, vectors: Tensor) -> Model:
    """The model of `config`, untrained."""
    return MODELS[model_name(config)][1](config, region_dim, vectors)


def read_shape(name: str, settings: Mapping[str, Any]) -> Config:
    """The settings of the model called `name`; ModelError where there is none, TypeError or InputError for
    settings that it has not."""
    if name not in MODELS:
        raise ModelError(f"there is no model {name}", nearest(name, list(MODELS)))
    shape = MODELS[name][0](**settings)
    check_choices(shape)
    return shape


def shape_settings(config: Config) -> dict[str, Any]:
    """What `read_shape` reads."""
    return asdict(config)


def takes_event(shape: Config) -> bool:
    """Whether a model of this shape is given event types."""
    return bool(getattr(shape, "label", False))


def nearest(name: str, names: Sequence[str]) -> str:
    """What to try instead of `name`: the names that look like it, else all of them."""
    begun = [other for other in names if name and other.startswith(name)]
    found = begun or difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(found)}?" if found else f"Choose from: {', '.join(names)}"
