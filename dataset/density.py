"""Semantic density (EDAN section 5.2, Figure 6): how close the images of a dataset lie, beside those of another.

The number is the mean cosine distance of an image to its k nearest neighbours among as many images of its own dataset;
the picture is a t-SNE of both. Comparable only between features of the same extractor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatherset.dataset.errors import FeaturesError
from gatherset.dataset.features import FeatureFile

NEIGHBOURS = 10
MOST = 1000  # images of each in a sample: distances grow shorter with more, so both have as many
DRAWS = 20  # samples, for the spread
SHOWN = 300  # images of each in the picture, as in the paper
BLOCK = 256  # images whose regions are read at once
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Density:
    distance: float  # mean over samples; less is denser
    deviation: float  # standard deviation over samples
    sample: int
    neighbours: int

    def document(self) -> dict[str, Any]:
        return {"knn_distance": round(self.distance, 4), "standard_deviation": round(self.deviation, 4)} | {
            "sample": self.sample,
            "neighbours": self.neighbours,
        }


def image_vectors(features: FeatureFile) -> Floats:
    """[n, D] the mean region of each image, with length 1."""
    starts = range(0, len(features.ids), BLOCK)
    means = [features.regions(slice(start, start + BLOCK)).astype(np.float32).mean(1) for start in starts]
    found = np.concatenate([np.empty((0, features.header.dim), np.float32), *means])
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12), np.float32)


def densities(*sets: Floats, neighbours: int = NEIGHBOURS, seed: int = 0) -> list[Density]:
    """The density of each set of unit vectors [n, D], on samples of the same size. Raises FeaturesError for few."""
    size = min(MOST, *(len(vectors) for vectors in sets))
    if size <= neighbours:
        raise FeaturesError(f"{size} images are too few for {neighbours} neighbours", "Compare larger datasets")
    generator = np.random.default_rng(seed)
    found = []
    for vectors in sets:
        draws = DRAWS if len(vectors) > size else 1  # a set that is drawn whole is always the same
        samples = (vectors[generator.choice(len(vectors), size, replace=False)] for _ in range(draws))
        values = [_distance(sample, neighbours) for sample in samples]
        found.append(Density(float(np.mean(values)), float(np.std(values)), size, neighbours))
    return found


def _distance(vectors: Floats, neighbours: int) -> float:
    """The mean cosine distance to the nearest others."""
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, -np.inf)
    nearest = np.partition(alike, -neighbours, axis=1)[:, -neighbours:]
    return float(1 - nearest.mean())


def require_same_extractor(one: FeatureFile, other: FeatureFile) -> None:
    """Raise FeaturesError where the two cannot be compared."""
    if one.header.extractor != other.header.extractor:
        raise FeaturesError(
            f"{one.path} and {other.path} are of different extractors: {one.header.extractor.name} "
            f"{one.header.extractor.settings} and {other.header.extractor.name} {other.header.extractor.settings}",
            "Extract both in the same way: gatherset features",
        )


def embedded(*sets: Floats, seed: int = 0) -> list[NDArray[np.float64]]:
    """[n, 2] the points of a t-SNE of samples of all sets together; needs scikit-learn."""
    from sklearn.manifold import TSNE

    generator = np.random.default_rng(seed)
    size = min(SHOWN, *(len(vectors) for vectors in sets))
    samples = [vectors[generator.choice(len(vectors), size, replace=False)] for vectors in sets]
    perplexity = min(30.0, (len(samples) * size - 1) / 3)
    points = TSNE(2, perplexity=perplexity, init="pca", metric="cosine", random_state=seed).fit_transform(
        np.concatenate(samples)
    )
    return np.split(np.asarray(points, np.float64), len(samples))
