"""The model files and pictures by their places, each made when it is not there yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from PIL import Image

from benchmarks.parity.cases import Case
from benchmarks.parity.weights.adapters import Lora, learned
from benchmarks.parity.weights.autoencoder import autoencoder
from benchmarks.parity.weights.drawn import Network, under, write
from benchmarks.parity.weights.pictures import PICTURES
from benchmarks.parity.weights.text import clip_g, clip_l
from benchmarks.parity.weights.unet import SD, SDXL, controlnet, unet


def _sd() -> Network:
    return {
        **under("model.diffusion_model", unet(SD)),
        **under("first_stage_model", autoencoder()),
        **under("cond_stage_model.transformer.text_model", clip_l()),
    }


def _sdxl() -> Network:
    return {
        **under("model.diffusion_model", unet(SDXL)),
        **under("first_stage_model", autoencoder()),
        **under("conditioner.embedders.0.transformer.text_model", clip_l()),
        **under("conditioner.embedders.1.model", clip_g()),
    }


def _controlnet() -> Network:
    return under("control_model", controlnet(SD))


MODELS: dict[str, tuple[str, Callable[[], Network]]] = {
    "checkpoints/parity_sd15": ("sd15", _sd),
    "checkpoints/parity_sdxl": ("sdxl", _sdxl),
    "controlnet/parity_control": ("parity_control", _controlnet),
    "controlnet/parity_control2": ("parity_control2", _controlnet),
    "loras/parity_lora": ("parity_lora", Lora(4, 2.0, 1.2).network),
    "loras/parity_locon": ("parity_locon", Lora(8, 8.0, 0.7, wide=True).network),
    "embeddings/parity_ti": ("parity_ti", lambda: learned(3)),
    "embeddings/parity_ti1": ("parity_ti1", lambda: learned(1)),
}
"""The model files by their places: what their seeds begin with, and what they hold."""

LARGE = "checkpoints/parity_sdxl"
"""The file that takes two gigabytes."""


def needed(cases: Iterable[Case]) -> set[str]:
    """The model files that cases name, and all learned words, which texts name."""
    named = {name.removesuffix(".safetensors") for case in cases for name in case.texts()}
    return {name for name in MODELS if Path(name).name in named or name.startswith("embeddings/")}


def make(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Makes model files, and all pictures; what is there already stays.

    Args:
        folder: A folder for models, as workflows expect it, with the pictures in `input`.
        names: Which files, by their places without the ending.

    Returns:
        The SHA-256 of each model file that was made.
    """
    for name, pixels in PICTURES.items():
        path = folder / "input" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels()).save(path)
    missing = {name: path for name in names if not (path := folder / f"{name}.safetensors").is_file()}
    return {name: write(path, MODELS[name][0], MODELS[name][1]()) for name, path in missing.items()}
