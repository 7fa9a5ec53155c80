"""How far the numbers among the settings of a model or a training may go."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gatherset.dataset.errors import InputError

Ranges = Mapping[str, tuple[float, float]]  # of a field: the least and the most


def check_ranges(config: object, ranges: Ranges) -> None:
    """InputError for the first field of `config` that is outside its range, or no number."""
    for name, (low, high) in ranges.items():
        value = getattr(config, name)
        if not low <= value <= high:
            upto = f" to {high}" if high < math.inf else " or more"
            raise InputError(f"{name} = {value} is not possible", f"Give {low}{upto}")
