"""What lies at a path: the parts of a model that a diffusers folder or a single safetensors file holds."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

from graph_runtime import NodeError, listed
from sd_nodes.families import family_of_transformer
from sd_nodes.headers import Header, read_header, read_metadata
from sd_nodes.layouts import Names, parts
from sd_nodes.open_clip import shape_of_piece
from sd_nodes.pickles import PICKLE_REASON, PICKLES

if TYPE_CHECKING:
    from pathlib import Path

    from sd_nodes.shapes import Config

CLASSES = {
    "UNet2DConditionModel": "unet",
    "CLIPTextModel": "text_encoder",
    "CLIPTextModelWithProjection": "text_encoder_2",
    "AutoencoderKL": "vae",
    "ControlNetModel": "controlnet",
    "ControlNetUnionModel": "controlnet",
    "SD3ControlNetModel": "controlnet",
    "FluxControlNetModel": "controlnet",
    "StableDiffusionSafetyChecker": "safety_checker",
    "CLIPVisionModelWithProjection": "image_encoder",
    "SD3Transformer2DModel": "transformer",
    "T2IAdapter": "t2i_adapter",
    "T5EncoderModel": "text_encoder_3",
}
BESIDE = {
    "unet": ("scheduler/*", "vae/config.json", "image_normalizer/*"),
    "text_encoder": ("tokenizer/*",),
    "text_encoder_2": ("tokenizer_2/*",),
    "text_encoder_3": ("tokenizer_3/*",),
    "transformer": ("scheduler/*", "vae/config.json", "image_normalizer/*"),
    "safety_checker": ("feature_extractor/*",),
    "image_encoder": ("image_normalizer/*",),
}
"""Files beside a part's folder that decide what is computed with it, and so count into its digest.

Samplers scale latents as the autoencoder's configuration says.
"""

TOKENIZER = "tokenizer.json"
CONTROLNET_CONFIG = "controlnet_config"
"""Where the metadata of a single file hold the configuration of its ControlNet, as JSON."""

STEMS = ("diffusion_pytorch_model", "model")


@final
@dataclass(frozen=True)
class Component:
    """One part of a model, where it lies.

    Args:
        part: `unet`, `text_encoder`, `text_encoder_2`, `vae`, `controlnet` or `safety_checker`.
        root: The folder or single file that the model's name led to.
        folder: The folder of the part; None in a single file.
        weights: Its safetensors files.
        files: Every file that decides what is computed with it, weights included.
        variant: The word between stem and suffix of the weight files, such as `fp16`.
        names: In a single file, diffusers' name of each tensor -> the name there.
    """

    part: str
    root: Path
    folder: Path | None
    weights: tuple[Path, ...]
    files: tuple[Path, ...]
    variant: str | None = None
    names: Names | None = None

    def header(self) -> Header:
        """Read what the weight files hold, by diffusers' names."""
        merged = {name: tensor for path in self.weights for name, tensor in read_header(path).items()}
        if self.names is None:
            return merged
        return {
            new: replace(merged[old], shape=shape_of_piece(new, old, merged[old].shape))
            for new, old in self.names.items()
        }

    @property
    def tokenizer(self) -> Path | None:
        """The file of T5's tokenizer, where it lies beside the encoder."""
        return next((path for path in self.files if path.name == TOKENIZER), None)

    @property
    def turned(self) -> bool:
        """Whether the file has the original layout rather than diffusers' names."""
        return self.names is not None and any(new != old for new, old in self.names.items())

    @property
    def whole(self) -> Path | None:
        """The diffusers folder that the part's folder is in; None where the part lies by itself or in a single file."""
        return _whole(self.root, self.folder) if self.folder else None

    def config(self) -> Config | None:
        """Read the configuration beside the weights, or in a single file that holds it; None where shapes tell it."""
        if self.folder:
            return read_json(self.folder / "config.json")
        return _held_config(self.root) if self.part == "controlnet" else None


def components(root: Path) -> dict[str, Component]:
    """Return the parts found at a path, by name.

    Raises:
        NodeError: What is there is no model, or holds pickles only.
    """
    found = _of_folder(root) if root.is_dir() else _of_file(root)
    return {component.part: component for component in found}


def read_json(path: Path) -> Config:
    """Read a table from a JSON file.

    Raises:
        NodeError: The file holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise NodeError(f"{path} cannot be read: {problem.strerror}.") from problem
    except (ValueError, RecursionError) as problem:
        raise NodeError(f"{path} is not JSON: {problem}.") from problem
    if not isinstance(values, dict):
        raise NodeError(f"{path} holds no table.")
    return values


def _held_config(path: Path) -> Config | None:
    """Read the configuration that a ControlNet's file holds if it was trained here; None where it holds none."""
    text = read_metadata(path).get(CONTROLNET_CONFIG)
    if text is None:
        return None
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise NodeError(f"{path}: what it holds as {CONTROLNET_CONFIG} is not JSON: {problem}.") from problem
    if not isinstance(values, dict) or values.get("_class_name") != "ControlNetModel":
        raise NodeError(f"{path}: what it holds as {CONTROLNET_CONFIG} is no table of a ControlNetModel.")
    return values


def _of_file(path: Path) -> list[Component]:
    header = read_header(path)
    found = parts(header)
    if not found:
        what = _looks(header)
        raise NodeError(f"{path} holds no UNet, VAE, text encoder or other part of a model in a known layout: {what}.")
    return [
        Component(part, path, None, (path,), (path, *_t5_tokenizer(part, path.parent)), names=names)
        for part, names in found.items()
    ]


def _looks(header: Header) -> str:
    """Tell what a file seems to be that holds no part of a model."""
    if any("lora" in name for name in header):
        return "it looks like a LoRA"
    if family := family_of_transformer({name: tensor.shape for name, tensor in header.items()}):
        return f"it looks like a model of the family {family}, and of these no such file is read"
    return f"it holds {', '.join(sorted(header)[:3]) or 'nothing'}, ..."


def _of_folder(root: Path) -> list[Component]:
    if (root / "model_index.json").is_file():
        folders = {
            part: root / part for part in dict.fromkeys(CLASSES.values()) if (root / part / "config.json").is_file()
        }
    elif (root / "config.json").is_file():
        folders = {_part_of(root): root}
    else:
        folders = {}
    if not folders and (held := [name for pattern in ("*", "*/*") for name in _pickles(root, pattern)]):
        raise NodeError(f"{root} holds {listed(held)} and no safetensors: {PICKLE_REASON}.")
    if not folders and not (root / "model_index.json").is_file():
        raise NodeError(f"{root} is no diffusers folder: it has neither model_index.json nor config.json.")
    return [_component(part, root, folder) for part, folder in folders.items()]


def _part_of(folder: Path) -> str:
    config = read_json(folder / "config.json")
    architectures = config.get("architectures")
    name = config.get("_class_name") or (architectures[0] if isinstance(architectures, list) and architectures else "")
    if name not in CLASSES:
        raise NodeError(f"{folder} holds a {name or 'model of no named class'}; known are {', '.join(CLASSES)}.")
    return CLASSES[str(name)]


def _component(part: str, root: Path, folder: Path) -> Component:
    weights, variant, index = _weights(folder)
    whole = _whole(root, folder)
    beside = [path for pattern in BESIDE.get(part, ()) for path in sorted(whole.glob(pattern))] if whole else []
    own = [path for path in (*beside, folder / "preprocessor_config.json") if path.is_file()]
    files = (folder / "config.json", *weights, *index, *own, *_t5_tokenizer(part, folder.parent))
    return Component(part, root, folder, weights, tuple(dict.fromkeys(files)), variant)


def _whole(root: Path, folder: Path) -> Path | None:
    """Return the model that a part's folder is in; what lies around a folder of its own belongs to other models."""
    return folder.parent if folder != root or (folder.parent / "model_index.json").is_file() else None


def _t5_tokenizer(part: str, around: Path) -> tuple[Path, ...]:
    """Find the tokenizer of a T5 that lies in `around`, if there is one; files of weights alone do not hold it."""
    if part != "text_encoder_3":
        return ()
    folders = (around / "tokenizer_3", around / "t5_tokenizer", around.parent / "text_encoders" / "t5_tokenizer")
    return tuple(path for folder in folders if (path := folder / TOKENIZER).is_file())[:1]


def _weights(folder: Path) -> tuple[tuple[Path, ...], str | None, tuple[Path, ...]]:
    """Choose the weight files of a folder: whole before sharded, without a variant before fp16."""
    for variant in (None, "fp16"):
        for stem in STEMS:
            name = f"{stem}.{variant}" if variant else stem
            if (whole := folder / f"{name}.safetensors").is_file():
                return (whole,), variant, ()
            index = folder / (f"{stem}.safetensors.index{f'.{variant}' if variant else ''}.json")
            if index.is_file():
                return _shards(index), variant, (index,)
    if pickles := _pickles(folder):
        raise NodeError(f"{folder} holds {listed(pickles)} and no safetensors: {PICKLE_REASON}.")
    raise NodeError(f"{folder} holds no weights: {STEMS[0]}.safetensors or {STEMS[1]}.safetensors is needed.")


def _pickles(folder: Path, pattern: str = "*") -> list[str]:
    """The pickles in a folder, by their paths in it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern) if path.suffix in PICKLES)


def _shards(index: Path) -> tuple[Path, ...]:
    table = read_json(index).get("weight_map")
    names: list[str] = sorted(set(table.values())) if isinstance(table, dict) else []
    missing = [name for name in names if "/" in name or not (index.parent / name).is_file()]
    if missing or not names:
        raise NodeError(f"{index} names weight files that are not there: {', '.join(missing) or 'it names none'}.")
    return tuple(index.parent / name for name in names)
