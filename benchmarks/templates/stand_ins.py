"""Model files and pictures that stand in for those that the official workflows name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image
from safetensors.torch import save_file

from benchmarks.templates import additions, networks, sd3
from benchmarks.templates.networks import Tensors, merged

CLIP, FIRST, SECOND = "cond_stage_model.", "conditioner.embedders.0.", "conditioner.embedders.1.model."

SIDE = 512
"""The pixels along each side of a picture that stands in."""


def sd1() -> Tensors:
    """Stable Diffusion 1."""
    return merged([networks.unet(768), networks.clip(f"{CLIP}transformer."), networks.vae()])


def adapted() -> Tensors:
    """Stable Diffusion 1 for a T2I adapter: all levels but the lowest attend, behind which its features are added."""
    attends = range(len(networks.WIDTHS) - 1)
    return merged([networks.unet(768, attends=attends), networks.clip(f"{CLIP}transformer."), networks.vae()])


def sd2(channels: int = 4) -> Tensors:
    """Stable Diffusion 2."""
    return merged([networks.unet(1024, channels), networks.open_clip(f"{CLIP}model.", 1024), networks.vae()])


def sdxl() -> Tensors:
    """Stable Diffusion XL."""
    encoders = [networks.clip(f"{FIRST}transformer."), networks.open_clip(SECOND, 1280)]
    return merged([networks.unet(2048, told=2816), *encoders, networks.vae()])


def refiner() -> Tensors:
    """The refiner of Stable Diffusion XL."""
    return merged([networks.unet(1280, told=2560), networks.open_clip(f"{FIRST}model.", 1280), networks.vae()])


def zero123() -> Tensors:
    """Stable Zero123: it is told of a picture, and has no text encoder."""
    seen = networks.Layers("cc_projection.", seed=10)
    seen.weight("weight", 768, 768 + 4)
    seen.weight("bias", 768)
    visual = additions.open_clip_vision(f"{CLIP}model.visual.", 1024)
    return merged([networks.unet(768, channels=8), visual, seen.tensors, networks.vae()])


CHECKPOINTS: Mapping[str, Callable[[], Tensors]] = {
    "interiordesignsuperm": adapted,
    "v2-1_768": sd2,
    "512-inpainting": lambda: sd2(9),
    "sd_xl_base": sdxl,
    "sd_xl_turbo": sdxl,
    "sd_xl_refiner": refiner,
    "stable_zero123": zero123,
    "sd3.5": sd3.checkpoint,
}
"""What stands in for a checkpoint, by what its name begins with; all others are of Stable Diffusion 1."""

OTHERS: Mapping[str, Callable[[], Tensors]] = {
    "clip_vision": lambda: additions.clip_vision(1664, 1280),
    "gligen": lambda: additions.gligen(768),
    "loras": lambda: additions.lora(768),
    "upscale_models": additions.upscaler,
    "vae": lambda: networks.vae(""),
    "controlnet": lambda: networks.controlnet(768),
}
"""What stands in for the other kinds of models."""


def write_models(wanted: Iterable[tuple[str, str]], root: Path) -> None:
    """Write model files, each content once; what has no stand-in is left out.

    Args:
        wanted: The kind of each and its name.
        root: The models folder.
    """
    made: dict[Callable[[], Tensors], Path] = {}
    for kind, name in sorted(set(wanted)):
        make = _maker(kind, name)
        path = (root / kind / name).with_suffix(".safetensors")
        if make is None or path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if make in made:
            path.hardlink_to(made[make])
        else:
            save_file(make(), path)
            made[make] = path


def _stem(name: str) -> str:
    return next((stem for stem in CHECKPOINTS if name.startswith(stem)), "")


def _maker(kind: str, name: str) -> Callable[[], Tensors] | None:
    if kind == "controlnet" and name.startswith("sd3.5"):
        return sd3.controlnet
    if kind == "controlnet" and "T2IAdapter" in name:
        return additions.t2i_adapter
    return CHECKPOINTS.get(_stem(name), sd1) if kind == "checkpoints" else OTHERS.get(kind)


def write_pictures(names: Iterable[str], root: Path) -> None:
    """Write pictures with a gradient and a disc, of which a part is transparent."""
    for name in sorted(set(names)):
        path = root / PurePosixPath(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        across, down = np.meshgrid(np.linspace(0, 1, SIDE), np.linspace(0, 1, SIDE))
        disc = (across - 0.5) ** 2 + (down - 0.5) ** 2 < 0.1
        alpha = np.where((across - 0.7) ** 2 + (down - 0.3) ** 2 < 0.02, 0.0, 1.0)
        pixels = np.stack([across, down, disc.astype(float), alpha], axis=-1)
        mode = "RGBA" if path.suffix == ".png" else "RGB"
        Image.fromarray((255 * pixels[..., : len(mode)]).astype(np.uint8), mode).save(path)
