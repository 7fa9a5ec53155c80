"""The losses: InfoNCE on the global similarity (EDAN Eq. 7 to 9) and a triplet loss on the local one (Eq. 14)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TAU_RANGE = (0.01, 0.5)


class ContrastiveLoss(nn.Module):
    """Symmetric InfoNCE with a learnable temperature τ, kept within `TAU_RANGE`."""

    def __init__(self, tau: float = 0.07) -> None:
        super().__init__()
        self.log_tau = nn.Parameter(torch.tensor(math.log(tau)))

    @property
    def tau(self) -> Tensor:
        return self.log_tau.exp()

    def forward(self, sim: Tensor, image: Tensor) -> Tensor:
        """sim [B, B], pair i on the diagonal; image [B] tells which pairs are of one image -> scalar.

        Another caption of the same image is no negative: it is left out of the sums of Eq. 7.
        """
        with torch.no_grad():  # a step may have led beyond it, where τ has no gradient that would lead back
            self.log_tau.clamp_(*(math.log(bound) for bound in TAU_RANGE))
        logits = (sim / self.tau).masked_fill(other_positives(image), -torch.inf)
        target = torch.arange(len(sim), device=sim.device)
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def other_positives(image: Tensor) -> Tensor:
    """[B, B]: True where two different pairs are of the same image."""
    same = image[:, None] == image[None, :]
    return same & ~torch.eye(len(image), dtype=torch.bool, device=image.device)


def triplet_losses(scores: Tensor, image: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    """Eq. 14 on scores [B, B], pair i on the diagonal, summed over the batch -> two scalars.

    The first counts all negatives, as training does at its start, where the hardest alone push all scores together and
    the loss stays at 2·B·margin; the second the worst negative of each row and column.
    """
    B = len(scores)
    positive = scores.diagonal()
    no_negative = other_positives(image) | torch.eye(B, dtype=torch.bool, device=scores.device)
    by_image = (margin + scores - positive[:, None]).clamp(min=0).masked_fill(no_negative, 0)  # other captions
    by_caption = (margin + scores - positive[None, :]).clamp(min=0).masked_fill(no_negative, 0)  # other images
    return by_image.sum() + by_caption.sum(), by_image.max(1).values.sum() + by_caption.max(0).values.sum()
