"""Line art: the dark side of edges, thin, whatever the tones; nothing where the picture is even."""

import pytest
import torch

from sd_nodes.line_art import line_art
from sd_nodes.types import Image


def halves(left: list[float], right: list[float]) -> Image:
    picture = torch.empty(1, 40, 60, 3)
    picture[:, :, :30], picture[:, :, 30:] = torch.tensor(left), torch.tensor(right)
    return Image(picture)


def test_the_dark_side_of_an_edge_is_drawn():
    drawn = line_art(halves([0.1] * 3, [0.9] * 3), 0)[0, ..., 0]
    assert drawn[20].argmax() in range(26, 30) and drawn[20].max() > 0.9
    assert drawn[:, 30:].max() == 0 and drawn[:, :15].max() == 0


def test_dark_areas_are_left_empty():
    assert line_art(halves([0.0] * 3, [0.0] * 3), 0).max() == 0


def test_edges_between_equally_light_colours_are_drawn():
    assert line_art(halves([0.8, 0.2, 0.5], [0.2, 0.8, 0.5]), 0)[0, 20].max() > 0.9


def test_faint_edges_of_an_even_picture_stay_faint():
    assert line_art(halves([0.500] * 3, [0.505] * 3), 0, threshold=0.3).max() == 0


def test_crumbs_are_left_out_and_lines_are_not():
    picture = halves([0.1] * 3, [0.9] * 3)
    picture[0, 10:12, 48:50] = 0.1
    drawn, all_of_it = (line_art(picture, 0, shortest=least)[0, :, 40:].max() for least in (1024, 0))
    assert drawn == 0 and all_of_it > 0.5 and line_art(picture, 0, shortest=500)[0, 20].max() > 0.9


@pytest.mark.parametrize("resolution", [0, 20, 80])
def test_the_map_has_the_size_of_the_picture(resolution):
    drawn = line_art(Image(torch.rand(2, 41, 63, 4)), resolution)
    assert drawn.shape == (2, 41, 63, 3) and drawn.min() >= 0 and drawn.max() <= 1


def test_a_wider_line_is_wider():
    thin, wide = ((line_art(halves([0.1] * 3, [0.9] * 3), 0, width) > 0.5)[0, 20, :, 0].sum() for width in (0.6, 3.0))
    assert thin < wide


def test_one_pixel_is_a_picture():
    assert line_art(Image(torch.ones(1, 1, 1, 3)), 0).max() == 0
