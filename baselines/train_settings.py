"""How a model is trained: the settings, and those of the two presets for EDAN."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from gatherset.baselines.ranges import Ranges, check_choices, check_ranges

RANGES: Ranges = {
    "batch": (2, math.inf),  # a pair alone has no negative
    "lr": (1e-12, math.inf),
    "epochs": (1, math.inf),
    "captions_an_epoch": (0, math.inf),
    "validated": (0, math.inf),
    "warm_up": (1, math.inf),
    "weight_decay": (0, math.inf),
    "averaging": (0, 0.999999),
    "clip": (1e-12, math.inf),
    "margin": (0, math.inf),
    "tau": (0.01, 0.5),  # as far as training may take it
    "all_negatives": (0, math.inf),
    "patience": (1, math.inf),
    "seed": (0, math.inf),
}


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The paper gives batch, learning rate and epochs; the rest was chosen on validation splits."""

    batch: int = 64  # pairs a step, each of another image
    lr: float = 5e-4  # highest learning rate, of AdamW
    epochs: int = 15  # at most
    captions_an_epoch: int = 0  # of each image, drawn anew; 0: all
    validated: int = 0  # images of the val split, evenly drawn, that choose epoch and θ; 0: all
    warm_up: int = 100  # steps in which the rate rises from zero
    weight_decay: float = 0.01
    averaging: float = 0.0  # decay of the mean of the weights that is evaluated and kept; 0: the weights themselves
    clip: float = 2.0  # largest norm of the gradient
    margin: float = 0.2  # α of Eq. 14
    tau: float = 0.07  # τ of Eq. 7 at the start
    start: Literal["word2vec", "random", "cca"] = "word2vec"  # first word vectors; cca: EDAN's other weights as well
    local_loss: Literal["triplet", "infonce"] = "triplet"  # Eq. 14, or Eq. 7 to 9 on the local similarity as well
    all_negatives: int = 500  # steps in which Eq. 14 sums over all negatives, before it takes the hardest
    literal_triplet: bool = False  # decision 4: Eq. 14 on S(T, I) alone, as printed; else on S(I, T) as well
    patience: int = 4  # epochs without a better validation Rsum before training stops
    precision: Literal["float32", "bfloat16"] = "float32"  # of the encoders; pays where the processor has bfloat16
    seed: int = 0

    def __post_init__(self) -> None:
        """InputError for a number that no training can have."""
        check_ranges(self, RANGES)
        check_choices(self)


PRESETS = {
    "paper": TrainConfig(),
    "cpu": TrainConfig(
        batch=128, epochs=6, weight_decay=0.05, averaging=0.99, start="cca", local_loss="infonce", patience=6
    ),
}
