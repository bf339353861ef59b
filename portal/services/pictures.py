"""Pictures that people upload: decoded, made small, and written anew, so that nothing but what is seen remains."""

from __future__ import annotations

import io
from threading import Lock

from PIL import Image, ImageOps

from portal.errors import Invalid, TooLarge

MOST_BYTES = 10_000_000
MOST_PIXELS = 40_000_000
LONGEST_SIDE = 1024  # pixels
THUMBNAIL_SIDE = 64  # twice of what a list shows, for screens of double density
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
TOO_LARGE = f"The picture is larger than {MOST_BYTES // 1_000_000} MB: choose a smaller one. Nothing was changed."

# Pixels that are decoded take up to 320 MB: one picture at a time, whatever number of people sends one.
_TURN = Lock()

NO_PICTURE = "This is no picture that can be read: choose a PNG, JPEG, WebP or GIF file. Nothing was changed."


def redraw(data: bytes, longest_side: int = LONGEST_SIDE) -> tuple[bytes, str]:
    """The picture as a file of our own making, with the ending of its name: upright, and at most so many pixels a side.

    Of an animation the first frame. Where and by what it was taken, and everything else that a file can hold beside its
    pixels, is gone. Raises `Invalid` for what is no picture, and `TooLarge`, both with the path ``picture``.
    """
    if not data:
        raise Invalid("Choose a picture first.", "picture")
    if len(data) > MOST_BYTES:
        raise TooLarge(TOO_LARGE, "picture")
    try:
        with _TURN, Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _refuse_large(image)
            return _write(_small(image, longest_side))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLarge(_too_many_pixels(), "picture") from error
    except (Invalid, TooLarge):
        raise
    except Exception as error:  # the decoders of four formats fail in their own ways on bytes that mean ill
        raise Invalid(NO_PICTURE, "picture") from error


def thumbnail(data: bytes) -> tuple[bytes, str]:
    """A picture for a list, with the ending of its name. Raises as `redraw`: programs may have sent anything."""
    return redraw(data, THUMBNAIL_SIDE)


def _refuse_large(image: Image.Image) -> None:
    """Before a pixel is decoded: a few bytes can claim to be gigabytes."""
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise TooLarge(_too_many_pixels(), "picture")


def _too_many_pixels() -> str:
    return f"The picture has more than {MOST_PIXELS // 1_000_000} megapixels: choose a smaller one."


def _small(image: Image.Image, longest_side: int) -> Image.Image:
    image.thumbnail((longest_side, longest_side))
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):  # 16 bits a pixel: converted as it is, all would be white
        upright = upright.point(lambda value: value / 256).convert("L")
    has_alpha = "A" in upright.mode or "transparency" in upright.info
    return upright.convert("RGBA" if has_alpha else "RGB")


def _write(image: Image.Image) -> tuple[bytes, str]:
    # Into a new picture: a converted one still carries comments, profiles and the like, and would write some of them.
    clean = Image.new(image.mode, image.size)
    clean.paste(image)
    written = io.BytesIO()
    if clean.mode == "RGBA":
        clean.save(written, "PNG", optimize=True)
        return written.getvalue(), "png"
    clean.save(written, "JPEG", quality=85, optimize=True)
    return written.getvalue(), "jpg"
