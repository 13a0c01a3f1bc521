"""A latent diffusion model's parts, as training needs them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDPMScheduler, SchedulerMixin, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer


@dataclass(frozen=True, eq=False)
class LatentDiffusion:
    """A text-to-image model: tokenizer, text encoder, UNet, autoencoder and noise schedule."""

    tokenizer: CLIPTokenizer
    text_encoder: CLIPTextModel
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    scheduler: SchedulerMixin

    @staticmethod
    def open(folder: Path) -> LatentDiffusion:
        """Opens a diffusers directory in float32; only safetensors are read.

        Raises:
            FileNotFoundError: If the folder is no such directory; names all that is missing.
        """
        needed = ("tokenizer", "text_encoder", "unet", "vae", "scheduler")
        missing = [name for name in needed if not (folder / name).is_dir()]
        if missing:
            raise FileNotFoundError(f"{folder} is no diffusers directory: it has no {', no '.join(missing)}")
        load = {"dtype": torch.float32, "use_safetensors": True}
        weights = {"torch_dtype": torch.float32, "use_safetensors": True}
        return LatentDiffusion(
            CLIPTokenizer.from_pretrained(folder / "tokenizer"),
            CLIPTextModel.from_pretrained(folder / "text_encoder", **load),
            UNet2DConditionModel.from_pretrained(folder / "unet", **weights),
            AutoencoderKL.from_pretrained(folder / "vae", **weights),
            DDPMScheduler.from_pretrained(folder / "scheduler"),
        )

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """All parts that have weights."""
        return self.unet, self.text_encoder, self.vae

    def locked(self, device: torch.device) -> LatentDiffusion:
        """Moves all parts to a device and lets nothing of them learn."""
        for module in self.modules:
            module.to(device).eval().requires_grad_(False)
        return self

    def encode_text(self, captions: list[str]) -> Tensor:
        """Encodes captions, `[batch, length, width]`; longer ones are cut."""
        tokens = self.tokenizer(
            captions,
            padding="max_length",
            truncation=True,
            max_length=self.tokenizer.model_max_length,
            return_tensors="pt",
        )
        states: Tensor = self.text_encoder(tokens.input_ids.to(self.text_encoder.device)).last_hidden_state
        return states

    def decode(self, latents: Tensor) -> Tensor:
        """Decodes scaled latents into pictures, `[batch, 3, height, width]`, 0..1."""
        pictures: Tensor = self.vae.decode(latents / self.vae.config.scaling_factor, return_dict=False)[0]
        return (pictures.float() / 2 + 0.5).clamp(0, 1)

    def encode_pictures(self, pictures: Tensor, noise: Tensor) -> Tensor:
        """Encodes pictures of 0..1 into scaled latents, a sample of the posterior by the noise given."""
        posterior = self.vae.encode(pictures * 2 - 1).latent_dist
        latents: Tensor = (posterior.mean + posterior.std * noise) * self.vae.config.scaling_factor
        return latents
