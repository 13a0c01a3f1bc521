"""Latents added, subtracted, multiplied, mixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from graph_runtime import NodeError, Range, node
from sd_nodes.latent_edits import Method, edited, resized
from sd_nodes.types import Latent

if TYPE_CHECKING:
    import torch

Share = Annotated[float, Range(0.0, 1.0, 0.01)]


@node("Latent Add", category="latent/advanced", id="LatentAdd")
def latent_add(samples1: Latent, samples2: Latent) -> Latent:
    """Add latents.

    Args:
        samples1: The first latents.
        samples2: The second latents; scaled to the size of the first.

    Returns:
        LATENT: Their sum.
    """
    return edited(samples1, samples1["samples"] + _fitted(samples2, samples1))


@node("Latent Subtract", category="latent/advanced", id="LatentSubtract")
def latent_subtract(samples1: Latent, samples2: Latent) -> Latent:
    """Subtract latents.

    Args:
        samples1: The latents from which is taken.
        samples2: The latents that are taken; scaled to the size of the first.

    Returns:
        LATENT: Their difference.
    """
    return edited(samples1, samples1["samples"] - _fitted(samples2, samples1))


@node("Latent Multiply", category="latent/advanced", id="LatentMultiply")
def latent_multiply(samples: Latent, multiplier: Annotated[float, Range(-10.0, 10.0, 0.01)] = 1.0) -> Latent:
    """Multiply latents by a number.

    Args:
        samples: The latents.
        multiplier: The number.

    Returns:
        LATENT: Their product.
    """
    return edited(samples, samples["samples"] * multiplier)


@node("Latent Interpolate", category="latent/advanced", id="LatentInterpolate")
def latent_interpolate(samples1: Latent, samples2: Latent, ratio: Share = 1.0) -> Latent:
    """Interpolate latents so that their strength is kept: directions and lengths are mixed apart.

    Args:
        samples1: The first latents.
        samples2: The second latents; scaled to the size of the first.
        ratio: How much of the first: 1 is the first alone.

    Returns:
        LATENT: The latents between.
    """
    from sd_nodes.diffusion.latents import interpolate

    return edited(samples1, interpolate(samples1["samples"], _fitted(samples2, samples1), ratio))


@node("Latent Blend", category="_for_testing", id="LatentBlend")
def latent_blend(samples1: Latent, samples2: Latent, blend_factor: Share = 0.5) -> Latent:
    """Mix latents in a straight line.

    Args:
        samples1: The first latents.
        samples2: The second latents; scaled to the size of the first.
        blend_factor: How much of the first: 1 is the first alone.

    Returns:
        LATENT: The mixed latents.
    """
    second = _fitted(samples2, samples1, "bicubic")
    return edited(samples1, samples1["samples"] * blend_factor + second * (1 - blend_factor))


def _fitted(other: Latent, first: Latent, method: Method = "bilinear") -> torch.Tensor:
    """The samples of a latent in the shape of another's."""
    from sd_nodes.imaging.pasting import fit_batch

    wanted, samples = first["samples"], other["samples"]
    if samples.shape[1] != wanted.shape[1]:
        raise NodeError(
            f"found latents of {samples.shape[1]} channels, needs {wanted.shape[1]} as the first latents have: they "
            "come from models of other families.",
            input="samples2",
        )
    if samples.shape[2:] != wanted.shape[2:]:
        samples = resized(samples, wanted.shape[3], wanted.shape[2], method, crop=True)
    return fit_batch(samples, len(wanted))
