"""What a model's scores say of the event type of an image: that of the captions it finds, its own left out.

UniEvent classifies events by average precision and F1 and does not say how. Here an image's share of a type is that of
its ten best captions of other images: nearest neighbours, which need no training and can be had of any scores.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 10
ROWS_AT_ONCE = 256
SAME = 1e-9  # shares that differ by less differ by rounding

Floats = NDArray[np.float64]


def event_classification(
    scores: NDArray[np.floating], caption_image: NDArray[np.integer], event_types: Sequence[str]
) -> dict[str, float]:
    """Macro average precision and macro F1 in per cent, of scores [images, captions]; nothing where there is one type.

    `event_types` are those of the images. Captions that tie for the last places share them.
    """
    names, kinds = np.unique(np.asarray(event_types), return_inverse=True)
    if len(names) < 2:
        return {}
    shares = neighbour_shares(scores, caption_image, kinds, len(names))
    right = kinds[:, None] == np.arange(len(names))
    first = shares > shares.max(1, keepdims=True) - SAME
    guessed = first / first.sum(1, keepdims=True)  # types that tie share the guess: their names decide nothing
    return {
        "average_precision": 100 * float(np.mean([average_precision(*pair) for pair in zip(shares.T, right.T)])),  # noqa: B905
        "f1": 100 * float(np.mean([f1(guessed[:, kind], right[:, kind]) for kind in range(len(names))])),
    }


def neighbour_shares(
    scores: NDArray[np.floating], caption_image: NDArray[np.integer], kinds: NDArray[np.integer], classes: int
) -> Floats:
    """[images, classes]: the share of each class among the best captions of other images."""
    of_captions = np.eye(classes)[kinds[caption_image]]
    places = min(NEIGHBOURS, len(caption_image) - int(np.bincount(caption_image).max()))
    blocks = []
    for start in range(0, len(scores), ROWS_AT_ONCE):
        others = scores[start : start + ROWS_AT_ONCE].astype(np.float64)
        others[caption_image == np.arange(start, start + len(others))[:, None]] = -np.inf
        last = -np.partition(-others, places - 1, axis=1)[:, places - 1 : places]
        above, tied = others > last, others == last
        left = places - above.sum(1, keepdims=True)
        blocks.append((above + tied * (left / tied.sum(1, keepdims=True))) @ of_captions / places)
    shares: Floats = np.concatenate(blocks)
    return shares


def average_precision(values: Floats, right: NDArray[np.bool_]) -> float:
    """Of items ranked by `values`, 0 to 1: the precision wherever recall grows, weighted by how much; ties together."""
    order = np.argsort(-values, kind="stable")
    found = np.cumsum(right[order])
    ends = np.flatnonzero(np.append(values[order][1:] != values[order][:-1], True))
    recall, precision = found[ends] / found[-1], found[ends] / (ends + 1)
    return float((np.diff(recall, prepend=0) * precision).sum())


def f1(guessed: Floats, right: NDArray[np.bool_]) -> float:
    """2 · hits / (guessed + right), 0 to 1; how much of a guess each item is says `guessed`, 0 to 1."""
    return float(2 * (guessed * right).sum() / (guessed.sum() + right.sum()))
