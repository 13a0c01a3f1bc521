"""Changes inside of a network: smaller features, merged tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from graph_runtime import Range, node
from sd_nodes.tweaks import Reused, Shrinking
from sd_nodes.types import Model

Fraction = Annotated[float, Range(0.0, 1.0, 0.001)]
Method = Literal["bicubic", "nearest-exact", "bilinear", "area", "bislerp"]


@node(
    "PatchModelAddDownscale (Kohya Deep Shrink)",
    category="model_patches/unet",
    id="PatchModelAddDownscale",
    static=True,
)
def patch_model_add_downscale(
    model: Model,
    block_number: Annotated[int, Range(1, 32)] = 3,
    downscale_factor: Annotated[float, Range(0.1, 9.0, 0.001)] = 2.0,
    start_percent: Fraction = 0.0,
    end_percent: Fraction = 0.35,
    downscale_after_skip: bool = True,
    downscale_method: Method = "bicubic",
    upscale_method: Method = "bicubic",
) -> Model:
    """Keep the composition of large pictures: the network's inner features are smaller in the first steps.

    Args:
        model: The model.
        block_number: The input block behind which features are made smaller; 3 is the first downsampler.
        downscale_factor: By how much.
        start_percent: The fraction of the noise table before which they are not.
        end_percent: The fraction of the noise table after which they are not.
        downscale_after_skip: Whether the skip connection of that block keeps its size.
        downscale_method: How features are made smaller.
        upscale_method: How they are brought back.

    Returns:
        MODEL: The model, computed this way.
    """
    shrinking = Shrinking(
        block_number, downscale_factor, start_percent, end_percent, downscale_after_skip, downscale_method,
        upscale_method,
    )  # fmt: skip
    return replace(model, tweaks=replace(model.tweaks, shrinking=shrinking))


@node("TomePatchModel", category="model_patches/unet", id="TomePatchModel", static=True)
def tome_patch_model(model: Model, ratio: Annotated[float, Range(0.0, 1.0, 0.01)] = 0.3) -> Model:
    """Merge tokens that look alike where a network attends to itself (arXiv:2303.17604): faster, and not the same.

    Args:
        model: The model.
        ratio: Which part of the tokens is merged, at most three quarters.

    Returns:
        MODEL: The model, computed this way.
    """
    return replace(model, tweaks=replace(model.tweaks, merged=ratio))


@node("Reuse Features", category="model/settings", static=True)
def reuse_features(
    model: Model, every: Annotated[int, Range(1, 20)] = 2, depth: Annotated[int, Range(1, 4)] = 1
) -> Model:
    """Compute a UNet's inner blocks, and its ControlNets, every few steps only (DeepCache): faster, and not the same.

    With the demonstration model, 20 steps: every 2 is 1.7 times as fast and changes a picture by 4 grey levels of 255
    in the mean, every 3 is 2.4 times as fast and changes 12; half the steps are 1.8 times as fast and change 13. A step
    between takes 7 % of a whole one at Stable Diffusion 1.5's size (256 x 256), with depth 2 a fifth, with 3 a third.
    Sampler follows it; steps are not recorded as CUDA graphs.

    Args:
        model: The model.
        every: Every so many steps all of it is computed; 1 changes nothing.
        depth: How many of the decoder's last layers are computed in the steps between: more are slower, and nearer.

    Returns:
        model: The model, computed this way.
    """
    return replace(model, tweaks=replace(model.tweaks, reused=Reused(every, depth) if every > 1 else None))
