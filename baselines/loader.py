"""The captions of a split as tensors of word numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gatherset.baselines.words import PADDING, Vocabulary

LONGEST = 64  # words; what follows is cut, for the padding of a whole block follows its longest caption

Label = Literal["oracle", "predicted", "none"]


class SplitLike(Protocol):
    """What the baselines read of a split; `gatherset.dataset.loading.Split` has it."""

    @property
    def ids(self) -> list[str]: ...
    @property
    def captions(self) -> list[list[str]]: ...
    @property
    def event_types(self) -> list[str]: ...


@dataclass(frozen=True)
class Captions:
    """C captions as word numbers."""

    words: Tensor  # [C, N] long, 0 where a caption is shorter than the longest
    lengths: Tensor  # [C] long
    events: Tensor  # [C] long, the word number of each caption's event type
    image: Tensor  # [C] long, the row of each caption's image within the split

    def __len__(self) -> int:
        return len(self.words)

    def rows(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """words [c, n] and events [c] of some captions, cut to the longest of them."""
        return self.words[rows, : int(self.lengths[rows].max())], self.events[rows]


def flat_captions(split: SplitLike) -> list[str]:
    """All captions of a split, image by image."""
    return [caption for captions in split.captions for caption in captions]


def flat_events(split: SplitLike) -> list[str]:
    """The event type of every caption's image, in the order of `flat_captions`."""
    return [event for event, captions in zip(split.event_types, split.captions, strict=True) for _ in captions]


def caption_image(split: SplitLike) -> NDArray[np.integer]:
    """The row of every caption's image, in the order of `flat_captions`."""
    return np.repeat(np.arange(len(split.captions)), [len(captions) for captions in split.captions])


def number_captions(split: SplitLike, vocabulary: Vocabulary, events: Sequence[str]) -> Captions:
    """`split` in word numbers; `events` names one type a caption, whoever says so."""
    encoded = [vocabulary.encode(caption)[:LONGEST] for caption in flat_captions(split)]
    lengths = torch.tensor([len(numbers) for numbers in encoded])
    words = torch.full((len(encoded), int(lengths.max())), PADDING)
    for row, numbers in enumerate(encoded):
        words[row, : len(numbers)] = torch.tensor(numbers)
    types = torch.tensor([vocabulary.number(event) for event in events])
    return Captions(words, lengths, types, torch.from_numpy(caption_image(split)))
