from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gatherset.baselines.edan import EdanConfig
from gatherset.baselines.loader import flat_captions, flat_events
from gatherset.baselines.measured import timed_scores
from gatherset.baselines.runs import Run
from gatherset.baselines.search import Index
from gatherset.baselines.train import train
from gatherset.baselines.train_settings import TrainConfig
from gatherset.dataset.errors import InputError
from gatherset.dataset.features import FeatureFile
from tests.baselines.conftest import TinyRelease


@pytest.fixture(scope="module")
def run(release: TinyRelease, features: FeatureFile, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = EdanConfig(d=16, layers=1, heads=2, pooling="mean")
    settings = TrainConfig(batch=20, epochs=1, start="cca", local_loss="infonce")
    folder: Path = tmp_path_factory.mktemp("runs") / "searched"
    return train(release, features, folder, shape=config, settings=settings, report=lambda _: None)


def test_a_search_gives_the_scores_of_the_benchmark(run: Run, release: TinyRelease, features: FeatureFile) -> None:
    test = release["test"]
    _, t2i, _ = timed_scores(run, test, features, flat_events(test))
    index = Index(run, features, test.ids)
    for column in (0, 17):
        scores = index.scores(flat_captions(test)[column], flat_events(test)[column]).numpy()
        np.testing.assert_allclose(scores, t2i[:, column], atol=1e-5)
        found = index.search(flat_captions(test)[column], flat_events(test)[column], most=3)
        assert [one.id for one in found] == [test.ids[i] for i in np.argsort(-scores)[:3]]


def test_a_query_without_a_known_word_or_of_300_words_is_answered(
    run: Run, release: TinyRelease, features: FeatureFile
) -> None:
    index = Index(run, features, release["test"].ids)
    for sentence in ("", "zzz qqq", "people " * 300):
        assert np.isfinite(index.scores(sentence, "protest").numpy()).all()


def test_no_images_are_refused_and_none_are_found_where_none_are_asked_for(
    run: Run, release: TinyRelease, features: FeatureFile
) -> None:
    with pytest.raises(InputError, match="no images to search"):
        Index(run, features, [])
    assert Index(run, features, release["test"].ids).search("people", "protest", most=-1) == []


@pytest.mark.parametrize("event_type", [None, "market_day", "people"])
def test_an_event_type_that_was_not_in_training_is_refused(
    event_type: str | None, run: Run, release: TinyRelease, features: FeatureFile
) -> None:
    with pytest.raises(InputError, match=f"{event_type} is none of them"):
        Index(run, features, release["test"].ids).search("People with a banner", event_type)
