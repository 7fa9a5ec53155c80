"""The event type of a caption, guessed from its words: multinomial logistic regression on tf-idf.

It gives the `predicted` row of the benchmark: what a label is worth when nobody has annotated it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from gatherset.baselines.cca import TfIdf
from gatherset.baselines.loader import SplitLike, flat_captions, flat_events

DECAY = 1e-4  # of the squared weights
STEPS = 100  # of L-BFGS; it has converged long before on thousands of captions


class Softmax:
    """Softmax regression of `labels` [n], from 0 to classes - 1, on `x` [n, D]; each row counts by its weight."""

    def __init__(
        self,
        x: NDArray[np.floating],
        labels: NDArray[np.integer],
        classes: int,
        *,
        decay: float = DECAY,
        weights: NDArray[np.floating] | None = None,
    ) -> None:
        inputs, targets = _tensor(x), torch.from_numpy(np.asarray(labels, np.int64))
        share = torch.full((len(inputs),), 1 / len(inputs)) if weights is None else _tensor(weights)
        self._weight = torch.zeros(classes, inputs.shape[1], requires_grad=True)
        self._bias = torch.zeros(classes, requires_grad=True)
        optimiser = torch.optim.LBFGS([self._weight, self._bias], max_iter=STEPS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimiser.zero_grad()
            each = F.cross_entropy(F.linear(inputs, self._weight, self._bias), targets, reduction="none")
            value = (share * each).sum() + decay * self._weight.square().sum()
            value.backward()  # type: ignore[no-untyped-call]
            return value

        optimiser.step(loss)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def log_probabilities(self, x: NDArray[np.floating]) -> NDArray[np.float64]:
        """[n, classes]."""
        return F.linear(_tensor(x), self._weight, self._bias).log_softmax(1).double().numpy()


def _tensor(values: NDArray[np.floating]) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))


class EventClassifier:
    """Fitted on the train split; `predict` takes any captions."""

    def __init__(self, train: SplitLike) -> None:
        captions, events = flat_captions(train), flat_events(train)
        self.types = sorted(set(events))
        self._tfidf = TfIdf.of(captions)
        labels = np.array([self.types.index(event) for event in events])
        self._fitted = Softmax(self._tfidf.vectors(captions), labels, len(self.types))

    def predict(self, captions: Sequence[str]) -> list[str]:
        """The likeliest event type of each caption."""
        best = self.log_probabilities(captions).argmax(1)
        return [self.types[i] for i in best.tolist()]

    def log_probabilities(self, captions: Sequence[str]) -> NDArray[np.float64]:
        """[captions, types], in the order of `types`."""
        return self._fitted.log_probabilities(self._tfidf.vectors(captions))
