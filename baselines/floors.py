"""What is reached without training: guessing, and the event type or what a detector names alone.

The linear model is in cca.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gatherset.baselines.cca import TfIdf
from gatherset.baselines.event_classifier import EventClassifier
from gatherset.baselines.loader import Label, SplitLike, caption_image, flat_captions, flat_events
from gatherset.baselines.words import UNKNOWN

Scores = NDArray[np.float32]


def random_scores(test: SplitLike) -> Scores:
    """All alike, [images, captions]: the evaluator counts ties as any order, which is guessing."""
    return np.zeros((len(test.ids), len(caption_image(test))), np.float32)


def event_scores(train: SplitLike, test: SplitLike) -> dict[Label, Scores]:
    """What the event type alone finds: [images, captions], of an image only its annotated type is known.

    `oracle`: 1 where that is also the type annotated with the caption. `predicted`: how likely the caption's bag of
    words makes it, by the classifier of the training captions; a type without training images is the least likely.
    """
    classifier = EventClassifier(train)
    same = np.asarray(test.event_types)[:, None] == np.asarray(flat_events(test))[None]
    likely = classifier.log_probabilities(flat_captions(test))  # [captions, types]
    columns = [classifier.types.index(kind) if kind in classifier.types else -1 for kind in test.event_types]
    least = likely.min(1, keepdims=True) - 1
    return {
        "oracle": same.astype(np.float32),
        "predicted": np.concatenate([likely, least], 1)[:, columns].T.astype(np.float32),
    }


def detector_scores(train: SplitLike, test: SplitLike, seen: Mapping[str, Sequence[str]]) -> Scores:
    """Cosines [images, captions] of tf-idf vectors: of a caption's words, and of the names of what a detector saw.

    `seen` names the things in each image; words are weighed by the training captions.
    """
    tfidf = TfIdf.of(flat_captions(train))
    images = tfidf.vectors([" ".join(seen[record]) for record in test.ids])
    images[:, UNKNOWN] = 0  # an image in which nothing is seen, or nothing that a caption names
    images /= np.linalg.norm(images, axis=1, keepdims=True).clip(min=1e-12)
    found: Scores = images @ tfidf.vectors(flat_captions(test)).T
    return found
