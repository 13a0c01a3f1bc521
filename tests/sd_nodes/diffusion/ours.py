"""One picture through the functions under test, from a prompt to pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sd_nodes.diffusion import vae
from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.control import Control
from sd_nodes.diffusion.denoise import draw_noise, image_to_image, seeded, text_to_image
from sd_nodes.diffusion.guidance import Guidance
from sd_nodes.diffusion.predicting import Sampling
from sd_nodes.diffusion.scheduler_options import Value
from sd_nodes.diffusion.schedulers import make_scheduler
from sd_nodes.diffusion.text import encode
from tests.sd_nodes.models import SCHEDULER_CONFIG, Models


@dataclass(frozen=True)
class Ask:
    """What is asked for, in the words of diffusers' pipelines."""

    scheduler: str = "UniPCMultistepScheduler"
    base: Mapping[str, object] = field(default_factory=lambda: SCHEDULER_CONFIG)
    options: Mapping[str, Value] | None = None
    prompt: str = "a cat, sitting"
    negative: str = "blurred"
    skip: int = 0
    seed: int = 11
    steps: int = 4
    scale: float = 5.0
    rescale: float = 0.0
    strength: float = 0.6
    batch: int = 1
    perturbed: float = 0.0
    window: tuple[float, float] = (0.0, 1.0)
    method: str = ""
    guider: Mapping[str, float] = field(default_factory=dict)


def condition(models: Models, prompt: str, skip: int = 0) -> Condition:
    return Condition(encode(prompt, models.tokenizer, models.text_encoder, skip).states)


def sampling(models: Models, ask: Ask, controls: Sequence[Control] = ()) -> Sampling:
    negative = condition(models, ask.negative)
    positive, way = condition(models, ask.prompt, ask.skip), (ask.method, ask.guider, ask.perturbed)
    guidance = Guidance(positive, negative, ask.scale, ask.rescale, *ask.window, *way)
    return Sampling(models.unet, make_scheduler(ask.scheduler, ask.base, ask.options), guidance, ask.steps, controls)


def from_text(models: Models, ask: Ask, controls: Sequence[Control] = ()) -> Tensor:
    generator = seeded(ask.seed)
    noise = draw_noise((ask.batch, 4, 8, 8), generator, models.unet)
    return decoded(models, text_to_image(sampling(models, ask, controls), noise, generator))


def from_image(models: Models, ask: Ask, picture: Tensor, controls: Sequence[Control] = ()) -> Tensor:
    generator = seeded(ask.seed)
    latents = vae.encode(picture, models.vae, generator) * models.vae.config.scaling_factor
    noise = draw_noise((ask.batch, *latents.shape[1:]), generator, models.unet)
    found = image_to_image(sampling(models, ask, controls), latents, noise, ask.strength, generator)
    return decoded(models, found)


def decoded(models: Models, latents: Tensor) -> Tensor:
    # Between nodes latents travel as float32, unscaled: that loses no bit.
    return vae.decode((latents / models.vae.config.scaling_factor).float(), models.vae)


def random_picture(seed: int, batch: int = 1) -> Tensor:
    """A picture of 64 x 64 whose values are those of 8-bit files."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (batch, 64, 64, 3), generator=generator) / torch.tensor(255.0)
