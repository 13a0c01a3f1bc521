"""The sheet of all workflows: every picture once, in order, inside the sheet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import ImageFont

from pictures.gallery import MARGIN, WIDTH, rows, sheet, trimmed, wrapped
from pictures.runs import Shown
from sd_nodes.contact_sheet import PAPER


@given(st.lists(st.floats(0.2, 4.5), min_size=1, max_size=30))
def test_rows_hold_every_picture_once_in_order(proportions: list[float]) -> None:
    assert [place for row in rows(proportions, 2000) for place in row] == list(range(len(proportions)))


def test_wide_pictures_stand_in_rows_of_few() -> None:
    assert [len(row) for row in rows([3.0] * 4, WIDTH)] == [2, 2] and len(rows([0.5] * 4, WIDTH)) == 1


@given(st.text(alphabet="abc ", max_size=60), st.integers(40, 400))
def test_no_line_is_wider_than_its_picture_unless_a_word_is(text: str, width: int) -> None:
    font = ImageFont.load_default(20)
    lines = wrapped(text, 20, width)
    assert " ".join(lines).split() == text.split()
    assert all(font.getlength(line) <= width or " " not in line for line in lines)


def test_a_border_in_the_colour_of_the_sheet_is_cut_off() -> None:
    picture = Pillow.new("RGB", (60, 40), PAPER)
    picture.paste((0, 0, 0), (10, 5, 30, 25))
    assert trimmed(picture).size == (20, 20)
    assert trimmed(Pillow.new("RGB", (6, 4), PAPER)).size == (6, 4)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_the_margins_of_a_sheet_are_empty(count: int) -> None:
    shown = [Shown(f"A workflow with a title {place}", Pillow.new("RGB", (300, 100)), "maps") for place in range(count)]
    made = sheet({"Some": shown, "Others": shown}, "All")
    for box in ((0, 0, MARGIN, made.height), (WIDTH - MARGIN, 0, WIDTH, made.height)):
        assert made.crop(box).getcolors(1) == [((box[2] - box[0]) * made.height, PAPER)]
    assert made.crop((0, made.height - MARGIN, WIDTH, made.height)).getcolors(1) is not None


def test_wide_pictures_stand_above_high_ones() -> None:
    colours = {"high": (200, 0, 0), "wide": (0, 0, 200)}
    high, wide = (
        Shown(name, Pillow.new("RGB", size, colours[name]))
        for name, size in (("high", (300, 300)), ("wide", (1200, 300)))
    )
    made = sheet({"Both": [high, wide]}, "All")
    places = {name: made.tobytes().find(bytes(colour * 9)) for name, colour in colours.items()}
    assert 0 < places["wide"] < places["high"]
