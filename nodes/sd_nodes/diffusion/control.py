"""ControlNet: what a picture adds to the UNet's activations (arXiv:2302.05543)."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from diffusers import ControlNetModel
from torch import Tensor, nn

from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.pictures import to_channels_first
from sd_nodes.diffusion.views import device_of, view_of


@dataclass(frozen=True)
class Control:
    """A picture that steers a run through a ControlNet.

    Args:
        net: The ControlNet.
        picture: float32 [batch, height, width, channel], 0..1, at the size of the picture to be made; one for all
            latents, or a number of pictures that divides the number of latents.
        strength: What the residuals are multiplied by; 1 is as trained, 0 is off.
        start: The part of the run before which it is off, 0 to 1.
        end: The part of the run after which it is off, 0 to 1.
        guess: The picture alone steers: only the conditional half is controlled, the shallow layers less.
    """

    net: ControlNetModel
    picture: Tensor
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0
    guess: bool = False

    def acts_at(self, step: int, steps: int) -> bool:
        """Tells whether a step, counted from 0, lies in the window."""
        outside = step / steps < self.start or (step + 1) / steps > self.end
        return self.strength != 0.0 and not outside


@dataclass(frozen=True)
class Residuals:
    """What is added to the UNet's skip connections and to its middle block."""

    down: list[Tensor]
    mid: Tensor

    def __add__(self, other: "Residuals") -> "Residuals":
        return Residuals([a + b for a, b in zip(self.down, other.down, strict=True)], self.mid + other.mid)

    def for_conditional_half(self) -> "Residuals":
        """Puts zeros before the residuals: the unconditional half of a guidance batch stays as it is."""
        down = [torch.cat([torch.zeros_like(one), one]) for one in self.down]
        return Residuals(down, torch.cat([torch.zeros_like(self.mid), self.mid]))


@dataclass(frozen=True)
class Conditioned:
    """A control made ready for one run: its picture is embedded, once.

    Args:
        control: What the user asked for.
        net: A view of the ControlNet that returns the embedding instead of computing it.
        pixels: The picture as the ControlNet takes it, [batch, channel, height, width].
        conditional_only: It sees only the conditional half of a guidance batch.
    """

    control: Control
    net: ControlNetModel
    pixels: Tensor
    conditional_only: bool

    def residuals(self, latents: Tensor, timestep: Tensor, condition: Condition, guided: bool) -> Residuals:
        """Computes the residuals for one step.

        Args:
            latents: What the UNet sees, [batch, channel, height, width]; twice the latents if guided.
            timestep: Scalar.
            condition: The prompts, in the same batch.
            guided: The first half of the batch is unconditional.
        """
        halved = guided and self.conditional_only
        if halved:
            latents, condition = latents.chunk(2)[1], condition.conditional_half()
        told = condition.to(latents.device, self.net.dtype)
        down, mid = self.net(
            latents.to(self.net.dtype),
            timestep,
            encoder_hidden_states=told.states,
            controlnet_cond=self.pixels,
            conditioning_scale=self.control.strength,
            guess_mode=self.conditional_only,
            added_cond_kwargs=dict(told.added),
            return_dict=False,
        )
        found = Residuals([one.to(latents.dtype) for one in down], mid.to(latents.dtype))
        return found.for_conditional_half() if halved else found


class _Embedded(nn.Module):
    """Stands where a ControlNet embeds its picture, and returns the embedding."""

    def __init__(self, embedding: Tensor) -> None:
        super().__init__()
        self.embedding = embedding

    def forward(self, _: Tensor) -> Tensor:
        return self.embedding


def prepare(control: Control, latents: torch.Size, guided: bool) -> Conditioned:
    """Embeds the picture of a control at the batch size at which it will be used.

    A smaller batch, expanded afterwards, would differ in the last bits.

    Args:
        control: A control in which `control_problems` finds nothing.
        latents: The shape of the latents, [batch, channel, height, width].
        guided: The run is guided: the batch is doubled.
    """
    net = control.net
    conditional_only = control.guess or bool(net.config.global_pool_conditions)
    each = latents[0] // len(control.picture)
    pixels = to_channels_first(control.picture).repeat_interleave(each, dim=0).to(device_of(net), net.dtype)
    if guided and not conditional_only:
        pixels = torch.cat([pixels] * 2)
    ordered = pixels.flip(1) if net.config.controlnet_conditioning_channel_order == "bgr" else pixels
    embedded = _Embedded(net.controlnet_cond_embedding(ordered))
    return Conditioned(control, view_of(net, {"controlnet_cond_embedding": embedded}), pixels, conditional_only)


def control_problems(control: Control, latents: torch.Size) -> list[str]:
    """Says what keeps a control from steering these latents; an empty list means that it fits.

    Args:
        control: The control.
        latents: The shape of the latents, [batch, channel, height, width].
    """
    config, shape = control.net.config, control.picture.shape
    problems = []
    if not 0.0 <= control.start < control.end <= 1.0:
        window = f"{control.start:g} to {control.end:g}"
        problems.append(f"The ControlNet's window is {window}, needed is 0 <= start < end <= 1.")
    if config.in_channels != latents[1]:
        problems.append(f"The ControlNet takes latents of {config.in_channels} channels, these have {latents[1]}.")
    factor = 2 ** (len(config.conditioning_embedding_out_channels) - 1)
    needed = [latents[2] * factor, latents[3] * factor, config.conditioning_channels]
    if list(shape[1:]) != needed:
        problems.append(f"The control picture is {list(shape[1:])} (height, width, channels), needed is {needed}.")
    elif latents[0] % shape[0]:
        problems.append(f"There are {shape[0]} control pictures for {latents[0]} latents; give one, or one for each.")
    return problems


def total(residuals: Iterable[Residuals]) -> Residuals | None:
    """Sums the residuals of several controls; None where there are none."""
    summed: Residuals | None = None
    for one in residuals:
        summed = one if summed is None else summed + one
    return summed
