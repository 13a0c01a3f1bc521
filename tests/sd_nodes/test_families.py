"""What names and widths tell about a model."""

import pytest

from sd_nodes.families import family_of, family_of_latents, family_of_transformer, kind_of, share_latents


@pytest.mark.parametrize(
    ("width", "family"),
    [(768, "sd1"), (1024, "sd2"), (2048, "sdxl"), (160, "demonstration"), (32, "context-32"), (None, "")],
)
def test_the_width_of_the_text_tells_the_family(width: int | None, family: str) -> None:
    """Unknown widths make families of their own: what differs does not fit."""
    assert family_of(width) == family


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("control_v11p_sd15_canny.safetensors", "canny"),
        ("control_v11f1p_sd15_depth", "depth"),
        ("sd-controlnet-openpose", "pose"),
        ("controlnet-zoe-depth-sdxl-1.0", "depth"),
        ("emoji-canny", "canny"),
        ("canny-and-depth", ""),
        ("my-control", ""),
        ("indepth-study", ""),
    ],
)
def test_the_name_of_a_controlnet_tells_its_kind(name: str, kind: str) -> None:
    """Whole words count; two kinds in one name tell nothing."""
    assert kind_of(name) == kind


@pytest.mark.parametrize(
    ("name", "shape", "family"),
    [
        ("model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight", (4608, 1536), "sd3"),
        ("transformer_blocks.0.attn.add_q_proj.weight", (1536, 1536), "sd3"),
        ("transformer.transformer_blocks.11.attn.to_q.lora_A.weight", (16, 2432), "sd3"),
        ("lora_unet_joint_blocks_0_x_block_attn_qkv.lora_down.weight", (8, 1536), "sd3"),
        ("model.diffusion_model.double_blocks.0.img_attn.qkv.weight", (9216, 3072), ""),
        ("single_blocks.3.linear1.weight", (21504, 3072), "flux"),
        ("single_transformer_blocks.0.attn.to_q.weight", (3072, 3072), "flux"),
        ("transformer.transformer_blocks.1.attn.to_k.lora_B.weight", (3072, 16), "flux"),
        ("lora_unet_single_blocks_3_linear1.lora_down.weight", (8, 3072), "flux"),
        ("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight", (3072, 3072), ""),
        ("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.alpha", (), ""),
    ],
)
def test_the_layers_of_transformers_tell_their_family(name: str, shape: tuple[int, ...], family: str) -> None:
    assert family_of_transformer({name: shape}) == family


@pytest.mark.parametrize(
    ("channels", "scale", "family"),
    [
        (4, 0.18215, "sd1"), (4, 0.13025, "sdxl"), (4, None, "sd1 or sdxl"), (4, 1.5305, "sd1 or sdxl"),
        (16, 1.5305, "sd3"), (16, 0.3611, "flux"), (16, None, "sd3 or flux"), (8, 0.5, ""), (None, None, ""),
    ],
)  # fmt: skip
def test_the_latents_of_an_autoencoder_tell_its_family(channels: object, scale: object, family: str) -> None:
    assert family_of_latents(channels, scale) == family


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("sd1", "sd2", True), ("sd1 or sdxl", "sdxl-refiner", True), ("sd1", "sdxl", False), ("", "sd3", True),
        ("sd1 or sdxl", "sd3", False), ("sd3 or flux", "flux", True), ("sd3", "flux", False),
        ("context-32", "context-48", False), ("context-32", "sd1", True), ("context-32", "context-32", True),
    ],
)  # fmt: skip
def test_which_families_share_latents(one: str, other: str, shared: bool) -> None:
    assert share_latents(one, other) == share_latents(other, one) == shared
