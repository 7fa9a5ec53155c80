"""What docs/security.md says attacks a promise is there."""

import re

from tests.conftest import ROOT


def test_every_test_that_the_page_names_is_there() -> None:
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    named = set(re.findall(r"tests/[\w/]+\.py", page))
    assert len(named) > 20
    assert not [name for name in sorted(named) if not (ROOT / name).is_file()]


def test_every_attack_of_this_folder_is_on_the_page() -> None:
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    here = {f"tests/security/{path.name}" for path in (ROOT / "tests" / "security").glob("test_*.py")}
    assert not [name for name in sorted(here - {"tests/security/test_page.py"}) if name not in page]
