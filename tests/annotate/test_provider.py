"""What a provider of identities says, and what is made of it."""

import hashlib
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gatherset.annotate.accounts import add_account
from gatherset.annotate.annotators import known_annotator
from gatherset.annotate.provider import SECRET, configuration, known_person
from gatherset.dataset.backup import back_up
from gatherset.dataset.errors import GathersetError
from gatherset.dataset.workspace import Workspace


@pytest.fixture
def team(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with a provider of identities, and a maintainer whom it may bring."""
    monkeypatch.setenv(SECRET, "what the provider gave")
    add_account(workspace, "mia", "maintainer", "mia@example.org", by="mia")
    app = replace(
        workspace.settings.app, url="https://a.example.org", provider="https://id.example.org/x", client_id="g"
    )
    workspace.settings = replace(workspace.settings, app=app)
    return workspace


def claims(**more: object) -> dict[str, object]:
    return {"iss": "https://id.example.org", "sub": "1", "email": "mia@example.org", "iat": time.time(), **more}


@pytest.mark.parametrize("said", [True, "true"])
def test_an_address_that_the_provider_has_verified_brings_its_person(team: Workspace, said: object) -> None:
    with team.catalog.read() as connection:
        mia = known_annotator(connection, "mia")
    assert known_person(team, claims(email_verified=said)) == mia


@pytest.mark.parametrize("said", [False, "false", "no", None, 0, []])
def test_an_address_that_it_has_not_brings_nobody(team: Workspace, said: object) -> None:
    with pytest.raises(GathersetError, match="nobody with your e-mail address"):
        known_person(team, claims(email_verified=said))


def test_an_address_of_which_it_says_nothing_is_trusted_where_the_settings_say_so(team: Workspace) -> None:
    with pytest.raises(GathersetError, match="does not say whether it has verified"):
        known_person(team, claims())
    team.settings = replace(team.settings, app=replace(team.settings.app, trust_email=True))
    assert known_person(team, claims())
    team.settings = replace(team.settings, app=replace(team.settings.app, trust_email=False))
    assert known_person(team, claims())  # by the provider's own number, from now on


def test_who_reads_the_catalog_cannot_make_a_cookie(team: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(configuration(team) or {})["cookie_secret"]
    assert before != hashlib.sha256(b"provider " + team.pseudonym_key.encode()).hexdigest()
    monkeypatch.setenv(SECRET, "another")
    assert dict(configuration(team) or {})["cookie_secret"] != before


def test_what_seals_are_made_with_is_for_nobody_elses_eyes(team: Workspace, tmp_path: Path) -> None:
    if team.catalog.path:
        assert team.catalog.path.stat().st_mode & 0o077 == 0
    back_up(team, tmp_path / "mg.tar")
    assert (tmp_path / "mg.tar").stat().st_mode & 0o077 == 0
    with tarfile.open(tmp_path / "mg.tar") as tar:
        assert tar.getmember("catalog.db").size
