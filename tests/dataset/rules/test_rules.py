import pickle
import re
from pathlib import Path

import pytest

from gatherset.dataset.images import measure
from gatherset.dataset.membership import Membership
from gatherset.dataset.records import Record
from gatherset.dataset.rules import RULES
from gatherset.dataset.rules.captions import normalised
from gatherset.dataset.rules.image import PixelRule
from gatherset.dataset.rules.rule import Context, Rule, golden, numbered
from gatherset.dataset.rules.splits import ParentRule
from gatherset.dataset.settings import RuleSettings, Settings, SplitSettings
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


def in_parent(split: str | None) -> Context:
    return Context(SETTINGS, load_taxonomy(), parent=Membership([golden(lambda record: record.update(split=split))]))


def test_a_released_test_record_in_train_is_found() -> None:
    assert found(RULES["GS508"], [golden()], in_parent("test")) == [
        "was in test of the parent release and is in train now"
    ]
    assert found(RULES["GS509"], [golden()], in_parent("test")) == []


@pytest.mark.parametrize("now", ["val", None])
def test_any_other_move_is_named(now: str | None) -> None:
    moved = golden(lambda record: record.update(split=now))
    assert found(RULES["GS508"], [moved], in_parent("train")) == []
    assert found(RULES["GS509"], [moved], in_parent("train")) == [
        f"was in train of the parent release and is in {now or 'none'} now"
    ]


@pytest.mark.parametrize("rule", ["GS508", "GS509"])
def test_who_stays_or_is_new_or_had_no_split_has_not_moved(rule: str) -> None:
    records = [golden(), *(numbered(number, lambda record: record.update(split="test")) for number in range(3))]
    assert found(RULES[rule], records, in_parent("train")) == []
    assert found(RULES[rule], records, in_parent(None)) == []


def test_a_series_is_what_the_settings_call_one() -> None:
    pair = [numbered(1), numbered(2, lambda record: record.update(split="test"))]
    for record in pair:
        record["source"]["ref"] = f"march-in-spring/{record['id']}.jpg"
    assert found(RULES["GS506"], pair) == []
    context = Context(Settings(1, "mg", splits=SplitSettings(series="^(.+)/")), load_taxonomy())
    [message] = found(RULES["GS506"], pair, context)
    assert message.startswith("one source in train and test: ")


def test_a_large_group_is_not_written_out() -> None:
    phash = numbered(1)["image"]["phash"]
    records = [numbered(number, lambda record: record["image"].update(phash=phash)) for number in range(30)]
    [message] = found(RULES["GS205"], records)
    assert message.endswith("and 19 more")
    assert len(message) < 300


@pytest.mark.parametrize("rule", [f"GS{number}" for number in (205, 502, 503, 504, 506, 507, 508, 509)])
def test_what_two_rules_have_seen_can_be_joined(rule: str) -> None:
    """The law behind reading a file in parts: however it is cut, the same is found."""
    for records in [RULES[rule].golden(), *RULES[rule].counterexamples(), [golden()]]:
        for cut in range(len(records) + 1):
            first, later = RULES[rule](in_parent("test")), RULES[rule](in_parent("test"))
            for place, record in enumerate(records):
                list((first if place < cut else later).check(record))
            first.merge(pickle.loads(pickle.dumps(later)))  # type: ignore[attr-defined]
            assert [message for _, message in first.close()] == found(RULES[rule], records, in_parent("test"))
