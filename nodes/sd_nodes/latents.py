"""Latents: empty ones to start from, pictures to latents, latents to pictures."""

from __future__ import annotations

from typing import Annotated

from graph_runtime import SILENT, NodeError, Progress, Range, node
from sd_nodes.needs import seen
from sd_nodes.types import Image, Latent, Vae
from sd_nodes.weights import WeightStore

Side = Annotated[int, Range(16, 16384, 8)]


@node("Empty Latent Image", category="latent", id="EmptyLatentImage")
def empty_latent_image(width: Side = 512, height: Side = 512, batch_size: Annotated[int, Range(1, 4096)] = 1) -> Latent:
    """Give empty latents: their size is the size of the picture to be drawn.

    Args:
        width: The width of the picture in pixels; what is over a multiple of 8 is left out.
        height: The height of the picture in pixels; likewise.
        batch_size: How many pictures are drawn at once.

    Returns:
        LATENT: Zeros, `[batch, 4, height / 8, width / 8]`.
    """
    import torch

    return {"samples": torch.zeros(batch_size, 4, height // 8, width // 8)}


@node("Empty SD3 Latent Image", category="latent/sd3", id="EmptySD3LatentImage")
def empty_sd3_latent_image(
    width: Annotated[int, Range(16, 16384, 16)] = 1024,
    height: Annotated[int, Range(16, 16384, 16)] = 1024,
    batch_size: Annotated[int, Range(1, 4096)] = 1,
) -> Latent:
    """Give empty latents of the 16 channels that SD3 has.

    Args:
        width: The width of the picture in pixels.
        height: The height of the picture in pixels.
        batch_size: How many pictures are drawn at once.

    Returns:
        LATENT: Zeros, `[batch, 16, height / 8, width / 8]`.
    """
    import torch

    return {"samples": torch.zeros(batch_size, 16, height // 8, width // 8)}


@node("VAE Decode", category="latent", id="VAEDecode", resource="gpu")
def vae_decode(samples: Latent, vae: Vae, *, store: WeightStore, progress: Progress = SILENT) -> Image:
    """Turn latents into pictures.

    Args:
        samples: The latents.
        vae: The autoencoder.

    Returns:
        IMAGE: The pictures.
    """
    from sd_nodes.diffusion.vae import decode

    with store.vae(vae, seen(samples["samples"])) as module:
        for note in store.notes(vae):
            progress.say(note, once=True)
        picture = decode(samples["samples"], module)
    if not picture.isfinite().all():
        raise NodeError(
            "the autoencoder gave NaN: compute it in a wider dtype (Model Dtype), such as float32.", input="vae"
        )
    return Image(picture)


@node("VAE Encode", category="latent", id="VAEEncode", resource="gpu")
def vae_encode(pixels: Image, vae: Vae, *, store: WeightStore, progress: Progress = SILENT) -> Latent:
    """Turn pictures into latents: the means that the autoencoder gives, and how far they are uncertain.

    Args:
        pixels: The pictures; what is over a multiple of 8 is cut off on all sides alike.
        vae: The autoencoder.

    Returns:
        LATENT: The latents.
    """
    from sd_nodes.diffusion.vae import distribution, factor
    from sd_nodes.imaging.inpainting import to_multiples

    with store.vae(vae) as module:
        for note in store.notes(vae):
            progress.say(note, once=True)
        fitted = to_multiples(pixels[..., :3], factor(module))
        if fitted.shape[1:3] != pixels.shape[1:3]:
            (height, width), (old_height, old_width) = fitted.shape[1:3], pixels.shape[1:3]
            progress.say(f"the picture is cut from {old_width} x {old_height} to {width} x {height}")
        found = distribution(fitted, module)
    return {"samples": found.mean.float().cpu(), "deviation": found.deviation.float().cpu()}
