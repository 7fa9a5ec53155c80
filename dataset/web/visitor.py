"""One URL: asked politely, followed where it leads, its image received into a file and judged."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from types import TracebackType
from typing import IO

import httpx

import gatherset
from gatherset.dataset.web.addresses import ForbiddenAddressError, GuardedTransport, UnknownNameError
from gatherset.dataset.web.content import DamagedError, TooLargeError, Unpacker, not_an_image, too_large
from gatherset.dataset.web.hosts import Host, Limits
from gatherset.dataset.web.outcome import INVALID, NO_CONNECTION, NOT_ASKED, OTHER, Outcome, of_status
from gatherset.dataset.web.robots import AGENT, MOST_BYTES, RobotsFile, forbids_training

MOST_HOPS = 5  # redirections, as RFC 9309 has it for robots.txt
REDIRECTIONS = frozenset({301, 302, 303, 307, 308})
LONGEST_URL = 8000  # characters
Judge = Callable[[str, Path], Outcome]  # (URL, file with what it gave): runs in a thread
# What a host can make of a question. Another OSError is this machine's, such as a full disk: that ends the run.
_NO_ANSWER = (
    TimeoutError, ConnectionError, ssl.SSLError, httpx.HTTPError, httpx.InvalidURL,
    ForbiddenAddressError, UnknownNameError, ValueError,
)  # fmt: skip


def user_agent(contact: str = "") -> str:
    """How it introduces itself; `contact` is a page or an e-mail for those who mind."""
    said = f" (+{contact})" if contact.isascii() and contact.isprintable() and contact else ""
    return f"{AGENT}/{gatherset.__version__}{said}"


class Visitor:
    """Asks for URLs. Made and used within one event loop; close it, or use it in an `async with`."""

    def __init__(
        self,
        limits: Limits,
        transport: GuardedTransport,
        folder: Path,
        judge: Judge,
        judges: Executor,
        *,
        contact: str = "",
    ) -> None:
        self.limits = limits
        self._folder, self._judge, self._judges = folder, judge, judges
        self._hosts: dict[str, Host] = {}
        self._robots: dict[str, asyncio.Task[RobotsFile | Outcome]] = {}
        timeout = httpx.Timeout(limits.read_seconds, connect=limits.connect_seconds, pool=None)
        headers = {"User-Agent": user_agent(contact), "Accept": "image/*", "Accept-Encoding": "identity"}
        # No host is to recognise us, and a jar for each of a hundred thousand would fill the memory.
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        self._client = httpx.AsyncClient(
            transport=transport, timeout=timeout, headers=headers, cookies=no_cookies, trust_env=False
        )

    async def __aenter__(self) -> Visitor:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    def host(self, url: httpx.URL) -> Host:
        return self._hosts.setdefault(host_of(url), Host(self.limits))

    async def visit(self, text: str, number: int) -> Outcome:
        """What the URL gives. The file that it is received into is called by `number` until it is judged."""
        fault = url_fault(text)
        if fault:
            return Outcome(NOT_ASKED, "no web address", fault, final=True)
        url = httpx.URL(text)
        partial = self._folder / f"{number}.partial"
        try:
            for _ in range(MOST_HOPS + 1):
                if (refused := await self._robots_allow(url)) is not None:
                    return refused
                outcome = await self._ask(url, text, partial)
                if isinstance(outcome, Outcome):
                    return outcome
                url = outcome
            return Outcome(OTHER, "redirections", f"more than {MOST_HOPS}, the last to {str(url)[:200]}")
        finally:
            partial.unlink(missing_ok=True)

    async def _ask(self, url: httpx.URL, text: str, partial: Path) -> Outcome | httpx.URL:
        """The outcome, or where it is redirected to."""
        host = self.host(url)
        if host.closed:
            return host.closed
        async with host.turn():
            if host.closed:  # another question was answered so meanwhile
                return host.closed
            outcome = await self._received(url, partial)
        if isinstance(outcome, Outcome):
            host.leave_alone(outcome)
        if outcome is not None:
            return outcome
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._judges, self._judge, text, partial)

    async def _received(self, url: httpx.URL, partial: Path) -> Outcome | httpx.URL | None:
        """None where the body is in the file now."""
        answered = False
        try:
            async with asyncio.timeout(self.limits.total_seconds), self._client.stream("GET", url) as response:
                if (early := _of_headers(url, response, self.limits)) is not None:
                    return early
                answered = True
                with partial.open("wb") as file:
                    return await self._body(response, file)
        except _NO_ANSWER as error:
            if not answered:
                return without_answer(error)
            return Outcome(INVALID, "incomplete", f"the answer broke off: {_words(error)}")

    async def _body(self, response: httpx.Response, file: IO[bytes]) -> Outcome | None:
        most = self.limits.max_bytes
        unpacker = Unpacker(response, most)
        try:
            async for data in response.aiter_raw():
                for piece in unpacker.pieces(data):
                    file.write(piece)
        except TooLargeError:
            return too_large(most)
        except DamagedError as error:
            return Outcome(INVALID, "damaged", str(error))
        if not unpacker.whole:
            return Outcome(INVALID, "incomplete", "what is packed has no end")
        return None if unpacker.bytes else Outcome(INVALID, "empty", "the answer has no content")

    async def _robots_allow(self, url: httpx.URL) -> Outcome | None:
        """None where the site lets this URL be asked for."""
        if (fault := url_fault(str(url))) is not None:
            return Outcome(NOT_ASKED, "no web address", f"it leads to one: {fault}", final=True)
        origin = f"{url.scheme}://{host_of(url)}"
        if origin not in self._robots:  # made once, however many wait for it
            self._robots[origin] = asyncio.create_task(self._read_robots(url.copy_with(raw_path=b"/robots.txt")))
        file = await asyncio.shield(self._robots[origin])
        if isinstance(file, Outcome):
            return file
        if not file.allows(str(url)):
            return Outcome(NOT_ASKED, "robots.txt", f"that of {host_of(url)} asks robots to leave it alone")
        self.host(url).slow_down(file.delay)
        return None

    async def _read_robots(self, url: httpx.URL) -> RobotsFile | Outcome:
        """The file; an outcome for all of the host's URLs where nobody can know what it says (RFC 9309, 2.3.1.4)."""
        wait = self.limits.back_off
        answer = await self._robots_text(url)
        for _ in range(1, self.limits.tries):
            if not (isinstance(answer, Outcome) and answer.may_pass and answer.wait <= self.limits.most_wait):
                break
            await asyncio.sleep(max(wait, answer.wait))
            wait *= 4
            answer = await self._robots_text(url)
        if not isinstance(answer, Outcome):
            return RobotsFile(answer)
        if answer.category == NOT_ASKED:
            return answer
        detail = f"robots.txt of {host_of(url)}: {answer.detail}" if answer.detail else f"robots.txt of {host_of(url)}"
        return Outcome(answer.category, answer.kind, detail, wait=answer.wait, final=True)

    async def _robots_text(self, url: httpx.URL) -> str | Outcome | None:
        """None where the site has none, which a 4xx says."""
        for _ in range(MOST_HOPS + 1):
            try:
                async with (
                    self.host(url).turn(),
                    asyncio.timeout(self.limits.total_seconds),
                    self._client.stream("GET", url, headers={"Accept": "text/plain"}) as response,
                ):
                    status = response.status_code
                    if status in REDIRECTIONS and (target := _target(url, response)) is not None:
                        if url_fault(str(target)) is not None:
                            return None  # it leads to nothing that can be asked for: there is none
                        url = target
                        continue
                    if status == 429 or status >= 500:
                        return of_status(status, wait=retry_after(response.headers.get("retry-after", "")))
                    return await _text(response) if status == 200 else None
            except _NO_ANSWER as error:
                return without_answer(error)
        return None  # it leads nowhere: there is none


async def _text(response: httpx.Response) -> str:
    unpacker = Unpacker(response, MOST_BYTES)
    text = b""
    with suppress(TooLargeError, DamagedError):  # what was read until then holds
        async for data in response.aiter_raw():
            for piece in unpacker.pieces(data):
                text += piece
    return text.decode("utf-8", "replace")


def _of_headers(url: httpx.URL, response: httpx.Response, limits: Limits) -> Outcome | httpx.URL | None:
    """What status and headers already say; None where the body is wanted."""
    status = response.status_code
    if status in REDIRECTIONS:
        target = _target(url, response)
        return target if target is not None else of_status(status, "it leads nowhere")
    if status != 200:
        return of_status(status, response.reason_phrase[:80], wait=retry_after(response.headers.get("retry-after", "")))
    if directive := forbids_training(response.headers.get_list("x-robots-tag")):
        return Outcome(NOT_ASKED, "noai", f"its owner keeps it from training: X-Robots-Tag: {directive}")
    return not_an_image(response, limits.max_bytes)


def _target(url: httpx.URL, response: httpx.Response) -> httpx.URL | None:
    try:
        return url.join(response.headers["location"]).copy_with(fragment=None)
    except (KeyError, ValueError, httpx.InvalidURL):
        return None


def host_of(url: httpx.URL) -> str:
    return url.netloc.decode("ascii").lower()


def url_fault(text: str) -> str | None:
    """Why this is no URL that can be asked for; None where it is one."""
    if len(text) > LONGEST_URL:
        return f"longer than {LONGEST_URL} characters"
    try:
        url = httpx.URL(text)
        host, port = url.host, url.port
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        return f"it cannot be read: {error}"
    if url.scheme not in ("http", "https"):
        return f"it begins with '{url.scheme}:'" if url.scheme else "it does not begin with http:// or https://"
    if not host or any(character.isspace() for character in host) or ".." in host:
        return "it names no host"
    if port is not None and not 0 < port < 65536:
        return f"there is no port {port}"
    # It would stand in the dataset for everybody to read.
    return "it holds a user name or password" if url.userinfo else None


def retry_after(text: str) -> float:
    """Seconds that a Retry-After asks for, as a number or as a date; 0 for none."""
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    with suppress(TypeError, ValueError, IndexError):
        then = parsedate_to_datetime(text)
        then = then if then.tzinfo else then.replace(tzinfo=UTC)
        return max(0.0, (then - datetime.now(UTC)).total_seconds())
    return 0.0


def without_answer(error: Exception) -> Outcome:
    """No HTTP answer came: the kind of error, as the paper counts them."""
    if isinstance(error, ForbiddenAddressError):
        return Outcome(NOT_ASKED, "private address", str(error), final=True)
    if isinstance(error, UnknownNameError):
        return Outcome(NO_CONNECTION, error.kind, str(error))
    return Outcome(NO_CONNECTION, _connection_kind(error), _words(error))


def _connection_kind(error: Exception) -> str:
    causes = _causes(error)
    if any(isinstance(cause, TimeoutError | httpx.TimeoutException) for cause in causes):
        return "timeout"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "TLS"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "refused"
    if isinstance(error, ConnectionError | httpx.ReadError | httpx.WriteError | httpx.RemoteProtocolError):
        # A host that ends the connection without a word, or one that does not speak HTTP.
        ended = "disconnected" in str(error) or not isinstance(error, httpx.RemoteProtocolError)
        return "reset" if ended else "protocol"
    return "unreachable" if isinstance(error, httpx.ConnectError) else "protocol"


def _causes(error: BaseException | None) -> list[BaseException]:
    """The error and all that led to it, those within groups too."""
    found: list[BaseException] = []
    left = [error]
    while left:
        one = left.pop()
        if one is None or one in found:
            continue
        found.append(one)
        left += [one.__cause__, one.__context__, *(one.exceptions if isinstance(one, BaseExceptionGroup) else ())]
    return found


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]
