"""Configurations read off shapes: the configuration a module was made with comes back."""

import pytest
from accelerate import init_empty_weights
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
    """Stable Diffusion 1, 2 and 3 and SDXL with its refiner are among them."""
    assert known_families() == ["sd1", "sd2", "sd3", "sdxl", "sdxl-refiner"]


FULL = {
    "sd2": {
        "block_out_channels": (320, 640, 1280, 1280),
        "cross_attention_dim": 1024,
        "attention_head_dim": (5, 10, 20, 20),
    },
    "sdxl": {
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": 2048,
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
    "sdxl-refiner": {
        "block_out_channels": (384, 768, 1536, 1536),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": 1280,
        "transformer_layers_per_block": 4,
        "attention_head_dim": (6, 12, 24, 24),
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2560,
    },
}
"""The published UNets of each family."""


@pytest.mark.parametrize("family", FULL)
def test_published_unets_are_read_off_their_shapes(family: str) -> None:
    """The full-size networks, without their weights, come back with the same shapes and heads."""
    with init_empty_weights():
        published = UNet2DConditionModel(use_linear_projection=True, **FULL[family])
    config = config_of("unet", family, {name: tuple(each.shape) for name, each in published.state_dict().items()})
    with init_empty_weights():
        again = UNet2DConditionModel.from_config(config)
    assert {name: each.shape for name, each in again.state_dict().items()} == {
        name: each.shape for name, each in published.state_dict().items()
    }
    assert config["attention_head_dim"] == list(FULL[family]["attention_head_dim"])
    assert again.config.addition_embed_type == published.config.addition_embed_type
