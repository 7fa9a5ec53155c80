"""EDAN, the Event-Driven Attention Network, in the symbols of its paper.

B images, C captions, K regions, N words (of the longest caption; shorter ones are padded), d the shared dimension.
Where the paper is silent or contradicts itself, `EdanConfig` names the choices and docs/edan.md gives the reasons.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gatherset.baselines.interface import Encoded, Model
from gatherset.baselines.ranges import Ranges, check_ranges
from gatherset.baselines.words import PADDING
from gatherset.dataset.errors import InputError

RANGES: Ranges = {
    **dict.fromkeys(("d", "layers", "heads", "feed_forward", "word_dim"), (1, math.inf)),
    **dict.fromkeys(("dropout", "region_dropout", "word_dropout"), (0, 0.99)),
    "sharpness": (1e-6, 40),  # e^(2 λ) must stay a float32
}
TINY = 1e-36  # under every denominator; e^-40 squared is still larger
SMALL = 1e-16  # under the root of a sum of squared cosines


@dataclass(frozen=True)
class EdanConfig:
    """The shape of the model. `PRESETS` holds the paper's and one for a CPU."""

    d: int = 1024  # shared dimension
    layers: int = 6  # encoder layers over the regions, Eq. 1
    heads: int = 8  # of each encoder layer (not in the paper)
    feed_forward: int = 2  # width of an encoder layer's inner layer, times d (not in the paper)
    word_dim: int = 300  # Word2Vec dimension; vectors that are given have their own
    dropout: float = 0.1  # in the encoder, on the regions and on the words
    region_dropout: float = 0.0  # share of an image's regions that training leaves out, anew each time it is seen
    word_dropout: float = 0.0  # likewise for the words of a caption
    label: bool = True  # event type as l_0; without it, l_0 is a learned constant
    hierarchy: bool = False  # l_0 is the sum of the vectors of the event type and of its group (the paper's outlook)
    attention: Literal["event", "self", "none"] = "event"  # over the words, Eq. 2 to 4; the rows of the paper's Table 3
    output: Literal["weighted", "residual"] = "residual"  # decision 1: t_j = N a_j V_j, or l_j + N a_j V_j
    alignment: Literal["both", "global", "local"] = "both"  # the rows of the paper's Table 5
    similarity: Literal["cosine", "sgraf256"] = "cosine"  # decision 2: sim(I, T), Eq. 6
    pooling: Literal["printed", "log_mean_exp", "mean"] = "printed"  # decision 3: Eq. 12 and 13
    sharpness: float = 9.0  # decision 5: λ of ω = softmax(λ s), at most 40
    weights: Literal["softmax", "scan"] = "softmax"  # decision 5: of s, or of it clipped and normalised as SCAN does

    def __post_init__(self) -> None:
        """InputError for a number that no model can have."""
        check_ranges(self, RANGES)
        if self.d % self.heads:
            raise InputError(f"d = {self.d} is no multiple of heads = {self.heads}", "Choose another d, or other heads")


PRESETS = {
    "paper": EdanConfig(),
    "cpu": EdanConfig(d=128, layers=1, heads=4, dropout=0.2, region_dropout=0.5, word_dropout=0.1, pooling="mean"),
}


class EventDrivenAttention(nn.Module):
    """Eq. 2 to 4: the event label alone asks, every word answers."""

    def __init__(self, config: EdanConfig) -> None:
        super().__init__()
        d = config.d
        self.residual = config.output == "residual"
        self.norm_event, self.norm_words = nn.LayerNorm(d), nn.LayerNorm(d)
        self.W_Q, self.W_K, self.W_V = (nn.Linear(d, d, bias=False) for _ in range(3))

    def forward(self, l_0: Tensor, L: Tensor, mask: Tensor) -> Tensor:
        """l_0 [C, d], L [C, N, d], mask [C, N] (True: a word) -> T [C, N, d]."""
        a, V = self.weights(l_0, L, mask), self.W_V(self.norm_words(L))
        # Times N, so that the mean of Eq. 5 is the weighted sum of Eq. 4.
        T: Tensor = mask.sum(-1)[:, None, None] * a[..., None] * V
        return L + T if self.residual else T

    def weights(self, l_0: Tensor, L: Tensor, mask: Tensor) -> Tensor:
        """How much of its attention the event gives to each word, [C, N]; Eq. 2 and 3."""
        Q, K = self.W_Q(self.norm_event(l_0)), self.W_K(self.norm_words(L))
        scores = torch.einsum("cd,cnd->cn", Q, K) / math.sqrt(Q.shape[-1])
        return scores.masked_fill(~mask, -torch.inf).softmax(-1)


class SelfAttention(nn.Module):
    """The paper's Table 3, "self-attention": every word asks, the label being one of them."""

    def __init__(self, config: EdanConfig) -> None:
        super().__init__()
        d = config.d
        self.residual = config.output == "residual"
        self.norm = nn.LayerNorm(d)
        self.W_Q, self.W_K, self.W_V = (nn.Linear(d, d, bias=False) for _ in range(3))

    def forward(self, L: Tensor, mask: Tensor) -> Tensor:
        """L [C, N, d], mask [C, N] -> T [C, N, d]."""
        words = self.norm(L)
        Q, K, V = self.W_Q(words), self.W_K(words), self.W_V(words)
        scores = Q @ K.transpose(1, 2) / math.sqrt(Q.shape[-1])  # [C, N, N]
        T: Tensor = scores.masked_fill(~mask[:, None, :], -torch.inf).softmax(-1) @ V
        return L + T if self.residual else T


class Edan(Model):
    """The two encoders and the two similarities.

    `region_dim` is D of the extractor; `vectors` [V, any] are the word vectors to start from.
    """

    theta: Tensor
    group_of: Tensor

    def __init__(self, config: EdanConfig, region_dim: int, vectors: Tensor) -> None:
        super().__init__()
        self.config = config
        d = config.d
        # Share of the local similarity in the score, Eq. 16; chosen on validation.
        self.register_buffer("theta", torch.tensor({"both": 0.5, "global": 0.0, "local": 1.0}[config.alignment]))
        self.dropout = nn.Dropout(config.dropout)
        self.fc_region = nn.Linear(region_dim, d)
        self.fc_mean_region = nn.Linear(region_dim, d)
        self.token = nn.Parameter(torch.randn(d) / math.sqrt(d))
        layer = nn.TransformerEncoderLayer(
            d, config.heads, config.feed_forward * d, config.dropout, batch_first=True, norm_first=True
        )
        self.transformer = nn.TransformerEncoder(layer, config.layers, nn.LayerNorm(d), enable_nested_tensor=False)
        self.word2vec = nn.Embedding(len(vectors), vectors.shape[1], PADDING, _weight=vectors.clone())
        self.fc_word = nn.Linear(vectors.shape[1], d)
        if config.label and config.hierarchy:
            self.register_buffer("group_of", torch.zeros(len(vectors), dtype=torch.long))  # word number of its group
        if not config.label and config.attention == "event":
            self.l_0 = nn.Parameter(torch.randn(d) / math.sqrt(d))
        if config.attention == "event":
            self.attention: nn.Module = EventDrivenAttention(config)
        else:
            self.attention = SelfAttention(config) if config.attention == "self" else nn.Identity()
        if config.similarity == "sgraf256" and config.alignment != "local":
            self.W_s = nn.Linear(d, 256, bias=False)
            self.to_score = nn.Linear(256, 1)

    @property
    def takes_event(self) -> bool:
        """Whether the event type given with a caption changes anything."""
        return bool(self.config.label)

    def encode_images(self, regions: Tensor) -> Encoded:
        """v_glo [B, d], and the fields of `Rows` of V̂ unless there is only the global alignment."""
        v_glo, V = self.image_vectors(regions)
        return (v_glo, *Rows.of(V).fields) if self.multiplies_regions else (v_glo,)

    def encode_captions(self, words: Tensor, events: Tensor) -> Encoded:
        """t_glo [C, d], and the fields of `Rows` of T unless there is only the global alignment."""
        t_glo, T, _ = self.caption_vectors(words, events)
        return (t_glo, *Rows.of(T).fields) if self.multiplies_regions else (t_glo,)

    @property
    def multiplies_regions(self) -> bool:
        """Unless there is only the global alignment."""
        return bool(self.config.alignment != "global")

    def halved(self, images: Encoded) -> Encoded:
        """With the regions of length one in bfloat16, see `products`."""
        v_glo, unit, *others = images
        return v_glo, unit.bfloat16(), *others

    def score(self, images: Encoded, captions: Encoded) -> tuple[Tensor, Tensor]:
        """Eq. 16 for image to text and for text to image, [B, C] each."""
        sim, S_TI, S_IT = self.similarities(images, captions)
        return final_score(sim, S_IT, float(self.theta)), final_score(sim, S_TI, float(self.theta))

    def similarities(self, images: Encoded, captions: Encoded) -> tuple[Tensor, Tensor, Tensor]:
        """sim(I, T), S(T, I) and S(I, T), [B, C] each; one number, zero, where the model has no use for it."""
        sim = S_TI = S_IT = torch.zeros((), device=images[0].device)
        if self.config.alignment != "local":
            sim = self.global_similarity(images[0], captions[0])
        if self.config.alignment != "global":
            S_TI, S_IT = self.local_similarity(Rows(*images[1:]), Rows(*captions[1:]))
        return sim, S_TI, S_IT

    def label_vector(self, events: Tensor) -> Tensor:
        """l_0 [C, d] of the event types [C], as word numbers."""
        l_0 = self.word2vec(events)
        if self.config.hierarchy:
            l_0 = l_0 + self.word2vec(self.group_of[events])  # of a type without a group: padding, which is zero
        vector: Tensor = self.fc_word(l_0)
        return vector

    def begin_as_identity(self) -> None:
        """Set what the encoder layers and the attention add to their input to zero."""
        for layer in self.transformer.layers:
            for linear in (layer.self_attn.out_proj, layer.linear2):
                nn.init.zeros_(linear.weight)
                nn.init.zeros_(linear.bias)
        if isinstance(self.attention, (EventDrivenAttention, SelfAttention)) and self.attention.residual:
            nn.init.zeros_(self.attention.W_V.weight)

    def image_vectors(self, regions: Tensor) -> tuple[Tensor, Tensor]:
        """regions [B, K, D] -> v_glo [B, d], V̂ [B, K, d].

        A region of zeros is padding: nothing looks at it, and its v̂ is zero as well.
        """
        if self.training and self.config.region_dropout:
            regions = some_regions(regions, 1 - self.config.region_dropout)
        regions = regions.float()
        real = real_rows(regions)  # [B, K]
        i = self.dropout(self.fc_region(normalised(regions)))  # [B, K, d]
        i_0 = self.token + self.dropout(self.fc_mean_region(global_feature(regions)))  # [B, d]
        padding = F.pad(~real, (1, 0))
        V = self.transformer(torch.cat([i_0[:, None], i], 1), src_key_padding_mask=padding)  # [B, 1 + K, d], Eq. 1
        return V[:, 0], V[:, 1:] * real[..., None]  # Eq. 5, left

    def caption_vectors(self, words: Tensor, events: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """words [C, N] (0: padding), events [C], both word numbers -> t_glo [C, d], T [C, N, d], mask [C, N].

        Where the label is a word among others (attention `self` or `none`), N is one more and the label is word 0.
        """
        config = self.config
        if self.training and config.word_dropout:
            left_out = torch.rand(words.shape, device=words.device) < config.word_dropout
            left_out[:, 0] = False  # a caption keeps a word
            words = words.masked_fill(left_out, PADDING)
        mask = words != PADDING
        L = self.fc_word(self.dropout(self.word2vec(words)))  # [C, N, d]
        l_0 = self.label_vector(events) if config.label else None
        if config.attention == "event":
            T = self.attention(self.l_0.expand(len(L), -1) if l_0 is None else l_0, L, mask)
        else:
            if l_0 is not None:
                L = torch.cat([l_0[:, None], L], 1)
                mask = torch.cat([mask.new_ones(len(mask), 1), mask], 1)
            T = self.attention(L, mask) if config.attention == "self" else L
        T = T * mask[..., None]
        return T.sum(1) / mask.sum(1, keepdim=True), T, mask  # Eq. 5, right

    def event_weights(self, words: Tensor, events: Tensor) -> Tensor:
        """How much each word of each caption counts for the event, Eq. 3: [C, N]; all alike without such attention."""
        mask = words != PADDING
        if not isinstance(self.attention, EventDrivenAttention):
            return mask / mask.sum(1, keepdim=True)
        l_0 = self.label_vector(events) if self.config.label else self.l_0.expand(len(words), -1)
        return self.attention.weights(l_0, self.fc_word(self.word2vec(words)), mask)

    def global_similarity(self, v_glo: Tensor, t_glo: Tensor) -> Tensor:
        """sim(I, T), Eq. 6: v_glo [B, d], t_glo [C, d] -> [B, C]."""
        v, t = F.normalize(v_glo, dim=-1), F.normalize(t_glo, dim=-1)
        if self.config.similarity == "cosine":
            return v @ t.T
        W = self.W_s.weight  # [256, d]; W |v - t|² = W v² - 2 W (v t) + W t², so no [B, C, d] is ever made
        cross = ((v[:, None] * W) @ t.T).transpose(1, 2)  # [B, C, 256]
        difference = (v**2 @ W.T)[:, None] - 2 * cross + (t**2 @ W.T)
        return torch.sigmoid(self.to_score(F.normalize(difference, dim=-1)).squeeze(-1))

    def local_similarity(self, V: Rows, T: Rows) -> tuple[Tensor, Tensor]:
        """S(T, I) and S(I, T), Eq. 10 to 13, of B images and C captions -> twice [B, C]."""
        attended = clipped_similarities if self.config.weights == "scan" else attended_similarities
        s_words, s_regions = attended(V, T, self.config.sharpness)
        pooling = self.config.pooling
        return pool(s_words, T.real[None], pooling), pool(s_regions, V.real[:, None], pooling)


@dataclass(frozen=True)
class Rows:
    """The regions of images, or the words of captions, as Eq. 10 and 11 use them; padding is a row of zeros."""

    unit: Tensor  # [B, K, d], each row of length one
    length: Tensor  # [B, K]
    gram: Tensor  # [B, K, K], products of the rows before they were made units
    real: Tensor  # [B, K], False for padding

    @classmethod
    def of(cls, rows: Tensor) -> Rows:
        """rows [B, K, d]."""
        return cls(F.normalize(rows, dim=-1), rows.norm(dim=-1), rows @ rows.transpose(1, 2), real_rows(rows))

    @property
    def fields(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What `Rows(*fields)` makes whole again."""
        return self.unit, self.length, self.gram, self.real


def normalised(regions: Tensor) -> Tensor:
    """Signed roots of length sqrt(D): a few large activations no longer drown the rest. [..., D] -> [..., D]."""
    return F.normalize(regions.abs().sqrt() * regions.sign(), dim=-1) * math.sqrt(regions.shape[-1])


def some_regions(regions: Tensor, share: float) -> Tensor:
    """A `share` of the regions [B, K, D] of each image, drawn anew, at least one: [B, k, D].

    It is a share of the regions that are there: padding comes last, and where others have more there is padding again.
    """
    real = real_rows(regions)
    kept = (real.sum(1) * share).round().clamp(min=1)
    which = (torch.rand(real.shape, device=regions.device) + ~real).argsort(1)[:, : int(kept.max())]
    drawn = regions.gather(1, which[..., None].expand(-1, -1, regions.shape[2]))
    places = torch.arange(which.shape[1], device=regions.device)
    return drawn * (places < kept[:, None])[..., None]


def global_feature(regions: Tensor) -> Tensor:
    """The normalised mean region, [B, K, D] -> [B, D]; the root comes after the mean, which retrieves better."""
    return normalised(regions.sum(1) / real_rows(regions).sum(1, keepdim=True))


def real_rows(rows: Tensor) -> Tensor:
    """[B, K]: False for rows of zeros in [B, K, d], which are padding; where all are, the first one counts."""
    real = (rows != 0).any(-1)
    real[:, 0] |= ~real.any(1)
    return real


def attended_similarities(V: Rows, T: Rows, sharpness: float) -> tuple[Tensor, Tensor]:
    """S(t_i, I) as [B, C, N] and S(v̂_j, T) as [B, C, K], Eq. 10 and 11, without ever making an attended vector.

    With s_ij the cosine of word i and region j, and e_ij = exp(λ s_ij), the softmax's normaliser cancels in the cosine
    of Eq. 11: S(t_i, I) = Σ_j e_ij s_ij |v̂_j| / sqrt(e_iᵀ G e_i), where G_jk = v̂_j·v̂_k. Likewise for a region and
    the words, with the Gram matrix of the words. A row of zeros adds nothing to either sum, so padding needs no mask;
    what stands at a padded word or region itself means nothing.
    """
    e, es = exponentials(V, T, sharpness)
    return words_asking(e, es, V) / sharpness, regions_asking(e, es, T) / sharpness


def exponentials(V: Rows, T: Rows, sharpness: float) -> tuple[Tensor, Tensor]:
    """e_ij and λ e_ij s_ij as [C, N, B, K]."""
    (B, K, d), (C, N, _) = V.unit.shape, T.unit.shape
    s = products((T.unit * sharpness).view(C * N, d), V.unit.reshape(B * K, d))
    e = s.exp()
    return e.view(C, N, B, K), (e * s).view(C, N, B, K)


def products(few: Tensor, many: Tensor) -> Tensor:
    """[m, d] with [n, d] as [m, n] in the precision of `few`; it is computed, and rounded, in that of `many`.

    Where m is far below n, BLAS takes half the time with the long matrix in front.
    """
    other = few.to(many.dtype)
    product = (many @ other.T).T.contiguous() if 100 * len(few) < len(many) else other @ many.T
    return product.to(few.dtype)


def clipped_similarities(V: Rows, T: Rows, sharpness: float) -> tuple[Tensor, Tensor]:
    """As `attended_similarities`, with the weights of SCAN (Lee et al., 2018, Eq. 1 to 3).

    The cosines lose what is below zero and are normalised over those who ask, before the softmax over those asked.
    """
    (B, K, d), (C, N, _) = V.unit.shape, T.unit.shape
    s = products(T.unit.view(C * N, d), V.unit.reshape(B * K, d)).view(C, N, B, K)
    by_words, by_regions = (normalised_weights(s, sharpness, axis) for axis in (1, 3))
    return words_asking(by_words, by_words * s, V), regions_asking(by_regions, by_regions * s, T)


def normalised_weights(s: Tensor, sharpness: float, axis: int, leak: float = 0.0) -> Tensor:
    """exp(λ s̄), s̄ = [s]₊ / sqrt(Σ [s]₊²) over `axis`, of those who ask; [s]₊ keeps `leak` of what is below zero."""
    positive = F.leaky_relu(s, leak)
    square = (positive * positive).sum(axis, keepdim=True)  # vector_norm along the words is many times slower
    return (positive * (sharpness * (square + SMALL).rsqrt())).exp()


def words_asking(e: Tensor, es: Tensor, V: Rows) -> Tensor:
    """λ S(t_i, I) as [B, C, N]."""
    C, N, B, K = e.shape
    of_images = e.view(C * N, B, K).transpose(0, 1)  # [B, CN, K]
    square = ((of_images @ V.gram) * of_images).sum(-1)
    numerator = (es.view(C * N, B, K) * V.length).sum(-1).T
    return (numerator / square.clamp(min=TINY).sqrt()).view(B, C, N)


def regions_asking(e: Tensor, es: Tensor, T: Rows) -> Tensor:
    """λ S(v̂_j, T) as [B, C, K]."""
    C, N, B, K = e.shape
    of_captions = e.view(C, N, B * K)
    square = ((T.gram @ of_captions) * of_captions).sum(1)
    numerator = (T.length[:, None] @ es.view(C, N, B * K)).squeeze(1)  # [C, BK]
    return (numerator / square.clamp(min=TINY).sqrt()).view(C, B, K).transpose(0, 1)


def pool(similarities: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """Eq. 12 and 13: (1/n) log Σ exp(n x) over the last axis, n the number of True in `mask`; [..., n] -> [...].

    With `log_mean_exp` it is the logarithm of the mean: longer captions then have no advantage over shorter ones. Both
    lie close to the largest x; with `mean` every word or region counts as much as any other.
    """
    n = mask.sum(-1)
    if pooling == "mean":
        return similarities.masked_fill(~mask, 0).sum(-1) / n
    total = (n[..., None] * similarities).masked_fill(~mask, -torch.inf).logsumexp(-1)
    return (total if pooling == "printed" else total - n.log()) / n


def final_score(sim: Tensor, S: Tensor, theta: float) -> Tensor:
    """Eq. 16: (1 - θ) sim + θ S."""
    return (1 - theta) * sim + theta * S
