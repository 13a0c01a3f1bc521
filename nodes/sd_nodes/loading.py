"""From files to modules in memory: diffusers folders, and single files whose configuration their shapes tell."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast, final

import accelerate
import diffusers
import transformers
from safetensors import safe_open

from graph_runtime import NodeError
from sd_nodes.diffusion.adapter import adapter_of, as_trained
from sd_nodes.diffusion.gligen import Gligen
from sd_nodes.diffusion.style import StyleAdapter
from sd_nodes.families import is_pooled
from sd_nodes.imaging.upscaling import upscaler_of
from sd_nodes.open_clip import piece
from sd_nodes.sd3_models import controlnet_of, t5_of, transformer_of
from sd_nodes.sd3_names import settled
from sd_nodes.sources import configuration
from sd_nodes.vision_models import image_encoder_of
from sd_nodes.vocabulary import SIZE, clip_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    import torch

    from sd_nodes.components import Component
    from sd_nodes.shapes import Config, Shapes


class TensorFile(Protocol):
    """An open safetensors file."""

    def get_tensor(self, name: str) -> torch.Tensor:
        """Read a tensor."""


class ModuleClass(Protocol):
    """A class of modules as diffusers and transformers have it."""

    def from_pretrained(self, folder: Path, **options: object) -> tuple[torch.nn.Module, dict[str, list[str]]]:
        """Load a module from a folder; with `output_loading_info` also tell what was missing."""

    def from_config(self, config: Mapping[str, object]) -> torch.nn.Module:
        """Build a module of the given configuration."""


MODULES: dict[str, ModuleClass] = {
    "unet": diffusers.UNet2DConditionModel,
    "controlnet": diffusers.ControlNetModel,
    "vae": diffusers.AutoencoderKL,
    "text_encoder": transformers.CLIPTextModel,
    "text_encoder_2": transformers.CLIPTextModelWithProjection,
    "image_encoder": transformers.CLIPVisionModelWithProjection,
    "transformer": diffusers.SD3Transformer2DModel,
    "text_encoder_3": transformers.T5EncoderModel,
    "t2i_adapter": diffusers.T2IAdapter,
}

VARIANTS: dict[str, ModuleClass] = {
    "ControlNetUnionModel": diffusers.ControlNetUnionModel,
    "SD3ControlNetModel": diffusers.SD3ControlNetModel,
    "CLIPTextModelWithProjection": transformers.CLIPTextModelWithProjection,
}
"""Classes that a part may have instead, by the name in its configuration."""

OWN: dict[str, Callable[[Shapes], torch.nn.Module]] = {
    "upscaler": upscaler_of,
    "image_encoder": image_encoder_of,
    "transformer": transformer_of,
    "text_encoder_3": t5_of,
    "gligen": Gligen,
    "style_model": StyleAdapter.of,
    "t2i_adapter": adapter_of,
}
"""Modules of the pack's own, built by the shapes of their weights."""

TOKENIZERS = {"text_encoder": "tokenizer", "text_encoder_2": "tokenizer_2"}
"""The folder beside a text encoder that holds its tokenizer."""


@final
@dataclass(frozen=True)
class Loaded:
    """A module, and what goes with it: the tokenizer of a text encoder, the image processor of a safety checker."""

    module: torch.nn.Module
    companion: transformers.PreTrainedTokenizerBase | transformers.CLIPImageProcessorPil | None = None

    @property
    def bytes(self) -> int:
        """The memory of the module's parameters and buffers."""
        tensors = (*self.module.parameters(), *self.module.buffers())
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def load(component: Component, dtype: torch.dtype) -> Loaded:
    """Load a part of a model on the CPU, for inference only.

    Raises:
        NodeError: Weights are missing, or do not fit.
    """
    _be_quiet()
    module = _from_folder(component, component.folder, dtype) if component.folder else _from_file(component, dtype)
    if isinstance(module, diffusers.T2IAdapter):
        module = as_trained(module)
    module.eval().requires_grad_(False)
    return Loaded(module, _companion(component, module))


def _be_quiet() -> None:
    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
        library.utils.logging.set_verbosity_error()


def _module_class(part: str, config: Config | None = None) -> ModuleClass:
    variant = VARIANTS.get(_class_name(config)) if config else None
    if variant is not None:
        return variant
    if part == "safety_checker":
        from sd_nodes.diffusion.safety import SafetyChecker

        checker: ModuleClass = SafetyChecker
        return checker
    return MODULES[part]


def _class_name(config: Config) -> str:
    architectures = config.get("architectures")
    return str(config.get("_class_name") or (architectures[0] if isinstance(architectures, list) else ""))


def _from_folder(component: Component, folder: Path, dtype: torch.dtype) -> torch.nn.Module:
    try:
        module, report = _module_class(component.part, component.config()).from_pretrained(
            folder,
            dtype=dtype,
            variant=component.variant,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, TypeError, KeyError) as problem:
        raise NodeError(f"{folder} cannot be loaded as {component.part}: {problem}") from problem
    _demand_all(component, list(report["missing_keys"]))
    return module


def _from_file(component: Component, dtype: torch.dtype) -> torch.nn.Module:
    """Build the module that the shapes in a single file ask for, and put the tensors in place."""
    shapes = {name: tensor.shape for name, tensor in component.header().items()}
    try:
        with accelerate.init_empty_weights():
            module = _built(component, shapes)
    except KeyError as problem:
        raise NodeError(f"{component.root} lacks the tensor {problem} of its {component.part}.") from problem
    except (ValueError, TypeError, ArithmeticError, AttributeError) as problem:
        raise NodeError(f"{component.root}: its shapes make no {component.part}: {problem}.") from problem
    tensors = _fitted(component, module.state_dict(), dtype)
    if component.part == "transformer" and component.turned:
        tensors = settled(tensors)
    _demand_all(component, [name for name in module.state_dict() if name not in tensors])
    module.load_state_dict(tensors, assign=True, strict=True)
    return module


def _built(component: Component, shapes: Shapes) -> torch.nn.Module:
    if component.part in OWN:
        return OWN[component.part](shapes)
    if "pos_embed_input.proj.weight" in shapes:
        return controlnet_of(shapes)
    config = configuration(component)
    pooled = component.part == "controlnet" and is_pooled(component.root.name)
    return _empty(component.part, {**config, "global_pool_conditions": True} if pooled else config)


def _empty(part: str, config: Config) -> torch.nn.Module:
    if part in TOKENIZERS:
        kind = transformers.CLIPTextModelWithProjection if part == "text_encoder_2" else transformers.CLIPTextModel
        encoder: torch.nn.Module = kind(transformers.CLIPTextConfig(**config))
        return encoder
    return _module_class(part, config).from_config(config)


def _fitted(component: Component, wanted: Mapping[str, torch.Tensor], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Read the tensors that a module wants, under its own names, in its shapes and in `dtype`."""
    names = component.names or {}
    tensors: dict[str, torch.Tensor] = {}
    with safe_open(component.root, framework="pt") as file:
        held = set(file.keys())
        for name, place in wanted.items():
            new = name if name in names else f"text_model.{name}"
            if new not in names:
                continue
            old = names[new]
            tensor = piece(new, old, _read(file, old, held))
            if tensor.numel() != place.numel():
                found, needed = list(tensor.shape), list(place.shape)
                raise NodeError(f"{component.root}: the tensor {old} has the shape {found}; {needed} is needed.")
            kept = dtype if tensor.is_floating_point() else tensor.dtype
            tensors[name] = tensor.reshape(place.shape).contiguous().to(kept)
    return tensors


def _read(file: TensorFile, name: str, held: Collection[str]) -> torch.Tensor:
    """Read a tensor; weights in 8 bits may have a factor of their own."""
    tensor = file.get_tensor(name)
    factor = name.removesuffix("weight") + "scale_weight"
    return tensor.float() * file.get_tensor(factor).float() if factor in held else tensor


def _demand_all(component: Component, missing: list[str]) -> None:
    if not missing:
        return
    groups: defaultdict[str, int] = defaultdict(int)
    for name in missing:
        groups[name.partition(".")[0]] += 1
    told = ", ".join(f"{count} in {group}" for group, count in sorted(groups.items()))
    raise NodeError(
        f"{component.root} lacks {len(missing)} tensors of its {component.part} ({told}), such as {missing[0]}."
    )


def _companion(
    component: Component, module: torch.nn.Module
) -> transformers.PreTrainedTokenizerBase | transformers.CLIPImageProcessorPil | None:
    if component.part == "text_encoder_3":
        return _t5_tokenizer(component)
    if component.part in TOKENIZERS:
        return _tokenizer(component, module)
    if component.part == "safety_checker" and component.folder:
        beside = component.whole / "feature_extractor" if component.whole else None
        folder = beside if beside and beside.is_dir() else component.folder
        return transformers.CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True)
    return None


def _t5_tokenizer(component: Component) -> transformers.PreTrainedTokenizerFast | None:
    found = component.tokenizer
    return transformers.PreTrainedTokenizerFast(tokenizer_file=str(found)) if found else None


def _tokenizer(component: Component, module: torch.nn.Module) -> transformers.CLIPTokenizer:
    folder = component.whole / TOKENIZERS[component.part] if component.whole else None
    if folder and folder.is_dir():
        return transformers.CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    config = cast("transformers.CLIPTextModel", module).config
    if config.vocab_size != SIZE:
        raise NodeError(
            f"{component.root} has no tokenizer, and its text encoder knows {config.vocab_size:,} tokens; "
            f"CLIP's own vocabulary has {SIZE:,}."
        )
    return clip_tokenizer(config.max_position_embeddings, config.pad_token_id)
