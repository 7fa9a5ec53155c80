"""One training step of a peer of EDAN: a batch of pairs becomes a triplet loss on the scores of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from gatherset.baselines.interface import Encoded, Model, cut
from gatherset.baselines.losses import triplet_losses
from gatherset.baselines.scoring import halved
from gatherset.baselines.step import CAPTIONS_AT_ONCE
from gatherset.baselines.words import PADDING

if TYPE_CHECKING:
    from gatherset.baselines.train_settings import TrainConfig

LARGEST = 1 << 26  # numbers in the vectors of pairs of a batch that may be kept for the way back, several times
# With vectors of pairs little is won by a large block, and much is lost to the padding of captions of other lengths
# and to finding memory: in blocks of 32 SAF was slower than a loop over the captions.
OF_PAIRS_AT_ONCE = 8


class PeerStep(nn.Module):
    """The model and its loss, as `Step` is for EDAN; on one process."""

    tau: Tensor | None = None  # no peer has a temperature
    triplet_directions = 1  # one score a pair, whose loss looks both ways

    def __init__(self, model: Model, settings: TrainConfig) -> None:
        super().__init__()
        self.model, self.settings = model, settings
        self.hardest_loss = torch.zeros(())  # of the last batch: the loss with the hardest negatives alone
        self.at_once = self.usual = OF_PAIRS_AT_ONCE if model.vectors_of_pairs else CAPTIONS_AT_ONCE

    def forward(
        self, shown: Tensor, words: Tensor, events: Tensor, image: Tensor, hardest: bool
    ) -> tuple[Tensor, Tensor]:
        """Zero and the loss, a mean over the pairs: regions [B, K, D], words [B, N], events [B], image [B].

        `image` tells which pairs are of one image; captions are sorted by length.
        """
        to_text, to_image = self.scores(shown, words, events)
        margin, twice = self.settings.margin, to_image is not to_text
        every, worst = triplet_losses(to_text, image, margin)
        if twice:
            other = triplet_losses(to_image, image, margin)
            every, worst = (every + other[0]) / 2, (worst + other[1]) / 2
        self.hardest_loss = worst.detach() / len(image)
        return shown.new_zeros(()), (worst if hardest else every) / len(image)

    def scores(self, shown: Tensor, words: Tensor, events: Tensor) -> tuple[Tensor, Tensor]:
        """Scores [B, B] of all pairs, a few captions at a time; where memory does not suffice, fewer."""
        while True:
            try:
                return self._scores(shown, words, events)
            except (MemoryError, RuntimeError) as error:
                self.at_once = halved(self.at_once, error, "captions trained on at once")

    def _scores(self, shown: Tensor, words: Tensor, events: Tensor) -> tuple[Tensor, Tensor]:
        images = self.model.encode_images(shown)
        captions = self.model.encode_captions(words, events)  # all at once: a GRU takes 128 faster than 4 times 32
        lengths = (words != PADDING).sum(1)
        large = self.model.vectors_of_pairs and len(shown) * words.numel() * self.model.config.d > LARGEST
        # Memory ran out before, or would: what a block needs is forgotten and computed again on the way back.
        again = large or self.at_once < self.usual
        starts = range(0, len(words), self.at_once)
        columns = [self._column(images, captions, lengths, slice(own, own + self.at_once), again) for own in starts]
        to_text = torch.cat([column[0] for column in columns], 1)
        if all(column[0] is column[1] for column in columns):
            return to_text, to_text
        return to_text, torch.cat([column[1] for column in columns], 1)

    def _column(
        self, images: Encoded, captions: Encoded, lengths: Tensor, rows: slice, again: bool
    ) -> tuple[Tensor, Tensor]:
        """Scores of the captions `rows`, cut to the longest of these."""
        few = self.model.shortened(cut(captions, rows), int(lengths[rows].max()))
        if not again:
            return self.model.score(images, few)
        return cast(tuple[Tensor, Tensor], checkpoint(self.model.score, images, few, use_reentrant=False))
