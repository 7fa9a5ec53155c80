"""The words of a caption: one tokeniser for what a release says and for what a model reads, one form to compare by."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise

_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_KEPT = (string.ascii_letters + string.digits + "\n").encode()
# For bytes.translate, of ASCII texts: letters in lower case, and a space for all that is no letter or digit.
FOLDED = bytes(ord(chr(code).lower()) if code in _KEPT else ord(" ") for code in range(256))
# Scripts that put no space between words (Thai, Lao, Khmer, Burmese, kana, Han): a letter counts as a word.
_UNSPACED = re.compile(
    r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])"
)


def tokens(caption: str) -> list[str]:
    """The tokens of a caption, in order: runs of letters and digits in lower case, with the apostrophes inside them."""
    if caption.isascii() and "'" not in caption:
        return caption.encode().translate(FOLDED).decode().split()  # the same, several times as quick
    return _TOKEN.findall(caption.lower().replace("’", "'"))


def normalised(text: str) -> str:
    """`text` as it is compared: case, accents' form, spacing and punctuation do not count."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    # Marks belong to the letter before them: in Thai, Hindi or Arabic half of a word would be lost with them.
    return " ".join("".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in folded).split())


def words(form: str) -> list[str]:
    """The words of a normalised text."""
    return (form if form.isascii() else _UNSPACED.sub(r" \1 ", form)).split()


def distinct_2(sentences: Iterable[Sequence[str]]) -> float:
    """The share of different pairs of neighbouring words among all of them (Li et al. 2016, arXiv:1510.03055).

    Each sentence is its words; 0 where there is no pair.
    """
    pairs = [pair for found in sentences for pair in pairwise(found)]
    return len(set(pairs)) / len(pairs) if pairs else 0.0
