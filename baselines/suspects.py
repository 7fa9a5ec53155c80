"""Suspects: captions and event types of a release that a model which has not seen them finds implausible.

The release is cut into folds, whatever its splits; each fold is judged by a model trained on the others. It is trained
without event types, for these are doubted too.

A caption is judged by two numbers: how well its picture, and how well the other captions of its picture, fit it, each
in standard deviations above the pictures of the fold. What these numbers are where a caption is wrong is known: those
of captions held against pictures drawn at random. A logistic regression between the two kinds gives the ratio of their
densities, and that, with the share of wrong captions, the probability that a caption is wrong. An event type is judged
in the same way, by how likely a softmax regression on the words of all captions and the global feature of the picture
finds it, beside the likeliest other type and beside types drawn at random.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from gatherset.baselines.cca import TfIdf
from gatherset.baselines.event_classifier import Softmax
from gatherset.baselines.loader import Part, SplitLike, caption_image, flat_captions, flat_events, number_captions
from gatherset.baselines.scoring import all_scores, encode_captions
from gatherset.baselines.start import global_features
from gatherset.baselines.train import run_config, train
from gatherset.baselines.train_settings import TrainConfig
from gatherset.dataset.errors import ModelError
from gatherset.dataset.records import SPLITS
from gatherset.dataset.suspects import Suspect
from gatherset.dataset.tokens import normalised

if TYPE_CHECKING:
    from gatherset.baselines.runs import Run
    from gatherset.dataset.features import FeatureFile
    from gatherset.dataset.loading import Release

DECOYS = 4  # random pictures that each caption is held against
BLOCK = 1024  # captions compared with all pictures at once
DOUBTED = 0.5  # least probability of being wrong
FIRST_SHARE, ROUNDS = 0.3, 30  # share of wrong captions to begin with, and rounds of estimating it
THIN = 5  # records of a type in the other folds; fewer cannot show what the type looks like
VALIDATION = 10  # one in so many of the other folds' records chooses epoch and θ

Floats = NDArray[np.float64]


def whole_of(release: Release) -> Part:
    """All records, train first."""
    splits = [release[name] for name in SPLITS]
    return Part(
        [record for split in splits for record in split.ids],
        [captions for split in splits for captions in split.captions],
        [kind for split in splits for kind in split.event_types],
    )


class Folded:
    """A release in which one fold is the test split and a tenth of the rest the validation split."""

    def __init__(self, release: Release, fold: int, folds: int) -> None:
        whole = whole_of(release)
        # By a hash: the folds stay as they are while records come and go.
        place = [int(hashlib.sha256(record.encode()).hexdigest()[:15], 16) for record in whole.ids]
        held_out = [row for row, number in enumerate(place) if number % folds == fold]
        rest = sorted({*range(len(whole))} - {*held_out}, key=lambda row: place[row])
        validation = rest[::VALIDATION]
        rows = {"train": sorted({*rest} - {*validation}), "val": sorted(validation), "test": held_out}
        self.splits = {name: whole[chosen] for name, chosen in rows.items()}
        self.name, self.content_hash, self.event_types = release.name, release.content_hash, release.event_types
        # Another name than the release's: a model of a fold must not be measured on the release's own test split.
        self.version = f"{release.version} without fold {fold + 1} of {folds}"

    def __getitem__(self, split: str) -> Part:
        return self.splits[split]


@dataclass(frozen=True)
class Evidence:
    """What a fold's model says of its captions; C captions, row by row as in `flat_captions`."""

    fits: Floats  # [C, 2]: to its picture, and to the picture's other captions
    decoys: Floats  # [C * DECOYS, 2]: the same for random pictures
    better: Floats  # [C]: share of the fold's other pictures that the caption fits better than its own


def find_suspects(
    run: Run, release: Release, features: FeatureFile, *, folds: int = 3, report: Callable[[str], None] = print
) -> list[Suspect]:
    """What is implausible in `release`, the surest first, by models with the settings of `run`.

    The folds' models stay in the run's folder: repeated, it trains only what is missing. ModelError where the release
    is too small to be cut into so many folds, or the features are not those that the model was trained on.
    """
    features.require(release)
    run.require(features)
    parts = [Folded(release, fold, folds) for fold in range(folds)]
    if min(len(part[split]) for part in parts for split in ("train", "test")) < 2:
        raise ModelError(
            f"{release.name}@{release.version} has too few records for {folds} folds", "Choose fewer: --folds 2"
        )
    evidence, tests = [], []
    for fold, part in enumerate(parts):
        report(f"fold {fold + 1} of {folds}:")
        evidence.append(_caption_evidence(run, part, features, fold, folds, report))
        tests.append(part["test"])
    found = [*_doubted_captions(tests, evidence), *doubted_events(parts, features)]
    return sorted(found, key=lambda suspect: (-suspect.score, suspect.record_id, suspect.position))


def _caption_evidence(
    run: Run, part: Folded, features: FeatureFile, fold: int, folds: int, report: Callable[[str], None]
) -> Evidence:
    shape = replace(run.edan.config, label=False)
    settings = TrainConfig(**run.config.training)
    # Another release or code makes another model: an older one must neither be taken for it nor block it.
    made_of = run_config(cast("Release", part), features, shape, settings)
    folder = run.folder / "folds" / f"{fold + 1}-of-{folds}-{made_of.hash[:8]}"
    trained = train(cast("Release", part), features, folder, shape=shape, settings=settings, report=report)
    test = part["test"]
    numbers = number_captions(test, trained.vocabulary, flat_events(test))
    _, scores = all_scores(trained.model, features, test.ids, numbers)
    owner = caption_image(test)
    told = np.empty((len(numbers), trained.edan.config.d))
    for columns, (t_glo, *_) in encode_captions(trained.model, numbers):
        told[columns.numpy()] = F.normalize(t_glo, dim=-1).double().numpy()
    return caption_evidence(scores, told, owner, fold)


def caption_evidence(scores: NDArray[np.float32], told: Floats, owner: NDArray[np.integer], seed: int) -> Evidence:
    """Of the scores [images, C] of all captions, their vectors `told` [C, d], and the picture of each, `owner` [C].

    Captions are compared in blocks, so that only `scores` grows with images times captions.
    """
    images, captions = scores.shape
    others = np.random.default_rng(seed).integers(1, images, (DECOYS, captions))
    others = (owner + others) % images  # never its own
    sums = np.zeros((images, told.shape[1]))
    np.add.at(sums, owner, told)
    fits, decoys, better = np.empty((2, captions)), np.empty((2, DECOYS, captions)), np.empty(captions)
    for start in range(0, captions, BLOCK):
        block = slice(start, start + BLOCK)
        own, row = owner[block], np.arange(len(owner[block]))
        values = scores[:, block].astype(np.float64)
        for number, seen in enumerate((values, _sibling_scores(sums, told[block], owner, own))):
            above = (seen - seen.mean(0)) / seen.std(0).clip(min=1e-9)
            fits[number, block], decoys[number, :, block] = above[own, row], above[others[:, block], row]
        better[block] = (values > values[own, row]).sum(0) / (images - 1)
    return Evidence(fits.T, decoys.reshape(2, -1).T, better)


def _sibling_scores(sums: Floats, told: Floats, owner: NDArray[np.integer], own: NDArray[np.integer]) -> Floats:
    """How near captions `told` [c, d] of pictures `own` [c] are to the mean of each picture's captions, [images, c].

    To its own without itself; `sums` [images, d] are of all captions, which belong to `owner`. Where a picture has but
    one caption this says nothing of anybody: zeros.
    """
    counts = np.bincount(owner, minlength=len(sums))
    if counts.min() < 2:
        return np.zeros((len(sums), len(told)))
    scores: Floats = (sums / counts[:, None]) @ told.T
    scores[own, np.arange(len(told))] = ((sums[own] - told) * told).sum(1) / (counts[own] - 1)
    return scores


def probability_of_being_wrong(fits: Floats, decoys: Floats) -> Floats:
    """Of each row of `fits` [C, 2], where `decoys` [n, 2] are such numbers of what is surely wrong.

    Expectation and maximisation: the ratio of the densities of wrong and right ones is fitted with each row of `fits`
    counting as far as it is right, and the share of the wrong is the mean of what follows.
    """
    x = np.concatenate([fits, decoys])
    inputs = _curved((x - x.mean(0)) / x.std(0).clip(min=1e-9))
    labels = np.r_[np.zeros(len(fits), int), np.ones(len(decoys), int)]
    wrong, share = np.zeros(len(fits)), FIRST_SHARE
    for _ in range(ROUNDS):
        right = 1 - wrong
        weights = np.concatenate([right / (2 * right.sum()), np.full(len(decoys), 0.5 / len(decoys))])
        fitted = Softmax(inputs, labels, 2, decay=1e-5, weights=weights)
        log_p = fitted.log_probabilities(inputs[: len(fits)])
        odds = share / (1 - share) * np.exp((log_p[:, 1] - log_p[:, 0]).clip(-30, 30))
        wrong = odds / (1 + odds)
        share = float(wrong.mean().clip(1e-4, 0.5))
    return wrong


def _curved(x: Floats) -> Floats:
    """[n, 2] with their squares and product: the logarithm of the ratio of two normal densities is linear in these."""
    return np.stack([x[:, 0], x[:, 1], x[:, 0] ** 2, x[:, 1] ** 2, x[:, 0] * x[:, 1]], 1)


def _doubted_captions(tests: Sequence[Part], evidence: Sequence[Evidence]) -> list[Suspect]:
    """The captions that are more likely wrong than right."""
    probability = probability_of_being_wrong(
        np.concatenate([one.fits for one in evidence]), np.concatenate([one.decoys for one in evidence])
    )
    better = np.concatenate([one.better for one in evidence])
    told_of = defaultdict(list)
    for part in tests:
        for record, captions in zip(part.ids, part.captions, strict=True):
            for text in captions:
                told_of[normalised(text)].append(record)
    places = [
        (record, position, text)
        for part in tests
        for record, captions in zip(part.ids, part.captions, strict=True)
        for position, text in enumerate(captions)
    ]
    found = []
    for row in np.flatnonzero(probability >= DOUBTED).tolist():
        record, position, text = places[row]
        reason = f"it fits {better[row]:.0%} of other pictures better than this one"
        if twins := sorted(set(told_of[normalised(text)]) - {record}):
            reason += f"; the same words are told of {', '.join(twins[:3])}"
        found.append(Suspect(record, "caption", position, text, float(probability[row]), reason))
    return found


@dataclass(frozen=True)
class _Guess:
    """How likely each type is for the records of a fold that can be judged."""

    records: list[str]
    types: list[str]  # of the columns
    given: NDArray[np.integer]  # [n] the column of the record's type
    log_p: Floats  # [n, types]

    def fits(self, columns: NDArray[np.integer]) -> Floats:
        """[n, 2]: how likely the type in `columns` is, and how much likelier than the likeliest other."""
        rows = np.arange(len(columns))
        own, others = self.log_p[rows, columns], self.log_p.copy()
        others[rows, columns] = -np.inf
        return np.stack([own, own - others.max(1)], 1)

    def decoys(self, seed: int) -> Floats:
        """[n * DECOYS, 2]: the same for types that are surely wrong."""
        steps = np.random.default_rng(seed).integers(1, len(self.types), (DECOYS, len(self.given)))
        return np.concatenate([self.fits((self.given + step) % len(self.types)) for step in steps])


def _guess(part: Folded, features: FeatureFile) -> _Guess:
    known = _joined(part["train"], part["val"])
    tfidf = TfIdf.of(flat_captions(known))
    counts = Counter(known.event_types)
    types = sorted(counts)
    labels = np.array([types.index(kind) for kind in known.event_types])
    fitted = Softmax(_seen_and_told(known, tfidf, features), labels, len(types))
    test = part["test"][[row for row, kind in enumerate(part["test"].event_types) if counts[kind] >= THIN]]
    given = np.array([types.index(kind) for kind in test.event_types], np.int64)
    return _Guess(test.ids, types, given, fitted.log_probabilities(_seen_and_told(test, tfidf, features)))


def doubted_events(parts: Sequence[Folded], features: FeatureFile) -> list[Suspect]:
    """The records of all folds whose type is more likely wrong than right, and less likely than another."""
    guesses = [guess for part in parts if len((guess := _guess(part, features)).given) and len(guess.types) > 1]
    if not guesses:
        return []
    fits = np.concatenate([guess.fits(guess.given) for guess in guesses])
    decoys = np.concatenate([guess.decoys(seed) for seed, guess in enumerate(guesses)])
    probability = probability_of_being_wrong(fits, decoys)
    places = [(guess, row) for guess in guesses for row in range(len(guess.given))]
    found = []
    for row in np.flatnonzero((probability >= DOUBTED) & (fits[:, 1] < 0)).tolist():
        guess, own = places[row]
        p, kind = np.exp(guess.log_p[own]), guess.types[guess.given[own]]
        best = guess.types[int(p.argmax())]
        reason = f"captions and picture look like {best} ({p.max():.0%}) rather than {kind} ({p[guess.given[own]]:.0%})"
        found.append(Suspect(guess.records[own], "event", 0, kind, float(probability[row]), reason, best))
    return found


def _joined(one: Part, other: Part) -> Part:
    return Part([*one.ids, *other.ids], [*one.captions, *other.captions], [*one.event_types, *other.event_types])


def _seen_and_told(part: SplitLike, tfidf: TfIdf, features: FeatureFile) -> Floats:
    """[n, V + D]: the words of all captions of an image and its global feature, each of length one."""
    words = tfidf.vectors([" ".join(captions) for captions in part.captions])
    seen = F.normalize(torch.from_numpy(global_features(features, part.ids)), dim=-1).numpy()
    both: Floats = np.concatenate([words, seen], 1).astype(np.float64)
    return both
