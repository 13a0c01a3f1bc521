"""Soft edges: the network's arithmetic on weights made here, its sizes, and the fetched weights on a drawn picture."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from graph_runtime import Folders, NodeError
from sd_nodes.annotators.detection import at_resolution, detection_size
from sd_nodes.annotators.hed import DEPTHS, MEAN, soft_edges
from sd_nodes.assets import HED
from sd_nodes.soft_edges import hed_digest
from sd_nodes.soft_edges import soft_edges as node
from sd_nodes.types import Image
from tests.sd_nodes.annotators.fetched import fetched, photograph


def write_hed(path: Path, channel: int) -> Path:
    """Write weights that let the first side output see one channel (0 is blue), and the fusion that output alone."""
    with h5py.File(path, "w") as file:

        def layer(group: str, kernel: np.ndarray) -> None:
            file[f"{group}/vars/0"], file[f"{group}/vars/1"] = kernel, np.zeros(kernel.shape[-1])

        width = 3
        for stage, depth in enumerate(DEPTHS, start=1):
            for place in range(depth):
                kernel = np.zeros((3, 3, width, 3))
                kernel[1, 1] = np.eye(3)
                layer(f"block{stage}/layers/conv2d{f'_{place}' if place else ''}", kernel)
            side = np.zeros((1, 1, 3, 1))
            side[0, 0, channel] = stage
            layer(f"dsn{stage}", side)
        layer("fuse", np.array([0.01, 0, 0, 0, 0]).reshape(1, 1, 5, 1))
    return path


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_it_sees_blue_green_and_red_without_their_means(tmp_path, channel):
    picture = torch.rand(2, 17, 21, 3, generator=torch.Generator().manual_seed(0))
    seen = (picture[..., 2 - channel] * 255 - MEAN[channel]).relu()
    found = soft_edges(picture, write_hed(tmp_path / "hed.h5", channel))
    assert found.shape == (2, 17, 21)
    torch.testing.assert_close(found, torch.sigmoid(seen * 0.01))


def test_a_file_of_something_else_is_told(tmp_path):
    (tmp_path / "text.h5").write_text("no weights")
    h5py.File(tmp_path / "empty.h5", "w").close()
    for name in ("text.h5", "empty.h5"):
        with pytest.raises(NodeError, match=rf"{name} does not hold the weights of HED"):
            soft_edges(torch.zeros(1, 8, 8, 3), tmp_path / name)


def test_without_the_file_the_command_is_named(tmp_path):
    with pytest.raises(NodeError, match="controlgraph fetch hed"):
        hed_digest(Folders(models=(tmp_path,)))


@pytest.mark.parametrize(("resolution", "seen"), [(0, (40, 60)), (20, (20, 30)), (80, (80, 120))])
def test_a_detector_sees_the_resolution_and_the_map_has_the_size_of_the_picture(resolution, seen):
    sizes = []

    def detect(picture: torch.Tensor) -> torch.Tensor:
        sizes.append((*picture.shape[1:3], picture.shape[3]))
        return picture[..., 0]

    picture = torch.full((1, 40, 60, 4), 0.25)
    found = at_resolution(Image(picture), resolution, detect)
    assert sizes == [(*seen, 3)]
    torch.testing.assert_close(found, torch.full((1, 40, 60), 0.25))


def test_the_shorter_side_gets_the_resolution():
    assert detection_size(300, 451, 512) == (512, 770)
    assert detection_size(300, 451, 512, 64) == (512, 768)
    assert detection_size(1000, 1, 64, 64) == (64000, 64)


def test_the_outline_of_a_disk_is_found():
    folders = fetched(HED)
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    distance = torch.hypot(x - 64, y - 64)
    disk = (distance < 40).float()[None, ..., None].repeat(1, 1, 1, 3) * 0.8 + 0.1
    edges = node(Image(disk), 0, folders=folders)[0, ..., 0]
    on, inside, outside = (edges[where].mean() for where in ((distance - 40).abs() < 1.5, distance < 30, distance > 55))
    assert on > 0.8 and inside < 0.2 and outside < 0.2


def test_a_safe_map_has_three_shades():
    folders = fetched(HED)
    edges = node(Image(photograph("chelsea.jpg")[:, :96, :96]), 0, True, folders=folders)
    assert set(edges.unique().tolist()) <= {0.0, 0.5, 1.0}
