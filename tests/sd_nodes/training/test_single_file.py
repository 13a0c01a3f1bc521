from pathlib import Path

import pytest
import torch
from accelerate import init_empty_weights
from diffusers import ControlNetModel, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint
from safetensors.torch import load_file

from sd_nodes.layouts import parts
from sd_nodes.training.controlnet import new_controlnet
from sd_nodes.training.single_file import PREFIX, export_single_file, original_name

from .tiny import tiny_model

SD15 = {
    "sample_size": 64,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}


@pytest.fixture(scope="module")
def large() -> ControlNetModel:
    with init_empty_weights():
        return ControlNetModel.from_unet(UNet2DConditionModel(**SD15), load_weights_from_unet=False)


def test_the_names_of_a_full_size_controlnet_are_read_back_as_they_were(large: ControlNetModel) -> None:
    names = list(large.state_dict())
    original = [PREFIX + original_name(name, 2, 6) for name in names]
    assert len(set(original)) == len(names) == 340
    assert parts(original)["controlnet"] == dict(zip(names, original, strict=True))


def test_the_names_are_those_that_diffusers_reads_in_published_files(large: ControlNetModel) -> None:
    state = large.state_dict()
    original = {PREFIX + original_name(name, 2, 6): value for name, value in state.items()}
    read = convert_controlnet_checkpoint(original, dict(large.config))
    assert {name: value.shape for name, value in read.items()} == {name: value.shape for name, value in state.items()}


def test_the_file_holds_the_weights(tmp_path: Path) -> None:
    controlnet = new_controlnet(tiny_model().unet, (4, 4, 8, 8))
    torch.nn.init.normal_(controlnet.controlnet_mid_block.weight)
    path = tmp_path / "mine.safetensors"
    export_single_file(controlnet, path)
    assert [found.name for found in tmp_path.iterdir()] == ["mine.safetensors"]
    written, names = load_file(path), parts(load_file(path))["controlnet"]
    for name, value in controlnet.state_dict().items():
        assert torch.equal(written[names[name]], value.half())
