"""Names of the original layout become diffusers' names; diffusers' own conversion is the reference."""

from collections.abc import Callable, Mapping

import pytest
import torch
from diffusers.loaders.single_file_utils import (
    convert_controlnet_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)

from sd_nodes.layouts import parts
from sd_nodes.open_clip import piece, shape_of_piece
from sd_nodes.shapes import config_of
from tests.sd_nodes import original_checkpoints as original

Tensors = dict[str, torch.Tensor]
CASES: dict[str, tuple[Callable[[str], Tensors], Callable[..., Mapping[str, torch.Tensor]], str]] = {
    "unet": (original.unet, convert_ldm_unet_checkpoint, "model.diffusion_model."),
    "vae": (original.vae, convert_ldm_vae_checkpoint, "first_stage_model."),
    "controlnet": (original.controlnet, convert_controlnet_checkpoint, "control_model."),
}


@pytest.mark.parametrize("part", CASES)
@pytest.mark.parametrize("prefixed", [True, False], ids=["prefix", "bare"])
def test_every_name_is_the_one_diffusers_gives_it(part: str, prefixed: bool) -> None:
    """Each tensor of the file stands where diffusers would put it."""
    make, convert, prefix = CASES[part]
    tensors = make(prefix)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    names = parts(shapes)[part]
    config = config_of(part, "sd1", {new: shapes[old] for new, old in names.items()})
    expected = convert(dict(tensors), config=config)
    mine = make(prefix if prefixed else "")
    found = parts(mine)[part]
    assert set(found) == set(expected)
    for new, old in found.items():
        assert torch.equal(mine[old].reshape(expected[new].shape), expected[new])


def test_a_whole_checkpoint_holds_three_parts() -> None:
    """UNet, VAE and text encoder are told apart in one file; the training's leftovers are not in the way."""
    names = [*original.unet(), *original.vae(), *original.text_encoder(), "model_ema.decay", "betas"]
    found = parts(names)
    assert sorted(found) == ["text_encoder", "unet", "vae"]
    assert sum(len(part) for part in found.values()) == len(names) - 3


def test_an_unknown_file_holds_nothing() -> None:
    """A LoRA is no part of a model."""
    assert parts(["lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight"]) == {}


@pytest.mark.parametrize("part", ["text_encoder", "text_encoder_2"])
def test_text_encoders_of_open_clip_are_taken_apart_as_diffusers_does(part: str) -> None:
    """Queries, keys and values stand in one tensor there, and the projection is transposed."""
    prefix = "cond_stage_model.model." if part == "text_encoder" else "conditioner.embedders.1.model."
    tensors = original.open_clip(prefix)
    expected = convert_open_clip_checkpoint(None, {**tensors, f"{prefix}text_projection": torch.zeros(64, 64)}, prefix)
    expected["text_projection.weight"] = tensors[f"{prefix}text_projection"].T
    if part == "text_encoder":
        del expected["text_projection.weight"]
    found = parts(tensors)[part]
    assert set(found) == set(expected)
    for new, old in found.items():
        mine = piece(new, old, tensors[old])
        assert torch.equal(mine, expected[new])
        assert shape_of_piece(new, old, tuple(tensors[old].shape)) == tuple(mine.shape)


def test_a_checkpoint_of_sdxl_holds_four_parts() -> None:
    """Its two text encoders are told apart."""
    first = original.text_encoder("conditioner.embedders.0.transformer.text_model.")
    second = original.open_clip("conditioner.embedders.1.model.")
    names = [*original.unet(told=2816), *original.vae(), *first, *second]
    assert sorted(parts(names)) == ["text_encoder", "text_encoder_2", "unet", "vae"]
    assert "add_embedding.linear_2.bias" in parts(names)["unet"]
