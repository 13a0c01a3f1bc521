"""The model's predictions for many prompts at once: batched where they fit together, weighed place by place."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import lcm

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from sd_nodes.diffusion.adapter import Adapted, Features, summed
from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.control import Conditioned, Control, prepare, total
from sd_nodes.diffusion.joint_control import JointConditioned, JointControl
from sd_nodes.diffusion.k.hints import fitted_control
from sd_nodes.diffusion.k.parameterization import Parameterization
from sd_nodes.diffusion.k.regions import Area, Placed
from sd_nodes.diffusion.k.stepwise import Stepwise
from sd_nodes.diffusion.mmdit import Mmdit
from sd_nodes.diffusion.text import same_length

TINY = 1e-37
"""Keeps places that no prompt counts at from dividing zero by zero."""

LONGEST = 4
"""How many times a prompt may be repeated to share a batch with one of another length."""


@dataclass(frozen=True, eq=False)
class Part:
    """One prompt at work: which side it is of, and the latents it sees."""

    side: int
    placed: Placed
    area: Area
    controls: tuple[Control | JointControl | Adapted, ...]

    def fits(self, other: "Part", repeated: bool = True) -> bool:
        """Tells whether both can share a batch; a text may be `repeated` to the length of another one."""
        lengths = [one.placed.prompt.condition.states.shape[1] for one in (self, other)]
        sizes = [(one.area.height, one.area.width) for one in (self, other)]
        alike = len(self.controls) == len(other.controls) and all(
            ours is theirs for ours, theirs in zip(self.controls, other.controls, strict=False)
        )
        wider = [one.placed.prompt.beside is not None for one in (self, other)]
        longest = LONGEST * min(lengths) if repeated else min(lengths)
        return alike and wider[0] == wider[1] and sizes[0] == sizes[1] and lcm(*lengths) <= longest


@dataclass(frozen=True, eq=False)
class Network:
    """A UNet and how it is read; control pictures are embedded once a run.

    Args:
        unet: The model.
        parameterization: What it was trained to predict, and its noise levels.
        at: Makes of it what it is at a noise level, for latents of a height and a width.
        sides: Is filled with the numbers of the sides in each batch before it is computed, for those who watch.
    """

    unet: UNet2DConditionModel
    parameterization: Parameterization
    at: Stepwise | None = None
    sides: list[int] = field(default_factory=list)
    embedded: dict[tuple[object, ...], Conditioned | JointConditioned | Features] = field(default_factory=dict)

    @cached_property
    def dtype(self) -> torch.dtype:
        """The type that the model computes in, looked up once: a model searches all its layers for it."""
        found: torch.dtype = self.unet.dtype
        return found

    def predict(self, sides: Sequence[Sequence[Placed]], latents: Tensor, sigma: float) -> list[Tensor]:
        """Denoises latents once for each side.

        Args:
            sides: The prompts of each side; a side may be empty, and denoises to zeros.
            latents: Noisy latents, [batch, channel, height, width].
            sigma: Their noise level.

        Returns:
            For each side, what the latents denoise to: the mean over its prompts by their weights.
        """
        sums = [torch.zeros_like(latents) for _ in sides]
        weights = [torch.full_like(latents, TINY) for _ in sides]
        waiting = self._parts(sides, latents, sigma)
        # Where text and picture attend to each other, a text that is repeated would count more.
        repeated = not isinstance(self.unet, Mmdit)
        while waiting:
            batch = [part for part in waiting if part.fits(waiting[0], repeated)]
            waiting = [part for part in waiting if part not in batch]
            for part, denoised in zip(batch, self._denoised(batch, latents, sigma), strict=True):
                weight = part.placed.weight(latents)
                part.area.crop(sums[part.side]).add_(denoised * weight)
                part.area.crop(weights[part.side]).add_(weight)
        return [summed / weight for summed, weight in zip(sums, weights, strict=True)]

    def _parts(self, sides: Sequence[Sequence[Placed]], latents: Tensor, sigma: float) -> list[Part]:
        """The prompts that apply at this level, the last ones first: guidance batches begin with the negative half."""
        found = []
        for number, side in enumerate(sides):
            for one in side:
                if self._applies(one.prompt.start, one.prompt.end, sigma):
                    controls = [c for c in one.prompt.controls if c.strength and self._applies(c.start, c.end, sigma)]
                    found.append(Part(number, one, one.where(latents), tuple(controls)))
        return found[::-1]

    def _applies(self, start: float, end: float, sigma: float) -> bool:
        levels = self.parameterization.levels
        return levels.at_percent(end) <= sigma <= levels.at_percent(start)

    def _denoised(self, batch: Sequence[Part], latents: Tensor, sigma: float) -> list[Tensor]:
        crops = torch.cat([part.area.crop(latents) for part in batch]).contiguous()
        told = _joined([part.placed.prompt.condition.for_batch(len(latents)) for part in batch])
        told = told.to(latents.device, self.dtype)
        seen = self.parameterization.scaled(crops, sigma).to(self.dtype)
        # Filled in, not brought over: bringing a number to a GPU waits for it.
        timestep = torch.full((), self.parameterization.levels.timestep(sigma), device=latents.device)
        controls = [self._embedded(one, seen.shape, len(batch)) for one in batch[0].controls]
        residuals = total(one.residuals(seen, timestep, told) for one in controls if not isinstance(one, Features))
        features = summed(one for one in controls if isinstance(one, Features))
        self.sides[:] = [part.side for part in batch]
        size = (crops.shape[2], crops.shape[3])
        unet = self.unet if self.at is None else self.at(self.unet, sigma, size)
        if residuals is not None and self.at is not None:
            residuals = self.at.fitted(residuals, unet, sigma, size)
        output = unet(
            _with_beside(seen, batch),
            timestep,
            encoder_hidden_states=told.states,
            class_labels=told.added.get("class_labels"),
            down_block_additional_residuals=None if residuals is None else residuals.down,
            mid_block_additional_residual=None if residuals is None else residuals.mid,
            added_cond_kwargs=dict(told.added),
            cross_attention_kwargs=_boxes(told),
            **_inner(features, seen),
            return_dict=False,
        )[0]
        denoised = self.parameterization.denoised(output.to(crops.dtype), crops, sigma)
        return list(denoised.chunk(len(batch)))

    def _embedded(
        self, control: Control | JointControl | Adapted, seen: torch.Size, prompts: int
    ) -> Conditioned | JointConditioned | Features:
        key = (id(control), seen, prompts)
        if key not in self.embedded:
            self.embedded[key] = (
                prepare(fitted_control(control, seen, prompts), seen)
                if isinstance(control, Control)
                else control.prepared(seen, prompts)
            )
        return self.embedded[key]


def _inner(features: Features | None, seen: Tensor) -> dict[str, list[Tensor]]:
    """What is added inside of a UNet's encoder, by diffusers' name; the UNet takes the list apart."""
    if features is None:
        return {}
    return {"down_intrablock_additional_residuals": [one.to(seen) for one in features.levels]}


def _boxes(told: Condition) -> dict[str, object] | None:
    """What a UNet that is told boxes is given, by diffusers' names."""
    names = ("boxes", "positive_embeddings", "masks")
    return {"gligen": {name: told.added[name] for name in names}} if "boxes" in told.added else None


def _with_beside(seen: Tensor, batch: Sequence[Part]) -> Tensor:
    """Puts what is seen beside the latents behind their channels."""
    beside = [(part.area, part.placed.prompt.beside) for part in batch]
    cropped = [area.crop(one).to(seen) for area, one in beside if one is not None]
    if not cropped:
        return seen
    each = len(seen) // len(batch)
    return torch.cat([seen, torch.cat([one.expand(each, -1, -1, -1) for one in cropped])], dim=1)


def _joined(conditions: Sequence[Condition]) -> Condition:
    """Joins conditions along the batch; shorter texts are repeated."""
    states = torch.cat(same_length(*(one.states for one in conditions)))
    return Condition(states, {name: torch.cat([one.added[name] for one in conditions]) for name in conditions[0].added})
