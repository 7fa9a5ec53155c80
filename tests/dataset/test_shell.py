import json

import pytest

from gatherset.dataset.shell import print_json, say

CLEAR = "\x1b[2J\x9b1mred\u202e"


def test_escape_sequences_of_others_are_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"mg@1.0.0 yanked: {CLEAR}\nsecond line")
    assert capsys.readouterr().out == "mg@1.0.0 yanked: \\x1b[2J\\x9b1mred\\u202e\nsecond line\n"


def test_in_json_they_are_escapes_of_json(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    print_json({"yanked": CLEAR})
    printed = capsysbinary.readouterr().out
    assert json.loads(printed) == {"yanked": CLEAR}
    assert not {"\x1b", "\x9b", "\u202e"} & set(printed.decode())
