"""GS307: the language of the captions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from gatherset.dataset.records import Record
from gatherset.dataset.rules.captions import with_caption
from gatherset.dataset.rules.reading import Reading
from gatherset.dataset.rules.rule import CaptionRule, quoted, register

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

# English words that no other language of the Latin script writes so: with two of them a caption is English, and the
# identifier, which takes 0.1 ms, need not be asked.
ENGLISH = frozenset(
    re.findall(
        r"\w+",
        "the of and with at is are by to from their his her it this that which while who people standing holding "
        "walking sitting wearing street crowd men women girl boy playing watching looking through front",
    )
)
LEAST_WORDS = 5  # of fewer, nobody can tell a language
SURE = 0.99


_loading = Lock()


def identifier() -> LanguageIdentifier:
    """py3langid's model: a second of work when it is first asked for, done once however many threads ask together."""
    with _loading:
        return _identifier()


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@lru_cache(maxsize=10_000)  # a caption is checked at every pause in the typing, when submitted, and in its record
def _classified(text: str) -> tuple[str, float]:
    language, share = identifier().classify(text)
    return str(language), float(share)


@register
class InItsLanguage(CaptionRule):
    """Speaks only where the identifier (py3langid) is sure, and of captions that are long enough to tell."""

    id = "GS307"
    level = "warning"
    title = "A caption is in the record's language."
    next_step = "Translate it, or mend the record's language"

    def read(self, reading: Reading, record: Record) -> Iterable[str]:
        wanted = record["language"].partition("-")[0]
        for number, (text, found) in enumerate(zip(reading.texts, reading.words, strict=True), 1):
            if len(found) < LEAST_WORDS or (wanted == "en" and len(ENGLISH.intersection(found)) >= 2):
                continue
            if wanted not in identifier().labels:
                return  # it cannot tell
            language, share = _classified(text)
            if language != wanted and share >= SURE:
                yield f"caption {number} seems to be '{language}', not '{wanted}': {quoted(text)}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [with_caption(3, "Viele junge Menschen gehen mit Schildern über die Straße.")]
