"""Brings a loaded module to where it computes, in the numbers and by the kernels that its recipe asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from diffusers import T2IAdapter

from sd_nodes.diffusion.attention import set_attention
from sd_nodes.diffusion.compiling import compile_blocks
from sd_nodes.diffusion.offloading import bring_groups, bring_layers, store_as
from sd_nodes.types import ControlNet, Model, Vae

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sd_nodes.placement import Placement
    from sd_nodes.types import Recipe

ATTENDING = (Model, ControlNet, Vae)
"""Recipes of diffusers' modules, whose attention can be computed by several backends."""


def settle(module: torch.nn.Module, recipe: Recipe, placement: Placement, state: Path | None) -> str:
    """Settle a module; return what is done otherwise than asked for, or nothing.

    Args:
        module: The module, on the CPU.
        recipe: What it was loaded for.
        placement: Where it computes.
        state: Where compiled kernels are kept between processes; None keeps them where torch does.
    """
    return "; ".join(filter(None, _settled(module, recipe, placement, state)))


def _settled(module: torch.nn.Module, recipe: Recipe, placement: Placement, state: Path | None) -> Iterator[str]:
    device = torch.device(placement.device)
    module.to(placement.dtype)
    if isinstance(recipe, ATTENDING) and not isinstance(module, T2IAdapter):  # which has no attention
        yield set_attention(module, recipe.settings.attention, device, placement.dtype)
    if placement.storage is not None:
        store_as(module, placement.storage, placement.dtype)
    if placement.offload == "sequential":
        bring_layers(module, device)
    elif placement.offload == "group":
        bring_groups(module, device)
    elif placement.offload == "none":
        module.to(device)
    if placement.compiled:
        yield compile_blocks(module, device, state)
