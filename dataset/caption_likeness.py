"""Caption sets that are nearly the same, by the cosine of their TF-IDF vectors, found without comparing all pairs.

Order the words by how rare they are. Two unit vectors with a cosine of at least t share a word before the place from
which on what is left of each is shorter than t; so only those that share such a word are compared. Exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from gatherset.dataset.tokens import tokens

ROWS = 128  # caption sets compared with all later ones at once
Pairs = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]


def alike_captions(sets: Sequence[Sequence[str]], cosine: float, left_out: NDArray[np.bool_]) -> Iterator[Pairs]:
    """(left, right, cosine) of the pairs of caption sets that have at least this cosine, above 0; left < right.

    A set is the bag of words of all its captions, weighted by 1 + log of its count and the inverse document frequency.
    The pairs come in the order of their left sets, those of some sets at a time. Sets that are marked in `left_out`
    [n] meanwhile are passed over: where thousands are alike, all pairs of them are more than memory holds.
    """
    vectors, first = _vectors(sets, cosine)
    words = first.T.tocsr()
    for start in range(0, len(sets), ROWS):
        own = np.flatnonzero(~left_out[start : start + ROWS]) + start
        shared = (first[own] @ words).tocoo()
        left, right = own[shared.row], shared.col.astype(np.intp)
        later = (left < right) & ~left_out[right]
        order = np.lexsort((right[later], left[later]))
        left, right = left[later][order], right[later][order]
        found = [_cosines(vectors, left[some], right[some]) for some in _blocks(len(left))]
        alike = np.concatenate([np.empty(0), *found])
        near = alike >= cosine - 1e-9
        yield left[near], right[near], alike[near]


def _cosines(vectors: csr_array, left: NDArray[np.intp], right: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.asarray(vectors[left].multiply(vectors[right]).sum(axis=1)).ravel()


def _blocks(count: int, size: int = 1 << 17) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))


def _vectors(sets: Sequence[Sequence[str]], cosine: float) -> tuple[csr_array, csr_array]:
    """[n, V] unit vectors, and [n, V] ones at the words by which near ones are found; the rarest word first."""
    counts = [Counter(word for caption in captions for word in tokens(caption)) for captions in sets]
    documents = Counter(word for count in counts for word in count)
    place = {word: number for number, word in enumerate(sorted(documents, key=lambda word: (documents[word], word)))}
    idf = np.log((1 + len(sets)) / (1 + np.array([documents[word] for word in place], float))) + 1
    starts, words, values, kept_starts, kept = [0], [], [], [0], []
    for count in counts:
        own = np.array(sorted(place[word] for word in count), np.intp)
        by_place = {place[word]: times for word, times in count.items()}
        weights = (1 + np.log(np.array([by_place[number] for number in own.tolist()], float))) * idf[own]
        weights /= max(float(np.linalg.norm(weights)), 1e-12)
        left = np.sqrt(np.maximum(np.cumsum((weights**2)[::-1])[::-1], 0))  # the length of what begins at each word
        words.append(own)
        values.append(weights)
        kept.append(own[left >= cosine - 1e-9])
        starts.append(starts[-1] + len(own))
        kept_starts.append(kept_starts[-1] + len(kept[-1]))
    shape = (len(sets), len(place))
    empty = np.empty(0, np.intp)
    vectors = csr_array((np.concatenate([np.empty(0), *values]), np.concatenate([empty, *words]), starts), shape=shape)
    ones = np.ones(kept_starts[-1], np.float32)
    return vectors, csr_array((ones, np.concatenate([empty, *kept]), kept_starts), shape=shape)
