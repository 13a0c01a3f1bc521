"""Configurations read off shapes: the configuration a module was made with comes back."""

import pytest
from diffusers import ControlNetModel, UNet2DConditionModel

from sd_nodes.shapes import config_of, known_families
from tests.sd_nodes import models


@pytest.mark.parametrize(
    "changes",
    [
        {"cross_attention_dim": 40},
        {"layers_per_block": 3},
        {"in_channels": 9, "use_linear_projection": True},
        {"block_out_channels": (32, 32), "transformer_layers_per_block": (2, 1)},
    ],
    ids=["width", "layers", "inpainting", "depth"],
)
def test_a_unets_configuration_is_read_off_its_shapes(changes: dict[str, object]) -> None:
    """Every setting that decides a shape is found again."""
    unet = models.unet(**changes)
    config = config_of("unet", "sd1", {name: tuple(each.shape) for name, each in unet.state_dict().items()})
    again = UNet2DConditionModel.from_config({**config, "norm_num_groups": 8, "attention_head_dim": 4})
    assert {name: each.shape for name, each in again.state_dict().items()} == {
        name: each.shape for name, each in unet.state_dict().items()
    }


def test_a_controlnets_configuration_is_read_off_its_shapes() -> None:
    """The widths of the control picture's embedding are found again."""
    net = models.controlnet()
    config = config_of("controlnet", "sd1", {name: tuple(each.shape) for name, each in net.state_dict().items()})
    assert config["conditioning_embedding_out_channels"] == [4, 8, 8, 16]
    again = ControlNetModel.from_config({**config, "norm_num_groups": 8, "attention_head_dim": 4})
    assert {name: each.shape for name, each in again.state_dict().items()} == {
        name: each.shape for name, each in net.state_dict().items()
    }


def test_the_families_of_single_files_have_every_constant() -> None:
    """Stable Diffusion 1 is among them."""
    assert known_families() == ["sd1"]
