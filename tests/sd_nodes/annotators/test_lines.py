"""Straight lines: reading segments off the network's maps, drawing them, and the fetched network on a rectangle."""

import numpy as np
import pytest
import torch

from graph_runtime import Folders, NodeError
from sd_nodes.annotators.mlsd import drawn, segments, straight_lines
from sd_nodes.assets import MLSD, locate_asset
from sd_nodes.lines import mlsd_digest
from sd_nodes.lines import straight_lines as node
from sd_nodes.types import Image
from tests.sd_nodes.annotators.fetched import fetched


def maps(side: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Maps with one certain line from (10, 20) to (50, 20), and a doubtful short one."""
    scores, offsets = np.zeros((side, side), np.float32), np.zeros((side, side, 4), np.float32)
    scores[20, 30], offsets[20, 30] = 0.9, (-20, 0, 20, 0)
    scores[50, 30], offsets[50, 30] = 0.3, (-2, -2, 2, 2)
    return scores, offsets


def test_segments_run_from_start_to_end_the_most_certain_first():
    found = segments(*maps(), score=0.1, length=0.0) * 64
    assert found.tolist() == [[10, 20, 50, 20], [28, 48, 32, 52]]


def test_doubtful_and_short_segments_are_left_out():
    assert len(segments(*maps(), score=0.5, length=0.0)) == 1
    assert len(segments(*maps(), score=0.1, length=0.2)) == 1
    assert len(segments(*maps(), score=0.95, length=0.0)) == 0


def test_a_neighbour_of_a_more_certain_centre_is_no_centre():
    scores, offsets = maps()
    scores[21, 31], offsets[21, 31] = 0.8, (-20, 0, 20, 0)
    assert len(segments(scores, offsets, score=0.5, length=0.0)) == 1


def test_lines_are_drawn_white_on_black():
    canvas = drawn(np.array([[2, 5, 12, 5]], np.float32), 10, 20)
    assert canvas.shape == (10, 20)
    assert (canvas[5, 2:13] == 255).all() and canvas.sum() == 11 * 255


def test_no_lines_give_a_black_map():
    assert drawn(np.empty((0, 4), np.float32), 4, 4).max() == 0


def test_lines_are_wider_in_large_pictures():
    canvas = drawn(np.array([[0, 600, 1999, 600]], np.float32), 1100, 2000)
    assert (canvas[:, 1000] > 0).sum() in (2, 3)


def test_without_the_file_the_command_is_named(tmp_path):
    with pytest.raises(NodeError, match="controlgraph fetch mlsd"):
        mlsd_digest(Folders(models=(tmp_path,)))


def test_a_file_of_something_else_is_told(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"no network")
    with pytest.raises(NodeError, match=r"a\.onnx cannot be run as M-LSD"):
        straight_lines(np.zeros((8, 8, 3), np.uint8), tmp_path / "a.onnx", 0.1, 0.1)


def test_the_sides_of_a_rectangle_are_found():
    folders = fetched(MLSD)
    picture = torch.zeros(1, 400, 500, 3)
    picture[:, 100:300, 120:400] = 0.8
    (path,) = locate_asset(MLSD, folders)
    found = straight_lines((picture[0] * 255).byte().numpy(), path, 0.3, 0.1)
    sides = {
        tuple(sorted(((round(x0, -1), round(y0, -1)), (round(x1, -1), round(y1, -1)))))
        for x0, y0, x1, y1 in found.tolist()
    }
    corners = [(120, 100), (400, 100), (400, 300), (120, 300)]
    assert sides == {tuple(sorted((corners[i], corners[i - 1]))) for i in range(4)}
    drawn_map = node(Image(picture), folders=folders)[0, ..., 0]
    assert drawn_map.shape == (400, 500) and 800 < drawn_map.sum() < 1400
