"""A release for torch: the captions of a split as tensors of word numbers, and its images for one's own models."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gatherset.baselines.words import PADDING, Vocabulary

if TYPE_CHECKING:
    from PIL.Image import Image

    from gatherset.dataset.loading import Split

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
class Part:
    """Some records of a release, in the form of a split."""

    ids: list[str]
    captions: list[list[str]]
    event_types: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: Sequence[int]) -> Part:
        return Part(
            [self.ids[row] for row in rows],
            [self.captions[row] for row in rows],
            [self.event_types[row] for row in rows],
        )

    @classmethod
    def of(cls, split: SplitLike) -> Part:
        """All of a split."""
        return cls(split.ids, split.captions, split.event_types)


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


class Images(Dataset[tuple[Any, list[str], str]]):
    """(image, its captions, its event type) of a split; `transform` makes of a picture what the model takes."""

    def __init__(self, split: Split, transform: Callable[[Image], Any]) -> None:
        self.split = split
        self.transform = transform

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[Any, list[str], str]:
        example = self.split[index]
        return self.transform(example.image.convert("RGB")), example.captions, example.event_type


def to_tensor(image: Image) -> Tensor:
    """[3, H, W] float32 from 0 to 1."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def _collate(batch: list[tuple[Any, list[str], str]]) -> tuple[Any, list[list[str]], list[str]]:
    images, captions, types = zip(*batch, strict=True)
    alike = all(isinstance(image, Tensor) and image.shape == images[0].shape for image in images)
    return torch.stack(images) if alike else list(images), list(captions), list(types)


def loader(
    split: Split,
    *,
    transform: Callable[[Image], Any] = to_tensor,
    batch_size: int = 32,
    shuffle: bool = False,
    workers: int = 0,
) -> DataLoader[tuple[Any, list[str], str]]:
    """Batches of (images, captions [B][5], event types [B]); images [B, …] where all have one shape, else a list."""
    return DataLoader(
        Images(split, transform), batch_size=batch_size, shuffle=shuffle, num_workers=workers, collate_fn=_collate
    )


class _CallableModule(ModuleType):
    """So that `gatherset.baselines.loader(mg["train"])` does what `gatherset.baselines.loader.loader` does."""

    def __call__(self, split: Split, **options: Any) -> DataLoader[tuple[Any, list[str], str]]:
        return loader(split, **options)


sys.modules[__name__].__class__ = _CallableModule
