"""Text on the views' backgrounds: the contrast that WCAG 2 asks for at level AA."""

import pytest

from tools.monitor.theme import DARK, LIGHT

AA = 4.5  # of text of any size


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("text", ["ink", "soft", "faint", "normal", "abnormal", "third", "good"])
def test_text_is_readable_on_every_background(theme, text):
    for background in ("paper", "panel"):
        assert contrast(theme[text], theme[background]) >= AA


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_a_flag_differs_from_what_is_normal_in_lightness_too(theme):
    assert contrast(theme["normal"], theme["abnormal"]) >= 2


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("graphic", ["normal", "abnormal", "third", "good", "ink"])
def test_what_is_drawn_stands_out_from_every_background(theme, graphic):
    for background in ("paper", "panel", "room"):
        assert contrast(theme[graphic], theme[background]) >= 3


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "background"),
    [
        ("panel", "abnormal"),  # the bar of alarms
        ("ink", "abnormal-wash"),
        ("soft", "abnormal-wash"),
        ("ink", "third-wash"),
        ("ink", "normal-wash"),
        ("soft", "room"),
        ("panel", "normal"),  # the button that returns to live
    ],
)
def test_text_is_readable_on_colours(theme, text, background):
    assert contrast(theme[text], theme[background]) >= AA
