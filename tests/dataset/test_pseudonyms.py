"""Authors are known by one name in the workspace, and by another in the releases of each name."""

import re

from gatherset.dataset.pseudonyms import ReleasedAuthors, new_pseudonym, released_pseudonym


def test_a_pseudonym_has_the_form_of_the_schema_and_says_nothing() -> None:
    drawn = {new_pseudonym() for _ in range(100)}
    assert len(drawn) == 100
    assert all(re.fullmatch("a-[0-9a-f]{8}", one) for one in drawn)


def test_releases_of_another_name_show_another_pseudonym() -> None:
    shown = released_pseudonym("secret", "mg", "a-00000001")
    assert re.fullmatch("a-[0-9a-f]{8}", shown)
    assert shown == released_pseudonym("secret", "mg", "a-00000001")
    others = [("secret", "other", "a-00000001"), ("secret", "mg", "a-00000002"), ("another", "mg", "a-00000001")]
    assert shown not in {released_pseudonym(*other) for other in others}


def test_a_record_is_released_with_its_authors_as_the_release_knows_them() -> None:
    record = {"id": "gs-1", "captions": [{"text": "a", "author": "a-00000001"}, {"text": "b", "author": None}]}
    shown = ReleasedAuthors("secret", "mg").shown(record)
    assert [one["author"] for one in shown["captions"]] == [released_pseudonym("secret", "mg", "a-00000001"), None]
    assert record["captions"][0]["author"] == "a-00000001"
