"""The text encoder that most peers share: word vectors, then a recurrent network over the words of a caption."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from gatherset.baselines.words import PADDING


class WordGru(nn.Module):
    """One GRU layer over fine-tuned word vectors; `vectors` [V, any] are those to start from.

    In both directions the two hidden states of a word are averaged, as SCAN, VSE-infinity and SGRAF do.
    """

    def __init__(self, vectors: Tensor, d: int, *, bidirectional: bool, dropout: float) -> None:
        super().__init__()
        self.word2vec = nn.Embedding(len(vectors), vectors.shape[1], PADDING, _weight=vectors.clone())
        self.dropout = nn.Dropout(dropout)
        self.gru = over_words(vectors.shape[1], d, bidirectional)

    def forward(self, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """words [C, N] -> states [C, N, d] (zeros for padding), mask [C, N], last forward states [C, d]."""
        states, last = run_over(self.gru, self.dropout(self.word2vec(words)), words != PADDING)
        return states, words != PADDING, last


def over_words(width: int, d: int, bidirectional: bool) -> nn.GRU:
    """A GRU layer from vectors of `width` to states of `d`."""
    return nn.GRU(width, d, batch_first=True, bidirectional=bidirectional)


def run_over(gru: nn.GRU, vectors: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Vectors [C, N, w] of which the first `mask.sum(1)` of each row count -> states [C, N, d], last forward [C, d]."""
    packed = pack_padded_sequence(vectors, mask.sum(1).cpu(), batch_first=True, enforce_sorted=False)
    output, last = gru(packed)
    states, _ = pad_packed_sequence(output, batch_first=True, total_length=vectors.shape[1])
    if gru.bidirectional:
        forwards, backwards = states.chunk(2, -1)
        states = (forwards + backwards) / 2
    return states, last[0]


def dropped(words: Tensor, share: float, instead: int) -> Tensor:
    """Words [C, N] of which a `share`, drawn anew, are replaced by the word number `instead`; padding stays."""
    chosen = torch.rand(words.shape, device=words.device) < share
    return words.masked_fill(chosen & (words != PADDING), instead)
