"""What a training begins with: the words of the training captions, and a vector for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gatherset.baselines.loader import flat_captions, flat_events
from gatherset.baselines.models import Config, takes_event
from gatherset.baselines.train_settings import TrainConfig
from gatherset.baselines.vectors import given_vectors
from gatherset.baselines.words import Vectors, Vocabulary, group_token, random_vectors, train_word2vec

if TYPE_CHECKING:
    from gatherset.dataset.loading import Release


def first_words(
    release: Release,
    shape: Config,
    settings: TrainConfig,
    given: Path | None,
    groups: Mapping[str, str],
    report: Callable[[str], None],
) -> tuple[Vocabulary, Vectors]:
    """The vocabulary of the training captions, and vectors of it; `given` is a file of some."""
    split = release["train"]
    captions, events = flat_captions(split), flat_events(split)
    label = takes_event(shape)
    tokens = list(release.event_types) if label else []
    if label and shape.hierarchy:
        tokens += [group_token(groups[event]) for event in release.event_types if event in groups]
    vocabulary = Vocabulary.of(captions, tokens)
    if given is not None:
        vectors, missing = given_vectors(given, vocabulary, seed=settings.seed)
        report(f"{given.name} lacks {missing:.1%} of the {len(vocabulary)} words of the training captions")
        return vocabulary, vectors
    if settings.start == "cca":  # which brings vectors of its own
        return vocabulary, np.zeros((len(vocabulary), shape.d), np.float32)
    if settings.start == "random":
        return vocabulary, random_vectors(vocabulary, dim=shape.word_dim, seed=settings.seed)
    before: list[str | None] = [event if label else None for event in events]
    return vocabulary, train_word2vec(captions, before, vocabulary, dim=shape.word_dim, seed=settings.seed)
