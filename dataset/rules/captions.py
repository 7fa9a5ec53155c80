"""GS3xx: the captions. The same rules answer an annotator and a maintainer."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from gatherset.dataset.records import Record
from gatherset.dataset.rules.rule import Rule, golden, register


def normalised(text: str) -> str:
    """`text` as it is compared: case, accents' form, spacing and punctuation do not count."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in folded).split())


def _texts(record: Record) -> Iterator[tuple[int, str]]:
    return ((number, entry["text"]) for number, entry in enumerate(record["captions"], 1))


def _set(number: int, text: str) -> list[Record]:
    return [golden(lambda record: record["captions"][number - 1].update(text=text))]


@register
class CaptionNotEmpty(Rule):
    id = "GS301"
    level = "error"
    title = "No caption is empty."
    next_step = "Write the caption"

    def check(self, record: Record) -> Iterator[str]:
        for number, text in _texts(record):
            if not normalised(text):
                yield f"caption {number} is empty"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [_set(2, ""), _set(5, "  \n"), _set(1, "…")]


@register
class CaptionNotShort(Rule):
    id = "GS302"
    level = "warning"
    title = "A caption has at least rules.min_words words."
    next_step = "Say what can be seen"

    def check(self, record: Record) -> Iterator[str]:
        for number, text in _texts(record):
            words = len(normalised(text).split())
            if 0 < words < self.settings.min_words:
                yield f"caption {number} has {words} words, the least is {self.settings.min_words}: '{text}'"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [_set(3, "A crowd.")]


@register
class CaptionNotLong(Rule):
    id = "GS303"
    level = "warning"
    title = "A caption has at most rules.max_words words."
    next_step = "Keep to one sentence"

    def check(self, record: Record) -> Iterator[str]:
        for number, text in _texts(record):
            words = len(text.split())
            if words > self.settings.max_words:
                yield f"caption {number} has {words} words, the most is {self.settings.max_words}: '{text[:60]}…'"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [_set(1, "people " * 61)]


@register
class CaptionsDiffer(Rule):
    id = "GS304"
    level = "warning"
    title = "The captions of an image differ (case and punctuation do not count)."
    next_step = "Say something else about the picture in one of them"

    def check(self, record: Record) -> Iterator[str]:
        seen: dict[str, int] = {}
        for number, text in _texts(record):
            first = seen.setdefault(normalised(text), number)
            if first != number:
                yield f"caption {number} says the same as caption {first}: '{text}'"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [_set(4, "a crowd with hand-painted signs fills the avenue")]


@register
class CaptionIsText(Rule):
    id = "GS305"
    level = "error"
    title = "A caption has no control characters."
    next_step = "Type the caption anew"

    def check(self, record: Record) -> Iterator[str]:
        for number, text in _texts(record):
            bad = sorted({f"U+{ord(c):04X}" for c in text if unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn")})
            if bad:
                yield f"caption {number} holds {', '.join(bad)}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [_set(1, "A crowd\x00 on a square."), _set(2, "Two lines\nof text here.")]
