"""The captions of a record as the rules read them: split and folded once for the dozen rules that ask."""

from __future__ import annotations

import string
from functools import cached_property, lru_cache

from gatherset.dataset.keys import key_of
from gatherset.dataset.records import Record
from gatherset.dataset.tokens import FOLDED, normalised, words

# What nearly every caption is made of. None of it makes markup, an address, a number or a wrong decoding, so most rules
# need not look at such captions.
_ORDINARY = (string.ascii_letters + " ,.'-\n").encode()


class Reading:
    """Several texts in the forms that rules compare."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        self.texts = texts
        self.whole = "\n".join(texts)
        data = self.whole.encode("utf-8", "surrogatepass")
        one_line_each = data.count(b"\n") == max(len(texts) - 1, 0)
        self.ordinary = one_line_each and not data.translate(None, _ORDINARY)
        if one_line_each and self.whole.isascii():  # what `normalised` and `words` say, for all at once: much quicker
            self.words = [line.split() for line in data.translate(FOLDED).decode().split("\n")][: len(texts)]
            self.forms = [" ".join(found) for found in self.words]
        else:
            self.forms = [normalised(text) for text in texts]
            self.words = [words(form) for form in self.forms]

    @cached_property
    def odd(self) -> list[tuple[int, str]]:
        """(number counted from 1, text) of those that are not ordinary."""
        if self.ordinary:
            return []
        return [
            (number, text)
            for number, text in enumerate(self.texts, 1)
            if "\n" in text or text.encode("utf-8", "surrogatepass").translate(None, _ORDINARY)
        ]

    @cached_property
    def vocabulary(self) -> set[str]:
        """All words of all texts."""
        return set().union(*self.words)

    @cached_property
    def keys(self) -> list[int]:
        """64 bits of each form."""
        return [key_of(form) for form in self.forms]


def reading(record: Record) -> Reading:
    return _reading(tuple([entry["text"] for entry in record["captions"]]))


@lru_cache(maxsize=64)  # one rule after the other looks at a few records
def _reading(texts: tuple[str, ...]) -> Reading:
    return Reading(texts)
