from pathlib import Path

import pytest

from gatherset.dataset.errors import WorkspaceError
from gatherset.dataset.settings import Settings, is_name, read_settings

HEAD = 'format = 1\nname = "mg"\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gatherset.toml"


def test_what_is_not_named_has_its_default(path: Path) -> None:
    path.write_text(HEAD)
    assert read_settings(path) == Settings(1, "mg")


def test_every_kind_of_value_is_read(path: Path) -> None:
    path.write_text(
        HEAD + "[splits]\nratios = [7, 2, 1]\n"
        '[rules]\nignore = ["GS304"]\nlevels = {GS302 = "error"}\nsplit_tolerance = 1\nmin_words = 4\n'
    )
    settings = read_settings(path)
    assert settings.splits.ratios == (7, 2, 1)
    assert (settings.rules.ignore, settings.rules.levels) == (("GS304",), {"GS302": "error"})
    assert (settings.rules.split_tolerance, settings.rules.min_words) == (1, 4)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (HEAD + "[", "not valid TOML"),
        ('format = 2\nname = "mg"\nnew = 1', "made by a newer Gatherset .*Upgrade"),
        (HEAD + "[splits]\nratio = [8, 1, 1]", "unknown setting 'ratio'.*Did you mean 'ratios'"),
        (HEAD + "[foo]\na = 1", "unknown setting 'foo'. Known here: about, app, captions_per_image"),
        ('name = "mg"', "'format' is missing"),
        ("format = 1", "'name' is missing"),
        ("format = 1\nname = 3", "name has the value 3.*a text in quotes"),
        ('format = true\nname = "mg"', "format has the value True.*a whole number"),
        (HEAD + "splits = 3", "splits is 3, not a table"),
        (HEAD + '[splits]\nratios = "8:1:1"', "'8:1:1'.*a list like"),
        (HEAD + "[splits]\nratios = [8, true, 1]", "wrong kind"),
        (HEAD + "[splits]\nratios = [8, 1.5, 1]", "wrong kind"),
        (HEAD + "[splits]\nratios = [8, 1]", "three numbers"),
        (HEAD + "[splits]\nratios = []", "three numbers"),
        (HEAD + "[splits]\nratios = [0, 1, 1]", "the first above 0"),
        (HEAD + '[rules]\nignore = "GS301"', "a list of texts"),
        (HEAD + '[rules]\nlevels = {GS301 = "fatal"}', "'error' or 'warning'"),
        (HEAD + '[rules]\nlevels = {GS101 = "warning"}', "GS101 is always an error"),
        (HEAD + '[rules]\nlevels = {GS301 = ["error"]}', "a table of texts"),
        (HEAD + "[rules]\nlevels = {GS301 = {}}", "a table of texts"),
        (HEAD + "[rules]\nnear_duplicate_distance = -1", "0 to 16"),
        (HEAD + "[splits]\nseries = '('", "regular expression with a group"),
        (HEAD + "[splits]\nseries = 'x'", "regular expression with a group"),
        (HEAD + "[rules]\nsplit_tolerance = nan", "split_tolerance must be 0 to 1"),
        (HEAD + "[images]\nmax_pixels = 0", "max_pixels"),
        (HEAD + "[queue]\noverlap = 6", "overlap <= max_overlap"),
        (HEAD + "[queue]\nlease_minutes = 0", "lease_minutes"),
        (HEAD + "[release]\nbuckets = 3", "1, 2, 4"),
        (HEAD + "captions_per_image = 0", "captions_per_image"),
        (HEAD + 'language = "English!"', "BCP 47"),
        (HEAD + "language = 1979-05-27", "a text in quotes"),
        ('format = 1\nname = "MG"', "lower-case letters"),
    ],
)
def test_a_setting_that_cannot_be_says_what_is_wrong(path: Path, text: str, complaint: str) -> None:
    path.write_text(text)
    with pytest.raises(WorkspaceError, match=complaint) as caught:
        read_settings(path)
    assert str(path) in str(caught.value)
    assert caught.value.next_step


def test_a_file_that_is_no_text_is_a_workspace_error(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(WorkspaceError, match="not valid TOML"):
        read_settings(path)


@pytest.mark.parametrize("name", ["mg", "mass-gatherings_2", "a"])
def test_a_name(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "MG", "2mg", "-mg", "m g", "mg@1", "mg/x", "mé", "..", "mg.toml"])
def test_no_name(name: str) -> None:
    assert not is_name(name)
