"""The val split, which chooses epoch and θ: what a model that is being trained is worth there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gatherset.baselines.edan import Edan
from gatherset.baselines.interface import Model
from gatherset.baselines.loader import Captions
from gatherset.baselines.recall import hits
from gatherset.baselines.scoring import Similarities, all_scores, all_similarities
from gatherset.dataset.features import FeatureFile

THETAS = np.linspace(0, 1, 21)  # what θ is chosen from


def validated(model: Model, features: FeatureFile, ids: Sequence[str], captions: Captions) -> tuple[float, float]:
    """θ (a peer's is 0) and Rsum of the images `ids` with `captions`; InputError where a score is not finite."""
    owner = captions.image.numpy()
    if isinstance(model, Edan):
        return choose_theta(all_similarities(model, features, ids, captions), owner, model.config.alignment)
    image_to_text, text_to_image = all_scores(model, features, ids, captions)
    return 0.0, hits(image_to_text, owner, text_to_image).rsum


def choose_theta(similarities: Similarities, caption_image: NDArray[np.integer], alignment: str) -> tuple[float, float]:
    """The θ of Eq. 16 with the highest Rsum, and that Rsum."""
    thetas = THETAS if alignment == "both" else [1.0 if alignment == "local" else 0.0]
    sums = []
    for theta in thetas:
        i2t, t2i = similarities.final(float(theta))
        sums.append(hits(i2t, caption_image, t2i).rsum)
    best = int(np.argmax(sums))
    return float(thetas[best]), sums[best]
