"""From recipes to what they need of memory: parameters from their files' headers, activations from their shapes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from graph_runtime import NodeError
from sd_nodes.control_loras import completed_header
from sd_nodes.diffusion import footprint
from sd_nodes.diffusion.footprint import PIXELS, Latents
from sd_nodes.layouts import CONTROL_LORA
from sd_nodes.memory import Part, Stage
from sd_nodes.shapes import READERS
from sd_nodes.sources import configuration, locate
from sd_nodes.types import (
    Clip,
    ClipVision,
    ControlNet,
    Gligen,
    Model,
    Recipe,
    SafetyChecker,
    Source,
    StyleModel,
    UpscaleModel,
    Vae,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from graph_runtime import Folders
    from sd_nodes.components import Component
    from sd_nodes.headers import Header
    from sd_nodes.shapes import Config

TITLES: dict[type[Recipe], str] = {
    Model: "UNet",
    ControlNet: "ControlNet",
    Clip: "text encoder",
    Vae: "VAE",
    SafetyChecker: "safety checker",
    ClipVision: "vision model",
    StyleModel: "style model",
    Gligen: "box layers",
    UpscaleModel: "upscaler",
}
"""What each kind of recipe is called, in the order in which they are told."""


def seen(samples: torch.Tensor) -> Latents:
    """Return what a network sees of latents, `[batch, channel, height, width]`."""
    return Latents(samples.shape[0], samples.shape[2], samples.shape[3])


def guided(samples: torch.Tensor) -> Latents:
    """Return what a network sees of latents in a guided step: the batch twice."""
    return replace(seen(samples), batch=2 * len(samples), guided=True)


def stage(
    name: str,
    recipes: Sequence[Recipe],
    folders: Folders,
    seen: Latents | None = None,
    device: Callable[[Recipe], str] = lambda recipe: "cpu",
) -> Stage:
    """Return what computes together.

    Args:
        name: Which node it is.
        recipes: What is in use at the same time; of a text encoder with several networks, one at a time.
        folders: Where models lie.
        seen: The latents that a network sees at once; None counts weights alone.
        device: Tells where a recipe computes.

    Raises:
        NodeError: A model is not there.
    """
    nets = [recipe for recipe in recipes if isinstance(recipe, ControlNet)]
    network = next((recipe.source for recipe in recipes if isinstance(recipe, Model)), None)
    parts = []
    for recipe in recipes:
        component = locate(recipe.source, folders)
        header = header_of(recipe, component, folders, network)
        counts = [tensor.parameters for tensor in header.values()]
        numbers = smaller = None
        if seen is not None and (config := _config(component)) is not None:
            numbers, smaller = _numbers(recipe, config, seen, nets)
        parts.append(
            Part(
                TITLES[type(recipe)], recipe, sum(counts), max(counts, default=0), numbers or 0, smaller, device(recipe)
            )
        )
    return Stage(name, tuple(parts), _told(seen))


def header_of(recipe: Recipe, component: Component, folders: Folders, network: Source | None = None) -> Header:
    """Return what the module of a recipe holds: more than its file, for a control-LoRA that is completed by a network.

    Args:
        recipe: The recipe.
        component: Where it lies.
        folders: Where models lie.
        network: The network that a control-LoRA steers, where its recipe does not say so yet.

    Raises:
        NodeError: The network is not there.
    """
    if not isinstance(recipe, ControlNet) or component.part != CONTROL_LORA:
        return component.header()
    base = recipe.base or network
    return component.header() if base is None else completed_header(component, locate(base, folders))


def _told(seen: Latents | None) -> str:
    if seen is None:
        return ""
    count = seen.batch // 2 if seen.guided else seen.batch
    pictures = f"{count} picture{'s' * (count != 1)} of {seen.width * PIXELS} x {seen.height * PIXELS}"
    return f"{pictures}, twice for guidance" if seen.guided else pictures


def _config(component: Component) -> Config | None:
    """The configuration of a part, or what its shapes tell of it; None where it cannot be told."""
    if component.folder is not None:
        return component.config()
    if component.part not in READERS:
        return None
    try:
        return configuration(component)
    except (NodeError, KeyError):
        return None


def _numbers(
    recipe: Recipe, config: Config, seen: Latents, nets: Sequence[ControlNet]
) -> tuple[int | None, int | None]:
    """The numbers alive at the peak, and with slices and tiles where a part can do that."""
    match recipe:
        case Model() | ControlNet() if "block_out_channels" not in config:
            return None, None  # a transformer of pictures: what it computes is not told
        case Model():
            return footprint.unet(config, seen, len(nets)), None
        case ControlNet():
            return footprint.controlnet(config, seen, nets.index(recipe)), None
        case Vae():
            own, least = (
                max(
                    footprint.decoder(config, seen, tiled=tiled, sliced=sliced),
                    footprint.encoder(config, seen, tiled=tiled, sliced=sliced),
                )
                for tiled, sliced in ((recipe.tiled, recipe.sliced), (True, True))
            )
            return own, least
        case Clip():
            return footprint.text_encoder(config), None
        case _:
            return None, None
