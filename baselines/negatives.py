"""Which negatives the triplet loss (Eq. 14) takes: all of them, or of each row and column the hardest alone.

The hardest alone lead to a collapse where scores are still spread widely: to make all of them equal, at a loss of 2α a
direction, is then the quickest way down (VSE++ and SGRAF stand there for epochs, or for good).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Negatives:
    """All at first; the hardest from a step on; after a collapse all again, until the loss allows the hardest."""

    margin: float  # α
    directions: int  # that the loss trains; 0 where another loss is in its place
    hardest_from: int | None  # step; None: after a collapse

    def hardest(self, step: int) -> bool:
        """Whether the hardest alone are taken in this step."""
        return self.hardest_from is not None and step >= self.hardest_from

    def after_epoch(self, first_step: int, next_step: int, loss: float, hardest_loss: float) -> bool:
        """Take note of an epoch's mean loss a pair, and of what it is with the hardest alone; whether it collapsed.

        A collapse is an epoch of the hardest within two per cent of where all scores are equal. What comes after it
        ends when they would be five per cent below: to make all scores equal would no longer lower the loss.
        """
        level = 2 * self.margin * self.directions
        if self.hardest_from is None and hardest_loss < 0.95 * level:
            self.hardest_from = next_step
        elif self.directions and self.hardest(first_step) and abs(loss - level) < 0.02 * level:
            self.hardest_from = None
            return True
        return False
