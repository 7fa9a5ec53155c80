"""VSE++ (Faghri et al., BMVC 2018): one vector an image, one a caption, trained with the hardest negatives.

    v = W_f φ(i) / |W_f φ(i)|,  t = h_N / |h_N|  (h_N: last state of a GRU over the words),  s(i, c) = v·t
    loss: max over negatives of [α + s(i, c') - s(i, c)]₊ + [α + s(i', c) - s(i, c)]₊

Decided: φ(i) is the global feature of the regions (`gatherset.baselines.edan.global_feature`), the same for every
model here. Far from the published model in this: it had one 4,096-d vector of a whole VGG19 or ResNet152 and could
fine-tune it.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from gatherset.baselines.edan import global_feature
from gatherset.baselines.interface import Encoded, Model
from gatherset.baselines.models.word_gru import WordGru


@dataclass(frozen=True)
class VsePlusPlusConfig:
    d: int = 1024  # shared dimension
    word_dim: int = 300  # of the word vectors
    dropout: float = 0.0  # on the word vectors and on the global feature


class VsePlusPlus(Model):
    """`region_dim` is D of the extractor; `vectors` [V, word_dim] are the word vectors to start from."""

    images_at_once = captions_at_once = 1024

    def __init__(self, config: VsePlusPlusConfig, region_dim: int, vectors: Tensor) -> None:
        super().__init__()
        self.config = config
        self.dropout = nn.Dropout(config.dropout)
        self.fc = nn.Linear(region_dim, config.d)  # W_f
        self.text = WordGru(vectors, config.d, bidirectional=False, dropout=config.dropout)

    def encode_images(self, regions: Tensor) -> Encoded:
        """v [B, d]."""
        return (F.normalize(self.fc(self.dropout(global_feature(regions.float()))), dim=-1),)

    def encode_captions(self, words: Tensor, events: Tensor) -> Encoded:
        """t [C, d]."""
        return (F.normalize(self.text(words)[2], dim=-1),)

    def score(self, images: Encoded, captions: Encoded) -> tuple[Tensor, Tensor]:
        """s(i, c) [B, C]."""
        s = images[0] @ captions[0].T
        return s, s
