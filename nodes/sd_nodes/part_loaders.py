"""Loads models that lie by themselves: networks, text encoders, ControlNets stored as differences."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from graph_runtime import Folders, NodeError, node
from sd_nodes import part_sources, sources
from sd_nodes.loaders import Checkpoint, ControlNetName
from sd_nodes.places import DIFFUSERS, TEXT, UNET, choices
from sd_nodes.recipes import Storage
from sd_nodes.types import Clip, ControlNet, Model

UnetName = Annotated[str, choices(UNET)]
ClipName = Annotated[str, choices(TEXT)]
FolderName = Annotated[str, choices(DIFFUSERS)]
ClipType = Literal[
    "stable_diffusion", "stable_cascade", "sd3", "stable_audio", "mochi", "ltxv", "pixart", "cosmos", "lumina2", "wan",
    "hidream", "chroma", "ace", "omnigen2", "qwen_image", "hunyuan_image",
]  # fmt: skip
PairType = Literal["sdxl", "sd3", "flux", "hunyuan_video", "hidream", "hunyuan_image"]
Device = Literal["default", "cpu"]
WeightType = Literal["default", "fp8_e4m3fn", "fp8_e4m3fn_fast", "fp8_e5m2"]
STORAGE: dict[WeightType, Storage] = {
    "default": "same",
    "fp8_e4m3fn": "float8_e4m3fn",
    "fp8_e4m3fn_fast": "float8_e4m3fn",
    "fp8_e5m2": "float8_e5m2",
}
FAMILIES = {"stable_diffusion": "", "sdxl": "sdxl", "sd3": "sd3"}
"""The families whose text encoders are read here, by the words of these nodes; empty where the width tells."""


@node("Load Diffusion Model", category="advanced/loaders", id="UNETLoader", static=True)
def unet_loader(
    unet_name: UnetName,
    weight_dtype: WeightType = "default",
    *,
    folders: Folders,
) -> Model:
    """Load a denoising network that lies by itself.

    Args:
        unet_name: A .safetensors file, a diffusers folder or a hub id.
        weight_dtype: The numbers that weights wait in: those they are computed in, or 8 bits, which take half the
            memory and are less exact.

    Returns:
        MODEL: The denoising network.
    """
    model = part_sources.unet(unet_name, folders)
    return replace(model, settings=replace(model.settings, storage=STORAGE[weight_dtype]))


@node("Load CLIP", category="advanced/loaders", id="CLIPLoader", static=True)
def clip_loader(
    clip_name: ClipName, type: ClipType = "stable_diffusion", device: Device = "default", *, folders: Folders
) -> Clip:
    """Load a text encoder that lies by itself.

    Args:
        clip_name: A .safetensors file, a diffusers folder or a hub id.
        type: The family it reads prompts for: `stable_diffusion` (1, 2 and the refiner of SDXL, told by its width) or
            `sd3`.
        device: `cpu` computes it there whatever else there is.

    Returns:
        CLIP: The text encoder.
    """
    return _placed(part_sources.clip([clip_name], folders, _family(type)), device)


@node("DualCLIPLoader", category="advanced/loaders", id="DualCLIPLoader", static=True)
def dual_clip_loader(
    clip_name1: ClipName,
    clip_name2: ClipName,
    type: PairType = "sdxl",
    device: Device = "default",
    *,
    folders: Folders,
) -> Clip:
    """Load two text encoders that read a prompt side by side.

    Args:
        clip_name1: One of them; which is which is told by their weights.
        clip_name2: The other.
        type: The family they read prompts for: `sdxl` or `sd3`.
        device: `cpu` computes them there whatever else there is.

    Returns:
        CLIP: The text encoders.
    """
    return _placed(part_sources.clip([clip_name1, clip_name2], folders, _family(type)), device)


@node("TripleCLIPLoader", category="advanced/loaders", id="TripleCLIPLoader", static=True)
def triple_clip_loader(clip_name1: ClipName, clip_name2: ClipName, clip_name3: ClipName, folders: Folders) -> Clip:
    """Load the three text encoders of SD3: both of CLIP, and T5.

    Args:
        clip_name1: One of them; which is which is told by their weights.
        clip_name2: Another one.
        clip_name3: The third.

    Returns:
        CLIP: The text encoders.
    """
    return part_sources.clip([clip_name1, clip_name2, clip_name3], folders, "sd3")


@node("DiffusersLoader", category="advanced/loaders/deprecated", id="DiffusersLoader", static=True)
def diffusers_loader(model_path: FolderName, folders: Folders) -> Checkpoint:
    """Load a Stable Diffusion model from a diffusers folder.

    Args:
        model_path: The folder.
    """
    found = sources.checkpoint(model_path, folders)
    return Checkpoint(found.model, found.clip, found.vae)


@node("Load ControlNet Model (diff)", category="loaders", id="DiffControlNetLoader", static=True)
def diff_controlnet_loader(model: Model, control_net_name: ControlNetName, folders: Folders) -> ControlNet:
    """Load a ControlNet whose weights are stored as differences from a model's; others are loaded as they are.

    Args:
        model: The model that the differences are added to.
        control_net_name: A .safetensors file.

    Returns:
        CONTROL_NET: The ControlNet.
    """
    return part_sources.difference(model, sources.controlnet(control_net_name, folders))


def _family(type: str) -> str:
    if type not in FAMILIES:
        raise NodeError(f"text encoders of {type} are not read here; there are {', '.join(FAMILIES)}.", input="type")
    return FAMILIES[type]


def _placed(clip: Clip, device: Device) -> Clip:
    return replace(clip, settings=replace(clip.settings, device="cpu")) if device == "cpu" else clip
