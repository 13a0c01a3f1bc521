"""Pictures to latents and back, tile by tile: less memory for large pictures, nearly the same result."""

from __future__ import annotations

from typing import Annotated

from graph_runtime import SILENT, Progress, Range, node
from sd_nodes.types import Image, Latent, Vae
from sd_nodes.weights import WeightStore

Overlap = Annotated[int, Range(0, 4096, 32)]
Frames = Annotated[int, Range(8, 4096, 4)]
FramesOverlap = Annotated[int, Range(4, 4096, 4)]


@node("VAE Decode (Tiled)", category="_for_testing", id="VAEDecodeTiled", resource="gpu")
def vae_decode_tiled(
    samples: Latent,
    vae: Vae,
    tile_size: Annotated[int, Range(64, 4096, 32)] = 512,
    overlap: Overlap = 64,
    temporal_size: Frames = 64,
    temporal_overlap: FramesOverlap = 8,
    *,
    store: WeightStore,
    progress: Progress = SILENT,
) -> Image:
    """Turn latents into pictures, tile by tile.

    Args:
        samples: The latents.
        vae: The autoencoder.
        tile_size: The side of a tile in pixels of the picture.
        overlap: How far tiles overlap in pixels of the picture; at most a quarter of a tile.
        temporal_size: For autoencoders of films alone: frames decoded at once.
        temporal_overlap: For autoencoders of films alone: frames that overlap.

    Returns:
        IMAGE: The pictures.
    """
    from sd_nodes.diffusion.tiles import decode_in_tiles
    from sd_nodes.diffusion.vae import factor

    with store.vae(vae) as module:
        for note in store.notes(vae):
            progress.say(note, once=True)
        side = factor(module)
        shared = min(overlap, tile_size // 4)
        return Image(decode_in_tiles(samples["samples"], module, tile_size // side, shared // side, progress))


@node("VAE Encode (Tiled)", category="_for_testing", id="VAEEncodeTiled", resource="gpu")
def vae_encode_tiled(
    pixels: Image,
    vae: Vae,
    tile_size: Annotated[int, Range(64, 4096, 64)] = 512,
    overlap: Overlap = 64,
    temporal_size: Frames = 64,
    temporal_overlap: FramesOverlap = 8,
    *,
    store: WeightStore,
    progress: Progress = SILENT,
) -> Latent:
    """Turn pictures into latents, tile by tile: the means that the autoencoder gives.

    Args:
        pixels: The pictures; what is over a multiple of 8 is cut off on all sides alike.
        vae: The autoencoder.
        tile_size: The side of a tile in pixels.
        overlap: How far tiles overlap in pixels; less than half a tile.
        temporal_size: For autoencoders of films alone: frames encoded at once.
        temporal_overlap: For autoencoders of films alone: frames that overlap.

    Returns:
        LATENT: The latents.
    """
    from sd_nodes.diffusion.tiles import encode_in_tiles
    from sd_nodes.diffusion.vae import factor
    from sd_nodes.imaging.inpainting import to_multiples

    with store.vae(vae) as module:
        for note in store.notes(vae):
            progress.say(note, once=True)
        picture = to_multiples(pixels[..., :3], factor(module))
        return {"samples": encode_in_tiles(picture, module, tile_size, overlap, progress)}
