from gatherset.dataset.tokens import tokens


def test_tokens_are_lower_case_letters_digits_and_inner_apostrophes() -> None:
    assert tokens("Two women’s flags, 3 re-painted 'signs' – don't!") == [
        "two", "women's", "flags", "3", "re", "painted", "signs", "don't",
    ]  # fmt: skip


def test_tokens_of_other_scripts_are_kept() -> None:
    assert tokens("Élan на площади") == ["élan", "на", "площади"]
