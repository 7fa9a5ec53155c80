"""What a site asks robots to leave alone: robots.txt (RFC 9309), and X-Robots-Tag with noai or noimageai."""

from __future__ import annotations

from collections.abc import Iterable

from protego import Protego

AGENT = "gatherset"  # the name that a robots.txt may address
MOST_BYTES = 500 * 1024  # of a robots.txt that are read: RFC 9309 asks for at least as many
MOST_DELAY = 60.0  # seconds; a longer Crawl-delay would mean that the images are never fetched
_NO_TRAINING = frozenset({"noai", "noimageai"})


class RobotsFile:
    """A robots.txt as it was read; None: the site has none."""

    def __init__(self, text: str | None) -> None:
        self._rules = Protego.parse(text) if text else None

    def allows(self, url: str) -> bool:
        return self._rules is None or bool(self._rules.can_fetch(url, AGENT))

    @property
    def delay(self) -> float:
        """Seconds that it asks for between two questions."""
        said = self._rules.crawl_delay(AGENT) if self._rules else None
        return min(float(said), MOST_DELAY) if said else 0.0


def forbids_training(values: Iterable[str]) -> str | None:
    """The directive in the values of X-Robots-Tag that keeps an image out of a training set; None: there is none.

    A value may begin with the name of the robot that it is for: "otherbot: noai" is not for us.
    """
    for value in values:
        agent, colon, rest = value.partition(":")
        named = bool(colon) and "," not in agent
        if named and agent.strip().lower() != AGENT:
            continue
        for directive in (rest if named else value).split(","):
            if directive.strip().lower() in _NO_TRAINING:
                return directive.strip().lower()
    return None
