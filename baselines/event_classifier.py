"""The event type of a caption, guessed from its words: multinomial logistic regression on tf-idf.

It gives the `predicted` row of the benchmark: what a label is worth when nobody has annotated it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F

from gatherset.baselines.cca import TfIdf
from gatherset.baselines.loader import SplitLike, flat_captions, flat_events

DECAY = 1e-4  # of the squared weights
STEPS = 100  # of L-BFGS; it has converged long before on thousands of captions


class EventClassifier:
    """Fitted on the train split; `predict` takes any captions."""

    def __init__(self, train: SplitLike) -> None:
        captions, events = flat_captions(train), flat_events(train)
        self.types = sorted(set(events))
        self._tfidf = TfIdf.of(captions)
        x = torch.from_numpy(self._tfidf.vectors(captions))  # [C, V]
        y = torch.tensor([self.types.index(event) for event in events])
        self._weight = torch.zeros(len(self.types), x.shape[1], requires_grad=True)
        self._bias = torch.zeros(len(self.types), requires_grad=True)
        optimiser = torch.optim.LBFGS([self._weight, self._bias], max_iter=STEPS, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            optimiser.zero_grad()
            value = F.cross_entropy(F.linear(x, self._weight, self._bias), y) + DECAY * self._weight.square().sum()
            value.backward()  # type: ignore[no-untyped-call]
            return value

        optimiser.step(loss)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def predict(self, captions: Sequence[str]) -> list[str]:
        """The likeliest event type of each caption."""
        x = torch.from_numpy(self._tfidf.vectors(captions))
        best = F.linear(x, self._weight, self._bias).argmax(1)
        return [self.types[i] for i in best.tolist()]

    def accuracy(self, split: SplitLike) -> float:
        """The share of a split's captions whose type is found, 0 to 1."""
        found = self.predict(flat_captions(split))
        return float(np.mean([a == b for a, b in zip(found, flat_events(split), strict=True)]))
