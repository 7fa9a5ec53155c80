"""Word vectors that somebody else trained: word2vec .bin, gensim KeyedVectors .kv, GloVe .txt, or .npz."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gatherset.baselines.words import PADDING, SPECIAL, Vectors, Vocabulary
from gatherset.dataset.errors import InputError

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

FORMATS = (".bin", ".kv", ".txt", ".npz")


def given_vectors(path: Path, vocabulary: Vocabulary, *, seed: int) -> tuple[Vectors, float]:
    """Vectors [V, dim] of `vocabulary` from the file `path`, and the share of its words that the file lacks, 0 to 1.

    A word that is missing takes the mean of its parts' vectors (`holiday_party`: those of holiday and party, for no
    such file has tokens of event types), else a random one of the same spread. InputError for an unreadable file.
    """
    words, table = _read(path)
    row = {word: number for number, word in enumerate(words)}
    spread = float(table[: min(len(table), 10_000)].std())
    vectors = np.random.default_rng(seed).normal(0, spread, (len(vocabulary), table.shape[1])).astype(np.float32)
    missing = 0
    for number, word in enumerate(vocabulary.words):
        found = [row[part] for part in ([word] if word in row else word.split("_")) if part in row]
        if found:
            vectors[number] = table[found].mean(0)
        missing += not found and word not in SPECIAL
    vectors[PADDING] = 0
    return vectors, missing / max(len(vocabulary) - len(SPECIAL), 1)


def vectors_name(path: Path) -> str:
    """How a run names the file it began with: its name and the beginning of its sha256."""
    try:
        with path.open("rb") as file:
            return f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", "Give a file with word vectors") from error


def _read(path: Path) -> tuple[list[str], Vectors]:
    """All words of the file, in its order, and their vectors [words, dim]."""
    if path.suffix not in FORMATS:
        raise InputError(f"{path} is no known kind of word vectors", f"Give one of: {', '.join(FORMATS)}")
    try:
        words, table = _read_npz(path) if path.suffix == ".npz" else _from_gensim(_read_gensim(path))
    except (OSError, ValueError, KeyError, EOFError, pickle.UnpicklingError, AttributeError, IndexError) as error:
        raise InputError(f"{path} holds no readable word vectors: {error}", f"Is it really {path.suffix}?") from error
    if table.ndim != 2 or len(words) != len(table) or not len(table) or not np.isfinite(table).all():
        raise InputError(f"{path}: {len(words)} words do not fit vectors of shape {table.shape}", "Check the file")
    return words, table


def _read_npz(path: Path) -> tuple[list[str], Vectors]:
    """`words`, bytes with a word a line, and `vectors` [words, dim]."""
    with np.load(path, allow_pickle=False) as file:
        return bytes(file["words"]).decode().splitlines(), file["vectors"].astype(np.float32)


def _read_gensim(path: Path) -> KeyedVectors:
    from gensim.models import KeyedVectors

    if path.suffix == ".kv":
        vectors: KeyedVectors = KeyedVectors.load(str(path), mmap="r")
        return vectors
    if path.suffix == ".bin":
        return KeyedVectors.load_word2vec_format(str(path), binary=True)
    with path.open(encoding="utf-8") as file:
        headless = len(file.readline().split()) != 2  # word2vec's text begins with two numbers, GloVe's with a word
    return KeyedVectors.load_word2vec_format(str(path), no_header=headless)


def _from_gensim(vectors: KeyedVectors) -> tuple[list[str], Vectors]:
    return list(vectors.index_to_key), np.asarray(vectors.vectors, np.float32)
