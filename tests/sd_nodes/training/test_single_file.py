import hashlib
from pathlib import Path

import pytest
import torch
from accelerate import init_empty_weights
from diffusers import ControlNetModel, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint
from safetensors.torch import load_file, save_file

from graph_runtime import Folders, NodeError
from sd_nodes.layouts import parts
from sd_nodes.loading import load
from sd_nodes.sources import controlnet, locate
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
    made = new_controlnet(tiny_model().unet, (4, 4, 8, 8))
    torch.nn.init.normal_(made.controlnet_mid_block.weight)
    path = tmp_path / "mine.safetensors"
    export_single_file(made, path)
    assert [found.name for found in tmp_path.iterdir()] == ["mine.safetensors"]
    written, names = load_file(path), parts(load_file(path))["controlnet"]
    for name, value in made.state_dict().items():
        assert torch.equal(written[names[name]], value.half())


def test_the_file_of_a_base_of_ones_own_is_loaded_as_it_was_trained(tmp_path: Path) -> None:
    """No family has its width of 8: the file's own configuration completes its shapes; its content is its digest."""
    made = new_controlnet(tiny_model().unet, (4, 4, 8, 8))
    for weights in made.parameters():
        torch.nn.init.normal_(weights, std=0.1)
    made.half().float()  # the file holds 16 bits
    path = tmp_path / "controlnet/mine.safetensors"
    path.parent.mkdir()
    export_single_file(made, path)
    folders = Folders(models=(tmp_path,))
    net = controlnet("mine", folders)
    assert net.source.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    loaded = load(locate(net.source, folders), torch.float32).module
    samples, told, picture = torch.randn(1, 4, 4, 4), torch.randn(1, 8, 8), torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        wanted, found = (one(samples, 5, told, picture, return_dict=False) for one in (made.eval(), loaded))
    for one, other in zip((*wanted[0], wanted[1]), (*found[0], found[1]), strict=True):
        assert one.any() and torch.equal(one, other)


def test_without_a_configuration_it_is_refused_before_the_run(tmp_path: Path) -> None:
    path = tmp_path / "controlnet/mine.safetensors"
    path.parent.mkdir()
    export_single_file(new_controlnet(tiny_model().unet, (4, 4, 8, 8)), path)
    save_file(load_file(path), path)
    with pytest.raises(NodeError, match=r"single file of the family context-8; single files are read for sd1"):
        controlnet("mine", Folders(models=(tmp_path,)))


@pytest.mark.parametrize("held", ["{", "[]", '{"_class_name": "CLIPTextModelWithProjection"}'])
def test_a_configuration_of_something_else_is_told(tmp_path: Path, held: str) -> None:
    path = tmp_path / "controlnet/mine.safetensors"
    path.parent.mkdir()
    export_single_file(new_controlnet(tiny_model().unet, (4, 4, 8, 8)), path)
    save_file(load_file(path), path, {"controlnet_config": held})
    with pytest.raises(NodeError, match=r"what it holds as controlnet_config is no"):
        controlnet("mine", Folders(models=(tmp_path,)))
