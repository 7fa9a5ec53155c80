"""How hard a host may be asked: so many questions at once, so many a second, and none while it asks for a pause."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gatherset.dataset.web.outcome import Outcome

BUSY = ("429", "503")  # it is asked too much


@dataclass(frozen=True)
class Limits:
    per_host: int = 2  # connections to one host at once
    per_second: float = 5.0  # questions to one host
    hosts_at_once: int = 100  # that are asked side by side
    connect_seconds: float = 10.0  # until a connection stands
    read_seconds: float = 20.0  # until the next bytes come
    total_seconds: float = 120.0  # for one answer, however steadily it drips
    max_bytes: int = 50_000_000  # of one image, unpacked
    tries: int = 3  # of a URL, where another may help; as in the paper
    back_off: float = 2.0  # seconds before the second try; four times as long before the third
    most_wait: float = 120.0  # seconds that a host may ask for; a longer wait is left for another day


class Host:
    """The turns that one host gives."""

    def __init__(self, limits: Limits) -> None:
        self._slots = asyncio.Semaphore(limits.per_host)
        self._interval = self._catch_up = 1 / limits.per_second
        self._next = 0.0  # the loop's time before which nothing is asked
        self._paused = 0.0
        self._most_wait, self._back_off = limits.most_wait, limits.back_off
        self.closed: Outcome | None = None  # it asks for more patience than this run has

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until the host may be asked; hold one of its connections."""
        clock = asyncio.get_running_loop().time
        async with self._slots:
            while True:
                # A turn that came late is caught up with, one at most: the rate holds over any two of them.
                begin = max(self._next, clock() - self._catch_up, self._paused)
                if begin <= clock():
                    break
                await asyncio.sleep(begin - clock())
            self._next = begin + self._interval
            yield

    def slow_down(self, seconds: float) -> None:
        """Leave at least so long between any two questions: it asked for it."""
        if seconds > self._interval:
            self._interval, self._catch_up = seconds, 0.0

    def leave_alone(self, outcome: Outcome) -> None:
        """Do as the outcome says: ask nothing for a while, or nothing more at all."""
        wait = outcome.wait or (self._back_off if outcome.kind in BUSY else 0.0)
        if wait > self._most_wait:
            self.closed = outcome
        elif wait:
            self._paused = asyncio.get_running_loop().time() + wait
