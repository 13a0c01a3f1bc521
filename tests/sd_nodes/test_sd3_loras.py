"""LoRAs of SD3 in the layouts of their trainers, against diffusers' conversion of weights that were changed first."""

from pathlib import Path

import pytest
import torch
from diffusers.loaders.single_file_utils import convert_sd3_transformer_checkpoint_to_diffusers

from graph_runtime import Folders, NodeError
from sd_nodes.loaders import checkpoint_loader_simple
from sd_nodes.loras import lora_loader
from sd_nodes.sd3_loras import places
from sd_nodes.types import Model
from sd_nodes.weights import WeightStore
from tests.sd_nodes import original_checkpoints as original
from tests.sd_nodes import saved_loras
from tests.sd_nodes import saved_sd3 as saved

STRENGTH = 0.7
MODULES = (
    "joint_blocks.0.x_block.attn.qkv", "joint_blocks.0.x_block.attn2.qkv", "joint_blocks.1.context_block.attn.qkv",
    "joint_blocks.0.context_block.attn.proj", "joint_blocks.1.x_block.mlp.fc1",
    "joint_blocks.0.x_block.adaLN_modulation.1", "joint_blocks.1.context_block.adaLN_modulation.1",
    "final_layer.adaLN_modulation.1", "context_embedder",
)  # fmt: skip
"""Fused, plain, and both that have their halves the other way round in diffusers."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("sd3_loras")
    original.write(found / "checkpoints/three.safetensors", saved.transformer(), saved.vae(), saved.text_encoders())
    return found


def pairs(modules: tuple[str, ...], weights: saved.Tensors) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(3)
    found = {}
    for module in modules:
        out, into = weights[f"{module}.weight"].shape
        found[module] = torch.randn(2, into, generator=generator) * 0.1, torch.randn(out, 2, generator=generator) * 0.1
    return found


def stored(prefix: str = "") -> saved.Tensors:
    """The weights of the transformer as the file holds them, in float16."""
    return {name: tensor.half().float() for name, tensor in saved.transformer(prefix).items()}


def patched(root: Path, tensors: saved.Tensors) -> tuple[Model, WeightStore]:
    saved_loras.write(root / "loras/one.safetensors", tensors)
    folders = Folders(models=(root,))
    base = checkpoint_loader_simple("three", folders)
    model, _ = lora_loader(base.MODEL, base.CLIP, "one.safetensors", STRENGTH, 0.0, folders=folders)
    return model, WeightStore(folders)


def expected(changes: dict[str, tuple[torch.Tensor, torch.Tensor]], scale: float = 1.0) -> saved.Tensors:
    """Change the original weights, then let diffusers convert them."""
    weights = stored()
    for module, (down, up) in changes.items():
        weights[f"{module}.weight"] += STRENGTH * scale * up @ down
    prefixed = {f"model.diffusion_model.{name}": tensor for name, tensor in weights.items()}
    return convert_sd3_transformer_checkpoint_to_diffusers(prefixed)


def assert_same(model: Model, store: WeightStore, wanted: saved.Tensors) -> None:
    with store.unet(model) as transformer:
        found = transformer.state_dict()
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, atol=1e-6, rtol=1e-5, msg=name)


def test_kohyas_layout_is_split_and_turned_as_diffusers_does(root: Path) -> None:
    changes = pairs(MODULES, stored())
    model, store = patched(root, saved_loras.kohya(changes, "lora_unet_", 1.0))
    assert_same(model, store, expected(changes, 1.0 / 2))
    assert store.notes(model) == ()


@pytest.mark.parametrize("prefix", ["diffusion_model", "transformer", "model.diffusion_model"])
def test_so_is_the_original_layout_with_dots(root: Path, prefix: str) -> None:
    changes = pairs(MODULES, stored())
    model, store = patched(root, saved_loras.diffusers(changes, prefix))
    assert_same(model, store, expected(changes))


@pytest.mark.parametrize("prefix", ["transformer.", "base_model.model.", "diffusion_model."])
def test_diffusers_layout_is_added_as_it_is(root: Path, prefix: str) -> None:
    plain = convert_sd3_transformer_checkpoint_to_diffusers(stored("model.diffusion_model."))
    modules = ("transformer_blocks.0.attn.to_q", "transformer_blocks.1.attn.add_k_proj", "proj_out")
    changes = pairs(modules, plain)
    model, store = patched(root, saved_loras.diffusers(changes, prefix.removesuffix(".")))
    for module, (down, up) in changes.items():
        plain[f"{module}.weight"] = plain[f"{module}.weight"] + STRENGTH * up @ down
    assert_same(model, store, plain)


def test_other_kinds_of_changes_are_split_too(root: Path) -> None:
    """LoHa, and a whole difference with its bias."""
    generator, module = torch.Generator().manual_seed(4), "joint_blocks.0.x_block.attn.qkv"
    parts = {
        name: torch.randn(*shape, generator=generator) * 0.3
        for name, shape in (("w1_a", (384, 2)), ("w1_b", (2, 128)), ("w2_a", (384, 2)), ("w2_b", (2, 128)))
    }
    stem, other = f"lora_unet_{module.replace('.', '_')}", "joint_blocks.1.x_block.attn.qkv"
    difference, bias = torch.randn(384, 128, generator=generator), torch.randn(384, generator=generator)
    tensors = {f"{stem}.hada_{name}": tensor for name, tensor in parts.items()}
    tensors |= {f"diffusion_model.{other}.diff": difference, f"diffusion_model.{other}.diff_b": bias}
    model, store = patched(root, tensors)
    weights = stored()
    weights[f"{module}.weight"] += STRENGTH * (parts["w1_a"] @ parts["w1_b"]) * (parts["w2_a"] @ parts["w2_b"])
    weights[f"{other}.weight"] += STRENGTH * difference
    weights[f"{other}.bias"] += STRENGTH * bias
    prefixed = {f"model.diffusion_model.{name}": tensor for name, tensor in weights.items()}
    assert_same(model, store, convert_sd3_transformer_checkpoint_to_diffusers(prefixed))


def test_a_lora_of_flux_is_told(root: Path) -> None:
    down, up = torch.zeros(2, 3072), torch.zeros(3072, 2)
    tensors = saved_loras.diffusers({"single_transformer_blocks.0.attn.to_q": (down, up)}, "transformer")
    with pytest.raises(NodeError, match=r"of the family flux; “three” is of the family sd3"):
        patched(root, tensors)


def test_every_module_has_one_place_for_each_of_its_weights() -> None:
    names = list(convert_sd3_transformer_checkpoint_to_diffusers(stored("model.diffusion_model.")))
    (query, key, value) = places(names)["lora_unet_joint_blocks_0_x_block_attn_qkv"]
    assert [place.weight.split(".")[-2] for place in (query, key, value)] == ["to_q", "to_k", "to_v"]
    assert [(place.number, place.parts, place.turned) for place in (query, key, value)] == [
        (0, 3, False), (1, 3, False), (2, 3, False),
    ]  # fmt: skip
