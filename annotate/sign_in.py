"""The routes by which people come in and leave: sign-in, invitation, arrival from a provider, sign-out."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from gatherset.annotate import access, journal, provider
from gatherset.annotate.accounts import accept_invitation
from gatherset.annotate.annotators import MAX_NAME, one_name
from gatherset.annotate.attempts import Attempts, place_of
from gatherset.annotate.marks import filled
from gatherset.annotate.outages import in_words
from gatherset.annotate.passwords import LEAST, MOST
from gatherset.annotate.server import open_workspace
from gatherset.dataset.errors import GathersetError
from gatherset.dataset.workspace import Workspace

PAGES = Path(__file__).parent / "pages"
FRESH = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY"}
MAX_BYTES = 10_000  # of a form
PASSWORD = (
    '<label for="password">Password</label>'
    '<input id="password" name="password" type="password" required autocomplete="current-password">'
)
NO_ACCOUNTS = "Your name stays in this workspace; records show a pseudonym."
FORGOTTEN = "Forgotten, or no password yet? A maintainer gives you a link to choose one."
NOT_SIGNED_IN = (
    "The provider did not sign you in: it cannot be reached, it refused, or the clocks of the two servers differ. "
    "Try again in a moment."
)
# A desk that is open in another tab hears the first line, and closes.
SIGNED_OUT = """<!doctype html><title>Signed out</title><script>
localStorage.setItem("gatherset:signed-out", "");
for (const key of Object.keys(localStorage)) if (key.startsWith("gatherset:")) localStorage.removeItem(key);
location.replace("[AFTER]");
</script><a href="sign-in">Signed out. Sign in again</a>"""
attempts = Attempts()
Form = Mapping[str, str]


def base(request: Request) -> str:
    """The sub-path under which the app is served: "" or "/mg"."""
    return request.url.path.rpartition("/")[0]


async def sign_in(request: Request) -> Response:
    """The page that asks who it is, and what takes the answer."""
    return await _page(request, _sign_in, lambda problem: _sign_in_page({}, problem))


async def invitation(request: Request) -> Response:
    """The page behind an invitation, on which a password is chosen, and what takes it."""
    return await _page(request, _accept, lambda problem: _invitation_page("", problem))


async def _page(
    request: Request, take: Callable[[Request, Form], Response], draw: Callable[[str], Response]
) -> Response:
    if request.method == "GET":
        problem = NOT_SIGNED_IN if request.query_params.get("problem") == "provider" else ""
        return await run_in_threadpool(_safely, lambda: draw(problem))
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BYTES:
            return HTMLResponse("The form is too large", status_code=413)
    if _is_of_another_site(request):
        return HTMLResponse("This form was sent from another site", status_code=403)
    form = {key: values[0] for key, values in parse_qs(data.decode("utf-8", "replace")).items()}
    return await run_in_threadpool(_safely, lambda: take(request, form))


def _is_of_another_site(request: Request) -> bool:
    origin = request.headers.get("origin")
    try:
        return origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    except ValueError:  # no address: "http://["
        return True


def _safely(act: Callable[[], Response]) -> Response:
    try:
        return act()
    except DBAPIError as error:
        return outage(in_words(error))
    except GathersetError as error:  # of the workspace itself
        return outage(str(error))


def outage(what: str) -> Response:
    """The page that says what does not work; it tries again by itself."""
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>Gatherset'
        f"</title><p>{html.escape(what)}. What you typed is kept in your browser; this page tries again by itself.</p>",
        status_code=503,
        headers=FRESH,
    )


def _sign_in(request: Request, form: Form) -> Response:
    workspace, name = open_workspace(), form.get("name", "")
    if access.open_to_all(workspace):
        try:
            return _come_in(request, access.ticket(workspace, name))
        except GathersetError as error:
            return _sign_in_page(form, str(error))
    address = request.client.host if request.client else ""
    # The name that is tried is the one that is counted, to the letter: else another spelling were another count.
    called = one_name(name)[:MAX_NAME].strip()
    counted = place_of(address), called.casefold()
    if minutes := attempts.begin(*counted):
        journal.record_trouble("sign_in_held_back", address=address)
        return _sign_in_page(form, f"Too many attempts. Try again in {minutes} min.", status=429)
    token = access.sign_in(workspace, called, form.get("password", ""))
    if token is None:
        journal.record_trouble("sign_in_refused", address=address)
        return _sign_in_page(form, "This name and password do not fit.", status=401)
    attempts.succeeded(*counted)
    journal.record("signed_in", person=access.number_of(workspace, called))
    return _come_in(request, token)


def _accept(request: Request, form: Form) -> Response:
    workspace, token, password = open_workspace(), form.get("token", ""), form.get("password", "")
    if password != form.get("again", ""):
        return _invitation_page(token, "The two are not the same.")
    try:
        name = accept_invitation(workspace, token, password)
    except GathersetError as error:
        return _invitation_page(token, f"{error}.")
    journal.record("invitation_accepted", person=access.number_of(workspace, name))
    session = access.sign_in(workspace, name, password)
    return _come_in(request, session) if session else RedirectResponse("sign-in", status_code=303)


def _come_in(request: Request, token: str) -> Response:
    response = RedirectResponse(f"{base(request)}/", status_code=303, headers=FRESH)
    response.set_cookie(
        access.COOKIE,
        token,
        max_age=access.DAYS * 24 * 3600,
        path=base(request) or "/",
        httponly=True,
        secure=request.url.scheme == "https",
        samesite="lax",  # another site's page can link here, but nothing that it sends carries the ticket
    )
    return response


def arrived(request: Request) -> Response:
    """Where one comes from the provider, with the pass that the page /enter has made."""

    def take() -> Response:
        # Another site could only bring a pass of its own person: then this browser would work in a stranger's name.
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return RedirectResponse("sign-in", status_code=303)
        annotator = provider.take_over(request.query_params.get("pass", ""))
        if annotator is None:
            return RedirectResponse("sign-in", status_code=303)
        token = access.begin_session(open_workspace(), annotator)
        if token is None:
            return RedirectResponse("sign-in", status_code=303)
        journal.record("signed_in", person=annotator, provider=True)
        return _come_in(request, token)

    return _safely(take)


def sign_out(request: Request) -> Response:
    """Forget who it was, in the browser too: half-typed texts must not be left for the next person."""

    def take() -> Response:
        access.end_session(open_workspace(), request.cookies)
        # Who came from a provider has a ticket of Streamlit's as well, with which they would be back at once.
        after = "auth/logout" if any(name.startswith("_streamlit_user") for name in request.cookies) else "sign-in"
        response = HTMLResponse(SIGNED_OUT.replace("[AFTER]", after), headers=FRESH)
        response.delete_cookie(access.COOKIE, path=base(request) or "/")
        return response

    return _safely(take)


def _sign_in_page(form: Form, problem: str, *, status: int = 400) -> Response:
    workspace = open_workspace()
    nobody = access.open_to_all(workspace)
    name, host = form.get("name", ""), provider.title(workspace)
    parts = {"PASSWORD": "" if nobody else PASSWORD, "PROVIDER": ""}
    if host:
        parts["PROVIDER"] = f'<a class="button" href="enter">Sign in with {html.escape(host)}</a>'
    texts = {"NAME": name, "PROBLEM": problem, "BUTTON": "Begin" if nobody else "Sign in"}
    texts["SMALL"] = NO_ACCOUNTS if nobody else FORGOTTEN
    return _drawn(workspace, "sign_in.html", texts, parts, status=status if problem else 200)


def _invitation_page(token: str, problem: str, *, status: int = 400) -> Response:
    texts = {"TOKEN": token, "PROBLEM": problem, "LEAST": str(LEAST), "MOST": str(MOST)}
    return _drawn(open_workspace(), "invitation.html", texts, {}, status=status if problem else 200)


def _drawn(
    workspace: Workspace, page: str, texts: Mapping[str, str], parts: Mapping[str, str], *, status: int
) -> Response:
    """The page with its [PLACES] filled."""
    style = (PAGES / "sign_in.css").read_text(encoding="utf-8")
    values = {key: html.escape(value, quote=True) for key, value in texts.items()}
    values |= {"STYLE": style, "DATASET": html.escape(workspace.settings.name), **parts}
    made = filled((PAGES / page).read_text(encoding="utf-8"), values, before="[", after="]")
    return HTMLResponse(made, status_code=status, headers=FRESH)


ROUTES = [
    Route("/sign-in", sign_in, methods=["GET", "POST"]),
    Route("/invitation", invitation, methods=["GET", "POST"]),
    Route("/arrived", arrived, methods=["GET"]),
    Route("/sign-out", sign_out, methods=["GET"]),
]
