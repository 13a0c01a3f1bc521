"""What is said of models that are not what is looked for: of a family that is not read here, or of another kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph_runtime import NodeError
from sd_nodes.families import CLASSES, family_of_transformer
from sd_nodes.headers import read_header

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sd_nodes.components import Component

LOADERS = {
    "controlnet": "Load ControlNet Model", "upscaler": "Load Upscale Model", "gligen": "GLIGENLoader",
    "style_model": "Load Style Model", "image_encoder": "Load CLIP Vision", "unet": "Load Diffusion Model",
    "transformer": "Load Diffusion Model", "text_encoder": "Load CLIP", "text_encoder_2": "Load CLIP",
    "text_encoder_3": "Load CLIP", "vae": "Load VAE", "safety_checker": "Load Safety Checker",
}  # fmt: skip
"""The node that loads each kind of model by itself."""

READ = "sd3"
"""The family of transformers that is read."""


def demand_read(name: str, root: Path, found: Mapping[str, Component]) -> None:
    """Make sure that a model is not of a family of transformers that is not read here, such as Flux.

    Args:
        name: The model's name.
        root: The folder or file that it led to.
        found: The parts that are there.

    Raises:
        NodeError: It is.
    """
    family = _family(root, found)
    if family not in ("", READ):
        raise NodeError(
            f"“{name}” is a model of the family {family}, which is not read here; those of Stable Diffusion are: "
            "sd1, sd2, sdxl with its refiner, and sd3."
        )


def _family(root: Path, found: Mapping[str, Component]) -> str:
    """The family of a transformer; empty where there is none, or nothing tells."""
    network = found.get("transformer")
    if network is not None and (config := network.config()):
        return CLASSES.get(str(config.get("_class_name")), "")
    if network is not None or "unet" in found or "controlnet" in found or not root.is_file():
        return ""
    return family_of_transformer({name: tensor.shape for name, tensor in read_header(root).items()})


def loaded_by(found: Mapping[str, Component]) -> str:
    """Tell what loads a model that is of another kind than the one that is looked for."""
    whole = "vae" in found and ("unet" in found or "transformer" in found)
    if whole and "image_encoder" in found and "text_encoder" not in found:
        return " It is told of pictures rather than of texts: Image Only Checkpoint Loader (img2vid model) loads it."
    if whole:
        return " It is a base model: Load Base Model and Load Checkpoint load it."
    loader = next((LOADERS[part] for part in found if part in LOADERS), "")
    return f" {loader} loads it." if loader else ""
