"""Latents of which a part is drawn anew."""

from __future__ import annotations

from typing import Annotated

from graph_runtime import SILENT, Progress, Range, node
from sd_nodes.latents import vae_encode
from sd_nodes.types import Image, Latent, Mask, Vae
from sd_nodes.weights import WeightStore


@node("Set Latent Noise Mask", category="latent/inpaint", id="SetLatentNoiseMask")
def set_latent_noise_mask(samples: Latent, mask: Mask) -> Latent:
    """Say which part of latents is drawn anew; the rest ends as it is.

    Args:
        samples: The latents.
        mask: 1 where they are drawn anew; scaled to their size by the sampler.

    Returns:
        LATENT: The latents with the mask.
    """
    from sd_nodes.imaging.masking import layers

    return {**samples, "noise_mask": layers(mask)[:, None]}


@node("VAE Encode (for Inpainting)", category="latent/inpaint", id="VAEEncodeForInpaint", resource="gpu")
def vae_encode_for_inpaint(
    pixels: Image,
    vae: Vae,
    mask: Mask,
    grow_mask_by: Annotated[int, Range(0, 64, 1)] = 6,
    *,
    store: WeightStore,
    progress: Progress = SILENT,
) -> Latent:
    """Turn pictures into latents of which a part is drawn anew from nothing: what is masked becomes grey.

    Args:
        pixels: The pictures; what is over a multiple of 8 is cut off on all sides alike.
        vae: The autoencoder.
        mask: 1 where they are drawn anew; scaled to their size.
        grow_mask_by: How much wider the drawn part is than the mask, in pixels of both sides together.

    Returns:
        LATENT: The latents with the grown mask.
    """
    from sd_nodes.diffusion.vae import factor
    from sd_nodes.imaging.inpainting import greyed, grown, to_multiples
    from sd_nodes.imaging.masking import scaled

    with store.vae(vae) as module:
        side = factor(module)
    fitted = to_multiples(scaled(mask, *pixels.shape[1:3])[:, 0], side)
    picture = greyed(to_multiples(pixels[..., :3], side), fitted)
    encoded = vae_encode(Image(picture), vae, store=store, progress=progress)
    return {**encoded, "noise_mask": grown(fitted[:, None], grow_mask_by)}
