"""Other views of an object in a picture (Zero-1-to-3, arXiv:2303.11328)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, NamedTuple, cast

from graph_runtime import Range, node
from sd_nodes.types import ClipVision, Condition, Conditioning, Hole, Image, Latent, Vae
from sd_nodes.weights import WeightStore

if TYPE_CHECKING:
    from transformers import CLIPVisionModelWithProjection

Side = Annotated[int, Range(16, 16384, 8)]
Angle = Annotated[float, Range(-180.0, 180.0, 0.1)]
FAMILY = "sd1"


class View(NamedTuple):
    """What a model is told of the view to draw.

    Args:
        positive: The picture, and where the camera goes.
        negative: Nothing.
        latent: Empty latents.
    """

    positive: Conditioning
    negative: Conditioning
    latent: Latent


@node("StableZero123_Conditioning", category="conditioning/3d_models", id="StableZero123_Conditioning", resource="gpu")
def stable_zero123_conditioning(
    clip_vision: ClipVision,
    init_image: Image,
    vae: Vae,
    width: Side = 256,
    height: Side = 256,
    batch_size: Annotated[int, Range(1, 4096)] = 1,
    elevation: Angle = 0.0,
    azimuth: Angle = 0.0,
    *,
    store: WeightStore,
) -> View:
    """Tell Stable Zero123 which object to draw, and from where.

    Args:
        clip_vision: The network that sees the picture.
        init_image: The object, on white.
        vae: The autoencoder.
        width: The width of the picture to be drawn, in pixels.
        height: Its height.
        batch_size: How many pictures are drawn at once.
        elevation: How far the camera rises, in degrees.
        azimuth: How far it goes around the object, in degrees.
    """
    import torch

    from sd_nodes.diffusion.vae import encode
    from sd_nodes.diffusion.vision import see
    from sd_nodes.resizing import resize

    with store.module(clip_vision) as module:
        seen = see(init_image, cast("CLIPVisionModelWithProjection", module)).embeds[:, None]
    with store.vae(vae) as autoencoder:
        fitted = resize(init_image, width, height, "bilinear", crop=True)
        around = encode(fitted[..., :3], autoencoder).float().cpu()
    camera = seen.new_tensor(_camera(elevation, azimuth)).expand(len(seen), 1, -1)
    told = Condition(torch.cat([seen, camera], dim=-1), hole=Hole({"samples": around}))
    untold = Condition(torch.zeros_like(seen), hole=Hole({"samples": torch.zeros_like(around)}))
    latents = torch.zeros(batch_size, 4, height // 8, width // 8)
    return View(Conditioning((told,), FAMILY), Conditioning((untold,), FAMILY), {"samples": latents})


def _camera(elevation: float, azimuth: float) -> list[float]:
    """The place of the camera as the model was told it: its change from that of the picture, which is level."""
    around = math.radians(azimuth)
    return [math.radians(-elevation), math.sin(around), math.cos(around), math.radians(90.0)]
