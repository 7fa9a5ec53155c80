"""The site of deploy/nginx.conf, served by Debian's nginx: the app under a sub-path, through TLS, in a real browser."""

import http.client
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed: pip install 'gatherset[app]'")
from gatherset.annotate import provider as provider_module
from gatherset.annotate.accounts import add_account
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace
from tests.browser import APP, PATIENCE, Server, launch
from tests.conftest import draw, must_not_skip_in_ci
from tests.nginx import HOST, KEPT, NGINX, Nginx
from tests.oidc_provider import CLIENT, SECRET, Provider

PASSWORD = "a sentence of hers"
WORDS = (
    "Guests in costume chat under a row of lamps.",
    "Several people hold paper cups near the wall.",
    "Two children run between the tables of the hall.",
    "A tall woman waves at somebody behind the camera.",
    "Bright flags hang over the heads of the crowd.",
)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider().running() as running:
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Nginx]:
    if NGINX is None:
        must_not_skip_in_ci("no nginx (Debian: apt-get install nginx)")
    folder = tmp_path_factory.mktemp("site")
    workspace = Workspace.create(folder / "mg", overlap=1)
    for number in range(3):
        draw(folder / "photos" / f"{number}.jpg", number)
    ingest(workspace, folder / "photos", Provenance(license="CC-BY-4.0"))
    add_account(workspace, "mia", "maintainer", password=PASSWORD, by="mia")
    add_account(workspace, "ann", "annotator", "ann@example.org", by="mia")
    settings = workspace.root / "gatherset.toml"
    more = f'url = "https://{HOST}/mg"\nprovider = "{provider.metadata}"\nclient_id = "{CLIENT}"\n'
    settings.write_text(f"{settings.read_text()}\n[app]\n{more}")
    workspace.catalog.close()
    app = Server(workspace.root, APP)
    app.path = "/mg"
    app.environment[provider_module.SECRET] = SECRET
    nginx = Nginx(folder / "nginx", app.port)
    app.start()
    try:
        nginx.start()
        yield nginx
    finally:
        nginx.stop()
        app.stop()


def ask(site: Nginx, path: str, method: str = "GET", data: bytes | None = None, cookie: str = "") -> tuple[int, str]:
    """Status and X-Cache of an answer, the certificate checked."""
    context = ssl.create_default_context(cafile=str(site.certificate))
    connection = http.client.HTTPSConnection(HOST, context=context, timeout=60)
    plain = socket.create_connection(("127.0.0.1", site.https))
    connection.sock = context.wrap_socket(plain, server_hostname=HOST)
    connection.request(method, path, data, {"Cookie": cookie, "Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert {"Strict-Transport-Security", "X-Frame-Options", "Referrer-Policy"} <= set(answer.headers.keys())
    return answer.status, answer.headers.get("X-Cache", "")


@pytest.fixture
def page(site: Nginx, playwright: Any) -> Iterator[Any]:
    # The certificate is the test's own; `ask` checks it, Chromium has no place to be told of it.
    opened = launch(playwright, f"--host-resolver-rules={site.rules}", "--ignore-certificate-errors")
    yield opened.new_page(viewport={"width": 1400, "height": 900})
    opened.close()


def test_the_app_works_behind_the_site(site: Nginx, page: Any) -> None:
    page.set_default_timeout(PATIENCE)
    wrong: list[Any] = []
    sockets: list[str] = []
    page.on("response", lambda one: wrong.append((one.status, one.url)) if one.status >= 400 else None)
    page.on("websocket", lambda one: sockets.append(one.url))
    walk(page)
    # Streamlit tries where it is served, on a page that is loaded anew; the icon is a browser's own wish.
    asked = [one for one in wrong if "/_stcore/" not in one[1] and "favicon" not in one[1]]
    assert asked == [(401, f"https://{HOST}/mg/sign-in")]
    assert set(sockets) == {f"wss://{HOST}/mg/_stcore/stream"}
    [cookie] = [one for one in page.context.cookies() if one["name"] == "gatherset_visitor"]
    assert (cookie["secure"], cookie["httpOnly"], cookie["path"]) == (True, True, "/mg")
    image = page.locator("#image").get_attribute("src")
    kept = f"{cookie['name']}={cookie['value']}"
    assert ask(site, f"/mg/{image}", cookie=kept) == (200, "HIT")
    assert ask(site, f"/mg/{image}")[0] == 403  # kept by nginx, and still not shown to strangers
    page.goto(f"https://{HOST}/mg/your-work")
    page.get_by_role("link", name="Sign out").click()
    page.get_by_label("Password").wait_for()
    assert page.url == f"https://{HOST}/mg/sign-in"
    assert ask(site, f"/mg/{image}", cookie=kept)[0] == 403  # the session is over, not only the cookie gone


def test_a_provider_brings_a_person_in_and_out_under_the_sub_path(site: Nginx, provider: Provider, page: Any) -> None:
    page.set_default_timeout(PATIENCE)
    page.goto(f"https://{HOST}/mg/")
    page.get_by_role("link", name="Sign in with 127.0.0.1").click()
    page.locator("#image:not(.coming)").wait_for()
    assert page.url == f"https://{HOST}/mg/"
    given = {one["name"]: one for one in page.context.cookies() if one["name"] != "_streamlit_xsrf"}
    assert {"gatherset_visitor", "_streamlit_user"} <= set(given)
    assert {(one["path"], one["httpOnly"]) for one in given.values()} == {("/mg", True)}
    page.goto(f"https://{HOST}/mg/your-work")
    page.get_by_text("ann: ").wait_for()
    page.get_by_role("link", name="Sign out").click()
    page.get_by_label("Password").wait_for()
    assert page.url == f"https://{HOST}/mg/sign-in"
    assert provider.left == 1  # there too, and back from there
    # Nothing is left with which the browser would be back at once.
    assert not [one for one in page.context.cookies() if one["name"] in given]


def walk(page: Any) -> None:
    """In through plain HTTP, with a wrong password first; one submission, and a look at the other pages."""
    page.goto(f"http://{HOST}/mg/")
    assert page.url == f"https://{HOST}/mg/sign-in"
    for password, said in (("another sentence", "do not fit"), (PASSWORD, "")):
        page.get_by_label("Your name").fill("mia")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        if said:
            page.get_by_text(said).wait_for()
    page.locator("#image:not(.coming)").wait_for()
    assert page.locator("#image").evaluate("one => one.naturalWidth") > 0
    for number, text in enumerate(WORDS, 1):
        page.get_by_label(f"Caption {number}", exact=True).fill(text)
    page.get_by_text("Protest", exact=True).click()
    page.keyboard.press("Control+Enter")
    page.get_by_text("1 today").wait_for()
    for link, words in (("Team", "Event types of the records"), ("Accounts", "Who may come in"), ("Review", "Keys")):
        page.get_by_role("link", name=link, exact=True).click()
        page.get_by_text(words).first.wait_for()
    page.reload()
    page.get_by_text("Keys").first.wait_for()
    page.get_by_role("link", name="Annotate", exact=True).click()
    page.locator("#image:not(.coming)").wait_for()


def test_the_certificate_is_renewed_through_plain_http(site: Nginx) -> None:
    challenge = site.folder / "html" / ".well-known" / "acme-challenge" / "token"
    challenge.parent.mkdir(parents=True)
    challenge.write_text("what certbot was asked for")
    with urllib.request.urlopen(f"http://127.0.0.1:{site.http}/.well-known/acme-challenge/token") as answer:
        assert answer.read() == b"what certbot was asked for"


def test_images_are_kept_where_debians_nginx_has_a_folder(site: Nginx) -> None:
    assert KEPT.is_dir()


def test_what_is_too_large_ends_at_the_proxy(site: Nginx) -> None:
    assert ask(site, "/mg/work/draft", "POST", b"x" * 2_000_000)[0] == 413


def test_the_question_of_the_proxy_is_not_for_browsers(site: Nginx) -> None:
    assert ask(site, "/mg/permission")[0] == 404
