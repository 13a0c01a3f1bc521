"""Enlarges pictures with a network trained for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

from graph_runtime import SILENT, Folders, NodeError, Progress, node
from sd_nodes import part_sources
from sd_nodes.places import UPSCALE, choices
from sd_nodes.types import Image, UpscaleModel
from sd_nodes.weights import WeightStore

if TYPE_CHECKING:
    from sd_nodes.imaging.upscaling import Upscaler

UpscalerName = Annotated[str, choices(UPSCALE)]
TILE, OVERLAP = 512, 32
"""The side of the tiles that large pictures are cut into, and how far they overlap, in pixels."""


@node("Load Upscale Model", category="loaders", id="UpscaleModelLoader", static=True)
def upscale_model_loader(model_name: UpscalerName, folders: Folders) -> UpscaleModel:
    """Load a network that enlarges pictures.

    Args:
        model_name: A .safetensors file of ESRGAN or Real-ESRGAN in any of their layouts, its compact network, or SPAN.

    Returns:
        UPSCALE_MODEL: The network.
    """
    return part_sources.upscaler(model_name, folders)


@node("Upscale Image (using Model)", category="image/upscaling", id="ImageUpscaleWithModel", resource="gpu")
def image_upscale_with_model(
    upscale_model: UpscaleModel, image: Image, *, store: WeightStore, progress: Progress = SILENT
) -> Image:
    """Enlarge pictures with a network, by the factor that it was trained for.

    Args:
        upscale_model: The network.
        image: The pictures; large ones are cut into tiles that fade into each other.

    Returns:
        IMAGE: The larger pictures.
    """
    import torch

    from sd_nodes.diffusion.tiles import mapped_in_tiles
    from sd_nodes.diffusion.views import device_of

    with store.module(upscale_model) as module, torch.no_grad():
        network = cast("Upscaler", module)
        for note in store.notes(upscale_model):
            progress.say(note, once=True)
        place = next(network.parameters())
        pixels = image[..., :3].movedim(-1, 1)

        def enlarged(tile: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = network(tile.to(device_of(network), place.dtype))
            return found

        found = mapped_in_tiles(pixels, enlarged, TILE, OVERLAP, float(network.scale), progress)
    if not found.isfinite().all():
        raise NodeError("the network gave NaN: compute it in a wider dtype (Model Dtype), such as float32.")
    return Image(found.clamp(0, 1).movedim(1, -1).contiguous())
