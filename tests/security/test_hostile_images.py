"""Two thousand image files that mean harm, or are harmed, through the command that takes images in.

What is promised: each is taken or named in a finding, the run goes on to its end, memory is bounded, and nothing is
written outside of the workspace.
"""

from __future__ import annotations

import io
import json
import random
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from gatherset.dataset.catalog.tables import images
from gatherset.dataset.images import measure
from gatherset.dataset.workspace import Workspace
from tests.conftest import ROOT
from tests.dataset.conftest import encoded, picture

COUNT = 2000
MEMORY = 500  # MB that a process of the run may have in use at any time
SUFFIX = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
Harm = Callable[[bytes, str, random.Random], bytes]
TakenIn = tuple[Workspace, subprocess.CompletedProcess[str], int]


def cut(data: bytes, _: str, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def flip(data: bytes, _: str, chance: random.Random) -> bytes:
    damaged = bytearray(data)
    for _number in range(chance.randint(1, 20)):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def overwrite(data: bytes, _: str, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + chance.randbytes(chance.randint(1, 200)) + data[start + 100 :]


def polyglot(data: bytes, _: str, chance: random.Random) -> bytes:
    """A picture that is an archive, a page or a program to another reader."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as inside:
        inside.writestr("../../evil.py", "raise SystemExit")
    behind = [archive.getvalue(), b"<html><script>alert(1)</script></html>", b"#!/bin/sh\nexit 1\n", b"%PDF-1.7\n"]
    return data + chance.choice(behind) if chance.random() < 0.7 else chance.choice(behind) + data


def other_kind(_: bytes, __: str, chance: random.Random) -> bytes:
    """What is no picture of ours, under the name of one."""
    frames = [picture(chance.randrange(1000), (24, 20)) for _ in range(3)]
    kinds: list[Callable[[], bytes]] = [
        lambda: encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        lambda: encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]),
        lambda: encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]),
        lambda: encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:]),
        lambda: encoded(frames[0], "BMP"),
        lambda: encoded(frames[0].convert("CMYK"), "JPEG"),
        lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/><script>1</script></svg>',
        lambda: b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><svg>&b;</svg>',
        lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
        lambda: chance.randbytes(300),
        lambda: b"",
    ]
    return chance.choice(kinds)()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@cache
def much_of_nothing() -> bytes:
    return zlib.compress(bytes(100_000_000))


def bomb(data: bytes, name: str, chance: random.Random) -> bytes:
    """A few bytes that say they are a huge picture, or unpack to a huge text or profile."""
    side = chance.choice([20_000, 50_000, 2**31 - 1])
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    large = b"x\0\0" + (much_of_nothing() if chance.random() < 0.2 else b"")
    if name == "JPEG":  # the size in the frame header, wherever that is
        place = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
        return data[: place + 5] + struct.pack(">HH", 65_500, 65_500) + data[place + 9 :]
    if name == "WEBP":
        return data[:24] + chance.randbytes(6) + data[30:]
    text = chunk(chance.choice([b"zTXt", b"iCCP"]), large)
    return b"\x89PNG\r\n\x1a\n" + header + text + chunk(b"IDAT", zlib.compress(bytes(10))) + chunk(b"IEND", b"")


def metadata(data: bytes, name: str, chance: random.Random) -> bytes:
    """Megabytes around a small picture, and places in them that lead nowhere."""
    if name == "JPEG":
        size = chance.choice([2, 1000, 65_533])
        segment = b"\xff" + bytes([chance.choice([0xE1, 0xE2, 0xED, 0xFE])]) + struct.pack(">H", size + 2)
        body = (b"Exif\0\0MM\0*" + chance.randbytes(100)).ljust(size, b"\xff")[:size]
        return data[:2] + (segment + body) * chance.choice([1, 3, 60]) + data[2:]
    if name == "PNG":
        text = chunk(b"tEXt", b"Comment\0" + bytes([chance.randrange(1, 256)]) * 100_000)
        profile = chunk(b"iCCP", b"p\0\0" + zlib.compress(chance.randbytes(1000)))
        return data[:33] + text * chance.randint(1, 5) + profile + data[33:]
    return data[:12] + b"EXIF" + struct.pack("<I", 2**32 - 2) + data[12:]


# Runs a command, and says at the end the most memory (KB) that one of its processes had: of those of the tests nothing.
WATCH = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""
HARMS: tuple[Harm, ...] = (cut, flip, overwrite, polyglot, other_kind, bomb, metadata)
NAMES = (
    "{}", "%2e%2e%2f{}",
    "a\nb{}", "a\x1b[2Jb{}", "=cmd|' '!A1{}", "-rf {}", "<img src=x onerror=alert(1)>{}", "\u202egpj{}",
    "a'; DROP TABLE images;--{}", "x" * 200 + "{}", "e\u0301\u200b{}",
)  # fmt: skip


def write_hostile(folder: Path, count: int) -> None:
    chance = random.Random(13)
    folder.mkdir(parents=True)
    for number in range(count):
        name = chance.choice(list(SUFFIX))
        data = encoded(picture(number, (96, 80)), name)
        for harm in chance.sample(HARMS, chance.choice([1, 1, 2])):
            data = harm(data, name, chance) or b"\0"
        pattern = chance.choice(NAMES) if chance.random() < 0.1 else "{}"
        suffix = SUFFIX[name] if chance.random() < 0.9 else chance.choice([".jpg", ".PNG", ".webp"])
        (folder / pattern.format(f"{number:04d}{suffix}")).write_bytes(data)


@pytest.fixture(scope="module")
def taken_in(tmp_path_factory: pytest.TempPathFactory) -> TakenIn:
    """The workspace after `gatherset ingest`, what it said, and the most memory of its processes (MB)."""
    root = tmp_path_factory.mktemp("hostile")
    write_hostile(root / "photos" / "images", COUNT)
    workspace = Workspace.create(root / "mg")
    command = [sys.executable, "-m", "gatherset.cli", "ingest", str(root / "photos"), "--license", "CC0-1.0", "--json"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    watched = [sys.executable, "-c", WATCH, *command]
    done = subprocess.run(watched, cwd=workspace.root, env=environment, capture_output=True, text=True)
    errors, _, most = done.stderr.rstrip().rpartition("\n")
    return workspace, subprocess.CompletedProcess(command, done.returncode, done.stdout, errors), int(most) // 1024


def test_each_hostile_image_is_taken_or_named(taken_in: TakenIn) -> None:
    _, done, _ = taken_in
    assert done.returncode == 1, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    report = json.loads(done.stdout)
    named = [finding for finding in report["findings"] if finding["rule"] in ("GS203", "GS204", "GS206", "GS100")]
    assert report["found"] == COUNT
    assert report["added"] + len({finding["where"] for finding in named}) == COUNT
    assert 200 < report["added"] < COUNT - 500  # some harms do none, and most do
    assert all(finding["message"] and finding["next_step"] for finding in named)


def test_no_process_takes_more_memory_than_its_share(taken_in: TakenIn) -> None:
    assert taken_in[2] < MEMORY


def test_what_was_taken_is_a_clean_picture(taken_in: TakenIn) -> None:
    workspace, _, _ = taken_in
    with workspace.catalog.read() as connection:
        rows = list(connection.execute(images.select()))
    for row in rows:
        data = workspace.store.path(row.sha256, row.format).read_bytes()
        again = measure(data, max_pixels=10_000_000)
        assert (again.sha256, again.width, again.height) == (row.sha256, row.width, row.height)
        assert not any(mark in data for mark in (b"<script", b"evil.py", b"#!/bin/sh", b"%PDF", b"Exif"))
        with Image.open(io.BytesIO(data)) as stored:
            assert getattr(stored, "n_frames", 1) == 1


def test_nothing_is_written_outside_of_the_workspace(taken_in: TakenIn) -> None:
    workspace, _, _ = taken_in
    around = workspace.root.parent
    assert {path.name for path in around.iterdir()} == {"photos", "mg"}
    assert {path.name for path in (around / "photos").iterdir()} == {"images"}
    assert len(list((around / "photos" / "images").iterdir())) == COUNT
    strange = [path for path in workspace.root.rglob("*") if not path.name.isascii() or "\n" in path.name]
    assert not strange
