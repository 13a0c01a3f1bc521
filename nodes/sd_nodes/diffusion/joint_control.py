"""ControlNets of SD3: they see the control picture's latents, and add to what the transformer's blocks give."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from diffusers import SD3ControlNetModel
from torch import Tensor, nn

from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.control import Residuals, in_window
from sd_nodes.diffusion.guidance import ALONE, Sides
from sd_nodes.diffusion.k.hints import fitted_picture
from sd_nodes.diffusion.views import device_of

BLUR, CANNY, DEPTH = range(3)
"""The kinds of control pictures by their numbers in the files of SD3.5."""

Encode = Callable[[Tensor], Tensor]
"""Turns pictures, float32 [batch, height, width, 3], into latents that are not scaled."""


@dataclass(frozen=True, eq=False)
class JointControl:
    """A picture that steers a run.

    Args:
        net: The ControlNet.
        picture: float32 [batch, height, width, 3], 0..1, in any size.
        encode: The autoencoder; see `Encode`.
        scale: What latents are multiplied by for the model.
        shift: What is taken from them before.
        pixels: How many pixels a latent spans in each direction.
        kind: The number of the kind of picture, where the ControlNet says it.
        positions: The model's own layer that tells its tokens where they are, for ControlNets that have none.
        strength: What is added is multiplied by this; 1 is as trained, 0 is off.
        start: The part of the run, or of the noise levels, before which it is off.
        end: The part after which it is off.
    """

    net: SD3ControlNetModel
    picture: Tensor
    encode: Encode
    scale: float
    shift: float
    pixels: int = 8
    kind: int | None = None
    positions: nn.Module | None = None
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0

    def acts_at(self, step: int, steps: int) -> bool:
        """Tells whether a step, counted from 0, lies in the window."""
        return self.strength != 0.0 and in_window(self.start, self.end, step, steps)

    def prepared(self, seen: torch.Size, prompts: int) -> "JointConditioned":
        """Encodes the picture for a batch of latents.

        Args:
            seen: The shape of what the network sees: [prompts * batch, channel, height, width].
            prompts: How many prompts share the batch.
        """
        fitted = fitted_picture(self.picture[..., :3], seen[2] * self.pixels, seen[3] * self.pixels)
        latents = self._encoded(fitted)
        batch = seen[0] // prompts
        return self._conditioned(latents[torch.arange(batch) % len(latents)].repeat(prompts, 1, 1, 1))

    def prepared_each(self, latents: torch.Size, sides: Sides = ALONE) -> "JointConditioned":
        """Encodes the picture, which has the size of the picture to be made, once for each member of a batch.

        An autoencoder that draws latents from their distribution gives each member others, as in diffusers' pipelines.

        Args:
            latents: The shape of the latents, [batch, channel, height, width].
            sides: What is predicted for them.
        """
        each = self.picture[..., :3].repeat_interleave(latents[0] // len(self.picture), dim=0)
        return self._conditioned(self._encoded(torch.cat([each] * sides.count) if sides.count > 1 else each))

    def _encoded(self, picture: Tensor) -> Tensor:
        shift = 0.0 if self.net.config.force_zeros_for_pooled_projection else self.shift
        return (self.encode(_as_trained(picture, self.kind)) - shift) * self.scale

    def _conditioned(self, latents: Tensor) -> "JointConditioned":
        positions = self.positions if self.net.pos_embed is None else None
        return JointConditioned(self, latents.to(device_of(self.net), self.net.dtype), positions)


@dataclass(frozen=True, eq=False)
class JointConditioned:
    """A control made ready for one run: the latents of its picture, [batch, channel, height, width]."""

    control: JointControl
    latents: Tensor
    positions: nn.Module | None

    @property
    def key(self) -> tuple[object, ...]:
        """What decides how it computes, beside the shapes of its tensors."""
        return (id(self.control.net), self.control.strength)

    def tensors(self) -> Iterator[Tensor]:
        """What it reads of the picture."""
        yield self.latents

    def residuals(self, seen: Tensor, timestep: Tensor, told: Condition) -> Residuals:
        """Computes what is added behind the transformer's blocks in one step."""
        net, pooled = self.control.net, told.added["text_embeds"]
        reads, zeros = net.config.joint_attention_dim is not None, net.config.force_zeros_for_pooled_projection
        found = net(
            (seen if self.positions is None else self.positions(seen)).to(net.dtype),
            self.latents,
            conditioning_scale=self.control.strength,
            encoder_hidden_states=told.states.to(net.dtype) if reads else None,
            pooled_projections=(torch.zeros_like(pooled) if zeros else pooled).to(net.dtype),
            timestep=timestep.expand(len(seen)),
            return_dict=False,
        )[0]
        return Residuals([one.to(seen.dtype) for one in found], seen.new_zeros(()))


def joint_problems(control: JointControl, latents: torch.Size, width: int) -> list[str]:
    """Says what keeps a control from steering these latents; an empty list means that it fits.

    Args:
        control: The control.
        latents: The shape of the latents, [batch, channel, height, width].
        width: How wide the states of the prompt are.
    """
    config, shape, problems = control.net.config, control.picture.shape, []
    if not 0.0 <= control.start < control.end <= 1.0:
        window = f"{control.start:g} to {control.end:g}"
        problems.append(f"The ControlNet's window is {window}, needed is 0 <= start < end <= 1.")
    if config.in_channels != latents[1]:
        problems.append(f"The ControlNet takes latents of {config.in_channels} channels, these have {latents[1]}.")
    if latents[0] % shape[0]:
        problems.append(f"There are {shape[0]} control pictures for {latents[0]} latents; give one, or one for each.")
    if config.joint_attention_dim not in (None, width):
        needed = config.joint_attention_dim
        problems.append(f"The prompt has width {width}, this ControlNet needs {needed}: it belongs to another model.")
    return problems


def _as_trained(picture: Tensor, kind: int | None) -> Tensor:
    """Brings a control picture into the range that its ControlNet was trained on."""
    if kind == CANNY:
        return picture * 255 * 0.5 + 0.5
    return 1.0 - picture if kind == DEPTH else picture
