"""Whether a further caption says only what the first one says: no new numbers, names or events (EDAN section 4.3).

A language model that has not seen the picture knows the first caption alone. What it adds is invented. The checks are
of words, so they are strict where a paraphrase is bold: a person sees what is refused, and decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from gatherset.dataset.rules.rule import quoted
from gatherset.dataset.taxonomy import Taxonomy
from gatherset.dataset.tokens import normalised, words

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBERS = {word: str(value) for value, word in enumerate(f"{_UNITS} eighteen nineteen".split())}
_NUMBERS |= {word: str(20 + 10 * place) for place, word in enumerate(_TENS.split())}
_POWERS = {"dozen": "12", "hundred": "100", "thousand": "1000", "million": "1000000"}
_NUMBERS |= _POWERS | {f"{word}s": value for word, value in _POWERS.items()} | {"couple": "2", "pair": "2", "trio": "3"}
_ONE = {"1"}  # "one holds a sign" counts nobody
_DIGITS = re.compile(r"\d+(?:[.,]\d{3})*")
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_NOUNS_ARE_CAPITAL = ("de", "lb")  # there a capital letter says nothing
_NO_WORDS_BETWEEN_SPACES = ("zh", "ja", "th", "km", "lo", "my")
_SMALL = 4  # letters: shorter words are "the", "with", "and"


def faults(first: str, text: str, taxonomy: Taxonomy, language: str = "en") -> Iterator[str]:
    """What `text` says that `first` does not, in words that go behind "it"."""
    if new := sorted(_numbers(text) - _numbers(first) - _ONE):
        yield f"counts what the first caption does not: {', '.join(new)}"
    if not language.startswith(_NOUNS_ARE_CAPITAL) and (names := [*_names(text, first)]):
        yield f"names what the first caption does not: {', '.join(names)}"
    if (event := _new_event(first, text, taxonomy)) is not None:
        yield f"speaks of another event: {quoted(event)}"
    if not language.startswith(_NO_WORDS_BETWEEN_SPACES) and not _stems(first) & _stems(text):
        yield "shares no word with the first caption"


def _numbers(text: str) -> set[str]:
    found = {re.sub(r"\D", "", match[0]).lstrip("0") or "0" for match in _DIGITS.finditer(text)}
    return found | {_NUMBERS[word] for word in words(normalised(text)) if word in _NUMBERS}


def _names(text: str, first: str) -> Iterator[str]:
    """Words with a capital letter that do not begin a sentence, and that the first caption does not have."""
    known = {_stem(word.lower()) for word in _WORD.findall(first)}
    begins = True
    end = 0
    for match in _WORD.finditer(text):
        between = text[end : match.start()]
        begins = begins or bool(re.search(r"[.!?:]", between))
        word = match[0]
        capital = word[0].isupper() and (not begins or sum(map(str.isupper, word)) > 1)
        if capital and word != "I" and _stem(word.lower()) not in known:
            yield word
        begins, end = False, match.end()


def _new_event(first: str, text: str, taxonomy: Taxonomy) -> str | None:
    """A key word in `text` of event types of which the first caption has none."""
    meant, keywords = _stems(first, 1), _keywords(taxonomy)
    there = {kind for keyword, kinds in keywords.items() if set(keyword) <= meant for kind in kinds}
    said = _stems(text, 1)
    for keyword, kinds in keywords.items():
        if set(keyword) <= said - meant and not there & kinds:
            return " ".join(keyword)
    return None


@lru_cache(maxsize=4)
def _keywords(taxonomy: Taxonomy) -> dict[tuple[str, ...], frozenset[str]]:
    """{key word, each of its words folded: the event types that have it}."""
    found: dict[tuple[str, ...], frozenset[str]] = {}
    for kind in taxonomy.types:
        for keyword in kind.keywords:
            stems = tuple(_stem(word) for word in words(normalised(keyword)))
            found[stems] = found.get(stems, frozenset()) | {kind.name}
    return found


def _stems(text: str, least: int = _SMALL) -> set[str]:
    return {_stem(word) for word in words(normalised(text)) if len(word) >= least}


def _stem(word: str) -> str:
    """A word without its commonest English endings, so that "marches" and "marching" are one."""
    word = re.sub(r"['’]s?$", "", word)
    for ending in ("ing", "ers", "er", "ors", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= _SMALL:
            return word[: -len(ending)]
    return word
