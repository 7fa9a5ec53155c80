import asyncio
from collections.abc import Sequence

import httpx
import pytest

from gatherset.dataset.errors import InputError
from gatherset.dataset.web.addresses import ForbiddenAddressError, GuardedTransport, Reach
from tests.rude_server import RudeServer


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1"),
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
