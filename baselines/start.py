"""The weights that training can begin with: those of a linear CCA between mean regions and tf-idf words.

A few thousand images are few for a network that begins with random weights. A regularised linear CCA is solved in
seconds and retrieves better than such a network after an hour. Both its projections are linear maps that EDAN has as
well, so EDAN can begin as that CCA and learn from there what a CCA cannot express.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from gatherset.baselines.cca import fit
from gatherset.baselines.edan import global_feature
from gatherset.baselines.words import PADDING
from gatherset.dataset.features import FeatureFile

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from gatherset.baselines.edan import Edan
    from gatherset.baselines.loader import Captions

IMAGES_AT_ONCE = 256

Floats = NDArray[np.float32]


@torch.no_grad()
def start_from_cca(model: Edan, features: FeatureFile, ids: Sequence[str], captions: Captions) -> None:
    """Set the word vectors and the linear maps of `model` to the CCA of the training images `ids` and `captions`.

    The layers between begin as the identity. The model's word vectors have d numbers. An event type counts as a word of
    its captions where the model takes one.
    """
    d, V = model.config.d, len(model.word2vec.weight)
    images = global_features(features, ids)
    counts = _counts(captions, V, model.config.label)
    present = np.asarray((counts > 0).sum(0)).ravel()
    idf = np.log((1 + len(captions)) / (1 + present)) + 1
    words = counts.multiply(idf).tocsr()
    length = np.sqrt(np.asarray(words.multiply(words).sum(1)).ravel())
    words = words.multiply(1 / length[:, None]).tocsr()

    image = captions.image.numpy()
    image_mean, word_mean = images[image].mean(0), np.asarray(words.mean(0)).ravel()
    of_image = np.bincount(image, minlength=len(images))
    centred = images - image_mean
    shared = words.T @ centred[image] / len(image)  # [V, D]; the images are centred, so the words need not be
    left, right = fit(
        (centred.T * of_image) @ centred / len(image),
        (words.T @ words).toarray() / len(image) - np.outer(word_mean, word_mean),
        shared.T,
        d,
    )
    # Rows of length sqrt(d), as the layers that follow expect them.
    regions = math.sqrt(d) / np.linalg.norm(centred @ left, axis=1).mean()
    vectors = (idf[:, None] * right).astype(np.float32)
    offset = (word_mean @ right) * (length / np.asarray(counts.sum(1)).ravel()).mean()
    scale = math.sqrt(d) / np.linalg.norm(vectors[present > 0] - offset, axis=1).mean()

    for linear in (model.fc_region, model.fc_mean_region):
        linear.weight.copy_(_padded(left.T * regions, d, images.shape[1]))
        linear.bias.copy_(_padded(-(image_mean @ left) * regions, d))
    model.token.zero_()
    model.word2vec.weight.copy_(_padded(vectors * scale, V, d))
    model.word2vec.weight[PADDING] = 0
    torch.nn.init.eye_(model.fc_word.weight)
    model.fc_word.bias.copy_(_padded(-offset * scale, d))
    model.begin_as_identity()


def global_features(features: FeatureFile, ids: Sequence[str]) -> Floats:
    """The global feature [n, D] of each image, as the model sees it."""
    blocks = (ids[start : start + IMAGES_AT_ONCE] for start in range(0, len(ids), IMAGES_AT_ONCE))
    return np.concatenate(
        [global_feature(torch.from_numpy(features.regions(block)).float()).numpy() for block in blocks]
    )


def _counts(captions: Captions, V: int, label: bool) -> csr_matrix:
    """How often each of V words stands in each caption, its event type counting as one where `label`: [C, V]."""
    from scipy.sparse import csr_matrix

    words = torch.cat([captions.words, captions.events[:, None]], 1) if label else captions.words
    rows, columns = np.nonzero(words.numpy())
    return csr_matrix((np.ones(len(rows), np.float32), (rows, words.numpy()[rows, columns])), (len(words), V))


def _padded(values: NDArray[np.floating], *shape: int) -> torch.Tensor:
    """`values` in the corner of zeros: a CCA has no more directions than the smaller side has dimensions."""
    whole = torch.zeros(shape)
    whole[tuple(slice(n) for n in values.shape)] = torch.from_numpy(values.astype(np.float32))
    return whole
