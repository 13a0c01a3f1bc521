"""LoHa, LoKr, whole differences and DoRA, against their published formulas written out."""

import pytest
import torch

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.lora import changes, merged

STEM = "lora_unet_a_b"
WEIGHTS = {"a.b.weight": torch.randn(6, 8, generator=torch.Generator().manual_seed(0)), "a.b.bias": torch.zeros(6)}


def drawn(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def changed(
    tensors: dict[str, torch.Tensor], strength: float = 1.0, present: dict[str, torch.Tensor] = WEIGHTS
) -> torch.Tensor:
    found, unknown = changes({f"{STEM}.{name}": tensor for name, tensor in tensors.items()}, "unet", present)
    assert not unknown
    return merged(present, found, strength)["a.b.weight"]


def test_loha_multiplies_two_low_rank_products() -> None:
    """Equation 3 of FedPara (arXiv:2108.06098): (A1 B1) * (A2 B2)."""
    a, b, c, d = drawn(6, 2), drawn(2, 8, seed=2), drawn(6, 2, seed=3), drawn(2, 8, seed=4)
    parts = {"hada_w1_a": a, "hada_w1_b": b, "hada_w2_a": c, "hada_w2_b": d, "alpha": torch.tensor(1.0)}
    expected = WEIGHTS["a.b.weight"] + 0.5 * (1.0 / 2) * (a @ b) * (c @ d)
    torch.testing.assert_close(changed(parts, 0.5), expected)


def test_lokr_is_a_kronecker_product() -> None:
    first, up, down = drawn(2, 4), drawn(3, 2, seed=2), drawn(2, 2, seed=3)
    halves = {"lokr_w1": first, "lokr_w2_a": up, "lokr_w2_b": down, "alpha": torch.tensor(1.0)}
    torch.testing.assert_close(changed(halves), WEIGHTS["a.b.weight"] + 0.5 * torch.kron(first, up @ down))
    whole = {"lokr_w1": first, "lokr_w2": drawn(3, 2, seed=4), "alpha": torch.tensor(7.0)}
    torch.testing.assert_close(changed(whole), WEIGHTS["a.b.weight"] + torch.kron(first, drawn(3, 2, seed=4)))


def test_lokr_of_a_convolution_keeps_its_window() -> None:
    first, second = drawn(2, 4), drawn(3, 2, 3, 3, seed=2)
    weight = torch.zeros(6, 8, 3, 3)
    found = changed({"lokr_w1": first, "lokr_w2": second}, present={"a.b.weight": weight})
    for out, into in ((0, 0), (4, 5)):
        expected = first[out // 3, into // 2] * second[out % 3, into % 2]
        torch.testing.assert_close(found[out, into], expected)


def test_differences_are_added_as_they_are() -> None:
    found, _ = changes({f"{STEM}.diff": drawn(6, 8), f"{STEM}.diff_b": drawn(6)}, "unet", WEIGHTS)
    sums = merged(WEIGHTS, found, 2.0)
    torch.testing.assert_close(sums["a.b.weight"], WEIGHTS["a.b.weight"] + 2 * drawn(6, 8))
    torch.testing.assert_close(sums["a.b.bias"], 2 * drawn(6))


def test_dora_gives_each_column_its_length() -> None:
    """Equation 5 of arXiv:2402.09353: m * (W + BA) / ||W + BA||, column by column."""
    down, up, lengths = drawn(2, 8), drawn(6, 2, seed=2), drawn(1, 8, seed=3).abs()
    parts = {"lora_down.weight": down, "lora_up.weight": up, "dora_scale": lengths}
    found = changed(parts)
    torch.testing.assert_close(found.norm(dim=0), lengths[0])
    direction = WEIGHTS["a.b.weight"] + up @ down
    torch.testing.assert_close(found, lengths * direction / direction.norm(dim=0))
    half = changed(parts, 0.5)
    torch.testing.assert_close(half, (found + WEIGHTS["a.b.weight"]) / 2)


LOKR = {"lokr_w1": drawn(2, 4), "lokr_w2": drawn(3, 2, seed=2)}
LOHA = {f"hada_w{pair}_{side}": drawn(*((6, 2) if side == "a" else (2, 8))) for pair in (1, 2) for side in "ab"}


@pytest.mark.parametrize("whole", [LOKR, LOHA, {"diff": drawn(6, 8)}], ids=["lokr", "loha", "diff"])
@pytest.mark.parametrize("side", [0, 1])
def test_dora_counts_for_every_kind(whole: dict[str, torch.Tensor], side: int) -> None:
    """Equation 5 of arXiv:2402.09353 with another change than a low-rank one; lengths of columns, and of rows."""
    lengths = drawn(*((1, 8) if side == 0 else (6, 1)), seed=5).abs()
    direction = changed(whole)
    expected = lengths * direction / direction.norm(dim=side, keepdim=True)
    torch.testing.assert_close(changed({**whole, "dora_scale": lengths}), expected)


def test_lengths_of_another_size_are_refused() -> None:
    with pytest.raises(SettingError, match=r"a\.b\.weight: its dora_scale is \[1, 5\], the weight is \[6, 8\]"):
        changed({**LOKR, "dora_scale": drawn(1, 5)})


@pytest.mark.parametrize(
    "names",
    [("lokr_w1",), ("lokr_w2",), ("lokr_w1", "lokr_w2_a"), ("lokr_w1_a", "lokr_w2"), ("lokr_w2_a", "lokr_w2_b")],
    ids="+".join,
)
def test_half_a_lokr_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(SettingError, match=f"only one half of {STEM}"):
        changed({name: drawn(2, 2) for name in names})


def test_a_bias_that_is_not_there_is_refused() -> None:
    file = {f"{STEM}.diff": drawn(6, 8), f"{STEM}.diff_b": drawn(6)}
    with pytest.raises(SettingError, match=f"the bias of {STEM}"):
        changes(file, "unet", ["a.b.weight"])
