import asyncio
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from gatherset.dataset.errors import InputError
from gatherset.dataset.web.addresses import LOOK_UPS, ForbiddenAddressError, GuardedTransport, Reach, _Guarded, resolve
from tests.rude_server import RudeServer


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1"),
        *("fec0::1", "::10.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b:1::7f00:1"),
    ],
)
def test_an_address_that_is_not_public_is_not_reached(address: str) -> None:
    assert not Reach().permits(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_a_public_address_is(address: str) -> None:
    assert Reach().permits(address)


def test_a_network_that_is_named_is_reached_and_its_neighbour_is_not() -> None:
    reach = Reach.of(["10.1.0.0/16"])
    assert reach.permits("10.1.2.3")
    assert not reach.permits("10.2.0.1")


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(InputError, match="--allow-network"):
        Reach.of(["here"])


def test_the_connection_goes_to_the_address_that_was_checked(rude: RudeServer) -> None:
    """A name server that answers otherwise the second time leads nowhere else: it is asked once a connection."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    async def get(transport: GuardedTransport) -> int:
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            return (await client.get(f"http://rebinding.test:{rude.port}/ok/1.jpg")).status_code

    assert asyncio.run(get(GuardedTransport(Reach.of(["127.0.0.1"]), resolve))) == 200
    assert asked == ["rebinding.test"]
    with pytest.raises(ForbiddenAddressError, match=r"10\.0\.0\.1"):
        asyncio.run(get(GuardedTransport(Reach.of(["127.0.0.1"]), resolve)))


def test_of_several_addresses_one_that_answers_is_taken(rude: RudeServer) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["10.0.0.1", "127.0.0.9", "127.0.0.1"]  # forbidden, nobody there, there

    async def get() -> int:
        transport = GuardedTransport(Reach.of(["127.0.0.0/8"]), resolve)
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            return (await client.get(f"http://many.test:{rude.port}/ok/1.jpg")).status_code

    assert asyncio.run(get()) == 200


def test_names_that_nobody_answers_for_hold_up_no_other(rude: RudeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them than an event loop has threads for names."""
    ended, known = threading.Event(), socket.getaddrinfo

    def getaddrinfo(host: str, *given: Any, **named: Any) -> Any:
        if host.startswith("dead"):
            ended.wait(20)
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return known("127.0.0.1", *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    async def get() -> int:
        transport = GuardedTransport(Reach.of(["127.0.0.0/8"]))
        async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=10) as client:
            dead = [asyncio.create_task(client.get(f"http://dead{one}.test/")) for one in range(LOOK_UPS - 1)]
            await asyncio.sleep(0)
            status = (await client.get(f"http://live.test:{rude.port}/ok/1.jpg")).status_code
            ended.set()
            await asyncio.gather(*dead, return_exceptions=True)
            return status

    assert asyncio.run(get()) == 200


def test_a_wait_for_a_turn_to_look_up_does_not_count_as_one_for_the_name_server() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60 if host == "dead" else 0)
        return []

    async def kinds() -> list[str]:
        backend = _Guarded(Reach(), resolve)
        names = ["dead"] * LOOK_UPS + ["late"]
        asked = (backend.connect_tcp(name, 80, timeout=0.3) for name in names)
        return [type(error).__name__ for error in await asyncio.gather(*asked, return_exceptions=True)]

    assert asyncio.run(kinds()) == ["UnknownNameError"] * LOOK_UPS + ["ForbiddenAddressError"]


def test_the_end_does_not_wait_for_a_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the event loop, which waits for its threads, and the process, which waits for all but daemons."""
    ended, threads = threading.Event(), []

    def getaddrinfo(*_: object, **__: object) -> None:
        threads.append(threading.current_thread())
        ended.wait(20)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(resolve("hangs.test", 80), 0.2))
    assert time.monotonic() - begin < 10
    assert [thread.daemon for thread in threads] == [True]
    ended.set()
