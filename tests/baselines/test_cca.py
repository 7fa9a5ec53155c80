from gatherset.baselines.cca import TfIdf, cca_scores
from gatherset.baselines.loader import caption_image
from gatherset.baselines.recall import evaluate
from gatherset.dataset.features import FeatureFile
from tests.baselines.conftest import TinyRelease


def test_cca_finds_what_is_linear(release: TinyRelease, features: FeatureFile) -> None:
    scores = cca_scores(release["train"], release["test"], features)
    assert scores.shape == (20, 100)
    assert evaluate(scores, caption_image(release["test"])).rsum > 400


def test_frequent_words_weigh_less() -> None:
    tfidf = TfIdf.of(["a crowd", "a march", "a march in a street", "a crowd in a street"])
    row = tfidf.vectors(["a crowd"])[0]
    assert row[tfidf.vocabulary.number("a")] < row[tfidf.vocabulary.number("crowd")]
