"""Adds patches to the weights of a module, once, when it is loaded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

import torch
from safetensors.torch import load_file

from graph_runtime import NodeError
from sd_nodes import sd3_loras, unet_loras
from sd_nodes.control_loras import completed
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.lora import changes, merged
from sd_nodes.diffusion.mixing import mixed
from sd_nodes.headers import read_header
from sd_nodes.layouts import CONTROL_LORA
from sd_nodes.loading import Loaded, load
from sd_nodes.patches import PART as LORA
from sd_nodes.patches import located
from sd_nodes.sources import locate
from sd_nodes.types import ControlNet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from diffusers import UNet2DConditionModel

    from graph_runtime import Folders
    from sd_nodes.components import Component
    from sd_nodes.diffusion.lora import Place
    from sd_nodes.types import Patch, Recipe

Tensors = dict[str, "torch.Tensor"]

PROCESSOR = re.compile(r"\.processor\.to_(q|k|v|out)_lora\.(down|up)\.")
"""How older releases of diffusers name the changes of attention."""

ORIGINAL: dict[str, Callable[[Iterable[str]], Mapping[str, Sequence[Place]]]] = {
    "unet": unet_loras.places,
    "transformer": sd3_loras.places,
}
"""Where changes go that are named after the layers of the original code, by the part of the model."""

DIFFERENCE = "difference"
"""The name of the tensor by which a ControlNet says so."""


def load_patched(
    component: Component, recipe: Recipe, dtype: torch.dtype, folders: Folders
) -> tuple[Loaded, list[str]]:
    """Load a part of a model with its patches, and return what the user should know beside it.

    Args:
        component: Where it lies.
        recipe: What it is loaded for.
        dtype: Its type, where nothing is added to it; else float32.
        folders: Where what is added lies.

    Raises:
        NodeError: Weights are missing, or do not fit.
    """
    patches: tuple[Patch, ...] = getattr(recipe, "patches", ())
    base = recipe.base if isinstance(recipe, ControlNet) else None
    if component.part == CONTROL_LORA:
        if base is None:
            raise NodeError(f"“{recipe.source.name}” is a control-LoRA: it is completed by the model that it steers.")
        whole = cast("UNet2DConditionModel", load(locate(base, folders), torch.float32).module)
        notes = patch(whole, base.part, patches, folders)
        return Loaded(completed(component, whole).eval().requires_grad_(False)), notes
    loaded = load(component, torch.float32 if patches or base else dtype)
    if base is not None and is_difference(component):
        add_weights(loaded.module, load(locate(base, folders), torch.float32).module)
    return loaded, patch(loaded.module, component.part, patches, folders)


def patch(module: torch.nn.Module, part: str, patches: Iterable[Patch], folders: Folders) -> list[str]:
    """Add patches to a module's weights, in float32, and return what the user should know.

    Args:
        module: The module; its weights change.
        part: `unet`, `text_encoder` or `text_encoder_2`.
        patches: What is added, in this order.
        folders: Where it lies.

    Raises:
        NodeError: A patch is not there, or does not fit the weights.
    """
    notes: list[str] = []
    for each in patches:
        if each.source.part != LORA:
            notes += _mix(module, each, folders) if each.source.part == part else []
            continue
        file = renamed(load_file(located(each, folders)), list(module.state_dict()), part)
        try:
            others = ORIGINAL[part](module.state_dict()) if part in ORIGINAL else None
            found, unknown = changes(file, part, module.state_dict(), others)
            module.load_state_dict(merged(module.state_dict(), found, each.strength), strict=False)
        except SettingError as problem:
            raise NodeError(f"“{each.source.name}”: {problem}") from problem
        if unknown:
            told = f"{len(unknown)} of its changes fit no weight of the {part}, such as {unknown[0]}"
            notes.append(f"the LoRA “{each.source.name}”: {told}")
    return notes


def _mix(module: torch.nn.Module, patch_: Patch, folders: Folders) -> list[str]:
    """Mix a module's weights with those of another one."""
    other = load(locate(patch_.source, folders), torch.float32).module
    notes = patch(other, patch_.source.part, patch_.patches, folders)
    module.load_state_dict(mixed(module.state_dict(), other.state_dict(), patch_.kept, patch_.strength, patch_.within))
    return notes


def is_difference(component: Component) -> bool:
    """Tell whether a file says that its weights are differences from those of a denoising network."""
    return component.folder is None and DIFFERENCE in read_header(component.root)


def add_weights(module: torch.nn.Module, base: torch.nn.Module) -> None:
    """Add to a module's weights those of the same names in another one."""
    theirs = base.state_dict()
    sums = {name: mine + theirs[name] for name, mine in module.state_dict().items() if name in theirs}
    module.load_state_dict(sums, strict=False)


def renamed(file: Tensors, weights: list[str], part: str) -> Tensors:
    """Return the tensors of a LoRA file by names that diffusers has today.

    Older releases name the layers of attention after their processors, and nest text encoders once more.

    Args:
        file: The tensors.
        weights: The names of the weights that they change.
        part: `unet`, `text_encoder` or `text_encoder_2`.
    """
    plain = {PROCESSOR.sub(_layer, name): tensor for name, tensor in file.items()}
    if part in ("unet", "transformer") or any(name.startswith("text_model.") for name in weights):
        return plain
    return {name.replace(f"{part}.text_model.", f"{part}."): tensor for name, tensor in plain.items()}


def _layer(match: re.Match[str]) -> str:
    layer = "to_out.0" if match[1] == "out" else f"to_{match[1]}"
    return f".{layer}.lora.{match[2]}."
