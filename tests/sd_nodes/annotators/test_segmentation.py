"""Segmentation: the colours of classes, a small model of transformers, and regions of like colour."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import SegformerConfig, SegformerForSemanticSegmentation

from graph_runtime import Folders, NodeError
from sd_nodes.annotators.ade20k import palette
from sd_nodes.annotators.colour_regions import absorbed, as_classes
from sd_nodes.annotators.semantic import drawn
from sd_nodes.segmentation import colour_regions, segmentation
from sd_nodes.segmentation_models import segmentation_digest, segmentation_names
from sd_nodes.types import Image


def save_segmentation(folder: Path, labels: int) -> None:
    """Save a small random SegFormer, whose last bias makes all points one class: 2, the sky."""
    torch.manual_seed(0)
    config = SegformerConfig(
        num_labels=labels,
        num_encoder_blocks=4,
        depths=[1] * 4,
        hidden_sizes=[8] * 4,
        num_attention_heads=[1] * 4,
        decoder_hidden_size=8,
    )
    model = SegformerForSemanticSegmentation(config)
    with torch.no_grad():
        model.decode_head.classifier.bias[2] = 1000.0
    model.save_pretrained(folder)
    settings = {"image_processor_type": "SegformerImageProcessor", "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("models")
    save_segmentation(root / "segmentation/ade", 150)
    save_segmentation(root / "segmentation/city", 19)
    return Folders(models=(root,))


def test_classes_have_the_colours_of_ade20k():
    colours = palette()
    assert colours.shape == (150, 3)
    known = {
        0: [120, 120, 120],
        2: [6, 230, 230],
        4: [4, 200, 3],
        12: [150, 5, 61],
        20: [0, 102, 200],
        149: [92, 0, 255],
    }
    assert {place: colours[place].tolist() for place in known} == known


def test_numbers_that_are_no_class_are_black():
    assert drawn(np.array([[-1, 0, 150, 255]])).tolist() == [[[0, 0, 0], [120, 120, 120], [0, 0, 0], [0, 0, 0]]]


def test_a_model_is_named_by_its_folder_and_draws_in_the_size_of_the_picture(folders):
    assert segmentation_names(folders) == ["ade", "city"]
    found = segmentation(Image(torch.rand(2, 40, 56, 4)), "ade", folders=folders)
    assert found.shape == (2, 40, 56, 3)
    torch.testing.assert_close(found, (torch.tensor([6.0, 230.0, 230.0]) / 255).expand(2, 40, 56, 3))


def test_a_model_of_other_classes_is_refused(folders):
    with pytest.raises(NodeError, match="knows 19 classes; segmentation ControlNets know the 150 classes of ADE20K"):
        segmentation(Image(torch.rand(1, 8, 8, 3)), "city", folders=folders)


def test_a_missing_model_is_told(folders):
    with pytest.raises(NodeError, match=r"no segmentation model “ades”.*There is: ade, city"):
        segmentation_digest("ades", folders)


def test_regions_of_like_colour_get_one_colour():
    noise = torch.rand(1, 48, 64, 3, generator=torch.Generator().manual_seed(0)) * 0.04
    picture = noise + torch.tensor([0.7, 0.2, 0.2])
    picture[:, :, 32:] = noise[:, :, 32:] + torch.tensor([0.1, 0.2, 0.7])
    found = colour_regions(Image(picture), colors=2)
    assert len(found.reshape(-1, 3).unique(dim=0)) == 2
    assert (found[:, :, :28] == found[:, :1, :1]).all() and (found[:, :, 36:] == found[:, :1, -1:]).all()


def test_small_regions_go_to_the_nearest_larger_one():
    labels = np.zeros((20, 30), np.intp)
    labels[:, 15:] = 1
    labels[3:5, 3:5] = labels[10, 28] = 2
    expected = np.zeros((20, 30), np.intp)
    expected[:, 15:] = 1
    assert np.array_equal(absorbed(labels, 5), expected)
    assert np.array_equal(absorbed(labels, 1000), labels)


def test_colours_become_the_nearest_classes():
    assert as_classes(np.array([[4, 198, 5], [121, 119, 120], [255, 0, 0]], np.uint8)).tolist() == [
        [4, 200, 3],
        [120, 120, 120],
        [255, 0, 0],
    ]


def test_regions_can_have_the_colours_of_ade20k():
    picture = Image(torch.rand(1, 40, 60, 3, generator=torch.Generator().manual_seed(0)))
    drawn = (colour_regions(picture, palette="ade20k", smallest=0.0) * 255).round().byte().reshape(-1, 3)
    assert {tuple(one) for one in drawn.unique(dim=0).tolist()} <= {tuple(one) for one in palette().tolist()}


@pytest.mark.parametrize("resolution", [0, 16, 100])
def test_regions_have_the_size_of_the_picture(resolution):
    assert colour_regions(Image(torch.rand(2, 41, 63, 4)), resolution=resolution).shape == (2, 41, 63, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (3, 2)])
def test_small_pictures_have_regions_too(size):
    assert colour_regions(Image(torch.rand(1, *size, 3))).shape == (1, *size, 3)
