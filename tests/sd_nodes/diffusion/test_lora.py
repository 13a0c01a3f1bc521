"""LoRA and LoCon: what is added to the weights is what the low-rank layers would add to the outputs."""

import pytest
import torch
from torch import Tensor, nn

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.lora import Change, changes, merged
from tests.sd_nodes.models import text_encoder, unet

UNET, TEXT = unet(), text_encoder()
ATTENTION = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"
KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_a_linear_layer() -> None:
    layer, down, up, x = nn.Linear(6, 5), draw(2, 6), draw(5, 2), draw(3, 6)
    changed = nn.Linear(6, 5)
    change = {"weight": Change(down, up, alpha=1.0)}
    changed.load_state_dict({**layer.state_dict(), **merged(layer.state_dict(), change, 0.7)})
    expected = layer(x) + 0.7 * (1.0 / 2) * (x @ down.T @ up.T)
    torch.testing.assert_close(changed(x), expected)


@pytest.mark.parametrize("taken_apart", [False, True])
def test_a_convolution(taken_apart: bool) -> None:
    layer, x = nn.Conv2d(4, 6, 3, padding=1), draw(1, 4, 5, 5)
    middle = draw(2, 2, 3, 3) if taken_apart else None
    down = draw(2, 4, 1, 1) if taken_apart else draw(2, 4, 3, 3)
    change = Change(down, draw(6, 2, 1, 1), middle=middle)
    changed = nn.Conv2d(4, 6, 3, padding=1)
    changed.load_state_dict({**layer.state_dict(), **merged(layer.state_dict(), {"weight": change}, -0.4)})
    conv = nn.functional.conv2d
    inner = conv(x, down, padding=1) if middle is None else conv(conv(x, down), middle, padding=1)
    torch.testing.assert_close(changed(x), layer(x) - 0.4 * conv(inner, change.up), rtol=1e-4, atol=1e-5)


def test_sums_are_rounded_once() -> None:
    weight, change = torch.ones(8, 8, dtype=torch.float16), Change(draw(2, 8) * 1e-2, draw(8, 2) * 1e-2)
    found = merged({"weight": weight}, {"weight": change}, 1.0)["weight"]
    assert torch.equal(found, (1 + change.up @ change.down).half())


@pytest.mark.parametrize(
    "stem", [KOHYA, "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"], ids=["kohya", "diffusers"]
)
@pytest.mark.parametrize(
    ("down", "up"),
    [
        ("lora_down", "lora_up"),
        ("lora_A", "lora_B"),
        ("lora.down", "lora.up"),
    ],
)
def test_spellings_of_a_unet(stem: str, down: str, up: str) -> None:
    file = {
        f"{stem}.{down}.weight": draw(2, 32),
        f"{stem}.{up}.weight": draw(32, 2),
        f"{stem}.alpha": torch.tensor(4.0),
    }
    found, unknown = changes(file, "unet", UNET.state_dict())
    assert list(found) == [ATTENTION]
    assert found[ATTENTION].alpha == 4.0
    assert unknown == []


@pytest.mark.parametrize("prefix", ["lora_te_", "lora_te1_"])
def test_spellings_of_a_text_encoder(prefix: str) -> None:
    stem = f"{prefix}text_model_encoder_layers_1_self_attn_q_proj"
    file = {f"{stem}.lora_down.weight": draw(2, 32), f"{stem}.lora_up.weight": draw(32, 2)}
    found, unknown = changes(file, "text_encoder", TEXT.state_dict())
    assert [name.removeprefix("text_model.") for name in found] == ["encoder.layers.1.self_attn.q_proj.weight"]
    assert unknown == []
    assert changes(file, "unet", UNET.state_dict()) == ({}, [])


def test_every_weight_of_a_unet_can_be_named() -> None:
    weights = {
        name: weight for name, weight in UNET.state_dict().items() if name.endswith(".weight") and weight.ndim > 1
    }
    file = {}
    for name, weight in weights.items():
        stem = "lora_unet_" + name.removesuffix(".weight").replace(".", "_")
        file[f"{stem}.lora_down.weight"] = torch.zeros(1, *weight.shape[1:])
        file[f"{stem}.lora_up.weight"] = torch.zeros(weight.shape[0], 1, *[1] * (weight.ndim - 2))
    found, unknown = changes(file, "unet", UNET.state_dict())
    assert set(found) == set(weights)
    assert unknown == []
    assert all(torch.equal(new, weights[name]) for name, new in merged(weights, found, 1.0).items())


def test_what_fits_no_weight_is_named() -> None:
    file = {"lora_unet_nowhere.lora_down.weight": draw(2, 4), "lora_unet_nowhere.lora_up.weight": draw(4, 2)}
    assert changes(file, "unet", UNET.state_dict()) == ({}, ["lora_unet_nowhere"])


def test_what_has_another_size_is_told_all_at_once() -> None:
    weights = {"a": torch.zeros(4, 4), "b": torch.zeros(4, 4)}
    with pytest.raises(SettingError) as told:
        merged(weights, {name: Change(draw(2, 3), draw(4, 2)) for name in weights}, 1.0)
    assert str(told.value).count("[4, 3]") == 2


def test_half_a_change_is_refused() -> None:
    with pytest.raises(SettingError, match="one half"):
        changes({f"{KOHYA}.lora_down.weight": draw(2, 32)}, "unet", UNET.state_dict())
