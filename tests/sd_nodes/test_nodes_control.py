"""Edges, depth and ControlNets as nodes."""

import importlib.util
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from transformers import pipeline

from graph_runtime import Folders, NodeError
from sd_nodes import LIBRARY
from sd_nodes.arrays import bytes_of
from sd_nodes.assets import DEPTH, present
from sd_nodes.controlnet import controlnet_apply, controlnet_apply_advanced
from sd_nodes.depth import depth_map
from sd_nodes.depth_estimation import estimator, near_is_white
from sd_nodes.depth_models import depth_digest, depth_names
from sd_nodes.edges import canny_edges
from sd_nodes.types import Condition, Conditioning, ControlNet, Image, Source
from tests.sd_nodes.saved_depth import save_depth, save_glpn, save_zoedepth

NET = ControlNet(Source("a", "0" * 64, "controlnet"), "sd1", "canny")


@pytest.fixture(scope="module")
def depth_shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a tiny depth model of transformers."""
    return save_depth(tmp_path_factory.mktemp("models") / "depth/tiny").parents[1]


def noise(batch: int = 1) -> Image:
    return Image(torch.rand(batch, 40, 56, 3, generator=torch.Generator().manual_seed(0)))


def prompt() -> Conditioning:
    return Conditioning((Condition(torch.zeros(1, 77, 4)),), "sd1")


def test_edges_are_those_of_opencv_on_bytes():
    picture = noise(2)
    edges = canny_edges(picture, 50, 150)
    assert edges.shape == (2, 40, 56, 3) and edges.dtype == torch.float32
    for one, found in zip(picture, edges, strict=True):
        expected = cv2.Canny((one * 255).round().byte().numpy(), 50, 150)
        assert np.array_equal(found[..., 1].numpy() * 255, expected)


def test_edges_are_white_on_black():
    square = torch.zeros(1, 32, 32, 3)
    square[:, 8:24, 8:24] = 1
    edges = canny_edges(Image(square))
    assert set(edges.unique().tolist()) == {0.0, 1.0}
    assert edges[0, 14:18, 14:18].max() == 0 and edges[0, 6:10, 14].max() == 1


def test_thresholds_reach_the_strongest_gradient_and_no_further():
    """A corner between black and white has both sums at once; nothing is over what the editor offers at most."""
    bounds = LIBRARY["CannyEdges"].inputs["high"].socket.bounds
    corner = torch.zeros(1, 32, 32, 3)
    corner[:, 16:, 16:] = 1
    assert canny_edges(Image(corner), 900, 1000).max() == 1
    assert bounds is not None and canny_edges(Image(corner), bounds.high, bounds.high).max() == 0


def test_an_alpha_channel_has_no_edges():
    picture = torch.cat([torch.ones(1, 16, 16, 3), torch.rand(1, 16, 16, 1)], dim=-1)
    assert canny_edges(Image(picture)).max() == 0


def test_a_depth_model_of_transformers_is_named_by_its_folder(depth_shelf):
    folders = Folders(models=(depth_shelf,))
    depth = depth_map(noise(2), "tiny", folders=folders)
    assert depth.shape == (2, 40, 56, 3)
    assert depth.amin(dim=(1, 2, 3)).tolist() == [0, 0] and depth.amax(dim=(1, 2, 3)).tolist() == [1, 1]
    assert "tiny" in depth_names(folders)


@pytest.mark.parametrize(("save", "metric"), [(save_depth, False), (save_glpn, True)])
def test_the_depth_is_that_of_the_pipeline_of_transformers(save, metric, tmp_path):
    folder = save(tmp_path / "depth/tiny")
    expected = pipeline("depth-estimation", model=str(folder))(Pillow.fromarray(bytes_of(noise())[0]))
    predicted = expected["predicted_depth"].numpy()
    nearness = 1 / predicted if metric else predicted
    found = depth_map(noise(), "tiny", folders=Folders(models=(tmp_path,)))
    torch.testing.assert_close(found, near_is_white(nearness), atol=1e-4, rtol=0)


def test_the_frame_that_zoedepth_sees_around_a_picture_is_cut_off(tmp_path):
    """The same picture, mirrored over its border by hand and seen without a frame, has the depth in its middle."""
    save_zoedepth(tmp_path / "depth/framed")
    save_zoedepth(tmp_path / "depth/bare", framed=False)
    folders, across, down = Folders(models=(tmp_path,)), 15, 13
    framed = np.pad(noise()[0].numpy(), ((down, down), (across, across), (0, 0)), mode="reflect")
    nearness = estimator("bare", folders)(Image(torch.from_numpy(framed)[None]))[down:-down, across:-across]
    found = depth_map(noise(), "framed", folders=folders)
    torch.testing.assert_close(found, near_is_white(nearness), atol=1e-3, rtol=0)


def test_a_depth_model_saved_in_half_precision_is_computed_in_single(tmp_path):
    save_depth(tmp_path / "depth/half", torch.float16)
    assert depth_map(noise(), "half", folders=Folders(models=(tmp_path,))).max() == 1


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is not None, reason="torchvision is installed")
def test_a_depth_model_that_needs_torchvision_says_so(tmp_path):
    folder = save_depth(tmp_path / "depth/pro")
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_processor_type": "DepthProImageProcessor"}))
    with pytest.raises(NodeError, match=r"cannot be loaded as a depth model: .* dependencies: torchvision"):
        depth_map(noise(), "pro", folders=Folders(models=(tmp_path,)))


def test_the_fingerprint_of_a_depth_model_follows_its_weights(depth_shelf, tmp_path):
    shutil.copytree(depth_shelf, tmp_path / "models")
    folders = Folders(models=(tmp_path / "models",))
    before = depth_digest("tiny", folders)
    assert before == depth_digest("tiny", Folders(models=(depth_shelf,)))
    (tmp_path / "models/depth/tiny/config.json").write_text("{}")
    assert depth_digest("tiny", folders) != before


def test_a_missing_depth_file_names_the_command(tmp_path):
    with pytest.raises(NodeError, match="controlgraph fetch depth"):
        depth_digest("fastdepth", Folders(models=(tmp_path,)))


def test_a_depth_model_of_pickles_is_refused(tmp_path):
    folder = tmp_path / "depth/old"
    folder.mkdir(parents=True)
    for name in ("config.json", "preprocessor_config.json", "pytorch_model.bin"):
        (folder / name).write_text("{}")
    with pytest.raises(NodeError, match=r"pytorch_model\.bin.*pickle can run any program"):
        depth_digest("old", Folders(models=(tmp_path,)))


def test_a_flat_depth_is_black():
    assert near_is_white(np.full((4, 4), 3.0, np.float32)).max() == 0


def test_near_is_white():
    grey = near_is_white(np.array([[1.0, 2.0, 3.0]], np.float32))
    assert grey[0, 0, :, 0].tolist() == [0.0, 0.5, 1.0]


def test_fastdepth_sees_the_astronaut_before_the_wall():
    """Runs where the file has been fetched into ./models, as `controlgraph fetch depth` does."""
    root = Path(__file__).parents[2]
    folders = Folders(root / "workflows/input", models=(root / "models",))
    if not present(DEPTH, folders):
        pytest.skip(f"{DEPTH.members[0].file} is not there: {DEPTH.command}")
    from sd_nodes.images import load_image

    depth = depth_map(load_image("astronaut.jpg", folders).IMAGE, folders=folders)
    assert depth[0, 300:500, 100:250].mean() > 2 * depth[0, 50:250, 300:380].mean()


def test_applying_twice_gives_two_controlnets_in_order():
    first, second = noise(), noise()
    pair = controlnet_apply_advanced(prompt(), prompt(), NET, first, 0.5, 0.1, 0.9)
    pair = controlnet_apply_advanced(*pair, NET, second)
    controls = pair.positive.conditions[0].controls
    assert [control.picture for control in controls] == [first, second]
    assert (controls[0].strength, controls[0].start, controls[0].end) == (0.5, 0.1, 0.9)
    assert pair.negative.conditions[0].controls == controls


def test_a_strength_of_nothing_applies_nothing():
    pair = controlnet_apply_advanced(prompt(), prompt(), NET, noise(), 0.0)
    assert pair.positive.conditions[0].controls == pair.negative.conditions[0].controls == ()
    assert controlnet_apply(prompt(), NET, noise(), 0.0).conditions[0].controls == ()
