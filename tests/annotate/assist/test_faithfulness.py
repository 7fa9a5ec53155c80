import pytest

from gatherset.annotate.assist.faithfulness import faults
from gatherset.dataset.taxonomy import load_taxonomy

FIRST = "Two women in Paris march down a street with signs."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Three women march with signs.", "counts"),
        ("Hundreds of people march with signs.", "counts"),
        ("Some 5,000 women march with signs.", "counts"),
        ("A dozen women march with signs.", "counts"),
        ("The women march with signs past the Louvre.", "names"),
        ("The women march with signs in NATO colours.", "names"),
        ("McDonald watches women march with signs.", "names"),
        ("The women march to a concert with signs.", "another event"),
        ("Riot police stop the women who march with signs.", "another event"),
        ("A cat sleeps on a sofa.", "shares no word"),
        ("asdf qwer zxcv uiop.", "shares no word"),
    ],
)
def test_what_the_first_caption_does_not_say_is_found(text: str, said: str) -> None:
    assert said in " ".join(faults(FIRST, text, load_taxonomy()))


@pytest.mark.parametrize(
    "text",
    [
        "Women with signs are marching along a Paris street.",
        "2 women walk in a march and hold signs.",
        "A pair of women marches down the street. They hold signs.",
        "One of the women holds a sign in the street.",
        "I see women in a street of Paris's centre.",
        "A protest: women demonstrate in the street with their signs.",
    ],
)
def test_a_paraphrase_is_let_pass(text: str) -> None:
    assert list(faults(FIRST, text, load_taxonomy())) == []


def test_german_nouns_are_no_names() -> None:
    first = "Viele Menschen gehen mit Schildern über die Straße."
    assert list(faults(first, "Auf der Straße sind Menschen mit Schildern.", load_taxonomy(), "de")) == []
