"""Attempts to sign in: few enough that guessing takes years, and none of it says who exists.

They are counted in memory and by the monotonic clock: neither a full disk nor a changed clock opens the door.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from threading import Lock

MINUTES = 15
PLACE, NAME, BOTH = 100, 50, 5  # attempts in that time from one address, at one name, and from one address at one name
_REMEMBERED = 20_000  # keys; the oldest make room


def place_of(address: str) -> str:
    """What counts as one place: the address; of IPv6 the network (/64), of which one customer has all addresses."""
    try:
        place = ip_address(address)
    except ValueError:
        return address
    if isinstance(place, IPv6Address):
        return str(place.ipv4_mapped or f"{int(place) >> 64:x}::/64")
    return str(place)


class Attempts:
    """The attempts of the last minutes. An attempt counts when it begins, so that many at once are no way around."""

    def __init__(self) -> None:
        self._times: OrderedDict[tuple[str, ...], list[float]] = OrderedDict()
        self._lock = Lock()

    def begin(self, place: str, name: str) -> int:
        """Count an attempt at `name` from the address `place`; the minutes to wait where there were too many, else 0.

        An attempt that is refused here does not count.
        """
        now = time.monotonic()
        limits = {("place", place): PLACE, ("name", name): NAME, (place, name): BOTH}
        with self._lock:
            for key, most in limits.items():
                recent = [at for at in self._times.get(key, ()) if now - at < 60 * MINUTES]
                if len(recent) >= most:
                    return 1 + int(60 * MINUTES - (now - recent[-most])) // 60
                self._times[key] = recent
            for key in limits:
                self._times[key].append(now)
                self._times.move_to_end(key)
            while len(self._times) > _REMEMBERED:
                self._times.popitem(last=False)
        return 0

    def succeeded(self, place: str, name: str) -> None:
        """Forget what this person got wrong before they got it right."""
        with self._lock:
            mistakes = len(self._times.pop((place, name), ()))
            for key in (("place", place), ("name", name)):
                if key in self._times and mistakes:
                    del self._times[key][-mistakes:]
