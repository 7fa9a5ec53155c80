"""Signing in with a password and through a provider, a session that ends, and the accounts page, in a real browser."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from gatherset.annotate import provider as provider_module
from gatherset.annotate.accounts import add_account, all_accounts, change_account
from gatherset.dataset.catalog.tables import drafts, sessions, submissions
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace
from tests.annotate.pages.test_states import look
from tests.browser import APP, PATIENCE, Server
from tests.conftest import draw
from tests.oidc_provider import CLIENT, SECRET, Provider

PASSWORD = "a sentence of hers"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider().running() as running:
        yield running


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[tuple[Workspace, Server]]:
    """A workspace with a maintainer, mia, and an annotator, ann, whom the provider knows; and the app on it."""
    folder = tmp_path_factory.mktemp("team")
    workspace = Workspace.create(folder / "mg", overlap=1)
    for number in range(4):
        draw(folder / "photos" / f"{number}.jpg", number)
    ingest(workspace, folder / "photos", Provenance(license="CC-BY-4.0"))
    add_account(workspace, "mia", "maintainer", password=PASSWORD, by="mia")
    add_account(workspace, "ann", "annotator", "ann@example.org", password=PASSWORD, by="mia")
    app = Server(workspace.root, APP)
    app.environment[provider_module.SECRET] = SECRET
    settings = workspace.root / "gatherset.toml"
    more = f'url = "{app.address}"\nprovider = "{provider.metadata}"\nclient_id = "{CLIENT}"\n'
    settings.write_text(f"{settings.read_text()}\n[app]\n{more}")
    app.start()
    try:
        yield workspace, app
    finally:
        app.stop()
        workspace.catalog.close()


@pytest.fixture
def page(browser: Any) -> Any:
    made = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    made.set_default_timeout(PATIENCE)
    return made


def sign_in(page: Any, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_a_session_that_ends_while_one_types_loses_nothing(team: tuple[Workspace, Server], page: Any) -> None:
    workspace, app = team
    page.goto(app.address)
    sign_in(page, "ann")
    page.get_by_label("Caption 1", exact=True).fill("Guests in costume chat under")
    page.get_by_role("status").get_by_text("Saved", exact=True).wait_for()
    with workspace.catalog.write() as connection:
        connection.execute(sa.update(sessions).values(expires_at=now(plus_minutes=-1)))
    page.get_by_label("Caption 1", exact=True).press_sequentially(" a row of lamps.")
    page.get_by_text("What you typed is kept in this browser").wait_for()
    page.get_by_role("button", name="Sign in").click()
    sign_in(page, "ann")
    page.get_by_label("Caption 1", exact=True).wait_for()
    assert page.get_by_label("Caption 1", exact=True).input_value() == "Guests in costume chat under a row of lamps."
    page.get_by_role("status").get_by_text("Saved", exact=True).wait_for()
    with workspace.catalog.read() as connection:
        [draft] = connection.execute(sa.select(drafts.c.content)).scalars()
        assert draft["captions"][0] == "Guests in costume chat under a row of lamps."
        assert connection.execute(sa.select(sa.func.count()).select_from(submissions)).scalar() == 0


def test_a_provider_brings_a_person_in_and_lets_them_out(
    team: tuple[Workspace, Server], provider: Provider, page: Any
) -> None:
    _, app = team
    page.goto(app.address)
    page.get_by_role("link", name="Sign in with 127.0.0.1").click()
    page.locator("#image").wait_for()
    page.goto(f"{app.address}/your-work")
    page.get_by_text("ann: ").wait_for()
    page.get_by_role("link", name="Sign out").click()
    page.get_by_label("Password").wait_for()
    page.goto(app.address)  # it is over: the provider's word of a moment ago opens nothing
    page.get_by_label("Password").wait_for()


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ({"down": True}, "The provider did not sign you in"),
        ({"refuses": True}, "The provider did not sign you in"),
        ({"clock": 86_400}, "The provider did not sign you in"),
        ({"clock": -86_400}, "The provider did not sign you in"),
        (
            {"person": {"sub": "2", "email": "eve@example.org", "email_verified": True}},
            "nobody with your e-mail address",
        ),
        ({"person": {"sub": "3", "email": "mia@example.org", "email_verified": False}}, "nobody with your e-mail"),
    ],
)
def test_whom_a_provider_does_not_bring_is_told_why(
    team: tuple[Workspace, Server], provider: Provider, page: Any, trouble: dict[str, Any], said: str
) -> None:
    _, app = team
    before = vars(provider).copy()
    vars(provider).update(trouble)
    try:
        page.goto(f"{app.address}/enter")
        page.get_by_text(said).wait_for()
    finally:
        vars(provider).update(before)


def test_maintainers_make_and_change_accounts_on_a_page(
    team: tuple[Workspace, Server], page: Any, browser: Any
) -> None:
    workspace, app = team
    problems: list[str] = []
    page.goto(app.address)
    look(page, "password", "desk", problems)
    sign_in(page, "mia")
    page.get_by_role("link", name="Accounts").click()
    page.get_by_label("Name", exact=True).fill("ben")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("ben has an account.").wait_for()
    look(page, "accounts", "desk", problems)
    link = page.locator("code").inner_text()
    guest = browser.new_context().new_page()
    guest.goto(link)
    look(guest, "invitation", "desk", problems)
    guest.reload()  # what the link holds is still there
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_label("The same again").fill(PASSWORD)
    guest.get_by_role("button", name="Choose it and begin").click()
    guest.locator("#image").wait_for()
    assert "#" not in guest.url
    guest.context.close()
    change_account(workspace, "ann", by="max", role="reviewer")  # meanwhile, by another maintainer
    page.get_by_role("button", name="Disable").click()
    page.get_by_text("max has changed the account of ann meanwhile").wait_for()
    expect(page.get_by_role("button", name="Disable")).to_have_count(1)  # the page is being drawn anew
    page.get_by_role("button", name="Disable").click()
    page.get_by_text("ann cannot come in any more.").wait_for()
    states = {one.name: (one.role, one.state.partition(":")[0]) for one in all_accounts(workspace)}
    assert states == {"ann": ("reviewer", "disabled"), "ben": ("annotator", "active"), "mia": ("maintainer", "active")}
    assert problems == []
