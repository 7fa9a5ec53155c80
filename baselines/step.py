"""One training step of EDAN: a batch of pairs becomes the two losses of Eq. 15, on one process or on several.

With several (`torchrun`), every process encodes its share of the batch. The global vectors and the regions of all
processes are gathered, each process compares its own captions with all images, and the columns are gathered: so the
negatives of a pair are those of the whole batch, and the gradients are those of one process with the whole batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gatherset.baselines.edan import Edan, Rows
from gatherset.baselines.losses import ContrastiveLoss, triplet_losses

if TYPE_CHECKING:
    from gatherset.baselines.train_settings import TrainConfig

CAPTIONS_AT_ONCE = 32  # whose local similarities are computed together


class Step(nn.Module):
    """The model with what only training needs: the temperatures and the choice of losses."""

    def __init__(self, model: Edan, settings: TrainConfig) -> None:
        super().__init__()
        self.model, self.settings = model, settings
        self.hardest_loss = torch.zeros(())  # of the last batch: Eq. 14 with the hardest negatives alone, a pair
        if model.config.alignment != "local":
            self.contrastive = ContrastiveLoss(settings.tau)
        if model.config.alignment != "global" and settings.local_loss == "infonce":
            self.local_contrastive = ContrastiveLoss(settings.tau)

    @property
    def tau(self) -> Tensor | None:
        """τ of Eq. 7; None without such a loss."""
        return self.contrastive.tau if self.model.config.alignment != "local" else None

    @property
    def triplet_directions(self) -> int:
        """How many directions Eq. 14 trains; 0 where another loss is in its place."""
        if self.settings.local_loss != "triplet" or self.model.config.alignment == "global":
            return 0
        return 1 if self.settings.literal_triplet else 2

    def forward(
        self, shown: Tensor, words: Tensor, events: Tensor, image: Tensor, hardest: bool
    ) -> tuple[Tensor, Tensor]:
        """Losses of Eq. 9 and 14 of this process's pairs: regions [B, K, D], words [B, N], events [B], image [B].

        `image` tells which pairs are of one image. A loss that the model has no use for is zero.
        """
        half = self.settings.precision == "bfloat16"
        with torch.autocast(shown.device.type, torch.bfloat16, enabled=half):
            v_glo, V = self.model.image_vectors(shown)
            t_glo, T, _ = self.model.caption_vectors(words, events)
        v_glo, V, t_glo, T = v_glo.float(), V.float(), t_glo.float(), T.float()  # e^(λ s) wants more than 8 bits of s
        alignment, image = self.model.config.alignment, _gathered(image)
        contrastive = local = shown.new_zeros(())
        v_glo, t_glo, V = _gathered(v_glo), _gathered(t_glo), _gathered(V)
        if alignment != "local":
            contrastive = self.contrastive(self.model.global_similarity(v_glo, t_glo), image)
        if alignment != "global":
            S_TI, S_IT = (_gathered(own.T).T for own in local_similarities(self.model, V, T))
            local = self._local_loss(S_TI, S_IT, image, hardest)
        return contrastive, local

    def _local_loss(self, S_TI: Tensor, S_IT: Tensor, image: Tensor, hardest: bool) -> Tensor:
        """Eq. 14, as a mean over the batch so that it weighs as much as Eq. 9; or InfoNCE."""
        settings = self.settings
        if settings.local_loss == "infonce":
            loss: Tensor = (self.local_contrastive(S_TI, image) + self.local_contrastive(S_IT, image)) / 2
            return loss
        every, worst = triplet_losses(S_TI, image, settings.margin)
        if not settings.literal_triplet:
            other = triplet_losses(S_IT, image, settings.margin)
            every, worst = every + other[0], worst + other[1]
        self.hardest_loss = worst.detach() / len(image)
        return (worst if hardest else every) / len(image)


def local_similarities(model: Edan, V: Tensor, T: Tensor) -> tuple[Tensor, Tensor]:
    """S(T, I) and S(I, T) of V̂ [B, K, d] and captions T [C, N, d], which are sorted by length -> twice [B, C]."""
    regions = Rows.of(V)
    parts = [model.local_similarity(regions, Rows.of(group)) for group in _groups(T)]
    S_TI, S_IT = (torch.cat(columns, 1) for columns in zip(*parts, strict=True))
    return S_TI, S_IT


def _groups(T: Tensor) -> Iterator[Tensor]:
    """Captions T [C, N, d], sorted by length, a few at a time and cut to the longest of them.

    In a batch of 128 captions of Flickr8k half of all words would be padding.
    """
    places = torch.arange(1, T.shape[1] + 1, device=T.device)
    for start in range(0, len(T), CAPTIONS_AT_ONCE):
        group = T[start : start + CAPTIONS_AT_ONCE]
        yield group[:, : int(((group != 0).any(-1) * places).max())]


def processes() -> int:
    """How many train together; 1 without torchrun."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's number among them."""
    return dist.get_rank() if processes() > 1 else 0


class _Gather(torch.autograd.Function):
    """All processes' rows; backwards, the sum of what all processes' losses want of one's own."""

    @staticmethod
    def forward(context: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(processes())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total.chunk(processes())[rank()]


def _gathered(rows: Tensor) -> Tensor:
    """The rows of all processes, one process after the other; gradients find their way back."""
    if processes() == 1:
        return rows
    gathered: Tensor = _Gather.apply(rows)  # type: ignore[no-untyped-call]
    return gathered
