"""A floor that is not trained by gradient: regularised linear CCA between tf-idf words and the mean region.

A neural model that does not clearly pass it is not trained well.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gatherset.baselines.loader import SplitLike, caption_image, flat_captions
from gatherset.baselines.words import Vocabulary
from gatherset.dataset.features import FeatureFile

DIMENSIONS = 128  # canonical pairs
RIDGE = 2.0  # of the mean variance, added to every variance of the images
WORD_RIDGE = 1.0  # likewise for the words, of which most are rare
LARGEST_VOCABULARY = 3000  # most frequent words: the cost grows with the third power

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class TfIdf:
    """Captions as unit vectors of term frequency times inverse document frequency."""

    vocabulary: Vocabulary
    idf: Floats  # [V]

    @classmethod
    def of(cls, captions: Sequence[str]) -> TfIdf:
        """Count words in `captions` (of the training split)."""
        vocabulary = Vocabulary(Vocabulary.of(captions).words[: LARGEST_VOCABULARY + 2])
        documents = Counter(number for caption in captions for number in set(vocabulary.encode(caption)))
        idf = [math.log((1 + len(captions)) / (1 + documents[number])) + 1 for number in range(len(vocabulary))]
        return cls(vocabulary, np.array(idf, np.float32))

    def vectors(self, captions: Sequence[str]) -> Floats:
        """[C, V], each row of length one."""
        rows = np.zeros((len(captions), len(self.vocabulary)), np.float32)
        for row, caption in zip(rows, captions, strict=True):
            np.add.at(row, self.vocabulary.encode(caption), 1.0)
        return _unit(rows * self.idf)


def cca_scores(train: SplitLike, test: SplitLike, features: FeatureFile) -> Floats:
    """Cosine scores [images, captions] of `test` by a CCA fitted on `train`."""
    tfidf = TfIdf.of(flat_captions(train))
    images = mean_regions(features, train.ids)
    words = tfidf.vectors(flat_captions(train))
    image_mean, word_mean = np.mean(images, 0), np.mean(words, 0)
    x, y = images[caption_image(train)] - image_mean, words - word_mean
    of_images, of_words = fit(x.T @ x / len(x), y.T @ y / len(x), x.T @ y / len(x))
    left = (mean_regions(features, test.ids) - image_mean) @ of_images
    right = (tfidf.vectors(flat_captions(test)) - word_mean) @ of_words
    return _unit(left) @ _unit(right).T


def fit(
    xx: NDArray[np.floating], yy: NDArray[np.floating], xy: NDArray[np.floating], dimensions: int = DIMENSIONS
) -> tuple[Floats, Floats]:
    """Projections [D, d] and [V, d] from the covariances of images [D, D], of words [V, V] and of both [D, V].

    Each canonical pair is weighted by its correlation; d is `dimensions`, or as many pairs as there are.
    """
    x_white, y_white = _whitening(xx, RIDGE), _whitening(yy, WORD_RIDGE)
    u, correlation, vt = np.linalg.svd(x_white.T @ xy.astype(np.float32) @ y_white, full_matrices=False)
    weight = correlation[:dimensions]
    return x_white @ u[:, :dimensions] * weight, y_white @ vt[:dimensions].T * weight


def _whitening(covariance: NDArray[np.floating], ridge: float) -> Floats:
    """W with Wᵀ (C + ridge · mean variance · 1) W = 1."""
    size = len(covariance)
    regularised = covariance + ridge * float(np.trace(covariance) / size + 1e-12) * np.eye(size, dtype=np.float32)
    return np.linalg.inv(np.linalg.cholesky(regularised)).T.astype(np.float32)


def mean_regions(features: FeatureFile, ids: Sequence[str]) -> Floats:
    """[n, D] the mean of each image's regions, of length 1 after a square root, which tames the few large ones."""
    blocks = [features.regions(ids[start : start + 256]) for start in range(0, len(ids), 256)]
    means = np.concatenate([block.astype(np.float32).mean(1) for block in blocks])
    return _unit(np.sqrt(means.clip(min=0)))


def _unit(rows: NDArray[np.floating]) -> Floats:
    length: Floats = np.linalg.norm(rows, axis=1, keepdims=True).clip(min=1e-12).astype(np.float32)
    return rows.astype(np.float32) / length
