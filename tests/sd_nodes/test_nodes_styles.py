"""Styles as words: the adapter, against its layers written out, and the prompt that they are put behind."""

import pytest
import torch
from torch.nn.functional import layer_norm, linear

from graph_runtime import Folders, NodeError
from sd_nodes.styles import style_model_apply, style_model_loader
from sd_nodes.types import ClipVisionOutput, Condition, Conditioning
from sd_nodes.weights import WeightStore
from tests.sd_nodes import original_checkpoints as original

WIDTH, CONTEXT, WORDS = 64, 32, 3


def adapter() -> dict[str, torch.Tensor]:
    names = original.Names("", seed=31)
    names.tensors["style_embedding"] = torch.randn(1, WORDS, WIDTH, generator=names.generator)
    names.tensors["proj"] = torch.randn(WIDTH, CONTEXT, generator=names.generator) * 0.2
    names.add("ln_pre", WIDTH)
    names.add("ln_post", WIDTH)
    for layer in range(2):
        stem = f"transformer_layes.{layer}"
        names.tensors[f"{stem}.attn.in_proj_weight"] = torch.randn(3 * WIDTH, WIDTH, generator=names.generator) * 0.2
        names.tensors[f"{stem}.attn.in_proj_bias"] = torch.randn(3 * WIDTH, generator=names.generator) * 0.2
        names.add(f"{stem}.attn.out_proj", WIDTH, WIDTH)
        names.add(f"{stem}.ln_1", WIDTH)
        names.add(f"{stem}.ln_2", WIDTH)
        names.add(f"{stem}.mlp.c_fc", 4 * WIDTH, WIDTH)
        names.add(f"{stem}.mlp.c_proj", WIDTH, 4 * WIDTH)
    return names.tensors


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("styles")
    original.write(root / "style_models/style.safetensors", adapter())
    return Folders(models=(root,))


def by_hand(seen: torch.Tensor) -> torch.Tensor:
    """The adapter for one picture, head by head."""
    t = {name: tensor.half().float() for name, tensor in adapter().items()}

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return layer_norm(x, (WIDTH,), t[f"{name}.weight"], t[f"{name}.bias"])

    x = norm(torch.cat([seen, t["style_embedding"][0]]), "ln_pre")
    for layer in range(2):
        stem = f"transformer_layes.{layer}"
        joined = linear(norm(x, f"{stem}.ln_1"), t[f"{stem}.attn.in_proj_weight"], t[f"{stem}.attn.in_proj_bias"])
        heads = []
        for q, k, v in zip(*(part.chunk(8, dim=1) for part in joined.chunk(3, dim=1)), strict=True):
            heads.append(((q @ k.T) / (WIDTH // 8) ** 0.5).softmax(dim=1) @ v)
        out = linear(torch.cat(heads, dim=1), t[f"{stem}.attn.out_proj.weight"], t[f"{stem}.attn.out_proj.bias"])
        x = x + out
        inner = linear(norm(x, f"{stem}.ln_2"), t[f"{stem}.mlp.c_fc.weight"], t[f"{stem}.mlp.c_fc.bias"])
        activated = inner * torch.sigmoid(1.702 * inner)
        x = x + linear(activated, t[f"{stem}.mlp.c_proj.weight"], t[f"{stem}.mlp.c_proj.bias"])
    return norm(x[-WORDS:], "ln_post") @ t["proj"]


def prompt(width: int = CONTEXT) -> Conditioning:
    return Conditioning((Condition(torch.ones(1, 5, width)),), "sd1")


def test_the_style_stands_behind_the_words(folders: Folders) -> None:
    seen = torch.randn(1, 7, WIDTH, generator=torch.Generator().manual_seed(1))
    output = ClipVisionOutput(torch.zeros(1, 4), seen, seen)
    model = style_model_loader("style", folders)
    with_style = style_model_apply(prompt(), model, output, 0.5, store=WeightStore(folders))
    found = with_style.conditions[0].embedding
    assert found.shape == (1, 5 + WORDS, CONTEXT) and (found[:, :5] == 1).all()
    torch.testing.assert_close(found[0, 5:], 0.5 * by_hand(seen[0]), rtol=1e-4, atol=1e-5)


def test_what_does_not_fit_is_told(folders: Folders) -> None:
    seen = torch.zeros(1, 7, WIDTH)
    output, model = ClipVisionOutput(torch.zeros(1, 4), seen, seen), style_model_loader("style", folders)
    with pytest.raises(NodeError, match="its words are 32 wide, those of the prompt are 48"):
        style_model_apply(prompt(48), model, output, store=WeightStore(folders))


def test_a_bias_of_attention_that_no_network_here_is_told_leaves_the_style_whole(folders: Folders) -> None:
    seen = torch.randn(1, 7, WIDTH, generator=torch.Generator().manual_seed(1))
    output, model = ClipVisionOutput(torch.zeros(1, 4), seen, seen), style_model_loader("style", folders)
    with_style = style_model_apply(prompt(), model, output, 0.5, "attn_bias", store=WeightStore(folders))
    torch.testing.assert_close(with_style.conditions[0].embedding[0, 5:], by_hand(seen[0]), rtol=1e-4, atol=1e-5)
