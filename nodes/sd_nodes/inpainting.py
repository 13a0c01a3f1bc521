"""Pictures that are drawn anew: a part of them, or all as an instruction says."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, NamedTuple

from graph_runtime import SILENT, Progress, Range, node
from sd_nodes.latents import vae_encode
from sd_nodes.types import Conditioning, Hole, Image, Latent, Mask, Vae
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


class Inpainting(NamedTuple):
    """What a model draws from that sees a picture beside its latents.

    Args:
        positive: What the picture should show, and the picture around it.
        negative: What it should not, and the picture around it.
        latent: The latents of the picture.
    """

    positive: Conditioning
    negative: Conditioning
    latent: Latent


@node("Inpaint Model Conditioning", category="conditioning/inpaint", id="InpaintModelConditioning", resource="gpu")
def inpaint_model_conditioning(
    positive: Conditioning,
    negative: Conditioning,
    vae: Vae,
    pixels: Image,
    mask: Mask,
    noise_mask: bool = True,
    *,
    store: WeightStore,
    progress: Progress = SILENT,
) -> Inpainting:
    """Tell a model that was made for inpainting what stands around the part that is drawn anew.

    Args:
        positive: What the picture should show.
        negative: What it should not.
        vae: The autoencoder.
        pixels: The picture; what is over a multiple of 8 is cut off on all sides alike.
        mask: 1 where it is drawn anew; scaled to its size.
        noise_mask: Whether the latents get the mask too, so that no model changes what stays.
    """
    from sd_nodes.diffusion.vae import factor
    from sd_nodes.imaging.inpainting import greyed, to_multiples
    from sd_nodes.imaging.masking import scaled

    with store.vae(vae) as module:
        side = factor(module)
    fitted = Mask(to_multiples(scaled(mask, *pixels.shape[1:3])[:, 0], side))
    picture = Image(to_multiples(pixels[..., :3], side))
    around = vae_encode(Image(greyed(picture, fitted)), vae, store=store, progress=progress)
    latent = vae_encode(picture, vae, store=store)
    hole = Hole(around, fitted)
    told, kept_from = (one.map(lambda each: replace(each, hole=hole)) for one in (positive, negative))
    return Inpainting(told, kept_from, {**latent, "noise_mask": fitted[:, None]} if noise_mask else latent)


@node(
    "InstructPixToPix Conditioning",
    category="conditioning/instructpix2pix",
    id="InstructPixToPixConditioning",
    resource="gpu",
)
def instruct_pix_to_pix_conditioning(
    positive: Conditioning,
    negative: Conditioning,
    vae: Vae,
    pixels: Image,
    *,
    store: WeightStore,
    progress: Progress = SILENT,
) -> Inpainting:
    """Show a picture to a model that changes it as the prompt says (InstructPix2Pix, arXiv:2211.09800).

    Args:
        positive: What is to be changed.
        negative: What is not to be seen.
        vae: The autoencoder.
        pixels: The picture; what is over a multiple of 8 is cut off on all sides alike.
    """
    import torch

    around = vae_encode(pixels, vae, store=store, progress=progress)
    hole = Hole({"samples": around["samples"]})
    told, kept_from = (one.map(lambda each: replace(each, hole=hole)) for one in (positive, negative))
    return Inpainting(told, kept_from, {"samples": torch.zeros_like(around["samples"])})
