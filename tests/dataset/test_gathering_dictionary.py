import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gatherset import schemas
from gatherset.dataset.errors import InputError
from gatherset.dataset.gathering_dictionary import FILE, GatheringDictionary, forms_of, load_dictionary


def dictionary(*terms: str | tuple[str, float], negative: tuple[str, ...] = (), **more: Any) -> GatheringDictionary:
    pairs = [(term, 1.0) if isinstance(term, str) else term for term in terms]
    listed = [{"words": words, "weight": weight} for words, weight in pairs]
    least = {"least_captions": 1, "least_weight": 1.0, "least_total": 0}
    document = {"version": "1.0", **least, "terms": listed, "negative": list(negative)}
    return GatheringDictionary({**document, **more}, "test")


@pytest.mark.parametrize(
    ("lemma", "form"),
    [
        ("march", "marches"),
        ("march", "marching"),
        ("rally", "rallied"),
        ("parade", "parading"),
        ("crowd", "crowded"),
        ("run", "running"),
        ("box", "boxes"),
        ("play", "plays"),
    ],
)
def test_a_lemma_is_found_in_its_forms(lemma: str, form: str) -> None:
    assert form in forms_of(lemma)
    assert dictionary(lemma).judge([f"They see it {form}, today."]).matches


@pytest.mark.parametrize("caption", ["An overcrowding.", "A marchioness.", "Crowdfunding pays."])
def test_a_word_that_only_holds_a_term_is_none(caption: str) -> None:
    assert not dictionary("crowd", "march").judge([caption]).matches


def test_a_phrase_is_found_word_by_word_whatever_stands_between_them_in_writing() -> None:
    found = dictionary("group of people").judge(["Two groups of People, waiting.", "A group of old people."])
    assert (found.captions, found.terms) == (1, ("group of people",))


def test_a_negative_phrase_takes_its_terms_out_and_leaves_the_others() -> None:
    of_dogs = dictionary("group", "crowd", negative=("group of dog",))
    assert not of_dogs.judge(["A group of dogs runs."]).matches
    assert of_dogs.judge(["A group of dogs before a crowd."]).terms == ("crowd",)


def test_weights_add_up_within_a_caption_and_may_be_negative() -> None:
    weighted = dictionary(("band", 0.5), ("stage", 0.5), ("alone", -1.0))
    assert weighted.judge(["A band on a stage."]).matches
    assert not weighted.judge(["A band.", "A stage."]).matches
    assert not weighted.judge(["Alone: a band on a stage."]).matches


def test_enough_captions_must_match() -> None:
    two = dictionary("crowd", least_captions=2)
    assert [two.judge(["A crowd."] * count).matches for count in (1, 2)] == [False, True]


def test_the_captions_together_must_weigh_enough() -> None:
    heavy = dictionary("crowd", ("parade", 2.0), least_total=2)
    assert not heavy.judge(["A crowd.", "A dog."]).matches
    assert heavy.judge(["A crowd.", "The crowd."]).matches
    assert heavy.judge(["A parade."]).matches


def test_a_caption_that_speaks_against_the_others_counts_against_the_image() -> None:
    terms = [{"words": "crowd", "weight": 1}, {"pattern": r"(two|three) men", "weight": -0.5}]
    weighed = dictionary(terms=terms, least_total=1)
    assert weighed.judge(["A crowd.", "Some men."]).matches
    assert not weighed.judge(["A crowd.", "Two men."]).matches


def test_a_pattern_is_matched_over_whole_words() -> None:
    patterned = dictionary(terms=[{"pattern": r"(hundreds|thousands) of \w+", "weight": 1}])
    assert patterned.judge(["Hundreds of fans!"]).matches
    assert not patterned.judge(["hundreds ofx"]).matches


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is not a gathering dictionary"),
        ("{}", "is a required property"),
        ({"terms": [{"pattern": "(crowd", "weight": 1}]}, r"term 1: '\(crowd' is no regular expression"),
        ({"terms": [{"words": "...", "weight": 1}]}, r"term 1: there is no word in '\.\.\.'"),
        ({"negative": ["group of dogs", "()"]}, r"negative phrase 2: there is no word in '\(\)'"),
        ({"terms": [{"words": "crowd", "weight": 1}] * 2}, "'crowd' stands there twice"),
        ({"terms": []}, "terms"),
        ({"least_captions": 0}, "least_captions"),
    ],
)
def test_what_is_no_dictionary_says_why(tmp_path: Path, content: Any, complaint: str) -> None:
    text = content if isinstance(content, str) else json.dumps({**schemas.read(FILE), **content})
    (tmp_path / FILE).write_text(text)
    with pytest.raises(InputError, match=complaint):
        load_dictionary(tmp_path / FILE)


def test_the_dictionary_that_gatherset_brings_is_one() -> None:
    schema = schemas.read("gathering_dictionary.schema.json")
    jsonschema.validate(schemas.read(FILE), schema, jsonschema.Draft202012Validator)
    brought = load_dictionary()
    assert brought.judge(["A crowd of protesters marches down the street."] * 5).matches
    assert not brought.judge(["A dog runs on the beach."] * 5).matches
