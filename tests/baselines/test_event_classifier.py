import numpy as np

from gatherset.baselines.event_classifier import EventClassifier
from gatherset.baselines.loader import flat_captions, flat_events
from tests.baselines.conftest import TinyRelease


def test_types_that_follow_from_words_are_found(release: TinyRelease) -> None:
    found = EventClassifier(release["train"]).predict(flat_captions(release["test"]))
    assert np.mean(np.array(found) == flat_events(release["test"])) > 0.95


def test_a_release_of_one_type_is_classified(release: TinyRelease) -> None:
    one = TinyRelease({"train": 4})["train"]
    one.event_types = ["protest"] * 4
    assert EventClassifier(one).predict(["A crowd."]) == ["protest"]
