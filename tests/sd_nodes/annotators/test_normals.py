"""Normals of planes and of a ball, whose normals are known; and their colours."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sd_nodes.annotators.normals import coloured, normals, points
from sd_nodes.maps import DepthMap
from sd_nodes.normals import surface_normals
from sd_nodes.types import Image

FRONT = torch.tensor([0.5, 0.5, 1.0])


def depth(nearness: torch.Tensor) -> DepthMap:
    return DepthMap(Image(nearness[..., None].repeat(1, 1, 1, 3)))


def test_the_nearest_point_is_at_one_and_the_farthest_at_the_reach():
    placed = points(torch.tensor([[[0.0, 1.0]]]), view=60, reach=5)
    assert placed[0, 0, :, 2].tolist() == pytest.approx([5, 1])


def test_the_view_spans_the_longer_side():
    left, right = points(torch.ones(1, 1, 2), view=90, reach=2)[0, 0]
    assert left[0].item() == pytest.approx(-0.5) and right[0].item() == pytest.approx(0.5)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_what_is_flat_faces_the_camera(value):
    drawn = surface_normals(depth(torch.full((2, 24, 40), value)))
    torch.testing.assert_close(drawn, FRONT.expand(2, 24, 40, 3), atol=1e-5, rtol=0)


@given(
    st.floats(-0.4, 0.4),
    st.floats(-0.4, 0.4),
    st.floats(20, 120),
    st.floats(1.2, 20),
    st.integers(2, 9),
    st.integers(2, 9),
)
def test_a_plane_has_one_normal_which_is_its_own(right, down, view, reach, height, width):
    """On a plane n · P = c the inverse distance is n · (u / f, v / f, 1) / c: a ramp in the picture."""
    focal = max(height, width) / (2 * math.tan(math.radians(view) / 2))
    u = (torch.arange(width, dtype=torch.float64) + 0.5 - width / 2) / width
    v = (torch.arange(height, dtype=torch.float64) + 0.5 - height / 2) / height
    ramp = 0.5 + right * u + down * v[:, None]
    slope = 1 - 1 / reach
    inward = torch.tensor([slope * right * focal / width, slope * down * focal / height, 1 / reach + slope * 0.5])
    expected = -inward.double() / inward.norm()
    found = normals(ramp[None], view, reach)
    torch.testing.assert_close(found, expected.expand(1, height, width, 3), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("place", "channel", "more"),
    [((32, 12), 0, True), ((32, 52), 0, False), ((12, 32), 1, True), ((52, 32), 1, False)],
)
def test_a_ball_is_red_on_the_left_and_green_above(place, channel, more):
    y, x = torch.meshgrid(torch.linspace(-1, 1, 65), torch.linspace(-1, 1, 65), indexing="ij")
    ball = (1 - x**2 - y**2).clamp(min=0).sqrt()
    drawn = surface_normals(depth(ball[None]), reach=1.5, smoothing=0.0)
    colour = drawn[0, place[0], place[1]]
    assert (colour[channel] > 0.6) == more and (colour[channel] < 0.4) != more
    torch.testing.assert_close(drawn[0, 32, 32], FRONT, atol=0.02, rtol=0)


def test_the_background_faces_the_camera():
    ramp = torch.linspace(0, 1, 40).expand(1, 30, 40)
    drawn = surface_normals(depth(ramp), smoothing=0.0, background=0.5)
    torch.testing.assert_close(drawn[:, :, :15], FRONT.expand(1, 30, 15, 3))
    assert drawn[0, 15, 30, 0] > 0.6


def test_smoothing_evens_noise():
    noise = 0.5 + 0.02 * torch.randn(1, 64, 64, generator=torch.Generator().manual_seed(0))
    rough, even = (surface_normals(depth(noise), smoothing=smoothing) for smoothing in (0.0, 16.0))
    assert (even - FRONT).abs().mean() < 0.3 * (rough - FRONT).abs().mean()


def test_a_picture_of_one_pixel_faces_the_camera():
    assert surface_normals(depth(torch.ones(1, 1, 1))).flatten().tolist() == [0.5, 0.5, 1.0]


def test_colours_stay_within_bounds():
    drawn = coloured(torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]))
    assert drawn.tolist() == [[1, 1, 1], [0, 0, 0]]
