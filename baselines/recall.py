"""The evaluator: recall at 1, 5 and 10 in both directions, from any matrix of scores.

Tied scores count as if the tied items came in random order: every figure is the expected value over those orders, so
a constant matrix scores what guessing scores, and no order of the files can help.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatherset.dataset.errors import InputError

RANKS = (1, 5, 10)
RESAMPLES = 1000
SWAPS, SWAPS_AT_ONCE = 9999, 500
FOLD = 1000  # images

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
    one_per_cent: tuple[float, float]  # R@1%: within the first hundredth of the captions, and of the images
    images: int
    captions: int


@dataclass(frozen=True)
class Hits:
    """What scores found, query by query: the probability that a right item is within the first 1, 5, 10."""

    by_image: Floats  # [images, 3], of an image's best caption
    by_caption: Floats  # [captions, 3], of a caption's image
    caption_image: Integers  # [captions], the row of each caption's image

    @property
    def rsum(self) -> float:
        """The sum of the six recalls."""
        return float(100 * (self.by_image.mean(0).sum() + self.by_caption.mean(0).sum()))

    @property
    def of_images(self) -> tuple[Floats, Floats, Integers]:
        """By image: what it adds to the hits of the images and, with its captions, of the captions; how many these."""
        n = len(self.by_image)
        sums = np.bincount(self.caption_image, self.by_caption.sum(1), n).astype(np.float64)
        counts: Integers = np.bincount(self.caption_image, minlength=n)
        return np.asarray(self.by_image.sum(1), np.float64), sums, counts

    @classmethod
    def mean(cls, several: Sequence[Hits]) -> Hits:
        """Of several trainings of one model, measured on the same images and captions."""
        by_image, by_caption = ([getattr(hits, name) for hits in several] for name in ("by_image", "by_caption"))
        return cls(np.mean(by_image, 0), np.mean(by_caption, 0), several[0].caption_image)


@dataclass(frozen=True)
class TypeRecall:
    """The recalls of the images and captions of one event type, among all images and captions; in per cent."""

    image_to_text: tuple[float, float, float]  # R@1, R@5, R@10
    text_to_image: tuple[float, float, float]
    images: int  # of this type
    captions: int

    @classmethod
    def of(cls, found: Hits, images: NDArray[np.bool_], captions: NDArray[np.bool_]) -> TypeRecall:
        """Of the chosen `images` and `captions`, of which there is at least one each."""
        i2t, t2i = 100 * found.by_image[images].mean(0), 100 * found.by_caption[captions].mean(0)
        return cls(
            (float(i2t[0]), float(i2t[1]), float(i2t[2])),
            (float(t2i[0]), float(t2i[1]), float(t2i[2])),
            int(images.sum()),
            int(captions.sum()),
        )


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
    hundredth = [math.ceil(n / 100) for n in reversed(image_to_text.shape)]
    by_image, image_ranks = _image_hits(image_to_text, caption_image, (*RANKS, hundredth[0]))  # [images, 4]
    by_caption, caption_ranks = _caption_hits(text_to_image, caption_image, (*RANKS, hundredth[1]))  # [captions, 4]
    i2t, t2i = 100 * by_image.mean(0), 100 * by_caption.mean(0)
    found = Hits(by_image[:, :3], by_caption[:, :3], caption_image)
    return Recall(
        image_to_text=(float(i2t[0]), float(i2t[1]), float(i2t[2])),
        text_to_image=(float(t2i[0]), float(t2i[1]), float(t2i[2])),
        image_to_text_median_rank=float(np.median(image_ranks)),
        text_to_image_median_rank=float(np.median(caption_ranks)),
        rsum=found.rsum,
        rsum_interval=rsum_interval(found, seed=seed),
        one_per_cent=(float(i2t[3]), float(t2i[3])),
        images=len(image_to_text),
        captions=len(caption_image),
    )


def hits(image_to_text: NDArray[np.floating], caption_image: Integers, text_to_image: NDArray[np.floating]) -> Hits:
    """What scores [images, captions] found, query by query. InputError as from `evaluate`."""
    for scores in (image_to_text, text_to_image):
        _check(scores, caption_image)
    by_image, _ = _image_hits(image_to_text, caption_image, RANKS)
    by_caption, _ = _caption_hits(text_to_image, caption_image, RANKS)
    return Hits(by_image, by_caption, caption_image)


def in_folds(
    image_to_text: NDArray[np.floating], caption_image: Integers, text_to_image: NDArray[np.floating]
) -> dict[str, Any]:
    """The recalls as the mean over folds of 1,000 images, as tables of larger test sets often have them.

    A fold is the next 1,000 images with their captions, which are all that is ranked; what is left over is in none.
    Nothing where there are no more than 1,000 images.
    """
    folds = len(image_to_text) // FOLD if len(image_to_text) > FOLD else 0
    found = []
    for fold in range(folds):
        rows, own = slice(fold * FOLD, (fold + 1) * FOLD), caption_image // FOLD == fold
        found.append(hits(image_to_text[rows, own], caption_image[own] - fold * FOLD, text_to_image[rows, own]))
    if not found:
        return {}
    return {
        "folds": folds,
        "image_to_text": (100 * np.mean([one.by_image.mean(0) for one in found], 0)).tolist(),
        "text_to_image": (100 * np.mean([one.by_caption.mean(0) for one in found], 0)).tolist(),
        "rsum": float(np.mean([one.rsum for one in found])),
    }


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


def _image_hits(scores: NDArray[np.floating], caption_image: Integers, within: Sequence[int]) -> tuple[Floats, Floats]:
    """Per image: the probability [images, ranks] that its best caption ranks `within` them; its expected rank."""
    captions = np.arange(len(caption_image))
    own = scores[caption_image, captions]
    best = np.full(len(scores), -np.inf, scores.dtype)
    np.maximum.at(best, caption_image, own)
    above = np.count_nonzero(scores > best[:, None], axis=1)
    tied = np.count_nonzero(scores == best[:, None], axis=1)
    right = np.bincount(caption_image[own == best[caption_image]], minlength=len(scores))  # the image's own of the tied
    found = np.stack([1 - _none_within(k - above, tied, right) for k in within], 1)
    return found, above + (tied + 1) / (right + 1)


def _none_within(places: Integers, tied: Integers, right: Integers) -> Floats:
    """The probability that none of `right` among `tied` items in random order comes in the first `places`."""
    probability = np.ones(len(tied))
    for taken in range(min(int(places.max()), int(tied.max()))):
        missing = np.clip((tied - right - taken) / np.maximum(tied - taken, 1), 0, 1)
        probability *= np.where(taken < places, missing, 1)
    return probability


def _caption_hits(
    scores: NDArray[np.floating], caption_image: Integers, within: Sequence[int]
) -> tuple[Floats, Floats]:
    """Per caption: the probability [captions, ranks] that its image ranks `within` them; its expected rank."""
    own = scores[caption_image, np.arange(len(caption_image))]
    above = np.count_nonzero(scores > own, axis=0)
    tied = np.count_nonzero(scores == own, axis=0)
    found = np.stack([np.clip((k - above) / tied, 0, 1) for k in within], 1)
    return found, above + (tied + 1) / 2


def rsum_interval(found: Hits, *, seed: int = 0) -> tuple[float, float]:
    """95 % interval of Rsum when images are drawn again, each with its captions; the pool stays as it is."""
    low, high = np.percentile(_redrawn(found, seed), [2.5, 97.5])
    return float(low), float(high)


def difference(one: Hits, other: Hits, *, seed: int = 0) -> tuple[float, tuple[float, float]]:
    """How much larger the Rsum of `one` is than that of `other`, and the 95 % interval of it.

    Both are of the same images and captions, and every draw of images is the same for both.
    """
    low, high = np.percentile(_redrawn(one, seed) - _redrawn(other, seed), [2.5, 97.5])
    return one.rsum - other.rsum, (float(low), float(high))


def chance(one: Hits, other: Hits, *, seed: int = 0) -> float:
    """How likely a difference of Rsum this large is if only chance decides which model is which: a permutation test.

    For each image, with its captions, the two models are swapped or not, at random; two-sided, 1 where they are alike.
    It is about these trained weights: other seeds would give others.
    """
    (images, sums, counts), (other_images, other_sums, _) = one.of_images, other.of_images
    n = len(images)
    each = (images - other_images) / n + (sums - other_sums) / counts.sum()  # of Rsum, by image
    generator, least = np.random.default_rng(seed), abs(each.sum()) - 1e-12
    as_large = 0
    for start in range(0, SWAPS, SWAPS_AT_ONCE):
        signs = generator.choice(np.array([-1.0, 1.0]), (min(SWAPS_AT_ONCE, SWAPS - start), n))
        as_large += int((np.abs(signs @ each) >= least).sum())
    return (as_large + 1) / (SWAPS + 1)


def _redrawn(found: Hits, seed: int) -> Floats:
    """Rsum [resamples] of images that are drawn again."""
    of_images, sums, counts = found.of_images
    n = len(of_images)
    drawn = np.random.default_rng(seed).integers(0, n, (RESAMPLES, n), dtype=np.int32)  # [resamples, images]
    values: Floats = 100 * (of_images[drawn].mean(1) + sums[drawn].sum(1) / counts[drawn].sum(1))
    return values
