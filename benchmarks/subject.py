"""Stable Diffusion with one ControlNet on random weights, of any size: drawn by diffusers' pipeline and by our loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from diffusers import AutoencoderKL, ControlNetModel, StableDiffusionControlNetPipeline, UNet2DConditionModel
from diffusers import UniPCMultistepScheduler as TheirUniPC
from diffusers.utils import logging
from torch import Tensor, nn

from sd_nodes.diffusion import vae as autoencoding
from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.control import Control
from sd_nodes.diffusion.denoise import draw_noise, seeded, text_to_image
from sd_nodes.diffusion.guidance import Guidance
from sd_nodes.diffusion.predicting import Sampling
from sd_nodes.diffusion.replaying import Replayer, directly
from sd_nodes.diffusion.reusing import Reuse
from sd_nodes.diffusion.schedulers import make_scheduler

SCHEDULE = {
    "_class_name": "PNDMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "skip_prk_steps": True,
}
"""The noise schedule of Stable Diffusion 1.5."""

SCALE, SEED = 7.5, 1


@dataclass(frozen=True)
class Shape:
    """How large the networks and the picture are.

    Attributes:
        name: What it is called.
        side: The side of the picture in pixels.
        steps: How many steps are done.
        channels: Of the UNet's levels.
        width: Of the prompt's states.
        features: Of the autoencoder's levels.
        groups: Of the normalisations.
    """

    name: str
    side: int = 512
    steps: int = 20
    channels: tuple[int, ...] = (320, 640, 1280, 1280)
    width: int = 768
    features: tuple[int, ...] = (128, 256, 512, 512)
    groups: int = 32


FULL = Shape("Stable Diffusion 1.5's full size")
TOY = Shape("toy size", 64, 2, (16, 32, 32, 32), 32, (16, 16, 16, 16), 8)


@dataclass(frozen=True)
class Subject:
    """Networks with random weights, and what a run is given.

    Attributes:
        shape: How large they are.
        unet: The UNet.
        net: The ControlNet; its zero convolutions are no longer zero.
        vae: The autoencoder.
        states: The token states of the negative prompt and of the prompt, [1, 77, width] both.
        picture: The control picture, [1, height, width, 3], 0..1.
    """

    shape: Shape
    unet: UNet2DConditionModel
    net: ControlNetModel
    vae: AutoencoderKL
    states: tuple[Tensor, Tensor]
    picture: Tensor

    @classmethod
    def of(cls, shape: Shape, device: str, dtype: torch.dtype) -> Subject:
        """Make the networks."""
        logging.set_verbosity_error()
        torch.manual_seed(SEED)
        attention = {"cross_attention_dim": shape.width, "norm_num_groups": shape.groups}
        with torch.device(device):
            unet = UNet2DConditionModel(block_out_channels=shape.channels, **attention)
            net = ControlNetModel.from_unet(unet)
            for module in [*net.controlnet_down_blocks, net.controlnet_mid_block]:
                nn.init.normal_(module.weight, std=0.02)
            vae = AutoencoderKL(
                block_out_channels=shape.features,
                down_block_types=("DownEncoderBlock2D",) * len(shape.features),
                up_block_types=("UpDecoderBlock2D",) * len(shape.features),
                layers_per_block=2,
                latent_channels=4,
                norm_num_groups=shape.groups,
            )
        ready = [module.to(dtype).eval().requires_grad_(False) for module in (unet, net, vae)]
        states = torch.randn(2, 1, 77, shape.width).to(device, dtype)
        return cls(shape, *ready, (states[0], states[1]), torch.rand(1, shape.side, shape.side, 3))

    def theirs(self, batch: int) -> Callable[[], tuple[Tensor, Tensor]]:
        """Return what draws by diffusers' pipeline: the latents, and the picture."""
        pipeline = StableDiffusionControlNetPipeline(
            vae=self.vae,
            text_encoder=None,
            tokenizer=None,
            unet=self.unet,
            controlnet=self.net,
            scheduler=TheirUniPC.from_config(SCHEDULE),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipeline.set_progress_bar_config(disable=True)
        pixels = self.picture.permute(0, 3, 1, 2).contiguous()

        def run() -> tuple[Tensor, Tensor]:
            latents = pipeline(
                image=pixels,
                prompt_embeds=self.states[1],
                negative_prompt_embeds=self.states[0],
                num_images_per_prompt=batch,
                num_inference_steps=self.shape.steps,
                guidance_scale=SCALE,
                generator=seeded(SEED),
                output_type="latent",
            ).images
            return latents, self.vae.decode(latents / self.vae.config.scaling_factor, return_dict=False)[0]

        return run

    def ours(
        self, batch: int, replayer: Replayer = directly, reuse: Reuse | None = None, decoded: bool = True
    ) -> Callable[[], tuple[Tensor, Tensor]]:
        """Return what draws by our loop: the latents, and the picture, or the latents twice where none is `decoded`."""
        negative, positive = map(Condition, self.states)
        sampling = Sampling(
            self.unet,
            make_scheduler("unipc", SCHEDULE),
            Guidance(positive, negative, SCALE),
            self.shape.steps,
            [Control(self.net, self.picture)],
            replayer=replayer,
            reuse=reuse,
        )
        side = self.shape.side // autoencoding.factor(self.vae)

        def run() -> tuple[Tensor, Tensor]:
            generator = seeded(SEED)
            noise = draw_noise((batch, 4, side, side), generator, self.unet)
            latents = text_to_image(sampling, noise, generator)
            if not decoded:
                return latents, latents
            return latents, autoencoding.decode_unbounded(latents / self.vae.config.scaling_factor, self.vae)

        return run

    def smaller(self, side: int, steps: int) -> Subject:
        """Return the same networks with less to do."""
        shape = replace(self.shape, side=side, steps=steps)
        return replace(self, shape=shape, picture=self.picture[:, :side, :side].contiguous())
