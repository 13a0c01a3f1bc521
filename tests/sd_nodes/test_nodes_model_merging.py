"""Models mixed: the weights that a run computes with are those of the formulas."""

from pathlib import Path

import pytest
import torch

from graph_runtime import Folders, NodeError
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.mixing import mixed
from sd_nodes.loaders import Checkpoint, checkpoint_loader_simple
from sd_nodes.loras import lora_loader_model_only
from sd_nodes.model_merging import (
    clip_merge_add,
    clip_merge_simple,
    clip_merge_subtract,
    model_merge_add,
    model_merge_blocks,
    model_merge_simple,
    model_merge_subtract,
)
from sd_nodes.types import Clip, Model
from sd_nodes.weights import WeightStore
from tests.sd_nodes import original_checkpoints as original

Weights = dict[str, torch.Tensor]
CHANGED = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root: Path = tmp_path_factory.mktemp("merging")
    for number, name in enumerate(("one", "two")):
        parts = [original.unet(), original.vae(), original.text_encoder()]
        shifted = [{key: tensor + 0.01 * number * (1 + len(key) % 3) for key, tensor in part.items()} for part in parts]
        original.write(root / f"checkpoints/{name}.safetensors", *shifted)
    other = (original.unet(context=1024), original.vae(), original.open_clip("cond_stage_model.model."))
    original.write(root / "checkpoints/other.safetensors", *other)
    stem = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    halves = {f"{stem}.lora_down.weight": torch.ones(1, 768), f"{stem}.lora_up.weight": torch.ones(32, 1)}
    original.write(root / "loras/some.safetensors", halves)
    return Folders(models=(root,))


@pytest.fixture(scope="module")
def store(folders: Folders) -> WeightStore:
    return WeightStore(folders)


@pytest.fixture(scope="module")
def pair(folders: Folders) -> tuple[Checkpoint, Checkpoint]:
    return checkpoint_loader_simple("one", folders), checkpoint_loader_simple("two", folders)


def weights(recipe: Model | Clip, store: WeightStore) -> Weights:
    with store.module(recipe) as module:
        return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(found: Weights, expected: Weights) -> None:
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-5, atol=1e-6, msg=name)


def test_a_mix_lies_between(pair: tuple[Checkpoint, Checkpoint], store: WeightStore) -> None:
    first, second = (weights(each.MODEL, store) for each in pair)
    found = weights(model_merge_simple(pair[0].MODEL, pair[1].MODEL, 0.3), store)
    same(found, {name: 0.3 * first[name] + 0.7 * second[name] for name in first})
    assert model_merge_simple(pair[0].MODEL, pair[1].MODEL, 1.0) == pair[0].MODEL


def test_blocks_are_mixed_each_otherwise(pair: tuple[Checkpoint, Checkpoint], store: WeightStore) -> None:
    first, second = (weights(each.MODEL, store) for each in pair)
    found = weights(model_merge_blocks(pair[0].MODEL, pair[1].MODEL, 0.2, 1.0, 0.6), store)
    shares = {"mid_block": 1.0, "up_blocks": 0.6, "conv_norm_out": 0.6, "conv_out": 0.6}
    share = {name: shares.get(name.partition(".")[0], 0.2) for name in first}
    same(found, {name: share[name] * first[name] + (1 - share[name]) * second[name] for name in first})


def test_a_difference_is_added_back(pair: tuple[Checkpoint, Checkpoint], store: WeightStore) -> None:
    first, second = (weights(each.MODEL, store) for each in pair)
    difference = model_merge_subtract(pair[0].MODEL, pair[1].MODEL, 0.5)
    same(weights(difference, store), {name: 0.5 * (first[name] - second[name]) for name in first})
    added = model_merge_add(pair[1].MODEL, difference)
    same(weights(added, store), {name: 0.5 * (first[name] + second[name]) for name in first})


def test_loras_count_where_they_were_put_on(
    pair: tuple[Checkpoint, Checkpoint], folders: Folders, store: WeightStore
) -> None:
    """On one of the models before, or on the mix afterwards."""
    first, second = (weights(each.MODEL, store)[CHANGED] for each in pair)
    patched = lora_loader_model_only(pair[1].MODEL, "some", 0.5, folders=folders)
    found = weights(model_merge_simple(pair[0].MODEL, patched, 0.25), store)[CHANGED]
    torch.testing.assert_close(found, 0.25 * first + 0.75 * (second + 0.5))
    after = lora_loader_model_only(
        model_merge_simple(*(each.MODEL for each in pair), 0.25), "some", 0.5, folders=folders
    )
    torch.testing.assert_close(weights(after, store)[CHANGED], 0.25 * first + 0.75 * second + 0.5)


def test_text_encoders_are_mixed(pair: tuple[Checkpoint, Checkpoint], store: WeightStore) -> None:
    first, second = (weights(each.CLIP, store) for each in pair)
    clips = [each.CLIP for each in pair]
    same(weights(clip_merge_simple(*clips, 0.3), store), {n: 0.3 * first[n] + 0.7 * second[n] for n in first})
    difference = clip_merge_subtract(*clips, 2.0)
    expected = {name: second[name] + 2.0 * (first[name] - second[name]) for name in first}
    same(weights(clip_merge_add(clips[1], difference), store), expected)


def test_models_of_several_families_are_not_mixed(pair: tuple[Checkpoint, Checkpoint], folders: Folders) -> None:
    other = checkpoint_loader_simple("other", folders)
    with pytest.raises(NodeError, match="“other” is of the family sd2, needs sd1 as model1 is") as caught:
        model_merge_simple(pair[0].MODEL, other.MODEL, 0.5)
    assert caught.value.input == "model2"
    with pytest.raises(SettingError, match=r"1 weights differ in shape, such as a"):
        mixed({"a": torch.zeros(2)}, {"a": torch.zeros(3)}, 1.0, 1.0)
