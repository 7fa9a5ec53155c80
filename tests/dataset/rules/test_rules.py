import re
from pathlib import Path

import pytest

from gatherset.dataset.images import measure
from gatherset.dataset.records import Record
from gatherset.dataset.rules import RULES
from gatherset.dataset.rules.captions import normalised
from gatherset.dataset.rules.image import PixelRule
from gatherset.dataset.rules.rule import Context, Rule, golden
from gatherset.dataset.rules.splits import ParentRule
from gatherset.dataset.settings import RuleSettings, Settings
from gatherset.dataset.store import ImageStore
from gatherset.dataset.taxonomy import load_taxonomy
from tests.dataset.conftest import encoded, picture

SETTINGS = Settings(1, "mg")
CONTEXT = Context(SETTINGS, load_taxonomy())
CASES = [
    pytest.param(rule, records, id=f"{identity}-{number}")
    for identity, rule in RULES.items()
    for number, records in enumerate(rule.counterexamples())
]


def found(rule: type[Rule], records: list[Record], context: Context = CONTEXT) -> list[str]:
    run = rule(context)
    messages = [message for record in records for message in run.check(record)]
    return messages + [message for _, message in run.close()]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_golden_example_passes(rule: type[Rule]) -> None:
    assert found(rule, rule.golden()) == []


@pytest.mark.parametrize(("rule", "records"), CASES)
def test_every_counterexample_is_found(rule: type[Rule], records: list[Record]) -> None:
    assert all(found(rule, records))
    assert found(rule, records)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_has_a_counterexample_or_a_test_with_pixels(rule: type[Rule]) -> None:
    assert rule.counterexamples() or issubclass(rule, PixelRule | ParentRule)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_says_what_it_is(rule: type[Rule]) -> None:
    assert re.fullmatch(r"GS[1-7]\d\d", rule.id)
    assert rule.level in ("error", "warning")
    assert rule.title.endswith(".")
    assert rule.next_step
    assert not rule.next_step.endswith(".")


def test_the_golden_record_passes_every_rule_of_a_record() -> None:
    assert [message for rule in RULES.values() for message in rule(CONTEXT).check(golden())] == []


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Context, Record, Path]:
    """A context with a store, a record of the picture in it, and the file."""
    store = ImageStore(tmp_path / "images", tmp_path / "thumbnails")
    image = measure(encoded(picture(1), "JPEG"), max_pixels=10**6)
    store.add(image.sha256, image.format, image.data)
    measured = {name: getattr(image, name) for name in ("sha256", "phash", "width", "height", "format")}
    record = golden(lambda record: record.update(image={**measured, "bytes": len(image.data)}))
    return Context(SETTINGS, load_taxonomy(), store), record, store.path(image.sha256, image.format)


def test_a_stored_image_passes_the_pixel_rules(stored: tuple[Context, Record, Path]) -> None:
    context, record, _ = stored
    assert found(RULES["GS201"], [record], context) == found(RULES["GS202"], [record], context) == []


def test_a_missing_image_is_found_once(stored: tuple[Context, Record, Path]) -> None:
    context, record, path = stored
    path.unlink()
    assert "missing from the store" in found(RULES["GS201"], [record], context)[0]
    assert found(RULES["GS202"], [record], context) == []


def test_a_changed_byte_is_found(stored: tuple[Context, Record, Path]) -> None:
    context, record, path = stored
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    assert "not those of sha256" in found(RULES["GS202"], [record], context)[0]


def test_another_size_than_the_record_says_is_found(stored: tuple[Context, Record, Path]) -> None:
    context, record, _ = stored
    record["image"]["width"] += 1
    assert "96 x 80, not as the record says" in found(RULES["GS202"], [record], context)[0]


def test_where_there_are_no_pixels_the_pixel_rules_say_nothing() -> None:
    assert found(RULES["GS201"], [golden()]) == found(RULES["GS202"], [golden()]) == []


def test_a_record_in_the_making_is_not_asked_for_its_split() -> None:
    context = Context(SETTINGS, load_taxonomy(), splits_assigned=False)
    assert found(RULES["GS501"], [golden(lambda record: record.update(split=None))], context) == []


def test_only_the_allowed_licences_pass() -> None:
    context = Context(Settings(1, "mg", rules=RuleSettings(licenses=("CC0-1.0",))), load_taxonomy())
    assert "'CC-BY-2.0' is not among the allowed ones: CC0-1.0" in found(RULES["GS602"], [golden()], context)[0]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("A  crowd, in the street!", "a crowd in the street"),
        ("Ｃｒｏｗｄ", "crowd"),
        ("cafe\u0301", "caf\u00e9"),
        ("Straße", "strasse"),
    ],
)
def test_case_spacing_punctuation_and_the_form_of_letters_do_not_count(text: str, same: str) -> None:
    assert normalised(text) == normalised(same)
