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
    cameras = [_camera(elevation, azimuth)]
    return _view(clip_vision, init_image, vae, (width, height, batch_size), cameras, store)


@node(
    "StableZero123_Conditioning_Batched",
    category="conditioning/3d_models",
    id="StableZero123_Conditioning_Batched",
    resource="gpu",
)
def stable_zero123_conditioning_batched(
    clip_vision: ClipVision,
    init_image: Image,
    vae: Vae,
    width: Side = 256,
    height: Side = 256,
    batch_size: Annotated[int, Range(1, 4096)] = 1,
    elevation: Angle = 0.0,
    azimuth: Angle = 0.0,
    elevation_batch_increment: Angle = 0.0,
    azimuth_batch_increment: Angle = 0.0,
    *,
    store: WeightStore,
) -> View:
    """Tell Stable Zero123 which object to draw, and from where in each picture of a batch; all get the same noise.

    Args:
        clip_vision: The network that sees the picture.
        init_image: The object, on white.
        vae: The autoencoder.
        width: The width of the pictures to be drawn, in pixels.
        height: Their height.
        batch_size: How many pictures are drawn at once.
        elevation: How far the camera rises in the first picture, in degrees.
        azimuth: How far it goes around the object in the first picture, in degrees.
        elevation_batch_increment: How much further it rises with each picture.
        azimuth_batch_increment: How much further it goes around with each picture.
    """
    turns = range(batch_size)
    cameras = [
        _camera(elevation + turn * elevation_batch_increment, azimuth + turn * azimuth_batch_increment)
        for turn in turns
    ]
    view = _view(clip_vision, init_image, vae, (width, height, batch_size), cameras, store)
    return view._replace(latent={**view.latent, "batch_index": [0] * batch_size})


def _view(
    clip_vision: ClipVision,
    init_image: Image,
    vae: Vae,
    size: tuple[int, int, int],
    cameras: list[list[float]],
    store: WeightStore,
) -> View:
    """Return what a model is told of views of an object, `size` being their width, their height and how many."""
    import torch

    from sd_nodes.diffusion.vae import encode
    from sd_nodes.diffusion.vision import see
    from sd_nodes.imaging.pasting import fit_batch
    from sd_nodes.resizing import resize

    width, height, batch_size = size
    with store.module(clip_vision) as module:
        seen = see(init_image, cast("CLIPVisionModelWithProjection", module)).embeds[:, None]
    with store.vae(vae) as autoencoder:
        fitted = resize(init_image, width, height, "bilinear", crop=True)
        around = encode(fitted[..., :3], autoencoder).float().cpu()
    count = max(len(seen), len(cameras))
    camera = fit_batch(seen.new_tensor(cameras)[:, None], count)
    told = Condition(torch.cat([fit_batch(seen, count), camera], dim=-1), hole=Hole({"samples": around}))
    untold = Condition(torch.zeros_like(seen), hole=Hole({"samples": torch.zeros_like(around)}))
    latents = torch.zeros(batch_size, 4, height // 8, width // 8)
    return View(Conditioning((told,), FAMILY), Conditioning((untold,), FAMILY), {"samples": latents})


def _camera(elevation: float, azimuth: float) -> list[float]:
    """The place of the camera as the model was told it: its change from that of the picture, which is level."""
    around = math.radians(azimuth)
    return [math.radians(-elevation), math.sin(around), math.cos(around), math.radians(90.0)]
