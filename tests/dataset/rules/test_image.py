"""The rules that read pixels, on real files."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gatherset.dataset.images import measure
from gatherset.dataset.records import Record
from gatherset.dataset.rules import RULES
from gatherset.dataset.rules import image as image_rules
from gatherset.dataset.rules.rule import Context, golden
from gatherset.dataset.settings import Settings
from gatherset.dataset.store import ImageStore
from gatherset.dataset.taxonomy import load_taxonomy
from tests.dataset.conftest import encoded, picture

PIXEL_RULES = [identity for identity, rule in RULES.items() if issubclass(rule, image_rules.PixelRule)]
Stored = tuple[Context, Record, Path]


@pytest.fixture
def store(tmp_path: Path) -> Callable[[bytes], Stored]:
    """store(data) puts the file into a store as it is, and makes its record."""

    def put(data: bytes, kept: bytes | None = None) -> Stored:
        image = measure(data, max_pixels=10**7)
        kept = image.data if kept is None else kept
        store = ImageStore(tmp_path / "images", tmp_path / "thumbnails")
        store.add(image.sha256, image.format, kept)
        measured = {name: getattr(image, name) for name in ("sha256", "phash", "width", "height", "format")}
        record = golden(lambda record: record.update(image={**measured, "bytes": len(image.data)}))
        return Context(Settings(1, "mg"), load_taxonomy(), store), record, store.path(image.sha256, image.format)

    return put


@pytest.fixture
def stored(store: Callable[[bytes], Stored]) -> Stored:
    return store(encoded(picture(1), "JPEG"))


def speak(stored: Stored) -> dict[str, str]:
    """What each pixel rule that found something says first."""
    context, record, _ = stored
    image_rules._stored.cache_clear()
    image_rules._decoded.cache_clear()
    rules = [RULES[rule_id](context) for rule_id in PIXEL_RULES if RULES[rule_id].applies(context)]
    found = {rule.id: list(rule.check(record)) for rule in rules}
    return {rule_id: messages[0] for rule_id, messages in found.items() if messages}


@pytest.mark.parametrize(
    ("form", "mode"), [("JPEG", "RGB"), ("JPEG", "L"), ("PNG", "RGBA"), ("PNG", "P"), ("WEBP", "RGB")]
)
def test_a_picture_as_ingest_keeps_it_passes(store: Callable[[bytes], Stored], form: str, mode: str) -> None:
    assert speak(store(encoded(picture(1).convert(mode), form))) == {}


def test_where_there_are_no_pixels_the_pixel_rules_say_nothing() -> None:
    context = Context(Settings(1, "mg"), load_taxonomy())
    assert speak((context, golden(), Path())) == {}


def test_a_missing_image_is_found_once(stored: Stored) -> None:
    stored[2].unlink()
    assert list(speak(stored)) == ["GS201"]


def test_a_changed_byte_is_found(stored: Stored) -> None:
    path = stored[2]
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    assert "are not the" in speak(stored)["GS202"]


def test_a_file_that_ends_early_does_not_decode(stored: Stored) -> None:
    path = stored[2]
    path.write_bytes(path.read_bytes()[:400])
    found = speak(stored)
    assert {"GS202", "GS203"} <= found.keys()
    assert "cannot be decoded" in found["GS203"]


def test_an_animation_does_not_pass(stored: Stored) -> None:
    _, record, path = stored
    record["image"]["format"] = "webp"
    buffer = io.BytesIO()
    picture(1).save(buffer, "WEBP", save_all=True, append_images=[picture(2)])
    path.with_suffix(".webp").write_bytes(buffer.getvalue())
    assert speak(stored)["GS203"] == "the image is animated"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("width", 97, "the picture is 96 x 80, not 97 x 80"),
        ("phash", "0" * 16, "bits from the picture's"),
    ],
)
def test_wrong_measurements_are_found(stored: Stored, field: str, value: object, message: str) -> None:
    stored[1]["image"][field] = value
    assert message in speak(stored)["GS207"]


def test_a_hash_of_another_library_version_passes(stored: Stored) -> None:
    image = stored[1]["image"]
    image["phash"] = f"{int(image['phash'], 16) ^ 0b101:016x}"
    assert speak(stored) == {}


def test_a_blank_page_is_found(store: Callable[[bytes], Stored]) -> None:
    assert "deviate by 0.0 only" in speak(store(encoded(Image.new("RGB", (90, 90), "white"), "PNG")))["GS209"]


def test_cmyk_is_found(store: Callable[[bytes], Stored]) -> None:
    assert speak(store(encoded(picture(1).convert("CMYK"), "JPEG")))["GS210"] == "its colours are CMYK"


def test_16_bits_a_channel_are_found(store: Callable[[bytes], Stored]) -> None:
    deep = Image.fromarray(np.random.default_rng(0).integers(0, 2**16, (80, 80), dtype=np.uint16))
    assert "GS210" in speak(store(encoded(deep, "PNG")))


def test_a_location_left_in_is_found(store: Callable[[bytes], Stored]) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 0.0)})
    data = encoded(picture(1), "JPEG", exif=exif)
    assert "bytes of metadata, with a location" in speak(store(data, data))["GS211"]


def test_a_comment_left_in_is_found(store: Callable[[bytes], Stored]) -> None:
    data = encoded(picture(1), "JPEG", comment=b"by A. N. Other")
    assert speak(store(data, data))["GS211"].endswith("bytes of metadata")
