"""Loads models: each loader gives recipes, which cost nothing; the weights are read when a node computes with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal, NamedTuple

from graph_runtime import Folders, node
from sd_nodes import sources
from sd_nodes.places import BASE, CONTROLNET, SAFETY, VAE, choices
from sd_nodes.recipes import Told
from sd_nodes.types import Clip, ControlNet, Model, SafetyChecker, Vae

BaseName = Annotated[str, choices(BASE)]
ControlNetName = Annotated[str, choices(CONTROLNET)]
VaeName = Annotated[str, choices(VAE)]
SafetyName = Annotated[str, choices(SAFETY)]
ControlKind = Literal[
    "auto", "canny", "depth", "pose", "scribble", "softedge", "lineart", "lines", "normal", "segmentation",
    "shuffle", "tile", "inpaint", "instructions",
]  # fmt: skip
"""`auto` reads it off the ControlNet's name; the others are those of `families.KINDS`."""


class BaseModel(NamedTuple):
    """The parts of a base model.

    Args:
        model: The denoising network with its scheduler.
        clip: The text encoder with its tokenizer.
        vae: The autoencoder between pictures and latents.
        safety_checker: The safety checker, where the model comes with one.
    """

    model: Model
    clip: Clip
    vae: Vae
    safety_checker: SafetyChecker | None


class Checkpoint(NamedTuple):
    """The parts of a checkpoint.

    Args:
        MODEL: The denoising network with its scheduler.
        CLIP: The text encoder with its tokenizer.
        VAE: The autoencoder between pictures and latents.
    """

    MODEL: Model
    CLIP: Clip
    VAE: Vae


@node("Load Base Model", category="loaders", static=True, version=2)
def load_base_model(name: BaseName, folders: Folders) -> BaseModel:
    """Load a Stable Diffusion model.

    The T5 of SD3 is told 256 tokens of a prompt at least, as diffusers' pipelines do, and zeros stand for one that is
    not there; Load Checkpoint has 77, and nothing.

    Args:
        name: A diffusers folder, a .safetensors file, a model that ships with the pack such as `emoji`, or a hub id.
    """
    found = sources.checkpoint(name, folders)
    clip = replace(found.clip, told=Told(256, stands_in=True)) if found.clip.family == "sd3" else found.clip
    return BaseModel(found.model, clip, found.vae, found.safety)


@node("Load Checkpoint", category="loaders", id="CheckpointLoaderSimple", static=True)
def checkpoint_loader_simple(ckpt_name: BaseName, folders: Folders) -> Checkpoint:
    """Load a Stable Diffusion checkpoint.

    Args:
        ckpt_name: What Load Base Model takes: a file, a folder, a shipped model or a hub id.
    """
    found = sources.checkpoint(ckpt_name, folders)
    return Checkpoint(found.model, found.clip, found.vae)


@node("Load ControlNet Model", category="loaders", id="ControlNetLoader", static=True)
def controlnet_loader(control_net_name: ControlNetName, folders: Folders, kind: ControlKind = "auto") -> ControlNet:
    """Load a ControlNet, a T2I adapter (arXiv:2302.08453) or a control-LoRA, which the model that it steers completes.

    Args:
        control_net_name: A diffusers folder, a .safetensors file, a shipped one such as `emoji-canny`, or a hub id.
        kind: What it was trained for; a control picture of another kind is told. `auto` reads it off the name.

    Returns:
        CONTROL_NET: The ControlNet.
    """
    return sources.controlnet(control_net_name, folders, "" if kind == "auto" else kind)


@node("Load VAE", category="loaders", id="VAELoader", static=True)
def vae_loader(vae_name: VaeName, folders: Folders) -> Vae:
    """Load an autoencoder that lies by itself, or the one of a base model.

    Args:
        vae_name: A diffusers folder, a .safetensors file, a shipped model or a hub id.

    Returns:
        VAE: The autoencoder.
    """
    return sources.vae(vae_name, folders)


@node("Load Safety Checker", category="loaders", static=True)
def load_safety_checker(name: SafetyName, folders: Folders) -> SafetyChecker:
    """Load a safety checker that lies by itself, or the one of a base model.

    Args:
        name: A diffusers folder, a shipped one such as `emoji-safety`, or a hub id.

    Returns:
        safety_checker: The safety checker.
    """
    return sources.safety_checker(name, folders)
