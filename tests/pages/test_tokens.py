"""The colours: read from the stylesheet, contrast computed as WCAG 2.2 does, in light and in dark."""

from __future__ import annotations

import math
import re

import pytest

from stationmaster.resources import folder

TOKENS = (folder("static") / "css" / "tokens.css").read_text()
DEFINITIONS = dict(re.findall(r"^\s+(--[\w-]+):\s*(.+?);$", TOKENS, re.MULTILINE))

TEXT = [
    ("text", "canvas"), ("text", "surface"), ("text", "sunken"), ("text-soft", "surface"),
    ("text-soft", "sunken"),
    ("text-muted", "surface"), ("text-muted", "canvas"), ("text-muted", "sunken"), ("link", "surface"),
    ("link", "canvas"), ("action-text", "action"), ("action-text", "action-hover"), ("danger-text", "danger"),
    ("danger-text", "danger-hover"),
    *((name, f"{name}-tint") for name in ("pass", "fail", "error", "timeout", "aborted", "skip", "running", "warning")),
    *((name, "surface") for name in ("pass", "fail", "error", "timeout", "aborted", "skip", "running", "warning")),
]  # fmt: skip
SHAPES = [(name, "surface") for name in ("online", "offline", "unknown", "never", "border-control", "focus")]
KIOSK = [
    ("kiosk-text", "kiosk-canvas"), ("kiosk-text-soft", "kiosk-canvas"), ("kiosk-text", "kiosk-surface"),
    ("kiosk-text-soft", "kiosk-surface"), ("kiosk-stop-text", "kiosk-stop"), ("kiosk-timeout-text", "kiosk-timeout"),
    *(("kiosk-verdict-text", f"kiosk-{name}") for name in ("pass", "fail", "error", "aborted")),
]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back"), TEXT)
def test_text_has_a_contrast_of_at_least_4_5(front: str, back: str, scheme: str) -> None:
    assert contrast(front, back, scheme) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back"), SHAPES)
def test_shapes_have_a_contrast_of_at_least_3(front: str, back: str, scheme: str) -> None:
    assert contrast(front, back, scheme) >= 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back"), KIOSK)
def test_the_kiosk_has_a_contrast_of_at_least_7(front: str, back: str, scheme: str) -> None:
    assert contrast(front, back, scheme) >= 7


def test_every_token_that_a_stylesheet_uses_is_defined() -> None:
    defined, used = set(), set()
    for path in (folder("static") / "css").rglob("*.css"):
        text = path.read_text()
        defined |= set(re.findall(r"(--[\w-]+)\s*:", text))
        used |= set(re.findall(r"var\((--[\w-]+)\s*\)", text))

    assert used - defined == set()


def contrast(front: str, back: str, scheme: str) -> float:
    light, dark = sorted((luminance(f"--color-{front}", scheme), luminance(f"--color-{back}", scheme)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(token: str, scheme: str) -> float:
    """Relative luminance of a token's colour, by way of Oklab and linear sRGB, clipped to what a screen shows."""
    value = DEFINITIONS[token]
    if pair := re.fullmatch(r"light-dark\((.+\)), (.+\))\)", value):
        value = pair[1 if scheme == "light" else 2]
    if name := re.fullmatch(r"var\((--[\w-]+)\)", value):
        return luminance(name[1], scheme)
    match = re.fullmatch(r"oklch\((\S+)% (\S+) (\S+)\)", value)
    assert match, f"{token} is no colour: {value}"
    lightness, chroma, hue = float(match[1]) / 100, float(match[2]), math.radians(float(match[3]))
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    red, green, blue = (min(1.0, max(0.0, channel)) for channel in (red, green, blue))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
