"""Scribbles: thinning keeps what hangs together, ink is told from ground, strokes get one width."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sd_nodes.annotators.drawings import inked
from sd_nodes.annotators.thinning import drawn, joined, ridges, sketched, thinned
from sd_nodes.maps import SoftEdgeMap
from sd_nodes.scribbles import scribble_from_drawing, scribble_from_soft_edges
from sd_nodes.types import Image


def parts(strokes: np.ndarray) -> int:
    """How many parts hang together, diagonal neighbours among them."""
    return cv2.connectedComponents(strokes.astype(np.uint8), connectivity=8)[0] - 1


def test_a_bar_becomes_a_line():
    bar = np.zeros((20, 40), bool)
    bar[8:13, 4:36] = True
    thin = thinned(bar)
    assert thin.any() and (thin.sum(axis=0) <= 1).all() and set(np.nonzero(thin)[0]) == {10}
    assert thin.sum() >= 26


def test_a_ring_stays_a_ring():
    y, x = np.mgrid[:41, :41]
    distance = np.hypot(y - 20, x - 20)
    thin = thinned((distance > 10) & (distance < 16))
    assert parts(thin) == 1 and parts(~thin & (distance < 10)) == 1
    assert cv2.connectedComponents((~thin).astype(np.uint8), connectivity=4)[0] - 1 == 2
    assert thin.sum() < 100


@given(st.integers(0, 2**32 - 1))
def test_what_hangs_together_still_does_and_nothing_is_added(seed):
    strokes = cv2.blur(np.random.default_rng(seed).random((24, 24)), (3, 3)) > 0.5
    thin = thinned(strokes)
    assert not (thin & ~strokes).any()
    assert parts(thin) <= parts(strokes)
    assert np.array_equal(thinned(thin), thin)


@pytest.mark.parametrize("value", [False, True])
def test_the_border_of_a_picture_is_no_trap(value):
    assert thinned(np.full((6, 9), value)).sum() <= 9


@pytest.mark.parametrize(("ground", "stroke", "ink"), [(0.9, 0.2, "auto"), (0.1, 0.8, "auto"), (0.9, 0.2, "dark")])
def test_ink_is_told_from_the_ground(ground, stroke, ink):
    drawing = np.full((30, 30), ground, np.float32)
    drawing[10:13, 5:25] = stroke
    found = inked(drawing, ink, 0.5)
    assert np.array_equal(found, drawing == np.float32(stroke))


def test_ink_of_the_other_tone_is_the_ground():
    drawing = np.full((30, 30), 0.9, np.float32)
    drawing[10:13, 5:25] = 0.2
    assert np.array_equal(inked(drawing, "light", 0.5), drawing > 0.5)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_an_empty_sheet_has_no_ink(value):
    assert not inked(np.full((8, 8), value, np.float32), "auto", 0.5).any()


def test_crests_are_where_edges_are_highest():
    x = np.arange(60, dtype=np.float32)
    grey = np.exp(-((x - 30) ** 2) / 18).astype(np.float32)[None].repeat(40, axis=0)
    assert set(np.nonzero(ridges(grey, 0.3))[1]) == {30}
    assert not ridges(grey * 0.2, 0.3).any()


def soft_line(gap: int = 0, faint: float = 1.0) -> np.ndarray:
    """A soft edge along the middle of 40 x 120, with a gap in its middle, that gets fainter to the right."""
    y = np.arange(40, dtype=np.float32)[:, None]
    line = np.exp(-((y - 20) ** 2) / 18) * np.ones((1, 120), np.float32)
    line *= np.interp(np.arange(120), [30, 70], [1, faint]).astype(np.float32)
    line[:, 60 - gap // 2 : 60 + gap - gap // 2] = 0
    return line.astype(np.float32)


@pytest.mark.parametrize(("gap", "count"), [(0, 2), (16, 1)])
def test_gaps_are_closed_up_to_a_length(gap, count):
    assert parts(sketched(soft_line(gap=4), 0.3, gap, 10)) == count


def test_an_end_is_joined_with_the_side_of_another_stroke():
    thin = np.zeros((30, 40), bool)
    thin[:, 20] = thin[15, :14] = True
    assert parts(joined(thin, 7)) == 1 and joined(thin, 7)[15, 14:20].all()
    assert np.array_equal(joined(thin, 4), thin)


def test_a_ring_with_a_gap_is_closed_and_a_short_stroke_does_not_curl():
    y, x = np.mgrid[:60, :60]
    ring = thinned(np.abs(np.hypot(y - 30, x - 30) - 20) < 2)
    ring[28:33, 40:] = False
    holes = [
        cv2.connectedComponents((~each).astype(np.uint8), connectivity=4)[0] - 1 for each in (ring, joined(ring, 9))
    ]
    assert holes == [1, 2]
    short = np.zeros((9, 9), bool)
    short[4, 2:7] = True
    assert np.array_equal(joined(short, 8), short)


def test_a_stroke_goes_on_while_it_is_half_as_high_and_starts_nowhere_there():
    assert sketched(soft_line(faint=0.4), 0.5, 0, 0)[:, 75:110].any()
    assert not sketched(soft_line() * 0.4, 0.5, 0, 0).any()


def test_crumbs_are_left_out():
    assert sketched(soft_line(), 0.3, 0, 100).any() and not sketched(soft_line(), 0.3, 0, 130).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 4)])
def test_small_pictures_have_no_strokes(size):
    assert not sketched(np.ones(size, np.float32), 0.3, 7, 24).any()


@pytest.mark.parametrize("width", [1, 3, 5])
def test_strokes_have_the_width_that_was_asked_for(width):
    line = np.zeros((21, 41), bool)
    line[10, 8:33] = True
    assert (drawn(line, width)[:, 20] > 0).sum() == width


def test_a_drawing_becomes_white_strokes_of_one_width():
    drawing = torch.full((1, 64, 64, 4), 0.95)
    drawing[:, 20:31, 10:54, :3] = 0.1
    scribble = scribble_from_drawing(Image(drawing))
    assert scribble.shape == (1, 64, 64, 3) and set(scribble.unique().tolist()) == {0.0, 1.0}
    assert (scribble[0, :, 32, 0] > 0).sum() == 3


def test_soft_edges_become_white_strokes():
    y = torch.arange(48.0)[None, :, None, None]
    soft = torch.exp(-((y - 24) ** 2) / 18).expand(2, 48, 64, 3)
    scribble = scribble_from_soft_edges(SoftEdgeMap(Image(soft)), width=3)
    assert scribble.shape == (2, 48, 64, 3)
    assert scribble[:, 23:26, 32].min() == 1 and scribble[:, :20].max() == 0
