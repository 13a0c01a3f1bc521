"""The weight store: turns recipes into modules when a node computes with them, shares them, lets go of the oldest.

Torch and the model libraries are imported when the first recipe is asked for: nodes name the store in their signatures.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Self, final

from graph_runtime import OutOfMemory, Service, sized
from sd_nodes.components import read_json
from sd_nodes.families import is_pooled
from sd_nodes.holding import Holdings
from sd_nodes.needs import TITLES, header_of, stage
from sd_nodes.predictions import prediction
from sd_nodes.shapes import constants
from sd_nodes.shortage import is_shortage, told
from sd_nodes.sources import LATENT_SCALE, locate, readable_family
from sd_nodes.types import ControlNet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import torch
    from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPImageProcessorPil, CLIPTextModel, CLIPTokenizer

    from graph_runtime import Folders
    from sd_nodes.diffusion.footprint import Latents
    from sd_nodes.diffusion.replaying import Recordings, Replayer
    from sd_nodes.headers import Header
    from sd_nodes.holding import Held, Key
    from sd_nodes.loading import Loaded
    from sd_nodes.placement import Placement
    from sd_nodes.shapes import Config
    from sd_nodes.types import Clip, Model, Recipe, SafetyChecker, Vae

    Use = tuple[Recipe, str, Latents | None]
    """A recipe that is lent, the device that it computes on, and what it will see."""


@final
class WeightStore(Service):
    """Modules by recipe, each loaded once however many nodes and threads ask for it.

    Every method that gives modules is a context manager: what is in use is never evicted. Once a device holds more
    bytes than `budget`, what was used longest ago goes first; bytes are counted before they are taken up.

    Args:
        folders: Where models lie.
        budget: The bytes that modules may take up on each device; a share of its memory if not given.
    """

    def __init__(self, folders: Folders, budget: int | None = None) -> None:
        self.folders = folders
        self.budget = folders.memory if budget is None else budget
        self._holdings = Holdings(self._room, self._forget)
        self._recordings: Recordings | None = None
        self._in_use: list[Use] = []
        self._lock = Lock()

    @classmethod
    def open(cls, folders: Folders) -> Self:
        """Open a store that loads from these folders."""
        return cls(folders)

    def close(self) -> None:
        """Let go of every module that is not in use."""
        self._forget()
        self._holdings.clear()

    def relieve(self) -> bool:
        """Let go of every module that is not in use, because memory ran short; tell whether there was any."""
        from sd_nodes.placement import give_back_memory

        self._forget()
        freed = self._holdings.clear()
        give_back_memory()
        return freed > 0

    @property
    def bytes(self) -> int:
        """The memory that the modules in the store take up, on all devices."""
        return self._holdings.bytes

    @contextmanager
    def unet(self, model: Model, seen: Latents | None = None) -> Iterator[UNet2DConditionModel]:
        """Lend the denoising network of a model; `seen` is what it will see, told where memory runs out."""
        with self._lend(model, seen) as loaded:
            yield loaded.module

    @contextmanager
    def text_encoder(self, clip: Clip) -> Iterator[tuple[CLIPTokenizer, CLIPTextModel]]:
        """Lend a text encoder and its tokenizer."""
        with self._lend(clip) as loaded:
            yield loaded.companion, loaded.module

    @contextmanager
    def vae(self, vae: Vae, seen: Latents | None = None) -> Iterator[AutoencoderKL]:
        """Lend an autoencoder, set to slices and tiles as its recipe asks; `seen` is told where memory runs out."""
        from sd_nodes.diffusion.views import view_of

        with self._lend(vae, seen) as loaded:
            module: AutoencoderKL = loaded.module
            as_asked = (module.use_slicing, module.use_tiling) == (vae.sliced, vae.tiled)
            yield module if as_asked else view_of(module, use_slicing=vae.sliced, use_tiling=vae.tiled)

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
    def safety(self, checker: SafetyChecker) -> Iterator[tuple[CLIPImageProcessorPil, StableDiffusionSafetyChecker]]:
        """Lend a safety checker and the processor that prepares pictures for it."""
        with self._lend(checker) as loaded:
            yield loaded.companion, loaded.module

    def replayer(self, *recipes: Recipe) -> Replayer:
        """Return what computes the steps of a sampling: by recordings, if the first network asks and all of them can.

        Recordings are kept for later runs; they are forgotten before a network is let go.
        """
        from sd_nodes.diffusion.replaying import Recordings, directly, on_cuda
        from sd_nodes.placement import place

        able = all(place(replace(recipe.settings, graphs=True)).graphs for recipe in recipes)
        if not able or not recipes[0].settings.graphs:
            return directly
        with self._lock:
            self._recordings = self._recordings or Recordings(on_cuda)
            return self._recordings

    @property
    def replaying_problem(self) -> str:
        """Why steps that were to be recorded are computed as usual; empty where they are recorded."""
        return self._recordings.problem if self._recordings is not None else ""

    def _forget(self) -> None:
        if self._recordings is not None:
            self._recordings.clear()

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

    def latent_shift(self, model: Model) -> float:
        """Return what is taken from an autoencoder's latents for a model before they are multiplied."""
        shift = self._beside(model, "vae", "config.json").get("shift_factor") or 0.0
        assert isinstance(shift, float | int)
        return float(shift)

    def _beside(self, model: Model, folder: str, file: str) -> Config:
        """Read a configuration that was published beside a model, or what its family fixes for it."""
        component = locate(model.source, self.folders)
        beside = component.whole / folder / file if component.whole else None
        if beside and beside.is_file():
            return read_json(beside)
        return constants(folder, readable_family(component))

    def notes(self, recipe: Recipe) -> tuple[str, ...]:
        """Return what is done otherwise than a recipe's settings ask for, for the user; complete while it is lent."""
        from sd_nodes.placement import place

        placement = place(recipe.settings)
        held = self._holdings.get(_key(recipe, placement))
        own = (held.note, self._too_large(held, recipe)) if held else ()
        return (*placement.notes, *filter(None, own))

    def _too_large(self, held: Held, recipe: Recipe) -> str:
        """Say that a module alone takes up more than all may; it is lent all the same."""
        room = self._room(held.rest)
        if held.loaded is None or held.size <= room:
            return ""
        name, size = f"the {TITLES[type(recipe)]} “{recipe.source.name}”", sized(held.size)
        return f"{name} alone takes {size}, more than the {sized(room)} for models; it is used all the same"

    @contextmanager
    def _lend(self, recipe: Recipe, seen: Latents | None = None) -> Iterator[Loaded]:
        from sd_nodes.placement import place

        placement = place(recipe.settings)
        key, use = _key(recipe, placement), (recipe, placement.device, seen)
        held = self._holdings.borrow(key, placement.rest)
        self._in_use.append(use)
        try:
            with held.lock:
                loaded = held.loaded or self._load(held, recipe, placement)
                self._bring(held, loaded, placement)
            yield loaded
        except BaseException as error:
            if not is_shortage(error):
                raise
            raise OutOfMemory(self._shortage(placement.device)) from error
        finally:
            self._in_use.remove(use)
            self._return(key, held, placement)

    def _load(self, held: Held, recipe: Recipe, placement: Placement) -> Loaded:
        from sd_nodes.patching import load_patched
        from sd_nodes.settling import settle

        component = locate(recipe.source, self.folders)
        self._holdings.reserve(held, _size(header_of(recipe, component, self.folders), placement.dtype), placement.rest)
        with _ordinary_tensors():
            loaded, notes = load_patched(component, recipe, placement.dtype, self.folders)
            notes.append(settle(loaded.module, recipe, placement, self.folders.state))
            held.note = "; ".join(filter(None, notes))
        held.size = loaded.bytes
        held.loaded = loaded
        return loaded

    def _bring(self, held: Held, loaded: Loaded, placement: Placement) -> None:
        """Bring a module that waits in main memory as a whole to where it computes."""
        if placement.offload == "model" and held.where != placement.device:
            self._holdings.reserve(held, loaded.bytes, placement.device)
            _move(loaded.module, placement.device)

    def _return(self, key: Key, held: Held, placement: Placement) -> None:
        with held.lock:
            if held.loaded and placement.offload == "model" and held.users == 1:
                _move(held.loaded.module, held.rest)
                held.where = held.rest
            self._holdings.give_back(key, held)

    def _room(self, device: str) -> int:
        from sd_nodes.placement import room_for_weights

        return room_for_weights(device) if self.budget is None else self.budget

    def _shortage(self, device: str) -> str:
        """Say what is in use on a device, and what would fit."""
        from sd_nodes.placement import memory_of

        here = [(recipe, seen) for recipe, where, seen in self._in_use if where == device]
        seen = next((each for _, each in here if each is not None), None)
        used = stage("", list(dict.fromkeys(recipe for recipe, _ in here)), self.folders, seen, lambda recipe: device)
        there = memory_of(device)
        return told(used, there if self.budget is None else min(there, self.budget))


def _key(recipe: Recipe, placement: Placement) -> Key:
    """Name what decides the module: two recipes that differ only in scheduler or clip skip share it."""
    patches = getattr(recipe, "patches", ())
    attention = recipe.settings.attention
    source = recipe.source
    base = getattr(recipe, "base", None)
    return (
        source.digest,
        source.part,
        source.part == "controlnet" and is_pooled(source.name),
        base and (base.digest, base.part),
        patches,
        placement.device,
        placement.dtype,
        placement.offload,
        placement.storage,
        placement.compiled,
        attention,
    )


def _size(header: Header, dtype: torch.dtype) -> int:
    return sum(tensor.parameters for tensor in header.values()) * dtype.itemsize


def _ordinary_tensors() -> AbstractContextManager[None]:
    """Leave inference mode for a while: tensors made inside of it could not be used outside of it."""
    import torch

    return torch.inference_mode(False)


def _move(module: torch.nn.Module, device: str) -> None:
    with _ordinary_tensors():
        module.to(device)
