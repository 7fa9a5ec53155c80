from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from numpy.typing import NDArray

from gatherset.baselines import suspects
from gatherset.baselines.edan import EdanConfig
from gatherset.baselines.runs import Run
from gatherset.baselines.suspect_sheet import write_sheet
from gatherset.baselines.suspects import Folded, find_suspects, probability_of_being_wrong
from gatherset.baselines.train import train
from gatherset.baselines.train_settings import TrainConfig
from gatherset.dataset.errors import ModelError
from gatherset.dataset.features import FeatureFile
from tests.baselines.conftest import TinyRelease, write_features

EDAN = EdanConfig(d=32, layers=1, heads=2, pooling="mean")
SETTINGS = TrainConfig(batch=30, epochs=1, start="cca", local_loss="infonce")


def silent(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> tuple[TinyRelease, FeatureFile, Run]:
    """A release in which two captions were swapped and a type is wrong."""
    release = TinyRelease({"train": 160, "val": 20, "test": 20})
    train_split, test = release["train"], release["test"]
    train_split.captions[3][2], test.captions[5][0] = test.captions[5][0], train_split.captions[3][2]
    wrong = "protest" if train_split.event_types[8] != "protest" else "holiday_party"
    train_split.event_types[8] = wrong
    folder = tmp_path_factory.mktemp("faulty")
    features = write_features(release, folder / "tiny.feat")
    return release, features, train(release, features, folder / "run", shape=EDAN, settings=SETTINGS, report=silent)


def test_swapped_captions_and_wrong_types_are_doubted(faulty: tuple[TinyRelease, FeatureFile, Run]) -> None:
    release, features, run = faulty
    found = find_suspects(run, release, features, folds=2, report=silent)
    doubted = {(one.record_id, one.kind, one.position) for one in found}
    planted = {(release["train"].ids[3], "caption", 2), (release["test"].ids[5], "caption", 0)}
    planted |= {(release["train"].ids[8], "event", 0)}
    assert doubted >= planted
    assert len(doubted) <= 12
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert all(0.5 <= one.score <= 1 and one.reason for one in found)


def test_folds_that_an_older_version_left_are_in_nobodys_way(
    faulty: tuple[TinyRelease, FeatureFile, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    release, features, run = faulty
    monkeypatch.setattr("gatherset.baselines.train.__version__", "0.0.1")
    before = find_suspects(run, release, features, folds=2, report=silent)
    monkeypatch.undo()
    assert find_suspects(run, release, features, folds=2, report=silent) == before


def test_features_of_another_extractor_than_the_models_are_refused(
    faulty: tuple[TinyRelease, FeatureFile, Run],
) -> None:
    release, features, run = faulty
    other = replace(run, config=replace(run.config, extractor_hash="0" * 64))
    with pytest.raises(ModelError, match="was trained on features of extractor"):
        find_suspects(other, release, features, folds=2, report=silent)


def test_the_sheet_shows_what_is_doubted(faulty: tuple[TinyRelease, FeatureFile, Run]) -> None:
    release, features, run = faulty
    found = find_suspects(run, release, features, folds=2, report=silent)
    page = write_sheet(run, _with_examples(release), found).read_text("utf-8")
    assert page.count("<div class=case>") == len(found) == len((run.folder / "suspects.jsonl").read_text().splitlines())
    assert page.count("class=wrong") + page.count('class="wrong"') == len(found)
    assert "http" not in page


def _with_examples(release: TinyRelease) -> TinyRelease:
    """The sheet reads examples, as a release of a folder gives them."""
    from gatherset.dataset.loading import Example

    class Examples(list):  # type: ignore[type-arg]
        ids: list[str]

    shown = TinyRelease({"train": 1, "val": 1, "test": 1})
    for name, split in release.splits.items():
        examples = Examples(
            Example(
                {"id": i, "event": {"type": kind}, "captions": [{"text": text} for text in captions]},
                split.image_bytes(row),
            )
            for row, (i, captions, kind) in enumerate(zip(split.ids, split.captions, split.event_types, strict=True))
        )
        examples.ids = split.ids
        shown.splits[name] = examples  # type: ignore[assignment]
    return shown


def test_no_record_is_judged_by_a_model_that_was_trained_on_it(release: TinyRelease) -> None:
    parts = [Folded(release, fold, 3) for fold in range(3)]
    judged = [record for part in parts for record in part["test"].ids]
    assert sorted(judged) == sorted(record for split in release.splits.values() for record in split.ids)
    for part in parts:
        assert not {*part["test"].ids} & ({*part["train"].ids} | {*part["val"].ids})


def test_a_release_too_small_for_the_folds_is_refused(
    faulty: tuple[TinyRelease, FeatureFile, Run], tmp_path: Path
) -> None:
    small = TinyRelease({"train": 3, "val": 1, "test": 1})
    with pytest.raises(ModelError, match="too few records for 3 folds"):
        find_suspects(replace(faulty[2], folder=tmp_path), small, write_features(small, tmp_path / "small.feat"))


def test_the_probability_knows_how_many_are_wrong() -> None:
    """One in twenty is drawn as the decoys are: about so many are found, and they are these."""
    generator = np.random.default_rng(0)
    right, wrong = generator.normal(3, 1, (950, 2)), generator.normal(0, 1, (50, 2))
    probability = probability_of_being_wrong(np.concatenate([right, wrong]), generator.normal(0, 1, (4000, 2)))
    doubted = probability >= 0.5
    assert doubted[950:].mean() > 0.85
    assert doubted[:950].mean() < 0.01
    assert probability.sum() == pytest.approx(50, rel=0.3)


@pytest.mark.parametrize("captions", [1, 2, 5])
def test_planted_captions_are_found_however_many_a_picture_has(captions: int) -> None:
    """Vectors of 300 topics; a tenth of the captions tells of another picture."""
    generator = np.random.default_rng(0)
    owner = np.repeat(np.arange(300), captions)
    topic = generator.normal(size=(300, 32))
    wrong = generator.random(len(owner)) < 0.1
    told_of = np.where(wrong, (owner + generator.integers(1, 300, len(owner))) % 300, owner)
    told = unit(0.7 * topic[told_of] + 0.7 * generator.normal(size=(len(owner), 32)) + 0.5)
    scores = unit(topic + 1.2 * generator.normal(size=topic.shape)) @ told.T
    found = suspects.caption_evidence(scores.astype(np.float32), told, owner, 0)
    with patch.object(suspects, "BLOCK", 7):
        in_blocks = suspects.caption_evidence(scores.astype(np.float32), told, owner, 0)
    np.testing.assert_allclose(in_blocks.fits, found.fits, atol=1e-9)
    np.testing.assert_allclose(in_blocks.decoys, found.decoys, atol=1e-9)
    np.testing.assert_array_equal(in_blocks.better, found.better)
    doubted = probability_of_being_wrong(found.fits, found.decoys) >= 0.5
    assert (doubted & wrong).sum() > wrong.sum() / 4
    assert (doubted & wrong).sum() > doubted.sum() / 2


def unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    length: NDArray[np.float64] = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / length
