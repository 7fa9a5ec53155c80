import io
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from gatherset.dataset.images import measure
from gatherset.dataset.metadata import strip_metadata
from tests.dataset.conftest import encoded, picture

SECRET = b"Serial-4711 Jane Doe 52.5200N"
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + SECRET + b"</x:xmpmeta>"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation: int = 1) -> Image.Exif:
    made = Image.Exif()
    made[0x010F] = SECRET.decode()  # Make
    made[0x0112] = orientation
    return made


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg(orientation: int = 1, **options: object) -> bytes:
    data = encoded(picture(1), "JPEG", exif=exif(orientation), xmp=XMP, comment=SECRET, icc_profile=PROFILE, **options)
    iptc = jpeg_segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + struct.pack(">I", len(SECRET)) + SECRET)
    return data[:2] + iptc + data[2:]


def png(orientation: int = 1) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", SECRET.decode())
    info.add_text("Comment", SECRET.decode(), zip=True)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return encoded(picture(1), "PNG", exif=exif(orientation), pnginfo=info, icc_profile=PROFILE)


def webp(orientation: int = 1) -> bytes:
    return encoded(picture(1), "WEBP", exif=exif(orientation), xmp=XMP, icc_profile=PROFILE, lossless=True)


MAKERS: dict[str, Callable[..., bytes]] = {"jpeg": jpeg, "png": png, "webp": webp}


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("name", MAKERS)
def test_what_tells_of_the_photographer_goes(name: str) -> None:
    data = MAKERS[name]()
    assert SECRET in data
    stored = strip_metadata(data, name)
    assert SECRET not in stored
    image = Image.open(io.BytesIO(stored))
    image.load()
    assert not dict(image.getexif())
    assert not {"exif", "xmp", "comment", "photoshop", "Author", "XML:com.adobe.xmp"} & set(image.info)


@pytest.mark.parametrize("name", MAKERS)
def test_no_pixel_changes(name: str) -> None:
    data = MAKERS[name]()
    assert np.array_equal(pixels(strip_metadata(data, name)), pixels(data))


@pytest.mark.parametrize("name", MAKERS)
def test_the_colour_profile_stays(name: str) -> None:
    image = Image.open(io.BytesIO(strip_metadata(MAKERS[name](), name)))
    assert image.info["icc_profile"] == PROFILE


@pytest.mark.parametrize("name", MAKERS)
def test_a_turned_copy_keeps_the_profile_and_nothing_else(name: str) -> None:
    stored = measure(MAKERS[name](6), max_pixels=10**6).data
    assert SECRET not in stored
    assert Image.open(io.BytesIO(stored)).info["icc_profile"] == PROFILE


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_clean_is_not_touched(name: str) -> None:
    clean = strip_metadata(MAKERS[name](), name)
    assert strip_metadata(clean, name) == clean


@pytest.mark.parametrize("name", MAKERS)
def test_bytes_behind_the_picture_go(name: str) -> None:
    data = MAKERS[name]()
    assert strip_metadata(data + SECRET, name) == strip_metadata(data, name)


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_blocks": 1}, {"subsampling": 0}])
def test_every_kind_of_jpeg_keeps_its_pixels(options: dict[str, object]) -> None:
    data = jpeg(**options)
    assert np.array_equal(pixels(strip_metadata(data, "jpeg")), pixels(data))


def test_of_a_stereo_photograph_the_first_picture_is_kept() -> None:
    data = encoded(picture(1), "MPO", save_all=True, append_images=[picture(2)])
    image = measure(data, max_pixels=10**6)
    stored = Image.open(io.BytesIO(image.data))
    assert (image.format, stored.format) == ("jpeg", "JPEG")
    assert len(image.data) < len(data)
    assert np.array_equal(pixels(image.data), pixels(data))


def test_a_private_chunk_of_a_png_goes() -> None:
    data = png()
    chunk = b"prVt" + SECRET
    at = data.index(b"IDAT") - 4
    private = struct.pack(">I", len(SECRET)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    assert SECRET not in strip_metadata(data[:at] + private + data[at:], "png")


@given(st.sampled_from(sorted(MAKERS)), st.data())
def test_a_container_cut_anywhere_is_a_value_error(name: str, data: st.DataObject) -> None:
    whole = strip_metadata(MAKERS[name](), name)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError, match=r"too early|no .* signature|no JPEG start|no marker"):
        strip_metadata(whole[:cut], name)


@given(st.sampled_from(sorted(MAKERS)), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=20))
def test_a_damaged_container_is_stripped_or_a_value_error(name: str, changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(MAKERS[name]())
    for position, value in changes:
        damaged[position % len(damaged)] = value
    with suppress(ValueError):
        strip_metadata(bytes(damaged), name)
