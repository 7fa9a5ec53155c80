"""A web server on loopback that does what servers of the web do: answer late, wrongly, by half, or not at all.

It speaks raw bytes, so that it can break off wherever it likes. One can stand for many hosts: 127.0.0.1, 127.0.0.2, …
"""

from __future__ import annotations

import asyncio
import gzip
import io
import struct
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

import numpy as np
from PIL import Image

PAGE = b"<!doctype html><title>404</title><h1>Sorry, this picture is no longer available</h1>"


@cache
def picture(number: int, side: int = 96) -> bytes:
    """A JPEG of its own for each number."""
    noise = np.random.default_rng(number).integers(0, 256, (10, 12, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@cache
def pixel_bomb() -> bytes:
    """A PNG of a few bytes that says it has 3.6 thousand million pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    named = {"Content-Type": "image/jpeg", "Content-Length": str(len(body))}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items() if value)
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


class RudeServer:
    """Listens on each of `hosts`. What a test sets holds from the next question on."""

    def __init__(self, hosts: tuple[str, ...] = ("127.0.0.1",), *, latency: float = 0.0) -> None:
        self.hosts = hosts
        self.latency = latency  # seconds before every answer
        self.pack_robots = False  # robots.txt comes packed, though nobody asked for that
        self.cookies = 0  # questions that came with one
        self.robots: bytes | None = None  # None: 404
        self.robots_at = ""  # robots.txt is a redirection to there
        self.gone: dict[str, int] = {}  # path: the status that it has now
        self.wait = ""  # what those that are gone say as Retry-After
        self.picture: Callable[[int], bytes] = picture
        self.asked: Counter[str] = Counter()  # "127.0.0.1/path": how often
        self.served: Counter[str] = Counter()  # the same, of those that were answered with an image to the end
        self.times: dict[str, list[float]] = {}  # by host, when it was asked
        self.most_at_once: Counter[str] = Counter()  # by host, connections
        self._open: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self.port = 0

    def url(self, path: str, host: int = 0) -> str:
        return f"http://{self.hosts[host]}:{self.port}/{path}"

    @contextmanager
    def running(self) -> Iterator[RudeServer]:
        ready = threading.Event()
        thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        thread.start()
        ready.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)
            self._loop.close()

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        servers = []
        for host in self.hosts:
            made = self._loop.run_until_complete(asyncio.start_server(self._speak, host, self.port, backlog=1000))
            self.port = made.sockets[0].getsockname()[1]
            servers.append(made)
        ready.set()
        self._loop.run_forever()
        for made in servers:
            made.close()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))

    async def _speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = writer.get_extra_info("sockname")[0]
        self._open[host] += 1
        self.most_at_once[host] = max(self.most_at_once[host], self._open[host])
        try:
            with suppress(
                ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError
            ):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    path = head.split(b" ", 2)[1].decode("ascii", "replace")
                    self.asked[f"{host}{path}"] += 1
                    self.cookies += b"\r\ncookie:" in head.lower()
                    if path != "/robots.txt":
                        self.times.setdefault(host, []).append(self._loop.time())
                    await asyncio.sleep(self.latency)
                    if not await self._answer(host, path, writer):
                        break
        finally:
            self._open[host] -= 1
            writer.close()

    async def _answer(self, host: str, path: str, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection stays open."""
        name = path.lstrip("/").partition("?")[0]
        first, _, rest = name.partition("/")
        if hasattr(self, f"_{first.replace('-', '_')}") and first in _WAYS:
            return bool(await getattr(self, f"_{first.replace('-', '_')}")(rest, writer, f"{host}{path}"))
        data = self._simple(first, rest, f"{host}{path}")
        writer.write(data)
        await writer.drain()
        if first == "ok":
            self.served[f"{host}{path}"] += 1
        return first not in ("truncated", "garbage")

    def _simple(self, first: str, rest: str, key: str) -> bytes:
        if status_now := self.gone.get(f"/{first}/{rest}"):
            return answer(PAGE, f"{status_now} Whatever", Content_Type="text/html", Retry_After=self.wait)
        if first == "robots.txt" and self.robots_at:
            return answer(b"", "302 Found", Location=self.robots_at)
        if first == "ok":
            return answer(self.picture(int(rest.partition(".")[0])))
        if first == "robots.txt" and self.pack_robots:
            return answer(gzip.compress(self.robots or b""), Content_Type="text/plain", Content_Encoding="gzip")
        if first == "robots.txt":
            return (
                answer(b"", "404 Not Found") if self.robots is None else answer(self.robots, Content_Type="text/plain")
            )
        image = self.picture(0)
        if first == "status":
            status, _, wait = rest.partition("/")
            return answer(PAGE, f"{status} Whatever", Content_Type="text/html", Retry_After=wait)
        if first == "once":  # the status, and when asked again the image
            status, _, wait = rest.partition("/")
            if self.asked[key] == 1:
                return answer(PAGE, f"{status} Busy", Retry_After=wait)
            return answer(image)
        plain = {
            "page": answer(PAGE, Content_Type="text/html; charset=utf-8"),
            "page-as-image": answer(PAGE),
            "text": answer(b"gone", Content_Type="text/plain"),
            "octets": answer(image, Content_Type="application/octet-stream", Set_Cookie="who=you; Path=/"),
            "untyped": answer(image, Content_Type=""),
            "empty": answer(b""),
            "damaged": answer(image[: len(image) // 2]),
            "truncated": answer(image, Content_Length=str(len(image) + 1000)),
            "garbage": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
            "noai": answer(image, X_Robots_Tag="noindex, noai"),
            "other-noai": answer(image, X_Robots_Tag="otherbot: noai"),
            "gzip": answer(gzip.compress(image), Content_Encoding="gzip"),
            "gzip-cut": answer(gzip.compress(image)[:-20], Content_Encoding="gzip"),
            "not-gzip": answer(image, Content_Encoding="gzip"),
            "brotli": answer(b"x", Content_Encoding="br"),
            "bomb": answer(gzip_bomb() if first == "bomb" else b"", Content_Encoding="gzip"),
            "pixels": answer(pixel_bomb(), Content_Type="image/png"),
            "huge": answer(b"x", Content_Length="999999999999"),
            "loop": answer(b"", "302 Found", Location=f"/loop/{len(rest)}x"),
            "nowhere": answer(b"", "302 Found"),
            "private": answer(b"", "302 Found", Location="http://10.0.0.1/secret.jpg"),
            "metadata": answer(b"", "302 Found", Location="http://169.254.169.254/latest/meta-data/"),
            "named": answer(b"", "302 Found", Location=f"http://localhost:{self.port}/ok/1.jpg"),
            "file": answer(b"", "302 Found", Location="file:///etc/passwd"),
            "moved": answer(b"", "301 Moved", Location=f"/ok/{rest}"),
        }
        return plain.get(first, answer(PAGE, "404 Not Found", Content_Type="text/html"))

    async def _silent(self, _: str, writer: asyncio.StreamWriter, __: str) -> None:
        await asyncio.sleep(60)

    async def _hang(self, _: str, writer: asyncio.StreamWriter, __: str) -> None:
        """Keep-alive without an end: no length, and the connection stays."""
        writer.write(answer(picture(0), Content_Length="100000")[:400])
        await writer.drain()
        await asyncio.sleep(60)

    async def _drip(self, _: str, writer: asyncio.StreamWriter, __: str) -> None:
        for byte in answer(picture(0)):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)

    async def _endless(self, _: str, writer: asyncio.StreamWriter, __: str) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async def _reset(self, _: str, writer: asyncio.StreamWriter, __: str) -> None:
        raw = writer.get_extra_info("socket")
        raw.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER of nothing: the end is a reset

    async def _mute(self, _: str, writer: asyncio.StreamWriter, __: str) -> None:
        """Ends the connection without a word."""


_WAYS = frozenset({"silent", "hang", "drip", "endless", "reset", "mute"})


@cache
def gzip_bomb() -> bytes:
    """50 MB of nothing in 50 KB."""
    return gzip.compress(bytes(50_000_000), 1)
