import pickle
import re
import signal
from collections.abc import Iterator

import pytest

from gatherset import schemas
from gatherset.dataset.membership import Membership
from gatherset.dataset.records import Record
from gatherset.dataset.rules import RULES
from gatherset.dataset.rules.captions import with_caption
from gatherset.dataset.rules.image import PixelRule
from gatherset.dataset.rules.rule import Context, DatasetRule, Rule, golden, numbered
from gatherset.dataset.rules.splits import ParentRule
from gatherset.dataset.settings import RuleSettings, Settings, SplitSettings
from gatherset.dataset.taxonomy import load_taxonomy
from gatherset.dataset.tokens import normalised

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
    return messages + [message for _, message in (run.close() if isinstance(run, DatasetRule) else ())]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_golden_example_passes(rule: type[Rule]) -> None:
    assert found(rule, rule.golden()) == []


@pytest.mark.parametrize(("rule", "records"), CASES)
def test_every_counterexample_is_found(rule: type[Rule], records: list[Record]) -> None:
    assert all(found(rule, records))
    assert found(rule, records)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_has_a_counterexample_or_a_test_of_its_own(rule: type[Rule]) -> None:
    assert rule.counterexamples() or issubclass(rule, PixelRule | ParentRule) or rule.id == "GS605"  # they need files


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_says_what_it_is(rule: type[Rule]) -> None:
    assert re.fullmatch(r"GS[1-7]\d\d", rule.id)
    assert rule.level in ("error", "warning")
    assert rule.title.endswith(".")
    assert rule.next_step
    assert not rule.next_step.endswith(".")


def test_the_golden_record_passes_every_rule_of_a_record() -> None:
    assert [message for rule in RULES.values() for message in rule(CONTEXT).check(golden())] == []


CAPTION_RULES = [identity for identity in RULES if identity.startswith("GS3") and identity != "GS307"]
CLEAN = [
    "Mr. Smith and Dr. Jones speak to a crowd.",
    "A crowd in front of the U.S. flag.",
    'A man holds a sign that says "Stop!" in a crowd.',
    "At about 5,000 people, the march fills the street.",
    "Two people walk behind 12 men.",
    "A crowd around a race car with statefarm.com on it.",
    "People at a market on 20.11.2026 in Berlin.",
    "A sign with 2016-2017 on it above a crowd.",
    "Menschen gehen über die Straße.",
    "人们在广场上听一场音乐会。",
    "A café owner & his guests watch a parade.",
    "The score is 3 < 5 at the match.",
    "On 12/05/2020 at 18:00 a crowd met, and again on 13/05/2020-14/05/2020.",
    "The flags show the years 2018 2019 2020 in a row.",
    "Runners with the bibs 1234 1235 1236 pass a crowd.",
    "The bride`s family waits outside.",
    "A sign says ``No justice'' above the crowd.",
    "Sen. Warren and Gov. Baker greet supporters on 5th Ave. in Boston.",
    "A crowd waits on Jan. 6 near the steps.",
    "The crowd ... in front of a stage looks up.",
    "In 2020 protesters fill the square.",
    "At least 200 people wait, as many as 5,000 people follow.",
    "A crowd camps from 01.05.2020-03.05.2020, and again 01.05.21-03.05.21 or 01/02/22.",
    "A crowd laughs \U0001fae8 at a street show.",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u0628\u0631\u0648\u0645 \u0628\u0647 \u062e\u0627\u0646\u0647",
]


@pytest.mark.parametrize("text", CLEAN)
def test_a_good_caption_is_left_alone(text: str) -> None:
    messages = [message for rule_id in CAPTION_RULES for message in found(RULES[rule_id], with_caption(3, text))]
    assert messages == []


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("GS309", "On 12/05/2020 18:00 a crowd met, call 030 12345678 for more."),
        ("GS309", "Call 01.23.45.67.89 about this crowd."),
        ("GS309", "Call 01-23-45-67-89 about this crowd."),
        ("GS309", "Call (555) 123-4567 about this crowd."),
        ("GS309", "Call 555 123 4567 about this crowd."),
        ("GS311", "A crowd waits in the Ave. Many people sing. Some dance."),
        ("GS313", "A march of 5k people, 5K fans behind it."),
        ("GS313", "Exactly 2000 people and 2,012 fans wait."),
    ],
)
def test_what_hides_behind_something_harmless_is_found(rule: str, text: str) -> None:
    assert found(RULES[rule], with_caption(2, text))


LONGEST = schemas.read("record.schema.json")["properties"]["captions"]["items"]["properties"]["text"]["maxLength"]
HOSTILE = [
    "a",
    "a.",
    "1 ",
    "111 ",
    "[](",
    "a.a@",
    "x . ",
    "...",
    "1.1.1/",
    "<a ",
    "&a",
    "`a",
    "12k ",
    "thousand ",
    "www.",
]


@pytest.fixture
def watchdog() -> Iterator[None]:
    """Ends a test that would run for ever, after a hundred times what it takes."""

    def bark(*_: object) -> None:
        raise TimeoutError("this does not end")

    before = signal.signal(signal.SIGALRM, bark)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_caption_keeps_a_rule_busy(piece: str, watchdog: None) -> None:
    """Some patterns take time with the square of a text's length: without a bound on it, this would not end."""
    for rule_id in CAPTION_RULES:
        found(RULES[rule_id], with_caption(1, (piece * LONGEST)[: LONGEST - 20] + " people . x"))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Viele junge Menschen gehen mit Schildern über die Straße."),
        ("en", "A crowd."),
        ("en", "Men, women, horses, dogs."),
        ("tlh", "Viele junge Menschen gehen mit Schildern über die Straße."),  # a language nobody can tell
    ],
)
def test_the_language_is_named_only_where_it_is_sure(language: str, text: str) -> None:
    [record] = with_caption(3, text)
    record.update(language=language)
    record["captions"] = record["captions"][2:3]
    assert found(RULES["GS307"], [record]) == []


def test_letters_count_as_words_where_nothing_parts_them() -> None:
    assert found(RULES["GS302"], with_caption(1, "人们在广场上")) == []


def test_nearly_the_same_is_said_once_a_caption() -> None:
    [record] = with_caption(4, "A crowd with hand-painted signs fill the avenue.")
    record["captions"][4]["text"] = record["captions"][1]["text"]
    assert [message[:28] for message in found(RULES["GS304"], [record])] == [
        "caption 4 says nearly the sa",
        "caption 5 says the same as c",
    ]


def test_a_caption_of_many_images_is_named_with_a_few_of_them() -> None:
    rule = RULES["GS306"]
    [records] = rule.counterexamples()
    assert found(rule, records[:5]) == []
    [message] = found(rule, records)
    assert "that of 5 other images too" in message


def test_key_words_of_another_type_may_stand_beside_those_of_its_own() -> None:
    [[record]] = RULES["GS405"].counterexamples()
    record["captions"][4]["text"] = "Protesters hold placards."
    assert found(RULES["GS405"], [record]) == []


def test_a_near_name_of_a_licence_is_suggested() -> None:
    record = golden(lambda record: record["source"].update(license="cc by 4.0"))
    assert "did you mean CC-BY-4.0?" in found(RULES["GS602"], [record])[0]


def test_a_retraction_cannot_be_waived() -> None:
    assert not RULES["GS605"].waivable()


def test_images_of_no_collection_are_not_one_source_for_their_names() -> None:
    pair = [numbered(1), numbered(2, lambda record: record.update(split="test"))]
    for record in pair:
        record["source"].update(dataset=None, ref="IMG_0001.jpg")
    assert found(RULES["GS506"], pair) == []


def test_a_retracted_record_is_found() -> None:
    context = Context(SETTINGS, load_taxonomy(), retracted={golden()["id"]: "takedown"})
    assert found(RULES["GS605"], [golden()], context) == ["the record was retracted: takedown"]
    assert found(RULES["GS605"], [numbered(1)], context) == []


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


@pytest.mark.parametrize("rule", ["GS508", "GS509"])
def test_where_there_is_no_parent_its_rules_do_not_run(rule: str) -> None:
    assert not RULES[rule].applies(CONTEXT)
    assert RULES[rule].applies(in_parent("test"))


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


DATASET_RULES = [rule for rule in RULES.values() if issubclass(rule, DatasetRule)]


@pytest.mark.parametrize("rule", DATASET_RULES, ids=[rule.id for rule in DATASET_RULES])
def test_what_two_objects_have_seen_can_be_joined(rule: type[DatasetRule]) -> None:
    """The law behind reading a file in parts: however it is cut, the same is found."""
    for records in [rule.golden(), *rule.counterexamples(), [golden()]]:
        for cut in range(len(records) + 1):
            first, later = rule(in_parent("test")), rule(in_parent("test"))
            messages = [message for record in records[:cut] for message in first.check(record)]
            messages += [message for record in records[cut:] for message in later.check(record)]
            first.merge(pickle.loads(pickle.dumps(later)))  # it comes from another process
            assert messages + [message for _, message in first.close()] == found(rule, records, in_parent("test"))
