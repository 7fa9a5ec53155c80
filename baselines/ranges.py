"""What the settings of a model or a training may be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, get_args, get_origin, get_type_hints

from gatherset.dataset.errors import InputError

Ranges = Mapping[str, tuple[float, float]]  # of a field: the least and the most


def check_ranges(config: object, ranges: Ranges) -> None:
    """InputError for the first field of `config` that is outside its range, or no number."""
    for name, (low, high) in ranges.items():
        value = getattr(config, name)
        if not low <= value <= high:
            upto = f" to {high}" if high < math.inf else " or more"
            raise InputError(f"{name} = {value} is not possible", f"Give {low}{upto}")


def check_choices(config: object) -> None:
    """InputError for the first field of `config` whose type is a Literal and whose value is none of it."""
    for name, kind in get_type_hints(type(config)).items():
        if get_origin(kind) is Literal and getattr(config, name) not in get_args(kind):
            raise InputError(
                f"{name} = {getattr(config, name)} is not possible",
                f"Choose from: {', '.join(map(str, get_args(kind)))}",
            )
