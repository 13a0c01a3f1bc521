"""What flows between the Stable Diffusion nodes: pictures, latents, conditionings, and the recipes of models."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NewType, NotRequired, TypedDict, final

from sd_nodes.recipes import (
    Attention,
    Clip,
    ClipVision,
    ControlNet,
    Device,
    Dtype,
    Gligen,
    Model,
    Offload,
    Option,
    Patch,
    Recipe,
    SafetyChecker,
    Scheduler,
    Settings,
    Source,
    StyleModel,
    UpscaleModel,
    Vae,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

__all__ = [
    "Area", "Attention", "BoundText", "Clip", "ClipVision", "ClipVisionOutput", "Condition", "Conditioning",
    "Control", "ControlNet", "Device", "Dtype", "Framing", "Glance", "Gligen", "Hole", "Image", "Latent", "Mask",
    "Model", "Offload", "Option", "Patch", "Recipe", "SafetyChecker", "Scheduler", "Settings", "Source", "StyleModel",
    "UpscaleModel", "Vae",
]  # fmt: skip

Image = NewType("Image", "torch.Tensor")
"""Pictures: float32 `[batch, height, width, channel]`, 0..1."""

Mask = NewType("Mask", "torch.Tensor")
"""Masks: float32 `[batch, height, width]`, 0..1, where 1 is masked."""


class Latent(TypedDict):
    """A batch of latents as ComfyUI's LATENT has it.

    `samples` is float32 `[batch, 4, height / 8, width / 8]`, not multiplied by the VAE's scaling factor; float64 where
    a sampler left noise in them, so that one that goes on from there sees them to the bit. `noise_mask` is 1 where
    noise is drawn, `[batch or 1, 1, height, width]` in any size; `batch_index` holds the places of the samples in the
    batch they were taken from. Where the samples are the means that an autoencoder gave, `deviation` holds the
    standard deviations, in the same shape.
    """

    samples: torch.Tensor
    noise_mask: NotRequired[torch.Tensor]
    deviation: NotRequired[torch.Tensor]
    batch_index: NotRequired[list[int]]


@final
@dataclass(frozen=True, eq=False)
class Control:
    """One ControlNet at work: `picture` steers with `strength` from `start` to `end`, fractions of the sampling.

    Args:
        net: The ControlNet.
        picture: The control picture.
        strength: How strongly it steers; 1 is as trained.
        start: The fraction of the sampling before which it is off.
        end: The fraction of the sampling after which it is off.
        mask: Where it steers, on the picture that is drawn; None is everywhere.
        guess: The picture alone steers: predictions for the negative prompt are left alone, shallow layers count less.
        vae: The autoencoder for ControlNets that see the picture's latents; others leave it alone.
    """

    net: ControlNet
    picture: Image
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0
    mask: Mask | None = None
    guess: bool = False
    vae: Vae | None = None

    def alike(self, other: Control) -> bool:
        """Whether two do the same."""
        ours, theirs = ((one.net, one.strength, one.start, one.end, one.guess, one.vae) for one in (self, other))
        pictures = ((self.picture, other.picture), (self.mask, other.mask))
        same = (one is two or (one is not None and two is not None and one.equal(two)) for one, two in pictures)
        return ours == theirs and all(same)


@final
@dataclass(frozen=True)
class Area:
    """A rectangle of the picture, in latent pixels (8 pixels of the picture each); `relative`: in fractions of it."""

    width: float
    height: float
    x: float
    y: float
    relative: bool = False


@final
@dataclass(frozen=True)
class Framing:
    """What SDXL is told about the picture beside the prompt (arXiv:2307.01952, section 2.2), in pixels.

    Args:
        width: The width that the picture is to look as if it had before it was cropped; small ones look blurred.
        height: The height of it.
        crop_x: How much is to look cut off at the left.
        crop_y: How much is to look cut off at the top.
        target_width: The width that it was cropped to; the picture's own if there is none.
        target_height: The height that it was cropped to; the picture's own if there is none.
        aesthetic: How beautiful it is to be, 0 to 10, for the refiner, which is told this instead of the target.
    """

    width: int
    height: int
    crop_x: int = 0
    crop_y: int = 0
    target_width: int | None = None
    target_height: int | None = None
    aesthetic: float | None = None


@final
@dataclass(frozen=True, eq=False)
class Hole:
    """What a model that sees a picture beside the latents is told of it.

    Args:
        around: The latents of the picture; for an inpainting model grey where it is drawn anew.
        mask: 1 where it is drawn anew, in the size of the picture or any other; None for models that see no mask.
    """

    around: Latent
    mask: Mask | None = None


@final
@dataclass(frozen=True, eq=False)
class ClipVisionOutput:
    """Pictures as CLIP sees them.

    Args:
        embeds: `[pictures, width]`, one vector for each.
        last: `[pictures, tokens, width]`, the states of the last layer.
        penultimate: The states of the layer before it.
    """

    embeds: torch.Tensor
    last: torch.Tensor
    penultimate: torch.Tensor


@final
@dataclass(frozen=True, eq=False)
class Glance:
    """Pictures that are part of a prompt, as CLIP sees them.

    Args:
        seen: The pictures.
        strength: How much they count.
        noise: How far the model may stray from them, 0 to 1.
    """

    seen: ClipVisionOutput
    strength: float = 1.0
    noise: float = 0.0


@final
@dataclass(frozen=True, eq=False)
class BoundText:
    """A text that is bound to a box of the picture (GLIGEN, arXiv:2301.07093).

    Args:
        pooled: `[1, width]`, what the text says as a whole.
        width: The width of the box in latent pixels, 8 pixels of the picture each; likewise the others.
        model: The layers that bind it.
    """

    pooled: torch.Tensor
    width: int
    height: int
    x: int
    y: int
    model: Gligen


@final
@dataclass(frozen=True, eq=False)
class Condition:
    """One encoded text and what applies to it alone.

    Args:
        embedding: `[1, tokens, width]`, the last hidden state that cross-attention reads.
        pooled: `[1, width]`, for the families that want it.
        text: The words it was made from.
        controls: ControlNets, in the order in which they were applied.
        strength: Its weight beside the other conditions, on all of its area.
        area: The part of the picture that it is computed on, or None for the whole.
        mask: `[batch, height, width]`: its weight at each place, or None.
        mask_strength: What the mask is multiplied by.
        mask_bounds: It is computed on the rectangle around the mask alone; this comes before `area`.
        start: The fraction of the noise table before which it is off.
        end: The fraction of the noise table after which it is off.
        framing: The sizes that SDXL is told, or None for those of the picture that is drawn.
        hole: The picture that some models see beside the latents; other models leave it alone.
        glances: Pictures as CLIP sees them, for models that are told of those.
        boxes: Texts that are bound to boxes.
        shares_controls: A negative prompt without ControlNets gets this one's.
    """

    embedding: torch.Tensor
    pooled: torch.Tensor | None = None
    text: str = ""
    controls: tuple[Control, ...] = ()
    strength: float = 1.0
    area: Area | None = None
    mask: Mask | None = None
    mask_strength: float = 1.0
    mask_bounds: bool = False
    start: float = 0.0
    end: float = 1.0
    framing: Framing | None = None
    hole: Hole | None = None
    glances: tuple[Glance, ...] = ()
    boxes: tuple[BoundText, ...] = ()
    shares_controls: bool = False

    @property
    def partial(self) -> bool:
        """Whether it applies to a part of the picture or of the sampling only."""
        return self.area is not None or self.mask is not None or (self.start, self.end) != (0.0, 1.0)


@final
@dataclass(frozen=True, eq=False)
class Conditioning:
    """What the sampler is steered by: one condition or several together, for one `family` of models."""

    conditions: tuple[Condition, ...]
    family: str

    def controlled(self, control: Control, shared: bool = False) -> Conditioning:
        """Return this conditioning with one more ControlNet, which a negative prompt may share, on each condition."""
        return self.map(lambda each: replace(each, controls=(*each.controls, control), shares_controls=shared))

    def map(self, change: Callable[[Condition], Condition]) -> Conditioning:
        """Return this conditioning with each of its conditions changed."""
        return replace(self, conditions=tuple(map(change, self.conditions)))
