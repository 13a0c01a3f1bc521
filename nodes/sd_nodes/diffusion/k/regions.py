"""Where a prompt counts: areas, masks, and how strongly each place follows each prompt."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sd_nodes.diffusion.adapter import Adapted
from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.control import Control
from sd_nodes.diffusion.joint_control import JointControl

SOFT = 8
"""How many latent pixels the edge of an area fades over, at most."""

SMALLEST = 8
"""The least side of the area that a mask is cut down to."""


@dataclass(frozen=True)
class Area:
    """A rectangle of latent pixels."""

    height: int
    width: int
    top: int
    left: int

    def crop(self, tensor: Tensor) -> Tensor:
        """Returns the part of [..., height, width] that lies in the area."""
        return tensor[..., self.top : self.top + self.height, self.left : self.left + self.width]

    def within(self, height: int, width: int) -> "Area":
        """Returns the area cut down to what lies in latents of this size."""
        return replace(self, height=min(height - self.top, self.height), width=min(width - self.left, self.width))

    def surrounds(self, other: "Area") -> bool:
        """Tells whether another area lies in this one."""
        down, right = other.top + other.height, other.left + other.width
        begins = other.top >= self.top and other.left >= self.left
        return begins and down <= self.top + self.height and right <= self.left + self.width


@dataclass(frozen=True)
class Share:
    """A rectangle as parts of the latents' sides, 0 to 1."""

    height: float
    width: float
    top: float
    left: float

    def of(self, height: int, width: int) -> Area:
        """Returns the area in latents of this size, at least one latent pixel large."""
        sides = max(1, round(self.height * height)), max(1, round(self.width * width))
        return Area(*sides, round(self.top * height), round(self.left * width))


@dataclass(frozen=True, eq=False)
class Prompt:
    """One condition: what it says, where, when and how strongly.

    Args:
        condition: What the UNet is told.
        area: Where it applies; the UNet sees only this part.
        mask: How much it counts at each place, [masks, height, width] of any size, 0 to 1.
        to_bounds: Cuts the area down to where the mask is not zero.
        strength: How much it counts beside other prompts.
        start: The part of the noise levels after which it applies, 0 to 1.
        end: The part after which it applies no more.
        controls: Its ControlNets, whose windows are such parts too.
        shares_controls: Prompts of other sides that have no ControlNets get this one's.
        beside: What a UNet with further input channels sees beside the latents, not scaled, [1 or batch, channels,
            height, width] of the latents' size; an inpainting model sees the mask and the masked picture's latents.
    """

    condition: Condition
    area: Area | Share | None = None
    mask: Tensor | None = None
    to_bounds: bool = False
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0
    controls: tuple[Control | JointControl | Adapted, ...] = ()
    shares_controls: bool = False
    beside: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Placed:
    """A prompt whose area is in latent pixels and whose mask has the latents' size."""

    prompt: Prompt
    area: Area | None
    mask: Tensor | None

    def where(self, latents: Tensor) -> Area:
        """Returns the area of latents that the UNet sees."""
        height, width = latents.shape[2:]
        return (self.area or Area(height, width, 0, 0)).within(height, width)

    def weight(self, latents: Tensor) -> Tensor:
        """Returns how much the prompt counts at each place of its area, in the shape of the cropped latents."""
        area = self.where(latents)
        shape = (len(latents), latents.shape[1], area.height, area.width)
        if self.mask is not None:
            mask = area.crop(self.mask[: len(latents)]).to(latents)[:, None]
            repeated = mask.repeat(len(latents) // len(mask), 1, 1, 1)
            return repeated.expand(shape) * self.prompt.strength
        weight = torch.full(shape, self.prompt.strength, dtype=latents.dtype, device=latents.device)
        if self.area is None:
            return weight
        rows = _ramp(area.height, area.top > 0, area.top + area.height < latents.shape[2])
        columns = _ramp(area.width, area.left > 0, area.left + area.width < latents.shape[3])
        return weight * (rows[:, None] * columns).to(latents)


def placed(prompt: Prompt, height: int, width: int) -> Placed:
    """Fits a prompt's area and mask to latents of this size."""
    area = prompt.area.of(height, width) if isinstance(prompt.area, Share) else prompt.area
    mask = prompt.mask
    if mask is not None:
        mask = fitted_mask(mask, height, width)
        area = _bounds(mask) if prompt.to_bounds else area
    return Placed(prompt, area, mask)


def fitted_mask(mask: Tensor, height: int, width: int) -> Tensor:
    """Scales masks [masks, height, width] bilinearly to latents of this size."""
    if mask.shape[-2:] == (height, width):
        return mask
    return torch.nn.functional.interpolate(mask[:, None].float(), (height, width), mode="bilinear")[:, 0]


def sides_placed(sides: Sequence[Sequence[Prompt]], height: int, width: int) -> list[list[Placed]]:
    """Makes the prompts of all sides ready: positive first, then what they are held against.

    Each area with a prompt of its own gets the prompt of every other side there too, from the smallest area around it;
    and ControlNets that are shared are hung on the other sides.
    """
    found = [[placed(one, height, width) for one in side] for side in sides]
    for number, side in enumerate(found):
        for other_number, other in enumerate(found):
            if other_number != number:
                other.extend(opposite for one in list(side) if (opposite := _opposite(one, other)))
    for other in found[1:]:
        _share_controls(found[0], other)
    return found


def _opposite(one: Placed, others: Sequence[Placed]) -> Placed | None:
    """What another side says in the area of a prompt; nothing where it has an own prompt just there."""
    if one.area is None:
        return None
    around = [other for other in others if other.area is None or other.area.surrounds(one.area)]
    if not around:
        return None
    smallest = min(around, key=lambda other: math.inf if other.area is None else other.area.height * other.area.width)
    if smallest.area == one.area:
        return None
    told = smallest.prompt
    return replace(one, prompt=replace(one.prompt, condition=told.condition, beside=told.beside))


def _share_controls(positive: Sequence[Placed], others: list[Placed]) -> None:
    """Hangs shared ControlNets on another side that has none: in turn on its prompts, each of which keeps the last."""
    sharing = [one.prompt for one in positive if one.area is None and one.prompt.shares_controls]
    giving = [prompt.controls for prompt in sharing if prompt.controls]
    whole = [number for number, one in enumerate(others) if one.area is None]
    if not whole or any(others[number].prompt.controls for number in whole):
        return
    for turn, controls in enumerate(giving):
        number = whole[turn % len(whole)]
        others[number] = replace(others[number], prompt=replace(others[number].prompt, controls=controls))


def _bounds(mask: Tensor) -> Area:
    rows, columns = (mask.abs().amax(0).amax(axis).nonzero().flatten().tolist() for axis in (1, 0))
    if not rows:
        return Area(SMALLEST, SMALLEST, 0, 0)
    height, width = (max(SMALLEST, places[-1] - places[0] + 1) for places in (rows, columns))
    return Area(height, width, rows[0], columns[0])


def _ramp(length: int, fades_in: bool, fades_out: bool) -> Tensor:
    """Ones, with a linear ramp at each end that is not the latents' own."""
    ramp, reach = torch.ones(length), min(SOFT, length // 4)
    steps = torch.arange(1, reach + 1) / max(reach, 1)
    if fades_in:
        ramp[:reach] *= steps
    if fades_out:
        ramp[length - reach :] *= steps.flip(0)
    return ramp
