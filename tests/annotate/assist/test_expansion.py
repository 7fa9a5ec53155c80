import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatherset.annotate.answer import Answer
from gatherset.annotate.assist.endpoint import Endpoint
from gatherset.annotate.assist.expansion import Expanded, captions_in, estimate, expand, expansion_items
from gatherset.annotate.assist.prompts import Prompt, read_prompt
from gatherset.annotate.submissions import submit
from gatherset.dataset.catalog.tables import suggestions, tasks
from gatherset.dataset.errors import InputError
from gatherset.dataset.records import current_records
from gatherset.dataset.suggestions import Proposed, add_suggestions
from gatherset.dataset.workspace import Workspace
from tests.annotate.assist.conftest import FIRST, images_with_a_first_caption
from tests.model_server import Body, ModelServer, caption_of, further

Make = Callable[..., Endpoint]


@pytest.fixture
def waiting(workspace: Workspace, tmp_path: Path) -> Workspace:
    images_with_a_first_caption(workspace, tmp_path / "photos", 3)
    return workspace


def run(workspace: Workspace, endpoint: Endpoint) -> Expanded:
    prompt = read_prompt(workspace.root, "expand")
    return expand(workspace, expansion_items(workspace), endpoint, prompt, at_once=2)


def stored(workspace: Workspace) -> list[tuple[str, str, str]]:
    query = sa.select(suggestions.c.origin, suggestions.c.model, suggestions.c.value)
    with workspace.catalog.read() as connection:
        return sorted(tuple(row) for row in connection.execute(query))


def test_the_first_caption_and_four_more_lie_before_the_annotator(waiting: Workspace, asked: Make) -> None:
    report = run(waiting, asked())
    assert (report.items, report.complete, report.suggested, report.findings) == (3, 3, 15, [])
    origins = [(origin, model) for origin, model, _ in stored(waiting)]
    assert origins == [("imported", "the collection")] * 3 + [("llm", "small-model")] * 12


def test_what_it_takes_to_make_them_again_is_kept(waiting: Workspace, asked: Make) -> None:
    run(waiting, asked(temperature=0.3))
    query = sa.select(suggestions.c.made_with).where(suggestions.c.origin == "llm").limit(1)
    with waiting.catalog.read() as connection:
        made = connection.execute(query).scalar_one()
    assert made["temperature"] == 0.3
    assert (waiting.root / "prompts" / "used" / made["prompt"]).read_text() == read_prompt(waiting.root, "expand").text


def test_suggestions_that_annotators_take_make_records_of_their_origins(waiting: Workspace, asked: Make) -> None:
    run(waiting, asked())
    with waiting.catalog.read() as connection:
        task = connection.execute(sa.select(tasks).limit(1)).one()
        query = sa.select(suggestions.c.value).where(suggestions.c.image_id == task.image_id).order_by(suggestions.c.id)
        texts = tuple(connection.execute(query).scalars())
    given = Answer("caption", is_gathering=True, event_type="protest", captions=texts, confidence=3)
    for name in ("anna", "bert"):
        submit(waiting, task.id, name, given, key=f"{name}-0001")
    with waiting.catalog.read() as connection:
        [record] = current_records(connection)
    assert [(entry["origin"], entry["verified"]) for entry in record["captions"]] == [
        ("imported", True),
        *[("llm", True)] * 4,
    ]


def test_a_repeated_run_asks_nothing_and_adds_nothing(waiting: Workspace, asked: Make, models: ModelServer) -> None:
    run(waiting, asked())
    before, requests = stored(waiting), len(models.requests)
    again = asked()
    report = run(waiting, again)
    assert (stored(waiting), len(models.requests), report.suggested) == (before, requests, 0)
    assert again.usage.cached == 3


def test_only_what_does_not_fit_is_asked_for_again_with_the_reason(
    workspace: Workspace, tmp_path: Path, asked: Make, models: ModelServer
) -> None:
    images_with_a_first_caption(workspace, tmp_path / "photos", 1)
    replies = [
        [*further(FIRST.format("A"), 3), "Three hundred people march in Berlin with signs."],
        further(FIRST.format("A"), 5)[3:],
    ]
    models.reply = lambda body: json.dumps(replies[len(body["messages"]) > 1])
    report = run(workspace, asked())
    assert (report.complete, report.suggested) == (1, 5)
    assert len(models.requests) == 2
    objection = models.requests[1]["messages"][-1]["content"]
    assert "counts what the first caption does not" in objection
    assert "Write 1 others" in objection


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I do not know.",
        json.dumps(["Eine Gruppe von Menschen geht mit Schildern die Straße entlang nach Hause."] * 4),
        json.dumps([f"People march down the street with signs {'and more ' * 100}."] * 4),
        "people " * 1000,
        json.dumps([FIRST.format("A")] * 4),
        json.dumps(["<b>People march</b> down the street with signs."] * 4),
        {"refusal": "I cannot help with crowds."},
        {"status": 500},
    ],
    ids=["nothing", "nonsense", "another language", "long", "a thousand words", "the same", "markup", "refusal", "500"],
)
def test_a_model_that_cannot_is_told_per_image_and_left_to_a_person(
    waiting: Workspace, asked: Make, models: ModelServer, reply: object
) -> None:
    """The other images are gone on with."""

    def answer(body: Body) -> object:
        return reply if " A." in caption_of(body) else json.dumps(further(caption_of(body), 4))

    models.reply = answer  # type: ignore[assignment]
    report = run(waiting, asked())
    assert (report.complete, len(report.findings), report.closed) == (2, 1, "")
    assert report.findings[0].rule == "GS614"
    assert "4 of 4 captions are missing" in report.findings[0].message or "3 of 4" in report.findings[0].message


def test_a_closed_endpoint_ends_the_asking_and_the_cache_still_serves(
    waiting: Workspace, asked: Make, models: ModelServer
) -> None:
    run(waiting, asked())
    with waiting.catalog.write() as connection:
        connection.execute(sa.delete(suggestions).where(suggestions.c.origin == "llm"))
    models.reply = lambda body: {"status": 402}
    assert run(waiting, asked()).suggested == 12
    report = run(waiting, asked(temperature=0))
    assert "wants to be paid" in report.closed
    assert len(report.findings) == 3


def test_a_caption_by_a_captioner_is_expanded_too(
    workspace: Workspace, tmp_path: Path, asked: Make, models: ModelServer
) -> None:
    images_with_a_first_caption(workspace, tmp_path / "photos", 1, captions=False)
    assert expansion_items(workspace) == []
    with workspace.catalog.read() as connection:
        image = connection.execute(sa.select(tasks.c.image_id)).scalar_one()
    add_suggestions(workspace, [Proposed(image, "caption", FIRST.format("A"), "blip")])
    assert run(workspace, asked()).complete == 1
    assert [origin for origin, _, _ in stored(workspace)] == ["llm"] * 4 + ["model"]


def test_requests_and_cost_are_estimated_before(waiting: Workspace, asked: Make) -> None:
    prompt, items = read_prompt(waiting.root, "expand"), expansion_items(waiting)
    requests, tokens_in, tokens_out = estimate(items, asked(), prompt, "en")
    assert (requests, tokens_out) == (3, 360)
    assert 300 < tokens_in < 900
    run(waiting, asked())
    assert estimate(items, asked(), prompt, "en") == (0, 0, 0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('["A b c.", "D e f."]', ["A b c.", "D e f."]),
        ('```json\n["A b c."]\n```', ["A b c."]),
        ('Here they are:\n{"captions": ["A b c."]}', ["A b c."]),
        ('[{"caption": "A b c."}]', ["A b c."]),
        ("1. A b c.\n2) D e f.\n- G h i.", ["A b c.", "D e f.", "G h i."]),
        ('["A b c.", "D', []),
        ('[\n"A b c.",\n"D e f.",\n"G h', []),
        ('```json\n[\n  "A b c.",\n  "D e f"\n', []),
        ('{\n"captions": [\n"A b c.",\n', []),
        ("Sure! Here are four captions:", []),
        ('["\\ud800 half"]', ["? half"]),
        ("[" * 100_000, []),
    ],
)
def test_captions_are_read_from_whatever_form_a_model_gives_them(text: str, found: list[str]) -> None:
    assert captions_in(text) == found


def test_a_prompt_of_ones_own_is_used_and_one_without_the_caption_is_refused(workspace: Workspace) -> None:
    path = workspace.root / "prompts" / "expand.txt"
    read_prompt(workspace.root, "expand")
    path.write_text("Say {count} times: {first} {other}")
    assert read_prompt(workspace.root, "expand").filled(first="{count}", count=2) == "Say 2 times: {count} {other}"
    path.write_text("Say something")
    with pytest.raises(InputError, match="lacks"):
        read_prompt(workspace.root, "expand")


def test_what_a_caption_says_does_not_fill_the_prompt() -> None:
    assert Prompt("p", "{first} {count}").filled(first="{count} {first}", count=4) == "{count} {first} 4"
