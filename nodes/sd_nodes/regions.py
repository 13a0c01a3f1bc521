"""Conditionings bound to a part of the picture or of the sampling."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from graph_runtime import Range, node
from sd_nodes.types import Area, Conditioning, Mask

Side = Annotated[int, Range(64, 16384, 8)]
Place = Annotated[int, Range(0, 16384, 8)]
Share = Annotated[float, Range(0.0, 1.0, 0.01)]
Strength = Annotated[float, Range(0.0, 10.0, 0.01)]
Fraction = Annotated[float, Range(0.0, 1.0, 0.001)]


@node("Conditioning (Set Area)", category="conditioning", id="ConditioningSetArea")
def conditioning_set_area(
    conditioning: Conditioning,
    width: Side = 64,
    height: Side = 64,
    x: Place = 0,
    y: Place = 0,
    strength: Strength = 1.0,
) -> Conditioning:
    """Bind a conditioning to a rectangle of the picture, in pixels.

    Args:
        conditioning: The conditioning.
        width: The width of the rectangle.
        height: Its height.
        x: Its left border.
        y: Its upper border.
        strength: How much it counts there beside others.

    Returns:
        CONDITIONING: The conditioning, bound to the rectangle.
    """
    return _bound(conditioning, Area(width // 8, height // 8, x // 8, y // 8), strength)


@node("Conditioning (Set Area with Percentage)", category="conditioning", id="ConditioningSetAreaPercentage")
def conditioning_set_area_percentage(
    conditioning: Conditioning,
    width: Share = 1.0,
    height: Share = 1.0,
    x: Share = 0.0,
    y: Share = 0.0,
    strength: Strength = 1.0,
) -> Conditioning:
    """Bind a conditioning to a rectangle of the picture, in fractions of its sides.

    Args:
        conditioning: The conditioning.
        width: The width of the rectangle.
        height: Its height.
        x: Its left border.
        y: Its upper border.
        strength: How much it counts there beside others.

    Returns:
        CONDITIONING: The conditioning, bound to the rectangle.
    """
    return _bound(conditioning, Area(width, height, x, y, relative=True), strength)


@node("Conditioning Set Area Strength", category="conditioning", id="ConditioningSetAreaStrength")
def conditioning_set_area_strength(conditioning: Conditioning, strength: Strength = 1.0) -> Conditioning:
    """Set how much a conditioning counts beside others.

    Args:
        conditioning: The conditioning.
        strength: How much it counts.

    Returns:
        CONDITIONING: The conditioning with this strength.
    """
    return conditioning.map(lambda one: replace(one, strength=strength))


@node("Conditioning (Set Mask)", category="conditioning", id="ConditioningSetMask")
def conditioning_set_mask(
    conditioning: Conditioning,
    mask: Mask,
    strength: Strength = 1.0,
    set_cond_area: Literal["default", "mask bounds"] = "default",
) -> Conditioning:
    """Bind a conditioning to the light parts of a mask.

    Args:
        conditioning: The conditioning.
        mask: How much it counts at each place; scaled to the picture.
        strength: What the mask is multiplied by.
        set_cond_area: `default` computes the whole picture, `mask bounds` the rectangle around the mask alone.

    Returns:
        CONDITIONING: The conditioning, bound to the mask.
    """
    from sd_nodes.imaging.masking import layers

    bounds, whole = set_cond_area == "mask bounds", Mask(layers(mask))
    return conditioning.map(lambda one: replace(one, mask=whole, mask_strength=strength, mask_bounds=bounds))


@node("Conditioning Set Timestep Range", category="advanced/conditioning", id="ConditioningSetTimestepRange")
def conditioning_set_timestep_range(
    conditioning: Conditioning, start: Fraction = 0.0, end: Fraction = 1.0
) -> Conditioning:
    """Let a conditioning steer during a part of the sampling.

    Args:
        conditioning: The conditioning.
        start: The fraction of the noise table before which it is off: 0 is all noise.
        end: The fraction of the noise table after which it is off: 1 is no noise.

    Returns:
        CONDITIONING: The conditioning, bound to that part.
    """
    return conditioning.map(lambda one: replace(one, start=start, end=end))


def _bound(conditioning: Conditioning, area: Area, strength: float) -> Conditioning:
    return conditioning.map(lambda one: replace(one, area=area, strength=strength, mask_bounds=False))
