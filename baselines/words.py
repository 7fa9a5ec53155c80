"""Words: the vocabulary and their Word2Vec vectors (EDAN 3.1, h_1 … h_N).

A token is a run of letters and digits in lower case; apostrophes inside it stay ("don't" is one token). Nothing else
counts: hyphens and underscores separate. So the token of an event type (`holiday_party`) is never a caption's word,
except where the type is a single word (`protest`): there the two share a vector, as in the paper.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gatherset.dataset.errors import ModelError
from gatherset.dataset.tokens import tokens

PADDING, UNKNOWN = 0, 1
SPECIAL = ("<padding>", "<unknown>")
# Word2Vec passes over the text until it has seen about this many words: small releases need more passes.
_WORDS_TO_SEE = 3_000_000

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Vocabulary:
    """Numbers for words: 0 is padding, 1 any unknown word."""

    words: tuple[str, ...]  # by number; the first two are special

    def __post_init__(self) -> None:
        object.__setattr__(self, "_number", {word: number for number, word in enumerate(self.words)})

    @classmethod
    def of(cls, captions: Iterable[str], event_types: Sequence[str] = (), min_count: int = 2) -> Vocabulary:
        """Every word that stands at least `min_count` times in `captions`, and every event type.

        Rarer words train the vector of the unknown word.
        """
        counts = Counter(token for caption in captions for token in tokens(caption))
        frequent = sorted((word for word, n in counts.items() if n >= min_count), key=lambda w: (-counts[w], w))
        return cls(tuple(dict.fromkeys([*SPECIAL, *event_types, *frequent])))

    def __len__(self) -> int:
        return len(self.words)

    def number(self, word: str) -> int:
        """The number of `word`, 1 where it is unknown."""
        return self._number.get(word, UNKNOWN)  # type: ignore[attr-defined, no-any-return]

    def known(self, word: str) -> int:
        """The number of `word`, 0 where it is unknown."""
        return self._number.get(word, PADDING)  # type: ignore[attr-defined, no-any-return]

    def encode(self, caption: str) -> list[int]:
        """The numbers of a caption's tokens; a caption without any counts as one unknown word."""
        return [self.number(token) for token in tokens(caption)] or [UNKNOWN]

    def unknown_share(self, captions: Iterable[str]) -> float:
        """The share of tokens in `captions` that this vocabulary lacks, 0 to 1."""
        numbers = [number for caption in captions for number in self.encode(caption)]
        return sum(number == UNKNOWN for number in numbers) / max(len(numbers), 1)


def group_token(group: str) -> str:
    """The token of a group of event types: none that a caption can hold."""
    return f"<{group}>"


def train_word2vec(
    captions: Sequence[str], events: Sequence[str | None], vocabulary: Vocabulary, *, dim: int, seed: int
) -> Vectors:
    """Skip-gram vectors [V, dim] from training captions, each with its event type as the word before it.

    The same input and seed give the same vectors: one worker, and gensim's own generator. Vectors of words that the
    text lacks stay small random ones; padding is zero.
    """
    sentences = tuple(
        (*([event] if event else []), *(vocabulary.words[number] for number in vocabulary.encode(caption)))
        for caption, event in zip(captions, events, strict=True)
    )
    return _trained(sentences, vocabulary, dim, seed).copy()


@lru_cache(maxsize=1)  # a benchmark begins several models with the same vectors
def _trained(sentences: tuple[tuple[str, ...], ...], vocabulary: Vocabulary, dim: int, seed: int) -> Vectors:
    from gensim.models import Word2Vec

    length = sum(map(len, sentences))
    passes = int(np.clip(_WORDS_TO_SEE / max(length, 1), 5, 50))
    model = Word2Vec(
        list(sentences), vector_size=dim, sg=1, window=5, negative=10, min_count=1, epochs=passes, seed=seed, workers=1
    )
    generator = np.random.default_rng(seed)
    vectors = generator.normal(0, 0.1, (len(vocabulary), dim)).astype(np.float32)
    for number, word in enumerate(vocabulary.words):
        if word in model.wv:
            vectors[number] = model.wv[word]
    vectors[PADDING] = 0
    return vectors


def random_vectors(vocabulary: Vocabulary, *, dim: int, seed: int) -> Vectors:
    """Vectors [V, dim] from -0.1 to 0.1, as VSE++, SCAN and those after them begin; padding is zero."""
    vectors = np.random.default_rng(seed).uniform(-0.1, 0.1, (len(vocabulary), dim)).astype(np.float32)
    vectors[PADDING] = 0
    return vectors


def save_words(folder: Path, vocabulary: Vocabulary, vectors: Vectors) -> None:
    """Write words.json and words.safetensors into `folder`."""
    from safetensors.numpy import save_file

    (folder / "words.json").write_text(json.dumps(vocabulary.words, ensure_ascii=False, indent=0) + "\n", "utf-8")
    save_file({"vectors": vectors}, folder / "words.safetensors")


def load_words(folder: Path) -> tuple[Vocabulary, Vectors]:
    """Read what `save_words` wrote; ModelError where it is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        vocabulary = Vocabulary(tuple(json.loads((folder / "words.json").read_text("utf-8"))))
        vectors = load_file(folder / "words.safetensors")["vectors"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError, SafetensorError) as error:
        raise ModelError(f"{folder} has no readable word vectors: {error}", "Train the model again") from error
    if len(vectors) != len(vocabulary):
        raise ModelError(f"{folder}: {len(vocabulary)} words but {len(vectors)} vectors", "Train the model again")
    return vocabulary, vectors
