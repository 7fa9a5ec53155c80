"""Three images and four captions for every model, with padding among the regions and the words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from gatherset.baselines.interface import Model
from gatherset.baselines.models import Config, build

LENGTHS = (2, 5, 3, 6)
REGIONS, DIM, WORDS = 4, 10, 12


@dataclass(frozen=True)
class Material:
    """What a model is given, and the same image by image and caption by caption without padding, in float64."""

    regions: Tensor  # [3, 4, 10], the last region of the last image is padding
    words: Tensor  # [4, 6]
    vectors: Tensor  # [12, 8]

    def model(self, config: Config) -> Model:
        torch.manual_seed(1)
        return build(config, DIM, self.vectors).eval()

    def scores(self, model: Model) -> Tensor:
        """What the model says, [3, 4], one score for both directions."""
        with torch.inference_mode():
            images = model.encode_images(self.regions)
            to_text, to_image = model.score(images, model.encode_captions(self.words, torch.zeros(4, dtype=torch.long)))
        assert torch.equal(to_text, to_image)
        return to_text.double()

    def pairs(self, model: Model, score: Any) -> Tensor:
        """`score(model, regions [k, 10], words [n])` of each pair in float64, [3, 4]."""
        exact = model.double()
        images = [self.regions[0], self.regions[1], self.regions[2, :3]]
        captions = [row[:length] for row, length in zip(self.words, LENGTHS, strict=True)]
        with torch.no_grad():
            rows = [[score(exact, image.double(), caption) for caption in captions] for image in images]
        return torch.tensor(rows, dtype=torch.float64)


@pytest.fixture
def material() -> Material:
    generator = torch.Generator().manual_seed(0)
    regions = torch.randn(3, REGIONS, DIM, generator=generator)
    regions[2, 3] = 0
    words = torch.randint(1, WORDS, (4, max(LENGTHS)), generator=generator)
    words *= torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    vectors = torch.randn(WORDS, 8, generator=generator)
    vectors[0] = 0
    return Material(regions, words, vectors)
