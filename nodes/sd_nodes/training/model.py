"""A latent diffusion model's parts, as training needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from diffusers import AutoencoderKL, DDPMScheduler, SchedulerMixin, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from graph_runtime import Folders, NodeError
from sd_nodes.components import components
from sd_nodes.diffusion.micro import added
from sd_nodes.loading import Loaded, load
from sd_nodes.sources import Checkpoint, checkpoint, demand, locate
from sd_nodes.types import Source
from sd_nodes.weights import WeightStore

from .words import SecondEncoder, Words, states_of

NEEDED = ("unet", "text_encoder", "vae")
BEAUTY = 6.0
"""The aesthetic score that diffusers tells networks which ask for one."""


@dataclass(frozen=True, eq=False)
class LatentDiffusion:
    """A text-to-image model of the families Stable Diffusion 1, 2 and XL.

    Args:
        tokenizer: Of the first text encoder.
        text_encoder: The first text encoder.
        unet: What denoises.
        vae: The autoencoder.
        scheduler: The noise schedule that the model was trained with.
        second: SDXL's second text encoder.
        skip: How many of the first text encoder's last layers are left out; SDXL leaves out one of each.
    """

    tokenizer: CLIPTokenizer
    text_encoder: CLIPTextModel
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    scheduler: SchedulerMixin
    second: SecondEncoder | None = None
    skip: int = 0

    @staticmethod
    def open(place: Path) -> LatentDiffusion:
        """Opens a diffusers directory or a single file in float32; only safetensors are read.

        Raises:
            NodeError: There is no such model, or it lacks a part.
        """
        check_parts(place)
        folders = Folders(models=())
        recipes = checkpoint(str(place.absolute()), folders)
        text = [_loaded(one.source, folders) for one in recipes.clip.encoders]
        return LatentDiffusion(
            cast("CLIPTokenizer", text[0].companion),
            cast("CLIPTextModel", text[0].module),
            cast("UNet2DConditionModel", _loaded(recipes.model.source, folders).module),
            cast("AutoencoderKL", _loaded(recipes.vae.source, folders).module),
            _schedule_of(recipes, folders),
            _second(text),
            recipes.clip.skip,
        )

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """All parts that have weights."""
        return self.unet, self.text_encoder, self.vae, *([self.second.module] if self.second else [])

    def locked(self, device: torch.device) -> LatentDiffusion:
        """Moves all parts to a device and lets nothing of them learn."""
        for module in self.modules:
            module.to(device).eval().requires_grad_(False)
        return self

    def encode_text(self, captions: Sequence[str], edge: int) -> Words:
        """Encodes captions for square pictures; longer ones are cut.

        Args:
            captions: One for each picture.
            edge: The pictures' edge in pixels, which SDXL is told.
        """
        first = states_of(captions, self.tokenizer, self.text_encoder, self.skip, normed=self.second is None)
        if self.second is None:
            return Words(first)
        states, pooled = self.second.encode(captions)
        told = added(self.unet, pooled, (edge, edge, 0, 0, edge, edge), BEAUTY)
        sizes = told["time_ids"].to(pooled).expand(len(pooled), -1)
        return Words(torch.cat([first, states], dim=-1), {**told, "time_ids": sizes})

    def decode(self, latents: Tensor) -> Tensor:
        """Decodes scaled latents into pictures, `[batch, 3, height, width]`, 0..1."""
        pictures: Tensor = self.vae.decode(latents / self.vae.config.scaling_factor, return_dict=False)[0]
        return (pictures.float() / 2 + 0.5).clamp(0, 1)

    def encode_pictures(self, pictures: Tensor, noise: Tensor) -> Tensor:
        """Encodes pictures of 0..1 into scaled latents, a sample of the posterior by the noise given."""
        posterior = self.vae.encode(pictures * 2 - 1).latent_dist
        latents: Tensor = (posterior.mean + posterior.std * noise) * self.vae.config.scaling_factor
        return latents


def check_parts(place: Path) -> None:
    """Makes sure that a base model is there with every part that training needs, by its headers.

    Raises:
        NodeError: It lacks some, or is of a family that is not trained here.
    """
    found = components(place)
    if "transformer" in found:
        raise NodeError(f"{place} is a Stable Diffusion 3; ControlNets are trained for Stable Diffusion 1, 2 and XL.")
    demand(str(place), found, NEEDED)


def _loaded(source: Source, folders: Folders) -> Loaded:
    return load(locate(source, folders), torch.float32)


def _schedule_of(recipes: Checkpoint, folders: Folders) -> SchedulerMixin:
    return DDPMScheduler.from_config(WeightStore(folders).scheduler_config(recipes.model))


def _second(text: Sequence[Loaded]) -> SecondEncoder | None:
    if len(text) < 2:
        return None
    return SecondEncoder(cast("CLIPTokenizer", text[1].companion), cast("CLIPTextModelWithProjection", text[1].module))
