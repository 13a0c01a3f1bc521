"""The weight store: turns recipes into modules when a node computes with them, shares them, lets go of the oldest.

Torch and the model libraries are imported when the first recipe is asked for: nodes name the store in their signatures.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, RLock
from typing import TYPE_CHECKING, Self, final

from graph_runtime import Service
from sd_nodes.components import read_json
from sd_nodes.predictions import prediction
from sd_nodes.shapes import constants
from sd_nodes.sources import locate, readable_family
from sd_nodes.types import ControlNet, Model, Vae

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import torch
    from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPImageProcessor, CLIPTextModel, CLIPTokenizer

    from graph_runtime import Folders
    from sd_nodes.components import Component
    from sd_nodes.loading import Loaded
    from sd_nodes.placement import Placement
    from sd_nodes.shapes import Config
    from sd_nodes.types import Clip, Recipe, SafetyChecker

Key = tuple[object, ...]
LATENT_SCALE = 0.18215
"""The scaling factor of an autoencoder whose configuration names none, as diffusers has it."""

ATTENDING = (Model, ControlNet, Vae)
"""Recipes of diffusers' modules, whose attention can be computed by several backends."""


@final
@dataclass
class Held:
    """One module in the store: who loads it waits on `lock`, who computes with it is counted in `users`."""

    lock: Lock = field(default_factory=Lock)
    loaded: Loaded | None = None
    users: int = 0
    device: str = "cpu"
    note: str = ""


@final
class WeightStore(Service):
    """Modules by recipe, each loaded once however many nodes and threads ask for it.

    Every method that gives modules is a context manager: what is in use is never evicted. Once a device holds more
    bytes than `budget`, what was used longest ago goes first.

    Args:
        folders: Where models lie.
        budget: The bytes that modules may take up on each device; a share of its memory if not given.
    """

    def __init__(self, folders: Folders, budget: int | None = None) -> None:
        self.folders = folders
        self.budget = budget
        self._held: dict[Key, Held] = {}
        self._lock = RLock()

    @classmethod
    def open(cls, folders: Folders) -> Self:
        """Open a store that loads from these folders."""
        return cls(folders)

    def close(self) -> None:
        """Let go of every module that is not in use."""
        for device in {held.device for held in self._held.values()}:
            self._evict(device, until=0)

    @property
    def bytes(self) -> int:
        """The memory that the modules in the store take up, on all devices."""
        with self._lock:
            return sum(held.loaded.bytes for held in self._held.values() if held.loaded)

    @contextmanager
    def unet(self, model: Model) -> Iterator[UNet2DConditionModel]:
        """Lend the denoising network of a model."""
        with self._lend(model) as loaded:
            yield loaded.module

    @contextmanager
    def text_encoder(self, clip: Clip) -> Iterator[tuple[CLIPTokenizer, CLIPTextModel]]:
        """Lend a text encoder and its tokenizer."""
        with self._lend(clip) as loaded:
            yield loaded.companion, loaded.module

    @contextmanager
    def vae(self, vae: Vae) -> Iterator[AutoencoderKL]:
        """Lend an autoencoder."""
        with self._lend(vae) as loaded:
            yield loaded.module

    @contextmanager
    def controlnet(self, controlnet: ControlNet) -> Iterator[ControlNetModel]:
        """Lend a ControlNet."""
        with self._lend(controlnet) as loaded:
            yield loaded.module

    @contextmanager
    def module(self, recipe: Recipe) -> Iterator[torch.nn.Module]:
        """Lend the module of any recipe."""
        with self._lend(recipe) as loaded:
            yield loaded.module

    @contextmanager
    def safety(self, checker: SafetyChecker) -> Iterator[tuple[CLIPImageProcessor, StableDiffusionSafetyChecker]]:
        """Lend a safety checker and the processor that prepares pictures for it."""
        with self._lend(checker) as loaded:
            yield loaded.companion, loaded.module

    def scheduler_config(self, model: Model) -> Config:
        """Return the configuration of the scheduler that a model was published with."""
        component = locate(model.source, self.folders)
        told = {} if component.folder else prediction(component, model.family)
        return {**self._beside(model, "scheduler", "scheduler_config.json"), **told}

    def latent_scale(self, model: Model) -> float:
        """Return what an autoencoder's latents are multiplied by for a model, so that they have about unit variance."""
        scale = self._beside(model, "vae", "config.json").get("scaling_factor", LATENT_SCALE)
        assert isinstance(scale, float | int)
        return float(scale)

    def _beside(self, model: Model, folder: str, file: str) -> Config:
        """Read a configuration that was published beside a model, or what its family fixes for it."""
        component = locate(model.source, self.folders)
        beside = component.folder.parent / folder / file if component.folder else None
        if beside and beside.is_file():
            return read_json(beside)
        return constants(folder, readable_family(component))

    def notes(self, recipe: Recipe) -> tuple[str, ...]:
        """Return what is done otherwise than a recipe's settings ask for, for the user; complete while it is lent."""
        from sd_nodes.placement import place

        placement = place(recipe.settings)
        held = self._held.get(_key(recipe, placement))
        return (*placement.notes, held.note) if held and held.note else placement.notes

    @contextmanager
    def _lend(self, recipe: Recipe) -> Iterator[Loaded]:
        from sd_nodes.placement import place

        placement = place(recipe.settings)
        key = _key(recipe, placement)
        with self._lock:
            held = self._held[key] = self._held.pop(key, Held(device=placement.rest))
            held.users += 1
        try:
            with held.lock:
                loaded = held.loaded or self._load(held, recipe, placement)
                if placement.offload == "model":
                    _move(loaded.module, placement.device)
            yield loaded
        finally:
            self._return(key, held, placement)

    def _load(self, held: Held, recipe: Recipe, placement: Placement) -> Loaded:
        import torch

        from sd_nodes.loading import load
        from sd_nodes.patching import add_weights, is_difference, patch

        patches = getattr(recipe, "patches", ())
        component = locate(recipe.source, self.folders)
        self._evict(held.device, self._room(held.device) - _size(component, placement.dtype))
        with _ordinary_tensors():
            base = recipe.base if isinstance(recipe, ControlNet) else None
            loaded = load(component, torch.float32 if patches or base else placement.dtype)
            if base is not None and is_difference(component):
                add_weights(loaded.module, load(locate(base, self.folders), torch.float32).module)
            notes = patch(loaded.module, component.part, patches, self.folders) if patches else []
            loaded.module.to(placement.dtype)
            notes.append(_settle(loaded.module, recipe, placement))
            held.note = "; ".join(filter(None, notes))
        held.loaded = loaded
        return loaded

    def _return(self, key: Key, held: Held, placement: Placement) -> None:
        with held.lock, self._lock:
            held.users -= 1
            if held.loaded is None and not held.users:
                self._held.pop(key, None)
            elif held.loaded and not held.users and placement.offload == "model":
                _move(held.loaded.module, "cpu")
        self._evict(held.device, self._room(held.device))

    def _room(self, device: str) -> int:
        from sd_nodes.placement import room_for_weights

        return room_for_weights(device) if self.budget is None else self.budget

    def _evict(self, device: str, until: int) -> None:
        """Let go of what nobody uses, the least recently used first, until a device holds at most `until` bytes."""
        with self._lock:
            there = {key: held for key, held in self._held.items() if held.device == device and held.loaded}
            total = sum(held.loaded.bytes for held in there.values() if held.loaded)
            for key, held in there.items():
                if total <= until:
                    return
                if held.loaded and not held.users:
                    total -= held.loaded.bytes
                    del self._held[key]


def _key(recipe: Recipe, placement: Placement) -> Key:
    """Name what decides the module: two recipes that differ only in scheduler or clip skip share it."""
    patches = getattr(recipe, "patches", ())
    attention = recipe.settings.attention
    source = recipe.source
    base = getattr(recipe, "base", None)
    return (
        source.digest,
        source.part,
        base and base.digest,
        patches,
        placement.device,
        placement.dtype,
        placement.offload,
        attention,
    )


def _size(component: Component, dtype: torch.dtype) -> int:
    return sum(tensor.parameters for tensor in component.header().values()) * dtype.itemsize


def _ordinary_tensors() -> AbstractContextManager[None]:
    """Leave inference mode for a while: tensors made inside of it could not be used outside of it."""
    import torch

    return torch.inference_mode(False)


def _move(module: torch.nn.Module, device: str) -> None:
    with _ordinary_tensors():
        module.to(device)


def _settle(module: torch.nn.Module, recipe: Recipe, placement: Placement) -> str:
    """Bring a module to where it computes and choose its attention; return why another one was taken, or nothing."""
    if placement.offload == "sequential":
        import accelerate
        import torch

        accelerate.cpu_offload(module, torch.device(placement.device))
        return ""
    module.to(placement.device)
    if not isinstance(recipe, ATTENDING):
        return ""
    from sd_nodes.diffusion.attention import set_attention

    return set_attention(module, recipe.settings.attention)
