"""Pictures that people upload: what becomes of good ones, and of those that are none or mean ill."""

from __future__ import annotations

import contextlib
import io
import random
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from portal.errors import Invalid, TooLarge
from portal.services import pictures

ORIENTATION, MODEL, GPS = 0x0112, 0x0110, 0x8825


def picture(kind: str = "PNG", size: tuple[int, int] = (60, 40), mode: str = "RGB", **options: object) -> bytes:
    image = Image.new(mode, size)
    image.paste({"RGB": (200, 0, 0), "RGBA": (200, 0, 0, 90)}.get(mode, 0), (0, 0, size[0] // 2, size[1]))
    written = io.BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def redrawn(data: bytes) -> Image.Image:
    content, _ending = pictures.redraw(data)
    return Image.open(io.BytesIO(content))


def claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says that it is that large."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_large_picture_becomes_small_and_keeps_its_shape(kind: str) -> None:
    assert redrawn(picture(kind, (3000, 1500))).size == (1024, 512)
    assert redrawn(picture(kind, (60, 40))).size == (60, 40)


def test_a_photo_is_turned_upright_and_tells_nothing_of_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[ORIENTATION], exif[MODEL] = 6, "Camera of Olga"
    exif.get_ifd(GPS)[1] = "N"
    photo = picture("JPEG", (60, 40), exif=exif, comment=b"secret", icc_profile=b"profile", xmp=b"<x/>")

    content, ending = pictures.redraw(photo)

    shown = Image.open(io.BytesIO(content))
    assert (shown.size, shown.format, ending) == ((40, 60), "JPEG", "jpg")
    assert shown.getpixel((20, 5))[0] > 150 > shown.getpixel((20, 55))[0]  # what was left is on top
    assert dict(shown.getexif()) == {}
    assert set(shown.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert not any(word in content for word in (b"Olga", b"secret", b"profile", b"<x/>", b"Exif"))


def test_what_is_transparent_stays_so_and_grey_of_16_bits_is_no_white() -> None:
    assert redrawn(picture("PNG", mode="RGBA")).getpixel((5, 5))[3] == 90
    grey = Image.new("I;16", (8, 8), 32_768)
    written = io.BytesIO()
    grey.save(written, "PNG")
    assert 120 < redrawn(written.getvalue()).getpixel((4, 4))[0] < 136


def test_of_an_animation_the_first_frame_is_shown() -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue", "green")]
    written = io.BytesIO()
    frames[0].save(written, "GIF", save_all=True, append_images=frames[1:])

    shown = redrawn(written.getvalue())

    assert getattr(shown, "n_frames", 1) == 1
    assert shown.convert("RGB").getpixel((10, 10))[0] > 240


@pytest.mark.parametrize(
    "data",
    [
        b"no picture",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
        b"GIF89a<script>alert(1)</script>",
        picture("JPEG", (600, 400))[:900],
        picture("PNG")[:60],
        picture("BMP"),
        picture("TIFF"),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n",
    ],
)
def test_what_is_no_picture_is_refused_with_one_sentence(data: bytes) -> None:
    with pytest.raises(Invalid, match="no picture that can be read: choose a PNG, JPEG, WebP or GIF"):
        pictures.redraw(data)


@pytest.mark.parametrize("size", [(8000, 5001), (10_000, 10_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_few_bytes_that_claim_to_be_huge_are_not_decoded(size: tuple[int, int]) -> None:
    with pytest.raises((TooLarge, Invalid), match=r"megapixels|no picture"):
        pictures.redraw(claiming(*size))


def test_too_many_bytes_and_none_are_refused() -> None:
    with pytest.raises(TooLarge, match="larger than 10 MB"):
        pictures.redraw(b"\0" * (pictures.MOST_BYTES + 1))
    with pytest.raises(Invalid, match="Choose a picture first"):
        pictures.redraw(b"")


@given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF"]), st.integers(0, 2**32), st.integers(1, 12))
def test_a_damaged_picture_is_drawn_or_refused_and_never_a_failure(kind: str, seed: int, hits: int) -> None:
    data, chance = bytearray(picture(kind)), random.Random(seed)
    for _ in range(hits):
        data[chance.randrange(len(data))] = chance.randrange(256)

    with contextlib.suppress(Invalid, TooLarge):
        content, _ending = pictures.redraw(bytes(data[: chance.randrange(8, len(data) + 1)]))
        assert max(Image.open(io.BytesIO(content)).size) <= pictures.LONGEST_SIDE
