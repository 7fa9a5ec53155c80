from hypothesis import given
from hypothesis import strategies as st

from gatherset.dataset.tokens import _TOKEN, distinct_2, tokens


def test_tokens_are_lower_case_letters_digits_and_inner_apostrophes() -> None:
    assert tokens("Two women’s flags, 3 re-painted 'signs' – don't!") == [
        "two", "women's", "flags", "3", "re", "painted", "signs", "don't",
    ]  # fmt: skip


def test_tokens_of_other_scripts_are_kept() -> None:
    assert tokens("Élan на площади") == ["élan", "на", "площади"]


@given(st.text(st.characters(max_codepoint=0x17F)))
def test_the_quick_way_for_plain_english_gives_the_same(text: str) -> None:
    assert tokens(text) == _TOKEN.findall(text.lower().replace("’", "'"))


def test_distinct_2_is_the_share_of_different_pairs_of_words() -> None:
    assert distinct_2([["a", "crowd", "walks"], ["a", "crowd", "sings"]]) == 3 / 4
    assert distinct_2([["alone"]]) == 0
