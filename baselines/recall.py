"""The evaluator: recall at 1, 5 and 10 in both directions, from any matrix of scores.

Tied scores count as if the tied items came in random order: every figure is the expected value over those orders, so
a constant matrix scores what guessing scores, and no order of the files can help.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gatherset.dataset.errors import InputError

RANKS = (1, 5, 10)
RESAMPLES = 1000

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]


@dataclass(frozen=True)
class Recall:
    """What one evaluation found; recalls in per cent, ranks from 1."""

    image_to_text: tuple[float, float, float]  # R@1, R@5, R@10: an image finds one of its captions
    text_to_image: tuple[float, float, float]  # R@1, R@5, R@10: a caption finds its image
    image_to_text_median_rank: float
    text_to_image_median_rank: float
    rsum: float  # sum of the six
    rsum_interval: tuple[float, float]  # 95 %, bootstrap over images
    images: int
    captions: int


def evaluate(
    image_to_text: NDArray[np.floating],
    caption_image: Integers,
    text_to_image: NDArray[np.floating] | None = None,
    *,
    seed: int = 0,
) -> Recall:
    """Evaluate scores [images, captions]; `caption_image` [captions] is the row of each caption's image.

    Where the two directions have scores of their own (EDAN Eq. 16), `text_to_image` holds the second, in the same
    shape. InputError where a score is not finite or the shapes do not fit.
    """
    text_to_image = image_to_text if text_to_image is None else text_to_image
    _check(image_to_text, caption_image)
    _check(text_to_image, caption_image)
    by_image, image_ranks = _image_hits(image_to_text, caption_image)  # [images, 3]
    by_caption, caption_ranks = _caption_hits(text_to_image, caption_image)  # [captions, 3]
    i2t, t2i = 100 * by_image.mean(0), 100 * by_caption.mean(0)
    return Recall(
        image_to_text=(float(i2t[0]), float(i2t[1]), float(i2t[2])),
        text_to_image=(float(t2i[0]), float(t2i[1]), float(t2i[2])),
        image_to_text_median_rank=float(np.median(image_ranks)),
        text_to_image_median_rank=float(np.median(caption_ranks)),
        rsum=float(i2t.sum() + t2i.sum()),
        rsum_interval=_bootstrap(by_image, by_caption, caption_image, seed),
        images=len(image_to_text),
        captions=len(caption_image),
    )


def rsum(image_to_text: NDArray[np.floating], caption_image: Integers, text_to_image: NDArray[np.floating]) -> float:
    """Only the sum of the six recalls; what `evaluate` gives, without the checks and the interval."""
    by_image, _ = _image_hits(image_to_text, caption_image)
    by_caption, _ = _caption_hits(text_to_image, caption_image)
    return float(100 * (by_image.mean(0).sum() + by_caption.mean(0).sum()))


def _check(scores: NDArray[np.floating], caption_image: Integers) -> None:
    step = "Give one row an image and one column a caption"
    if scores.ndim != 2 or 0 in scores.shape:
        raise InputError(f"scores have the shape {scores.shape}", step)
    if caption_image.shape != (scores.shape[1],):
        raise InputError(f"scores have {scores.shape[1]} columns but there are {len(caption_image)} captions", step)
    if set(np.unique(caption_image).tolist()) != set(range(len(scores))):
        raise InputError(f"the captions do not belong to exactly the {len(scores)} images of the scores", step)
    # A sum is finite only if its terms are, or if it overflows: then look at each.
    if not np.isfinite(scores.sum(dtype=np.float64)) and not (finite := np.isfinite(scores)).all():
        raise InputError(
            f"{int((~finite).sum())} of {scores.size} scores are not finite numbers",
            "A model that gives NaN or infinity has no recall; mend it first",
        )


def _image_hits(scores: NDArray[np.floating], caption_image: Integers) -> tuple[Floats, Floats]:
    """Per image: the probability [images, 3] that its best caption ranks within 1, 5, 10; its expected rank."""
    captions = np.arange(len(caption_image))
    own = scores[caption_image, captions]
    best = np.full(len(scores), -np.inf, scores.dtype)
    np.maximum.at(best, caption_image, own)
    above = np.count_nonzero(scores > best[:, None], axis=1)
    tied = np.count_nonzero(scores == best[:, None], axis=1)
    right = np.bincount(caption_image[own == best[caption_image]], minlength=len(scores))  # the image's own of the tied
    hits = np.stack([1 - _none_within(k - above, tied, right) for k in RANKS], 1)
    return hits, above + (tied + 1) / (right + 1)


def _none_within(places: Integers, tied: Integers, right: Integers) -> Floats:
    """The probability that none of `right` among `tied` items in random order comes in the first `places`."""
    probability = np.ones(len(tied))
    for taken in range(max(RANKS)):
        missing = np.clip((tied - right - taken) / np.maximum(tied - taken, 1), 0, 1)
        probability *= np.where(taken < places, missing, 1)
    return probability


def _caption_hits(scores: NDArray[np.floating], caption_image: Integers) -> tuple[Floats, Floats]:
    """Per caption: the probability [captions, 3] that its image ranks within 1, 5, 10; its expected rank."""
    own = scores[caption_image, np.arange(len(caption_image))]
    above = np.count_nonzero(scores > own, axis=0)
    tied = np.count_nonzero(scores == own, axis=0)
    hits = np.stack([np.clip((k - above) / tied, 0, 1) for k in RANKS], 1)
    return hits, above + (tied + 1) / 2


def _bootstrap(by_image: Floats, by_caption: Floats, caption_image: Integers, seed: int) -> tuple[float, float]:
    """95 % interval of Rsum when images are drawn again, each with its captions; the pool stays as it is."""
    n = len(by_image)
    sums = np.bincount(caption_image, by_caption.sum(1), n)
    counts = np.bincount(caption_image, minlength=n)
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, n, (RESAMPLES, n), dtype=np.int32)  # [resamples, images]
    values = 100 * (by_image.sum(1)[drawn].mean(1) + sums[drawn].sum(1) / counts[drawn].sum(1))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
