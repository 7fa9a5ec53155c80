"""The report on agreement, against a plain implementation that shares nothing with it."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator
from io import StringIO
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from gatherset import schemas
from gatherset.annotate.agreement_report import agreement_report, as_table, text_lines
from gatherset.annotate.answer import Answer
from gatherset.annotate.answer_file import import_answers
from gatherset.annotate.gold import set_gold
from gatherset.annotate.labelstudio.task_file import export_tasks
from gatherset.annotate.ledger import read_ledger
from gatherset.annotate.overview import overview
from gatherset.annotate.submissions import submit
from gatherset.annotate.team import retire
from gatherset.cli import main
from gatherset.dataset.catalog.tables import submissions
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace
from tests.conftest import some_photographs
from tests.dataset.conftest import make_all

Votes = dict[str, dict[str, str]]  # {image: {annotator: value}}


@pytest.fixture(scope="module", params=[80, pytest.param(893, marks=pytest.mark.slow)])
def annotated(
    request: pytest.FixtureRequest, gatherings: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Workspace, Path]]:
    """The first of the real photographs with both annotators' answers, and the folder of these."""
    folder = tmp_path_factory.mktemp("agreement")
    some_photographs(gatherings, folder / "photos", request.param)
    workspace = Workspace.create(folder / "mg")
    ingest(workspace, folder / "photos", Provenance("filtered", "LicenseRef-research-only"))
    for name in ("a", "b"):
        import_answers(workspace, folder / "photos" / f"annotator_{name}.csv", name)
    yield workspace, folder / "photos"
    workspace.catalog.close()


def plain_votes(photos: Path) -> dict[str, Votes]:
    """Straight from the two CSV files."""
    votes: dict[str, Votes] = {"gathering": {}, "event_type": {}}
    for name in ("a", "b"):
        with (photos / f"annotator_{name}.csv").open() as file:
            for row in csv.DictReader(file):
                gathering = {"1": "yes", "0": "no"}[row["is_gathering"]]
                votes["gathering"].setdefault(row["image"], {})[name] = gathering
                if row["event_type"]:
                    votes["event_type"].setdefault(row["image"], {})[name] = row["event_type"]
    return votes


def plain_alpha(votes: Votes) -> float:
    """By the definition: disagreement within the units over disagreement among all their values."""
    groups = [list(answers.values()) for answers in votes.values() if len(answers) > 1]
    values = [value for group in groups for value in group]
    observed = sum(sum(a != b for a, b in permutations(group, 2)) / (len(group) - 1) for group in groups)
    counted = Counter(values)
    expected = sum(n * m for (a, n), (b, m) in permutations(counted.items(), 2)) / (len(values) - 1)
    return 1 - observed / expected


def plain_agreed(votes: Votes) -> float:
    """Every two answers to one image are laid side by side."""
    pairs = [pair for answers in votes.values() for pair in combinations(answers.values(), 2)]
    return sum(first == second for first, second in pairs) / len(pairs)


@pytest.mark.parametrize("question", ["gathering", "event_type"])
def test_the_report_on_the_real_photographs_equals_a_plain_implementation(
    annotated: tuple[Workspace, Path], question: str
) -> None:
    workspace, photos = annotated
    found = agreement_report(workspace)["questions"][question]
    votes = plain_votes(photos)[question]
    assert found["images"] == len(votes)
    assert found["alpha"] == pytest.approx(plain_alpha(votes), abs=1e-12)
    assert found["agreed"] == pytest.approx(plain_agreed(votes), abs=1e-12)
    low, high = found["interval"]
    assert low < found["alpha"] < high
    [pair] = found["pairs"]
    assert (pair["alpha"], pair["agreed"]) == (found["alpha"], found["agreed"])
    for value, alpha in found["per_value"].items():
        own = {image: {n: str(v == value) for n, v in one.items()} for image, one in votes.items()}
        assert alpha == pytest.approx(plain_alpha(own), abs=1e-12)
    met = Counter(tuple(sorted(one.values())) for one in votes.values() if len(one) == 2)
    values = found["confusion"]["values"]
    for (first, second), count in met.items():
        cell = found["confusion"]["matrix"][values.index(first)][values.index(second)]
        assert cell == pytest.approx(2 * count if first == second else count)


def test_the_page_the_command_and_the_report_say_the_same(annotated: tuple[Workspace, Path]) -> None:
    workspace, _ = annotated
    document = agreement_report(workspace)
    seen = overview(workspace)
    assert seen.alpha == {name: document["questions"][name]["alpha"] for name in ("gathering", "event_type")}
    agreed = {line.name: line.agreed for line in seen.annotators}
    assert agreed == {one["name"]: one["agreed"] for one in document["questions"]["event_type"]["per_annotator"]}
    done = CliRunner().invoke(main, ["agreement", "--json", "-w", str(workspace.root)])
    assert json.loads(done.output) == json.loads(json.dumps(document))
    text = CliRunner().invoke(main, ["agreement", "-w", str(workspace.root)]).output
    assert f"alpha {document['questions']['event_type']['alpha']:.3f}" in text
    rows = list(csv.DictReader(StringIO(as_table(document))))
    [overall] = [row for row in rows if (row["question"], row["about"]) == ("event_type", "all")]
    assert float(overall["alpha"]) == document["questions"]["event_type"]["alpha"]


@pytest.fixture
def photos(workspace: Workspace, make_photos: Callable[..., Path]) -> Workspace:
    ingest(workspace, make_photos(4), Provenance(license="CC-BY-4.0"))
    return workspace


def say(workspace: Workspace, name: str, *types: str | None) -> None:
    """What `name` says to the first images; "" for no gathering, None for nothing."""
    for task, kind in enumerate(types, 1):
        if kind is not None:
            answer = Answer("event", True, kind) if kind else Answer("event", is_gathering=False)
            submit(workspace, task, name, answer, key=f"{task}-{name}-{kind}")


def undefined(workspace: Workspace) -> dict[str, Any]:
    document = agreement_report(workspace)
    jsonschema.validate(document, schemas.read("agreement_report.schema.json"))
    assert list(text_lines(document))
    assert as_table(document)
    return {name: found["undefined"] for name, found in document["questions"].items()}


def test_with_no_answer_there_is_no_alpha(photos: Workspace) -> None:
    assert undefined(photos) == dict.fromkeys(("gathering", "event_type"), "nobody has answered")


def test_with_one_annotator_there_is_no_alpha_and_it_says_so(photos: Workspace) -> None:
    say(photos, "anna", "protest", "protest", "sports_event")
    assert set(undefined(photos).values()) == {"anna alone has answered: there is nobody to compare with"}
    found = agreement_report(photos)["questions"]["event_type"]
    assert (found["second_opinion"], [one["accuracy"] for one in found["per_annotator"]]) == ([], [None])


def test_with_no_image_in_common_there_is_no_alpha(photos: Workspace) -> None:
    say(photos, "anna", "protest", "protest")
    say(photos, "ben", None, None, "sports_event", "protest")
    assert undefined(photos)["event_type"] == "no image was answered by two annotators"


def test_with_one_answer_alone_alpha_is_undefined_although_all_agree(photos: Workspace) -> None:
    for name in ("anna", "ben"):
        say(photos, name, "protest", "protest", "protest", "protest")
    assert all("all answers are the same" in str(why) for why in undefined(photos).values())
    assert agreement_report(photos)["questions"]["event_type"]["agreed"] == 1


def test_the_figures_are_reckoned_once_until_somebody_answers_or_is_retired(photos: Workspace) -> None:
    say(photos, "anna", "protest", "protest")
    say(photos, "ben", "protest", "sports_event")
    first = agreement_report(photos)["questions"]
    assert agreement_report(photos)["questions"] is first
    say(photos, "cleo", "protest", "sports_event")
    second = agreement_report(photos)["questions"]
    assert (first["event_type"]["annotators"], second["event_type"]["annotators"]) == (2, 3)
    retire(photos, "cleo", "guessed", "lea")
    assert agreement_report(photos)["questions"]["event_type"]["annotators"] == 2


def test_an_image_with_more_answers_has_more_pairs(photos: Workspace) -> None:
    say(photos, "anna", "protest", "protest")
    say(photos, "ben", "protest", "sports_event")
    say(photos, "cleo", None, "political_rally")
    document = agreement_report(photos)
    assert document["questions"]["event_type"]["agreed"] == 1 / 4  # one pair of the first image, none of three
    assert "  of all pairs of answers to one image, 25.0% are the same" in list(text_lines(document))


def test_where_nobody_agrees_alpha_is_below_0(photos: Workspace) -> None:
    say(photos, "anna", "protest", "sports_event", "protest", "sports_event")
    say(photos, "ben", "sports_event", "protest", "sports_event", "protest")
    found = agreement_report(photos)["questions"]["event_type"]
    assert (found["agreed"], found["alpha"] < 0) == (0, True)


def test_a_type_that_was_taken_out_of_the_taxonomy_is_counted_and_named(photos: Workspace) -> None:
    say(photos, "anna", "protest", "riot_response")
    say(photos, "ben", "riot_response", "riot_response")
    taxonomy = json.loads(json.dumps(schemas.read("event_types.json")))
    taxonomy["types"] = [one for one in taxonomy["types"] if one["name"] != "riot_response"]
    (photos.root / "event_types.json").write_text(json.dumps(taxonomy))
    again = Workspace.open(photos.root)
    document = agreement_report(again)
    assert document["removed_types"] == ["riot_response"]
    assert "riot_response" in document["questions"]["event_type"]["confusion"]["values"]
    assert "riot_response (not in the taxonomy any more)" in [one["title"] for one in overview(again).types]
    again.catalog.close()


def test_retired_work_is_left_out(photos: Workspace) -> None:
    for name, types in {"anna": ("protest", "protest"), "ben": ("protest", "sports_event"), "cleo": ("", "")}.items():
        say(photos, name, *types)
    retire(photos, "cleo", "guessed", "lea")
    assert agreement_report(photos)["questions"]["gathering"]["annotators"] == 2


def test_a_superseded_answer_counts_no_more(photos: Workspace) -> None:
    say(photos, "anna", "protest", "sports_event")
    say(photos, "ben", "sports_event", "sports_event")
    say(photos, "ben", "")  # no gathering after all: no vote on the type
    found = agreement_report(photos)["questions"]
    assert (found["event_type"]["answers"], found["gathering"]["answers"]) == (3, 4)


def test_known_answers_and_captions_stand_in_the_report(photos: Workspace) -> None:
    set_gold(photos, 1, Answer("event", True, "protest"), practice=False)
    say(photos, "=anna", "protest")
    make_all(photos)
    document = agreement_report(photos)
    assert document["gold"] == {"=anna": {"right": 1, "answers": 1}}
    assert document["captions"]["records"] == 4
    assert 0 < document["captions"]["likeness"] < 1
    assert "'=anna" in as_table(document)  # a spreadsheet must not take a name for a formula


def test_the_second_opinion_breaks_ties(photos: Workspace) -> None:
    say(photos, "anna", "protest", "sports_event", "protest", "protest")
    say(photos, "ben", "protest", "sports_event", "protest", "sports_event")
    say(photos, "cleo", "protest", "sports_event", "protest", None)
    [one] = agreement_report(photos)["questions"]["event_type"]["second_opinion"]
    assert one["most"] == ["protest", "sports_event"]
    assert one["estimate"] in one["most"]


def test_a_time_that_an_older_version_stored_as_it_came_is_no_time(photos: Workspace) -> None:
    for task in (1, 2):
        began = "2026-11-20T10:00:00Z"
        submit(photos, task, "anna", Answer("event", True, "protest"), key=f"key-{task}", started_at=began)
    with photos.catalog.write() as connection:
        connection.execute(sa.update(submissions).where(submissions.c.task_id == 1).values(started_at="x"))
        assert list(np.isnan(read_ledger(connection).seconds)) == [True, False]
    assert export_tasks(photos, "event", photos.root.parent / "out", "http://x/") == (4, 2)
