"""What EDAN and its peers share: they encode images, encode captions, and score a block of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

Encoded = tuple[Tensor, ...]  # n images or n captions: every tensor has them along its first axis


class Model(nn.Module):
    """A model of the benchmark. `config` is its frozen dataclass of settings; B images, C captions, K regions, N words.

    What it encodes is its own affair: only its own `score` reads that.
    """

    config: Any
    images_at_once = 32  # whose scores with a block of captions are computed together: what a processor's cache holds
    captions_at_once = 1  # so many at least, where a caption is a vector: blocks of different lengths can be joined
    vectors_of_pairs = False  # whether `score` makes d numbers for each pair of an image and a word

    @property
    def takes_event(self) -> bool:
        """Whether the event type given with a caption changes anything."""
        return False

    def encode_images(self, regions: Tensor) -> Encoded:
        """Images, of regions [B, K, D] as the extractor gave them; a region of zeros is padding."""
        raise NotImplementedError

    def encode_captions(self, words: Tensor, events: Tensor) -> Encoded:
        """Captions, of word numbers [C, N] (0: padding, at the end) and event types [C], as word numbers too."""
        raise NotImplementedError

    def shortened(self, captions: Encoded, n: int) -> Encoded:
        """The same captions without what belongs to words after the first n, all of them padding."""
        return captions

    @property
    def multiplies_regions(self) -> bool:
        """Whether most of `score` is one product of words with regions, which `halved` can do in bfloat16."""
        return False

    def halved(self, images: Encoded) -> Encoded:
        """The same images, for which `score` computes that product in bfloat16."""
        raise NotImplementedError

    def score(self, images: Encoded, captions: Encoded) -> tuple[Tensor, Tensor]:
        """Scores [B, C] for image to text and for text to image: twice the same tensor where there is but one."""
        raise NotImplementedError


def cut(encoded: Encoded, rows: slice) -> Encoded:
    """Some of the images or captions."""
    return tuple(tensor[rows] for tensor in encoded)


def joined(parts: Sequence[Encoded]) -> Encoded:
    """All of them, one after the other."""
    return tuple(torch.cat(tensors) for tensors in zip(*parts, strict=True))
