"""ControlNets of SD3: they see the control picture's latents, and add to what the transformer's blocks give."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from diffusers import SD3ControlNetModel
from torch import Tensor, nn

from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.control import Residuals
from sd_nodes.diffusion.k.hints import fitted_picture
from sd_nodes.diffusion.views import device_of

BLUR, CANNY, DEPTH = range(3)
"""The kinds of control pictures by their numbers in the files of SD3.5."""


@dataclass(frozen=True, eq=False)
class JointControl:
    """A picture that steers a run.

    Args:
        net: The ControlNet.
        picture: float32 [batch, height, width, 3], 0..1, in any size.
        encode: Turns a picture into latents, not scaled.
        scale: What latents are multiplied by for the model.
        shift: What is taken from them before.
        pixels: How many pixels a latent spans in each direction.
        kind: The number of the kind of picture, where the ControlNet says it.
        positions: The model's own layer that tells its tokens where they are, for ControlNets that have none.
        strength: What is added is multiplied by this; 1 is as trained, 0 is off.
        start: The part of the noise levels after which it acts.
        end: The part after which it acts no more.
    """

    net: SD3ControlNetModel
    picture: Tensor
    encode: Callable[[Tensor], Tensor]
    scale: float
    shift: float
    pixels: int = 8
    kind: int | None = None
    positions: nn.Module | None = None
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0

    def prepared(self, seen: torch.Size, prompts: int) -> "JointConditioned":
        """Encodes the picture for a batch of latents.

        Args:
            seen: The shape of what the network sees: [prompts * batch, channel, height, width].
            prompts: How many prompts share the batch.
        """
        fitted = fitted_picture(self.picture[..., :3], seen[2] * self.pixels, seen[3] * self.pixels)
        shift = 0.0 if self.net.config.force_zeros_for_pooled_projection else self.shift
        latents = (self.encode(_as_trained(fitted, self.kind)) - shift) * self.scale
        batch = seen[0] // prompts
        each = latents[torch.arange(batch) % len(latents)].repeat(prompts, 1, 1, 1)
        positions = self.positions if self.net.pos_embed is None else None
        return JointConditioned(self.net, each.to(device_of(self.net), self.net.dtype), positions, self.strength)


@dataclass(frozen=True, eq=False)
class JointConditioned:
    """A control made ready for one run: the latents of its picture, [batch, channel, height, width]."""

    net: SD3ControlNetModel
    latents: Tensor
    positions: nn.Module | None
    strength: float

    def residuals(self, seen: Tensor, timestep: Tensor, told: Condition) -> Residuals:
        """Computes what is added behind the transformer's blocks in one step."""
        net, pooled = self.net, told.added["text_embeds"]
        reads, zeros = net.config.joint_attention_dim is not None, net.config.force_zeros_for_pooled_projection
        found = net(
            (seen if self.positions is None else self.positions(seen)).to(net.dtype),
            self.latents,
            conditioning_scale=self.strength,
            encoder_hidden_states=told.states.to(net.dtype) if reads else None,
            pooled_projections=(torch.zeros_like(pooled) if zeros else pooled).to(net.dtype),
            timestep=timestep.expand(len(seen)),
            return_dict=False,
        )[0]
        return Residuals([one.to(seen.dtype) for one in found], seen.new_zeros(()))


def _as_trained(picture: Tensor, kind: int | None) -> Tensor:
    """Brings a control picture into the range that its ControlNet was trained on."""
    if kind == CANNY:
        return picture * 255 * 0.5 + 0.5
    return 1.0 - picture if kind == DEPTH else picture
