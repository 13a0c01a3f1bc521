"""ControlNet: what a picture adds to the UNet's activations (arXiv:2302.05543)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.guidance import ALONE, Sides
from sd_nodes.diffusion.pictures import to_channels_first
from sd_nodes.diffusion.union import Net, picture_arguments, set_task
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
        guess: The picture alone steers: the negative prompt's predictions are not controlled, the shallow layers less.
        mask: float32 [batch, height, width], 0..1 in any size: where and how much it steers; everywhere if None. Those
            of a batch count like pictures.
        task: The kind of picture, for a union of ControlNets; see `set_task`.
    """

    net: Net
    picture: Tensor
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0
    guess: bool = False
    mask: Tensor | None = None
    task: int | None = None

    def acts_at(self, step: int, steps: int) -> bool:
        """Tells whether a step, counted from 0, lies in the window."""
        return self.strength != 0.0 and in_window(self.start, self.end, step, steps)


def in_window(start: float, end: float, step: int, steps: int) -> bool:
    """Tells whether a step, counted from 0, lies between two parts of a run, as diffusers counts it."""
    return not (step / steps < start or (step + 1) / steps > end)


@dataclass(frozen=True)
class Residuals:
    """What is added to the UNet's skip connections and to its middle block."""

    down: list[Tensor]
    mid: Tensor

    def __add__(self, other: "Residuals") -> "Residuals":
        return Residuals([a + b for a, b in zip(self.down, other.down, strict=True)], self.mid + other.mid)

    def after_nothing(self, count: int) -> "Residuals":
        """Puts zeros for the first members of a batch before the residuals: those stay as they are."""
        return self.map(lambda one: torch.cat([one.new_zeros(count, *one.shape[1:]), one]))

    def map(self, function: Callable[[Tensor], Tensor]) -> "Residuals":
        """Returns the residuals with each of them changed."""
        return Residuals([function(one) for one in self.down], function(self.mid))

    def under(self, masks: "Residuals") -> "Residuals":
        """Multiplies each residual by the mask in its size."""
        down = [one * mask.to(one) for one, mask in zip(self.down, masks.down, strict=True)]
        return Residuals(down, self.mid * masks.mid.to(self.mid))


@dataclass(frozen=True)
class Conditioned:
    """A control made ready for one run: its picture is embedded, once.

    Args:
        control: What the user asked for.
        net: A view of the ControlNet that returns the embedding instead of computing it.
        pixels: The picture as the ControlNet takes it, [batch, channel, height, width].
        uncontrolled: How many members at the beginning of a batch it leaves alone.
        masks: The mask in the size of each residual, [batch, 1, height, width].
    """

    control: Control
    net: Net
    pixels: Tensor
    uncontrolled: int = 0
    masks: Residuals | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What decides how it computes, beside the shapes of its tensors."""
        asked = self.control
        return (id(asked.net), asked.strength, asked.guess, asked.task, self.uncontrolled, self.masks is None)

    def tensors(self) -> Iterator[Tensor]:
        """What it reads of the picture and of the mask."""
        yield self.pixels
        yield self.net.controlnet_cond_embedding.embedding
        if self.masks is not None:
            yield from self.masks.down
            yield self.masks.mid

    def residuals(self, latents: Tensor, timestep: Tensor, condition: Condition) -> Residuals:
        """Computes the residuals for one step.

        Args:
            latents: What the UNet sees, [batch, channel, height, width].
            timestep: Scalar.
            condition: The prompts, in the same batch.
        """
        if self.uncontrolled:
            latents, condition = latents[self.uncontrolled :], condition.without_first(self.uncontrolled)
        told = condition.to(latents.device, self.net.dtype)
        down, mid = self.net(
            latents.to(self.net.dtype),
            timestep,
            encoder_hidden_states=told.states,
            **picture_arguments(self.net, self.pixels, self.control.strength, self.control.task),
            guess_mode=_alone(self.control),
            added_cond_kwargs=dict(told.added),
            return_dict=False,
        )
        found = Residuals(list(down), mid).map(lambda one: one.to(latents.dtype))
        found = found if self.masks is None else found.under(self.masks)
        return found.after_nothing(self.uncontrolled) if self.uncontrolled else found


class _Embedded(nn.Module):
    """Stands where a ControlNet embeds its picture, and returns the embedding."""

    def __init__(self, embedding: Tensor) -> None:
        super().__init__()
        self.embedding = embedding

    def forward(self, _: Tensor) -> Tensor:
        return self.embedding


def prepare(control: Control, latents: torch.Size, sides: Sides = ALONE) -> Conditioned:
    """Embeds the picture of a control at the batch size at which it will be used.

    A smaller batch, expanded afterwards, would differ in the last bits.

    Args:
        control: A control in which `control_problems` finds nothing.
        latents: The shape of the latents, [batch, channel, height, width].
        sides: What is predicted for them.
    """
    net = set_task(control.net, control.task)
    uncontrolled = latents[0] if sides.negative and _alone(control) else 0
    copies = sides.count - bool(uncontrolled)
    each = latents[0] // len(control.picture)
    pixels = to_channels_first(control.picture).repeat_interleave(each, dim=0).to(device_of(net), net.dtype)
    pixels = torch.cat([pixels] * copies) if copies > 1 else pixels
    ordered = pixels.flip(1) if net.config.controlnet_conditioning_channel_order == "bgr" else pixels
    embedded = _Embedded(net.controlnet_cond_embedding(ordered))
    view = view_of(net, {"controlnet_cond_embedding": embedded})
    masks = None if control.mask is None else _masks(control.mask, net, latents, copies)
    return Conditioned(control, view, pixels, uncontrolled, masks)


def _alone(control: Control) -> bool:
    """Tells whether the picture alone steers, and the negative prompt's predictions are left alone."""
    return control.guess or bool(control.net.config.global_pool_conditions)


def _masks(mask: Tensor, net: Net, latents: torch.Size, copies: int) -> Residuals:
    """Scales a mask to the size of each residual: each place counts by how much of it is covered."""
    last, layers = len(net.config.block_out_channels) - 1, net.config.layers_per_block
    sizes = [(latents[2], latents[3])]
    for _ in range(last):
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    whole = mask[:, None].float().to(device_of(net)).repeat_interleave(latents[0] // len(mask), dim=0)
    scaled = [interpolate(whole, size, mode="area").repeat(copies, 1, 1, 1) for size in sizes]
    # Below the first layer each level has a residual for each of its layers, and one for its downsampler.
    down = [scaled[0], *(one for level in range(last + 1) for one in _level(scaled, level, layers))]
    return Residuals(down, scaled[last])


def _level(scaled: list[Tensor], level: int, layers: int) -> list[Tensor]:
    return [scaled[level]] * layers + scaled[level + 1 : level + 2]


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
    if control.mask is not None and latents[0] % len(control.mask):
        found = len(control.mask)
        problems.append(f"There are {found} masks of a ControlNet for {latents[0]} latents; give one, or one for each.")
    return problems


def total(residuals: Iterable[Residuals]) -> Residuals | None:
    """Sums the residuals of several controls; None where there are none."""
    summed: Residuals | None = None
    for one in residuals:
        summed = one if summed is None else summed + one
    return summed
