"""The captions of a record as the rules read them: split and folded once for the dozen rules that ask."""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import cached_property

from gatherset.dataset.keys import key_of
from gatherset.dataset.tokens import FOLDED, normalised, words

# What nearly every caption is made of. But for "www." none of it makes markup, an address, a number or a wrong
# decoding, so half of the rules need not look at such captions.
_ORDINARY = (string.ascii_letters + " ,.'-\n").encode()


def _is_ordinary(text: str) -> bool:
    strange = not text.isascii() or "\n" in text or "www" in text.lower()
    return not strange and not text.encode().translate(None, _ORDINARY)


class Reading:
    """Several texts in the forms that rules compare."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.whole = "\n".join(texts)
        if self.whole.isascii() and self.whole.count("\n") == max(len(texts) - 1, 0):
            # What `normalised` and `words` say, for all at once: much quicker.
            data = self.whole.encode()
            folded = data.translate(FOLDED).decode()
            self.ordinary = not data.translate(None, _ORDINARY) and "www" not in folded
            self.words = [line.split() for line in folded.split("\n")][: len(texts)]
            self.forms = [" ".join(found) for found in self.words]
        else:
            self.ordinary = False
            self.forms = [normalised(text) for text in texts]
            self.words = [words(form) for form in self.forms]

    @cached_property
    def odd(self) -> list[tuple[int, str]]:
        """(number counted from 1, text) of those that are not ordinary: all that rules with `only_odd` look at."""
        return [(number, text) for number, text in enumerate(self.texts, 1) if not _is_ordinary(text)]

    @cached_property
    def lengths(self) -> list[int]:
        """The number of words of each text."""
        return [len(found) for found in self.words]

    @cached_property
    def vocabulary(self) -> set[str]:
        """All words of all texts."""
        return set().union(*self.words)

    @cached_property
    def keys(self) -> list[int]:
        """64 bits of each form."""
        return [key_of(form) for form in self.forms]
