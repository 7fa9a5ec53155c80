"""The quick forms of captions are those that the slow, plain definitions give."""

from hypothesis import example, given
from hypothesis import strategies as st

from gatherset.dataset.rules.reading import Reading
from gatherset.dataset.tokens import normalised, words

LETTERS = st.text(st.sampled_from("aZ é9.,'-wW\n\x1c\u2028<ßกิ人İﬁ\ud800"), max_size=12)
TEXTS = st.lists(LETTERS | st.text(max_size=12), max_size=6).map(tuple)


@given(TEXTS)
def test_forms_and_words_are_those_of_each_text(texts: tuple[str, ...]) -> None:
    read = Reading(texts)
    assert read.forms == [normalised(text) for text in texts]
    assert read.words == [words(normalised(text)) for text in texts]
    assert len(read.keys) == len(texts)


@example(("A crowd, see wWw.example.org",))
@given(TEXTS)
def test_a_text_is_odd_that_holds_www_or_more_than_letters_spaces_and_plain_signs(texts: tuple[str, ...]) -> None:
    read = Reading(texts)
    odd = [
        (number, text)
        for number, text in enumerate(texts, 1)
        if any(not (c.isascii() and c.isalpha()) and c not in " ,.'-" for c in text) or "www" in text.lower()
    ]
    assert read.odd == odd
    assert read.ordinary is (not odd)
