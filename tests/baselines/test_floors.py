import numpy as np

from gatherset.baselines.floors import detector_scores, event_scores, random_scores
from gatherset.baselines.loader import caption_image, flat_events
from gatherset.baselines.recall import evaluate
from tests.baselines.conftest import TinyRelease, content


def test_guessing_reaches_what_chance_does(release: TinyRelease) -> None:
    recall = evaluate(random_scores(release["test"]), caption_image(release["test"]))
    np.testing.assert_allclose(recall.text_to_image, (5, 25, 50))


def test_the_type_alone_finds_its_type(release: TinyRelease) -> None:
    test = release["test"]
    scores = event_scores(release["train"], test)
    of_captions = np.array(flat_events(test))
    assert (scores["oracle"][0] == (of_captions == test.event_types[0])).all()
    guessed = scores["predicted"].argmax(0)
    assert np.mean(np.array(test.event_types)[guessed] == of_captions) > 0.9  # the words give the type away here


def test_a_type_that_training_lacks_comes_last(release: TinyRelease) -> None:
    other = TinyRelease({"train": 20, "test": 3})
    other["test"].event_types[1] = "riot_response"
    scores = event_scores(other["train"], other["test"])["predicted"]
    assert (scores[1] < scores[[0, 2]].min(0)).all()


def test_what_a_detector_names_finds_the_captions_that_name_it(release: TinyRelease) -> None:
    test = release["test"]
    seen = {record: list(content(int(record.rpartition("-")[2]))) for record in test.ids}
    seen[test.ids[0]] = []
    scores = detector_scores(release["train"], test, seen)
    assert (scores[0] == 0).all()
    assert evaluate(scores[1:, 5:], caption_image(test)[5:] - 1).rsum > 500
