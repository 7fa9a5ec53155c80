import json

import numpy as np
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from gatherset.baselines.event_labels import Classifier, Guess, KeyWords, Labelled, cross_validated, figures, learnable
from gatherset.cli import main
from gatherset.dataset.catalog.tables import suggestions
from gatherset.dataset.errors import ModelError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.taxonomy import load_taxonomy
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import Photos, make_all


def some(count: int) -> Labelled:
    """Protests, which are written of and look one way, and sports events, which do otherwise."""
    kinds = ["protest" if number % 2 else "sports_event" for number in range(count)]
    texts = {"protest": "People march with signs.", "sports_event": "A team plays a match."}
    generator = np.random.default_rng(0)
    pictures = generator.normal(0, 0.05, (count, 8)) + np.array([[kind == "protest"] * 8 for kind in kinds])
    ids = [f"gs-{number:016x}" for number in range(count)]
    return Labelled(
        ids, [[f"{texts[kind]} {number}"] * 5 for number, kind in enumerate(kinds)], kinds, pictures.astype(np.float32)
    )


def test_key_words_name_a_type_in_all_their_forms_or_none() -> None:
    images = Labelled(["a", "b"], [["Protesters are picketing.", "They carry banners."], ["A dog."]], [])
    first, second = KeyWords(load_taxonomy()).guess(images)
    assert first.type == "protest"
    assert first.score > 0.9
    assert second == Guess(None, 0.0)


@pytest.mark.parametrize("which", [{"pictures": False}, {"captions": False}, {}])
def test_a_classifier_learns_from_words_from_pictures_and_from_both(which: dict[str, bool]) -> None:
    images = some(40)
    guesses = Classifier(images[range(30)], **which).guess(images[range(30, 40)])
    assert [guess.type for guess in guesses] == images.types[30:]
    assert min(guess.score for guess in guesses) > 0.6


def test_where_nothing_waits_there_is_nothing_to_guess() -> None:
    assert Classifier(some(12)).guess(Labelled([], [], [])) == []


def test_nothing_waits_where_all_is_labelled(workspace: Workspace, make_photos: Photos) -> None:
    ingest(workspace, make_photos(12), Provenance())
    make_all(workspace, ("protest", "sports_event"))
    done = CliRunner().invoke(main, ["event-labels", "--method", "captions", "-w", str(workspace.root)])
    assert done.exit_code == 0, done.output
    assert "12 images are labelled, 0 wait for a type." in done.output


def test_an_image_is_judged_by_what_was_learnt_without_it() -> None:
    images = some(30)
    seen: list[set[str]] = []

    def guesser(train: Labelled, test: Labelled) -> list[Guess]:
        seen.append({*train.ids} & {*test.ids})
        return [Guess("protest", 1.0)] * len(test.ids)

    guesses = cross_validated(images, guesser)
    assert seen == [set()] * 5
    assert [guess.type for guess in guesses] == ["protest"] * 30


def test_figures_count_what_is_right_and_treat_each_type_alike() -> None:
    images = Labelled(["a", "b", "c", "d"], [[]] * 4, ["x", "x", "x", "y"])
    result = figures(images, [Guess("x", 1.0)] * 3 + [Guess(None, 0.0)])
    assert (result.accuracy[0], result.macro_f1[0], result.silent) == (0.75, 0.5, 1)
    assert result.per_type["y"] == {"images": 1, "recall": 0, "precision": 0}
    assert result.accuracy[1] < 0.75 < result.accuracy[2]


def test_thin_types_are_not_learnt_and_one_type_alone_cannot_be() -> None:
    images = some(12)
    assert set(learnable(images).types) == {"protest", "sports_event"}
    with pytest.raises(ModelError, match="fewer than two types"):
        learnable(images[range(0, 12, 2)])


def test_suggestions_are_rows_that_are_replaced_when_made_again(workspace: Workspace, make_photos: Photos) -> None:
    ingest(workspace, make_photos(4), Provenance())
    for _ in range(2):
        done = CliRunner().invoke(main, ["event-labels", "-w", str(workspace.root), "--json"])
        assert done.exit_code == 0, done.output
    with workspace.catalog.read() as connection:
        rows = connection.execute(sa.select(suggestions)).mappings().all()
    assert [(row["kind"], row["value"], row["model"]) for row in rows] == [
        ("event", "protest", "event labels by key words")
    ] * 4
    assert json.loads(done.output)["suggested"] == {"protest": 4}


def test_what_is_labelled_is_not_suggested_for(workspace: Workspace, make_photos: Photos) -> None:
    ingest(workspace, make_photos(4), Provenance())
    make_all(workspace)
    done = CliRunner().invoke(main, ["event-labels", "-w", str(workspace.root)])
    assert "4 images are labelled, 0 wait for a type." in done.output
