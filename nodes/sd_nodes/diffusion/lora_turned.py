"""Changes that depend on the weight itself: GLoRA (arXiv:2306.07967), OFT (2306.07280), BOFT (2311.06243)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError


@dataclass(frozen=True)
class Generalized:
    """GLoRA: a low-rank difference, and the weight times another one.

    Args:
        parts: A of two halves, and B of two halves, in one of the two orders that trainers have written.
        alpha: What the change is scaled by, over the rank.
    """

    parts: tuple[Tensor, Tensor, Tensor, Tensor]
    alpha: float | None = None

    def of(self, weight: Tensor, strength: float) -> Tensor:
        """Returns the change of a weight, float32, in its shape, before it is multiplied by the strength.

        Raises:
            SettingError: It is of another size.
        """
        first, second, third, fourth = (part.float().flatten(1).to(weight.device) for part in self.parts)
        older = len(first) == second.shape[1] == len(third) == fourth.shape[1]
        newer = len(second) == first.shape[1] == third.shape[1] == len(fourth)
        if newer and not (older and len(second) == weight.shape[0] == weight.shape[1]):
            rank, inner, added = len(second), first @ second, third @ fourth
        elif older:
            rank, inner, added = len(first), second @ first, fourth @ third
        else:
            raise SettingError("its halves (a1, a2, b1, b2) do not fit each other.")
        if inner.shape[0] not in (weight.shape[1], weight[0].numel()) or added.numel() != weight.numel():
            raise SettingError(f"it makes {list(added.shape)}, the weight is {list(weight.shape)}.")
        columns = weight.float().flatten(1) if inner.shape[0] != weight.shape[1] else weight.float()
        change = torch.einsum("oi...,ij->oj...", columns, inner).reshape(weight.shape) + added.reshape(weight.shape)
        return change * (1.0 if self.alpha is None else self.alpha / rank)


@dataclass(frozen=True)
class Rotation:
    """OFT: rows turned in blocks.

    Args:
        blocks: [blocks, side, side], of which the antisymmetric part counts.
        alpha: How long that may be at most; as it is if there is none, or 0.
    """

    blocks: Tensor
    alpha: float = 0.0

    def of(self, weight: Tensor, strength: float) -> Tensor:
        """Returns the change of a weight; see `Generalized.of`. The strength counts twice, as in ComfyUI."""
        count, side, _ = self.blocks.shape
        if count * side != weight.shape[0]:
            raise SettingError(f"it turns {count * side} rows, the weight is {list(weight.shape)}.")
        turned = strength * (_turns(self.blocks.to(weight.device), self.alpha) - torch.eye(side).to(weight.device))
        rows = weight.float().reshape(count, side, -1)
        return torch.einsum("knm,knx->kmx", turned, rows).reshape(weight.shape)


@dataclass(frozen=True)
class Butterfly:
    """BOFT: rows turned in blocks, several times, between which they are shuffled as butterflies are.

    Args:
        blocks: [times, blocks, side, side]; see `Rotation`.
        rescale: What the rows are multiplied by in the end, or None.
        alpha: See `Rotation`.
    """

    blocks: Tensor
    rescale: Tensor | None = None
    alpha: float = 0.0

    def of(self, weight: Tensor, strength: float) -> Tensor:
        """Returns the change of a weight; see `Rotation.of`."""
        times, count, side, _ = self.blocks.shape
        if count * side != weight.shape[0] or count % 2 ** max(times - 1, 0):
            raise SettingError(f"it turns {count * side} rows, the weight is {list(weight.shape)}.")
        turns, still = _turns(self.blocks.to(weight.device), self.alpha), torch.eye(side).to(weight.device)
        rows = weight.float().flatten(1)
        columns = rows.shape[1]
        for level in range(times):
            reach = 2**level * (side // 2)
            mixed = rows.reshape(-1, 2, reach, columns).transpose(1, 2).reshape(count, side, columns)
            mixed = (strength * turns[level] + (1 - strength) * still) @ mixed
            rows = mixed.reshape(-1, reach, 2, columns).transpose(1, 2).reshape(-1, columns)
        if self.rescale is not None:
            rows = rows * self.rescale.float().to(weight.device).reshape(-1, 1)
        return (rows - weight.float().flatten(1)).reshape(weight.shape)


def _turns(blocks: Tensor, alpha: float) -> Tensor:
    """Makes rotations of matrices by Cayley's formula: (1 + Q)(1 - Q)^-1 of their antisymmetric part Q."""
    skew = blocks.float() - blocks.float().transpose(-1, -2)
    length = float(skew.norm()) + 1e-8
    skew = skew * alpha / length if 0 < alpha < length else skew
    still = torch.eye(skew.shape[-1]).to(skew)
    return (still + skew) @ (still - skew).inverse()
