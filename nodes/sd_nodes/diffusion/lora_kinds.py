"""Changes to weights that are not one low-rank product: LoHa, LoKr (arXiv:2309.14859), whole differences and others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.lora_turned import Butterfly, Generalized, Rotation


@dataclass(frozen=True)
class Hadamard:
    """LoHa: the product, element by element, of two low-rank products.

    Args:
        parts: Up and down of each, [out, rank] and [rank, in]; with `cores` both are [rank, ...].
        cores: [rank, rank, height, width] of each, for convolutions taken apart.
        alpha: What the change is scaled by, over the rank.
    """

    parts: tuple[Tensor, Tensor, Tensor, Tensor]
    cores: tuple[Tensor, Tensor] | None = None
    alpha: float | None = None

    def full(self, shape: torch.Size) -> Tensor:
        """Returns the change, float32, in the shape of the weight; see `lora.Change.full`."""
        first_up, first_down, second_up, second_down = (part.float() for part in self.parts)
        rank = first_down.shape[0]
        if self.cores is None:
            product = (first_up @ first_down) * (second_up @ second_down)
        else:
            pairs = ((self.cores[0], first_up, first_down), (self.cores[1], second_up, second_down))
            one, other = (torch.einsum("ijhw,jr,ip->prhw", core.float(), down, up) for core, up, down in pairs)
            product = one * other
        return _shaped(product, shape) * (1.0 if self.alpha is None else self.alpha / rank)


@dataclass(frozen=True)
class Kronecker:
    """LoKr: the Kronecker product of two matrices.

    Args:
        first: [a, b].
        second: [c, d, ...].
        scale: What the change is multiplied by.
    """

    first: Tensor
    second: Tensor
    scale: float = 1.0

    def full(self, shape: torch.Size) -> Tensor:
        """Returns the change, float32, in the shape of the weight; see `lora.Change.full`."""
        first = self.first.float().reshape(*self.first.shape, *[1] * (self.second.ndim - 2))
        return _shaped(torch.kron(first, self.second.float().contiguous()), shape) * self.scale


@dataclass(frozen=True)
class Whole:
    """A difference in the shape of the weight."""

    difference: Tensor

    def full(self, shape: torch.Size) -> Tensor:
        """Returns the change, float32, in the shape of the weight; see `lora.Change.full`."""
        return _shaped(self.difference.float(), shape)


@dataclass(frozen=True)
class Instead:
    """A weight that takes the place of another, whatever the strength."""

    weight: Tensor


Fixed = Hadamard | Kronecker | Whole
"""Changes that are the same for every weight."""

Turned = Generalized | Rotation | Butterfly
"""Changes that depend on the weight itself."""

Kind = Fixed | Turned | Instead
HALVES = ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")
GENERAL = ("a1.weight", "a2.weight", "b1.weight", "b2.weight")
LOKR = ("lokr_w1", "lokr_w1_a", "lokr_w2", "lokr_w2_a")
SIGNS = tuple(f".{name}" for name in (*HALVES, *LOKR, *GENERAL, "diff", "w_norm", "oft_blocks", "set_weight"))
"""What the name of a tensor ends with by which a change of these kinds is told."""


def kind_of(file: Mapping[str, Tensor], stem: str) -> Kind | None:
    """Reads the change of one module; None where it is of another kind.

    Args:
        file: The file's tensors.
        stem: What their names begin with.

    Raises:
        SettingError: A part of it is missing.
    """

    def held(*names: str) -> list[Tensor]:
        return [file[f"{stem}.{name}"] for name in names if f"{stem}.{name}" in file]

    alpha = held("alpha")
    scale = float(alpha[0]) if alpha else None
    if instead := held("set_weight"):
        return Instead(instead[0])
    if whole := held("diff") or held("w_norm"):
        return Whole(whole[0])
    if turned := _turned(held, stem, scale):
        return turned
    if parts := _all(held, HALVES, stem):
        cores = held("hada_t1", "hada_t2")
        return Hadamard(
            (parts[0], parts[1], parts[2], parts[3]), (cores[0], cores[1]) if len(cores) == 2 else None, scale
        )
    if held(*LOKR):
        product = _kronecker(held, scale)
        if product is None:
            raise SettingError(f"The LoRA has only one half of {stem}: a LoKr needs lokr_w1 and lokr_w2.")
        return product
    return None


def _turned(held: Callable[..., list[Tensor]], stem: str, alpha: float | None) -> Turned | None:
    if parts := _all(held, GENERAL, stem):
        return Generalized((parts[0], parts[1], parts[2], parts[3]), alpha)
    if not (blocks := held("oft_blocks")):
        return None
    if blocks[0].ndim == 3:
        return Rotation(blocks[0], alpha or 0.0)
    rescale = held("rescale")
    return Butterfly(blocks[0], rescale[0] if rescale else None, alpha or 0.0)


def _all(held: Callable[..., list[Tensor]], names: Sequence[str], stem: str) -> list[Tensor]:
    """The tensors of these names, none of them missing; nothing where all are."""
    if (found := held(*names)) and len(found) < len(names):
        missing = next(name for name in names if not held(name))
        raise SettingError(f"The LoRA has only one half of {stem}: {missing} is missing.")
    return found


def _kronecker(held: Callable[..., list[Tensor]], alpha: float | None) -> Kronecker | None:
    rank: int | None = None
    factors = []
    for number in (1, 2):
        whole, halves, core = held(f"lokr_w{number}"), held(f"lokr_w{number}_a", f"lokr_w{number}_b"), held("lokr_t2")
        if whole:
            factors.append(whole[0].float())
            continue
        if len(halves) != 2:
            return None
        up, down = (half.float() for half in halves)
        rank = down.shape[0]
        if number == 2 and core:
            factors.append(torch.einsum("ijhw,jr,ip->prhw", core[0].float(), down, up))
        else:
            factors.append((up @ down.flatten(1)).reshape(up.shape[0], *down.shape[1:]))
    return Kronecker(factors[0], factors[1], 1.0 if alpha is None or rank is None else alpha / rank)


def decomposed(weight: Tensor, change: Tensor, magnitude: Tensor) -> Tensor:
    """Returns a weight whose direction is changed and whose length is learned (DoRA, arXiv:2402.09353, equation 5).

    Args:
        weight: float32 [out, in, ...].
        change: In the same shape.
        magnitude: [1, in, ...] or [out, 1, ...], the lengths along the other side.

    Raises:
        SettingError: There are more or fewer lengths than the weight has.
    """
    changed = weight + change
    axis = 0 if magnitude.shape[0] == changed.shape[0] and magnitude.numel() == changed.shape[0] else 1
    others = [side for side in range(changed.ndim) if side != axis]
    # As ComfyUI has it: columns are measured after the change, rows before it.
    measured = weight if axis == 0 else changed
    lengths = measured.pow(2).sum(others, keepdim=True).sqrt() + torch.finfo(weight.dtype).eps
    if magnitude.numel() != lengths.numel():
        raise SettingError(f"its dora_scale is {list(magnitude.shape)}, the weight is {list(weight.shape)}.")
    return changed * (magnitude.float().reshape(lengths.shape) / lengths)


def _shaped(product: Tensor, shape: torch.Size) -> Tensor:
    if product.numel() != shape.numel():
        raise SettingError(f"it makes {list(product.shape)}, the weight is {list(shape)}.")
    return product.reshape(shape)
