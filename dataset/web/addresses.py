"""Which addresses may be reached, and connections that go to a checked address and nowhere else.

A URL list is written by others, and so is every redirection. Without this, a list could have the machine that fetches
ask what stands behind its firewall. The name is resolved once, the addresses are checked, and the connection is made to
one of those that passed: what the name means a second later does not matter.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from gatherset.dataset.errors import InputError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NEVER_PUBLIC = tuple(  # whatever Python's own table says, which differs from version to version
    ipaddress.ip_network(text)
    for text in (
        "::/96",  # IPv4 within, an old form (RFC 4291)
        "::ffff:0:0:0/96",  # IPv4 within, translated (RFC 2765)
        "64:ff9b:1::/48",  # translation for local use (RFC 8215)
        "fec0::/10",  # local to a site (RFC 3879)
    )
)
LOOK_UPS = 100  # names at once; each in a thread of its own
MOST_IDLE = 100  # connections that are kept open for the next question


class ForbiddenAddressError(Exception):
    """The name leads to addresses that may not be reached alone."""


class UnknownNameError(Exception):
    """The name leads to no address; `kind` says whether it may do so later."""

    def __init__(self, kind: str, detail: str) -> None:
        self.kind = kind
        super().__init__(detail)


@dataclass(frozen=True)
class Reach:
    """Public addresses, and those in the networks that were allowed by name."""

    allowed: tuple[Network, ...] = ()

    @classmethod
    def of(cls, networks: Iterable[str]) -> Reach:
        """Raises InputError for what is no network."""
        try:
            return cls(tuple(ipaddress.ip_network(text.strip(), strict=False) for text in networks))
        except ValueError as error:
            raise InputError(f"--allow-network: {error}", "Write it as 10.1.0.0/16") from error

    def permits(self, text: str) -> bool:
        address = ipaddress.ip_address(text.partition("%")[0])
        if any(address in network for network in self.allowed):
            return True
        return all(map(_is_public, (address, *_within(address))))


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not any(address in network for network in _NEVER_PUBLIC)


def _within(address: Address) -> Iterable[Address]:
    """IPv4 addresses that an IPv6 address is a detour to."""
    if isinstance(address, ipaddress.IPv6Address):
        yield from (one for one in (address.ipv4_mapped, address.sixtofour) if one)
        if address in _NAT64:
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name. Raises UnknownNameError."""
    with suppress(ValueError):
        return [str(ipaddress.ip_address(host))]
    try:
        rows = await _in_own_thread(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except socket.gaierror as error:
        kind = "name server" if error.errno == socket.EAI_AGAIN else "no such name"
        raise UnknownNameError(kind, error.strerror or "the name has no address") from error
    except UnicodeError as error:  # a label that is empty or too long
        raise UnknownNameError("no such name", "it is no name of a host") from error
    return list(dict.fromkeys(str(row[4][0]) for row in rows))


async def _in_own_thread(work: Callable[[], Any]) -> Any:
    """What `work` returns or raises. Nobody waits for the thread when this is cancelled, Ctrl-C neither: a name server
    that does not answer would hold up the end of the process, as threads of an executor do.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: Exception | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as raised:
            error = raised
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, daemon=True).start()
    return await answer


class _Guarded(httpcore.AsyncNetworkBackend):
    """Makes connections to permitted addresses alone."""

    def __init__(self, reach: Reach, resolve: Resolve) -> None:
        self._reach, self._resolve = reach, resolve
        self._backend = httpcore.AnyIOBackend()
        self._turns = asyncio.Semaphore(LOOK_UPS)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        async with self._turns:  # waiting for one is no fault of the name: its time begins behind it
            try:
                async with asyncio.timeout(timeout):
                    addresses = await self._resolve(host.strip("[]"), port)
            except TimeoutError as error:
                raise UnknownNameError("name server", "the name server does not answer") from error
        permitted = [address for address in addresses if self._reach.permits(address)]
        if not permitted:
            leads = "" if host in addresses else f" leads to {', '.join(addresses)}, which"
            raise ForbiddenAddressError(f"{host}{leads} is not a public address")
        for address in permitted[:-1]:
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue  # an IPv6 address without a way there, mostly
        return await self._backend.connect_tcp(permitted[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport, whose connections are all made by `_Guarded`; it knows no proxy, which would resolve."""

    def __init__(self, reach: Reach, resolve: Resolve = resolve) -> None:
        context = httpx.create_ssl_context(trust_env=False)
        super().__init__(verify=context, trust_env=False)
        assert hasattr(self, "_pool")  # with a newer httpx that calls it otherwise, nothing would be checked
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=None,  # the hosts' own limits are below anything that this could be
            max_keepalive_connections=MOST_IDLE,
            keepalive_expiry=5.0,
            network_backend=_Guarded(reach, resolve),
        )
