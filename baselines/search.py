"""Finding images by a sentence: images are encoded once, a query costs its own encoding and one pass over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gatherset.baselines.edan import Rows, exponentials, final_score, pool, words_asking
from gatherset.baselines.loader import LONGEST
from gatherset.baselines.scoring import encode_images
from gatherset.dataset.errors import InputError, ModelError

if TYPE_CHECKING:
    from gatherset.baselines.runs import Run
    from gatherset.dataset.features import FeatureFile


@dataclass(frozen=True)
class Found:
    """One image that a sentence found."""

    id: str
    score: float  # Eq. 16, text to image


class Index:
    """Encoded images of a trained model, ready to be searched."""

    def __init__(self, run: Run, features: FeatureFile, ids: Sequence[str]) -> None:
        """Encode the images `ids`. ModelError where the model is not EDAN or was trained on other features."""
        run.require(features)
        self._model = run.edan
        if run.model.config.weights == "scan":
            raise ModelError(
                f"{run.folder} weighs by all captions at once, as SCAN does", "Search with weights=softmax"
            )
        self.run, self.ids = run, list(ids)
        if not self.ids:
            raise InputError("there are no images to search", "Give the ids of some")
        self._v_glo, *regions = encode_images(run.model, features, self.ids)
        self._V = Rows(*regions) if regions else None

    def search(self, sentence: str, event_type: str | None = None, *, most: int = 10) -> list[Found]:
        """The images that fit `sentence` best. A model that takes event types needs that of the event searched for.

        InputError for a type that the model does not know.
        """
        scores = self.scores(sentence, event_type)
        best = scores.topk(max(0, min(most, len(scores))))
        return [Found(self.ids[i], score) for score, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)]

    @torch.inference_mode()
    def scores(self, sentence: str, event_type: str | None = None) -> Tensor:
        """Eq. 16 of the sentence with every image, [images]."""
        model, vocabulary = self._model, self.run.vocabulary
        if self.run.label and event_type not in self.run.config.event_types:  # any word could stand in its place
            raise InputError(
                f"{self.run.folder} was trained with event types, and {event_type} is none of them",
                "Name one of the release's types, or search with a model that was trained without",
            )
        words = torch.tensor([vocabulary.encode(sentence)[:LONGEST]])
        events = torch.tensor([vocabulary.number(event_type or "")])
        t_glo, told, _ = model.caption_vectors(words, events)
        sim = S = torch.zeros(len(self.ids), 1)
        if model.config.alignment != "local":
            sim = model.global_similarity(self._v_glo, t_glo)
        if self._V is not None:
            T = Rows.of(told)
            s_words = words_asking(*exponentials(self._V, T, model.config.sharpness), self._V) / model.config.sharpness
            S = pool(s_words, T.real[None], model.config.pooling)
        return final_score(sim, S, float(model.theta))[:, 0]
