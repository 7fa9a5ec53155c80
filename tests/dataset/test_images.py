import hashlib
import io
import struct
import zlib

import imagehash
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gatherset.dataset.errors import ImageError
from gatherset.dataset.images import measure, opened, thumbnail
from tests.dataset.conftest import encoded, picture

LIMIT = 1_000_000
SAMPLES = {name: encoded(picture(1, (48, 40)), name) for name in ("JPEG", "PNG", "WEBP")}

LYING = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def with_orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


@pytest.mark.parametrize("name", SAMPLES)
def test_a_measured_image_names_its_bytes_and_its_size(name: str) -> None:
    data = SAMPLES[name]
    image = measure(data, max_pixels=LIMIT)
    assert image.source_sha256 == hashlib.sha256(data).hexdigest()
    assert image.sha256 == hashlib.sha256(image.data).hexdigest()
    assert image.id == f"gs-{image.source_sha256[:16]}"
    assert (image.width, image.height, image.format) == (48, 40, name.lower())
    assert imagehash.hex_to_hash(image.phash) - imagehash.phash(picture(1, (48, 40))) <= 6


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_an_image_that_its_exif_turns_is_stored_upright(name: str, orientation: int) -> None:
    upright = picture(2, (48, 32))
    lying = upright.transpose(LYING[orientation])
    image = measure(encoded(lying, name, exif=with_orientation(orientation)), max_pixels=LIMIT)
    stored = Image.open(io.BytesIO(image.data))
    assert (image.width, image.height) == stored.size == (48, 32)
    assert stored.getexif().get(0x0112) is None
    assert imagehash.phash(stored) - imagehash.phash(upright) <= 6


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "empty"),
        (b"GIF89a" + bytes(50), "not a JPEG, PNG or WebP"),
        (b"<html>not found</html>", "not a JPEG, PNG or WebP"),
    ],
)
def test_bytes_that_are_no_image_are_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(ImageError, match=complaint):
        measure(data, max_pixels=LIMIT)


@pytest.mark.parametrize("name", ["PNG", "WEBP"])
def test_an_animated_image_is_refused(name: str) -> None:
    frames = [picture(n) for n in range(3)]
    data = encoded(frames[0], name, save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="animated"):
        measure(data, max_pixels=LIMIT)


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10))) + chunk(b"IEND", b"")
    )


def test_a_header_that_claims_50000_x_50000_pixels_is_a_bomb() -> None:
    with pytest.raises(ImageError, match="decompression bomb"):
        measure(png_that_claims(50_000, 50_000), max_pixels=LIMIT)


def test_a_small_file_of_a_large_picture_is_a_bomb() -> None:
    data = encoded(Image.new("1", (4000, 4000)), "PNG")
    assert len(data) < 10_000
    with pytest.raises(ImageError, match="4000 x 4000, which is over the limit of 1000000 pixels"):
        measure(data, max_pixels=LIMIT)


def test_an_image_at_the_limit_is_taken() -> None:
    assert measure(SAMPLES["PNG"], max_pixels=48 * 40).width == 48


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_a_file_cut_anywhere_is_an_image_error(name: str, data: st.DataObject) -> None:
    whole = SAMPLES[name]
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ImageError):
        measure(whole[:cut], max_pixels=LIMIT)


@given(st.sampled_from(sorted(SAMPLES)), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1))
def test_a_file_with_wrong_bytes_is_an_image_or_an_image_error(name: str, changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(SAMPLES[name])
    for position, value in changes:
        damaged[position % len(damaged)] = value
    try:
        image = measure(bytes(damaged), max_pixels=LIMIT)
    except ImageError:
        return
    assert image.width * image.height <= LIMIT
    measure(image.data, max_pixels=LIMIT)  # what was stored can be read again


@given(st.binary(max_size=300))
def test_exif_of_any_bytes_does_no_harm(noise: bytes) -> None:
    image = measure(encoded(picture(1), "JPEG", exif=b"Exif\x00\x00" + noise), max_pixels=LIMIT)
    assert noise not in image.data or len(noise) < 4


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_png_has_a_hash_and_a_thumbnail(mode: str) -> None:
    source = picture(3).convert("L").convert("I").point(lambda v: v * 256) if mode == "I;16" else picture(3)
    image = measure(encoded(source.convert(mode), "PNG"), max_pixels=LIMIT)
    assert len(image.phash) == 16
    assert thumbnail(image.data, side=32)[:2] == b"\xff\xd8"


def test_a_cmyk_photograph_is_taken() -> None:
    image = measure(encoded(picture(3).convert("CMYK"), "JPEG"), max_pixels=LIMIT)
    assert image.format == "jpeg"


def test_a_thumbnail_is_a_jpeg_no_larger_than_asked() -> None:
    small = Image.open(io.BytesIO(thumbnail(SAMPLES["WEBP"], side=24)))
    assert (small.format, small.size) == ("JPEG", (24, 20))


@pytest.mark.parametrize("name", ["TIFF", "GIF", "EPS", "PDF"])
def test_no_format_but_ours_is_opened_wherever_the_bytes_have_come_from(name: str) -> None:
    """Parts and releases of others hold bytes that no ingest has seen; Pillow would hand an EPS file to Ghostscript."""
    data = encoded(picture(3), name)
    with pytest.raises(OSError, match="cannot identify image file"):
        opened(data)
    with pytest.raises(OSError, match="cannot identify image file"):
        thumbnail(data, side=24)
