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
    """Equation 5 of arXiv:2402.09353 with another change than a low-rank one; lengths of columns, and of rows.

    Rows are divided by what they measured before the change, as ComfyUI does.
    """
    lengths = drawn(*((1, 8) if side == 0 else (6, 1)), seed=5).abs()
    direction = changed(whole)
    measured = direction if side == 0 else WEIGHTS["a.b.weight"]
    expected = lengths * direction / measured.norm(dim=side, keepdim=True)
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


def test_a_column_of_no_length_stays_one() -> None:
    weight, lengths = WEIGHTS["a.b.weight"].clone(), torch.ones(1, 8)
    weight[:, 3] = 0.0
    found = changed({"diff": torch.zeros(6, 8), "dora_scale": lengths}, present={"a.b.weight": weight})
    assert not found[:, 3].any() and found.isfinite().all()


def test_a_bias_may_change_alone() -> None:
    found, unknown = changes({f"{STEM}.diff_b": drawn(6)}, "unet", WEIGHTS)
    assert list(found) == ["a.b.bias"] and not unknown
    torch.testing.assert_close(merged(WEIGHTS, found, 0.5)["a.b.bias"], 0.5 * drawn(6))


def test_a_norm_changes_by_differences() -> None:
    present = {"a.b.weight": torch.ones(6), "a.b.bias": torch.zeros(6)}
    found, _ = changes({f"{STEM}.w_norm": drawn(6), f"{STEM}.b_norm": drawn(6, seed=2)}, "unet", present)
    sums = merged(present, found, 2.0)
    torch.testing.assert_close(sums["a.b.weight"], 1 + 2 * drawn(6))
    torch.testing.assert_close(sums["a.b.bias"], 2 * drawn(6, seed=2))


@pytest.mark.parametrize("strength", [1.0, -0.3])
def test_a_weight_may_be_replaced_whatever_the_strength(strength: float) -> None:
    torch.testing.assert_close(changed({"set_weight": drawn(6, 8)}, strength), drawn(6, 8))


@pytest.mark.parametrize("missing", ["hada_w1_a", "hada_w2_b"])
def test_part_of_a_loha_is_refused(missing: str) -> None:
    with pytest.raises(SettingError, match=f"only one half of {STEM}: {missing} is missing"):
        changed({name: tensor for name, tensor in LOHA.items() if name != missing})


@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 3, 3)], ids=["linear", "convolution"])
def test_glora_adds_a_difference_and_the_weight_times_another(shape: tuple[int, ...]) -> None:
    """arXiv:2306.07967, equation 11: W + W A + B."""
    weight, inner = drawn(*shape, seed=9), shape[1] * (9 if len(shape) > 2 else 1)
    a1, a2, b1, b2 = drawn(8, 2), drawn(2, 8, seed=2), drawn(6, 2, seed=3), drawn(2, inner, seed=4)
    file = {"a1.weight": a1, "a2.weight": a2, "b1.weight": b1, "b2.weight": b2, "alpha": torch.tensor(3.0)}
    found = changed(file, 0.5, {"a.b.weight": weight})
    times = torch.tensordot(weight, a1 @ a2, ([1], [0])).movedim(-1, 1)
    torch.testing.assert_close(found, weight + 0.5 * 1.5 * (times + (b1 @ b2).reshape(shape)))


def test_glora_in_the_older_order() -> None:
    """Each pair of halves stands the other way round."""
    a1, a2, b1, b2 = drawn(2, 8), drawn(8, 2, seed=2), drawn(2, 8, seed=3), drawn(6, 2, seed=4)
    found = changed({"a1.weight": a1, "a2.weight": a2, "b1.weight": b1, "b2.weight": b2})
    weight = WEIGHTS["a.b.weight"]
    torch.testing.assert_close(found, weight + weight @ a2 @ a1 + b2 @ b1)


def rotation(block: torch.Tensor, longest: float = 0.0, of: torch.Tensor | None = None) -> torch.Tensor:
    """Cayley's formula, by solving for it."""
    skew, whole = block - block.T, block if of is None else of
    length = float((whole - whole.transpose(-1, -2)).norm())
    skew = skew * longest / length if 0 < longest < length else skew
    still = torch.eye(len(block))
    return torch.linalg.solve(still - skew, still + skew, left=False)


@pytest.mark.parametrize(("strength", "longest"), [(1.0, 0.0), (0.5, 0.0), (1.0, 0.7)])
def test_oft_turns_rows_in_blocks(strength: float, longest: float) -> None:
    """arXiv:2306.07280: W becomes R^T W with R made of rotations; the strength counts twice, as in ComfyUI."""
    blocks, weight = 0.3 * drawn(2, 3, 3), WEIGHTS["a.b.weight"]
    found = changed({"oft_blocks": blocks, "alpha": torch.tensor(longest)}, strength)
    whole = torch.block_diag(*(rotation(one, longest, blocks) for one in blocks))
    expected = weight + strength**2 * (whole.T @ weight - weight)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    if strength == 1.0:
        torch.testing.assert_close(found.norm(), weight.norm())


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_boft_turns_rows_as_a_butterfly(strength: float) -> None:
    """arXiv:2311.06243: block rotations with a shuffle around each: rows 2^i * side / 2 apart become neighbours."""
    weight, blocks, rescale = drawn(8, 5, seed=7), 0.3 * drawn(2, 2, 4, 4), drawn(8, 1, seed=3)
    found = changed({"oft_blocks": blocks, "rescale": rescale}, strength, {"a.b.weight": weight})
    expected = weight
    for level, reach in ((0, 2), (1, 4)):
        order = [start + side * reach + place for start in range(0, 8, 2 * reach) for place in range(reach)
                 for side in (0, 1)]  # fmt: skip
        shuffled = torch.eye(8)[order]
        turns = [rotation(one, 0.0) for one in blocks[level]]
        mixed = torch.block_diag(*(strength * one + (1 - strength) * torch.eye(4) for one in turns))
        expected = shuffled.T @ mixed @ shuffled @ expected
    expected = weight + strength * (rescale * expected - weight)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "file", [{"oft_blocks": drawn(2, 2, 2)}, {"oft_blocks": drawn(1, 2, 2, 2)}, {"a1.weight": drawn(3, 2),
             "a2.weight": drawn(2, 3), "b1.weight": drawn(6, 2), "b2.weight": drawn(2, 8)}],
    ids=["oft", "boft", "glora"],
)  # fmt: skip
def test_what_turns_another_number_of_rows_is_refused(file: dict[str, torch.Tensor]) -> None:
    with pytest.raises(SettingError, match=r"does not fit a\.b\.weight"):
        changed(file)
