"""The demonstration model's text encoder and UNet, trained together on latents computed beforehand.

Prompts are left empty now and then for classifier-free guidance (Ho & Salimans 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import AutoencoderKL, UNet2DConditionModel, UniPCMultistepScheduler
from numpy.typing import NDArray
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from .augment import BACKGROUNDS
from .dataset import SIZE, Picture
from .loop import AtStep, AtTrainingCheckpoint, Randomness, Schedule, Training
from .model import LatentDiffusion
from .objective import ask
from .variation import PORTRAITS
from .vocabulary import learn_tokenizer

WIDTH, TOKENS, WORDS, EMPTY_SHARE = 160, 24, 4000, 0.1
PORTRAIT_SHARE, DETAIL_SHARE = 0.8, 0.15


def new_scheduler() -> UniPCMultistepScheduler:
    """Makes the noise schedule: 1,000 steps that end in almost pure noise, so that backgrounds can have any colour."""
    return UniPCMultistepScheduler(
        beta_start=0.00085,
        beta_end=0.02,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        steps_offset=1,
    )


def new_tokenizer(pictures: Sequence[Picture]) -> CLIPTokenizer:
    """Learns the vocabulary from all the captions there can be."""
    captions = [picture.caption(name) for picture in pictures for name in (None, *BACKGROUNDS)]
    return learn_tokenizer(captions, WORDS, TOKENS)


def new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Makes the untrained text encoder: two layers, 160 wide."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=TOKENS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def new_unet() -> UNet2DConditionModel:
    """Makes the untrained UNet: 7.6 million parameters, attention at 8 x 8 and 4 x 4 cells."""
    return UNet2DConditionModel(
        sample_size=SIZE // 8,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(96, 128, 128),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def new_model(tokenizer: CLIPTokenizer, vae: AutoencoderKL, seed: int) -> LatentDiffusion:
    """Joins untrained parts, made from a seed, with a tokenizer and a trained autoencoder."""
    torch.manual_seed(seed)
    return LatentDiffusion(tokenizer, new_text_encoder(tokenizer), new_unet(), vae, new_scheduler())


@dataclass(frozen=True, eq=False)
class Lesson:
    """Latents with their captions.

    Args:
        latents: `[pictures, turns, 4, height, width]`, not yet scaled.
        captions: One for each latent, `[pictures][turns]`.
        likely: How probable each picture is, `[pictures]`; the sum is 1.
    """

    latents: NDArray[np.float16]
    captions: Sequence[Sequence[str]]
    likely: NDArray[np.float64]

    def draw(self, random: Randomness, count: int) -> tuple[Tensor, list[str]]:
        """Chooses latents, `[count, 4, height, width]` float32, mostly large and centred ones, and their captions."""
        chosen = random.numpy.choice(len(self.likely), count, p=self.likely)
        turns = random.numpy.integers(PORTRAITS, self.latents.shape[1], size=count)
        portraits = random.numpy.integers(PORTRAITS, size=count)
        turns = np.where(random.numpy.random(count) < PORTRAIT_SHARE, portraits, turns)
        words = [self.captions[picture][turn] for picture, turn in zip(chosen, turns, strict=True)]
        return torch.from_numpy(self.latents[chosen, turns].astype(np.float32)), words


def train(
    model: LatentDiffusion,
    lesson: Lesson,
    batch: int,
    schedule: Schedule,
    folder: Path,
    accelerator: Accelerator,
    at_checkpoint: AtTrainingCheckpoint = lambda training: None,
    at_step: AtStep = lambda step, loss: None,
) -> Training:
    """Trains, or resumes, the text encoder and the UNet.

    Args:
        model: The parts; the autoencoder's scaling factor must be set.
        lesson: What to learn from.
        batch: Latents in a step of one process.
        schedule: How long and how fast.
        folder: Where the checkpoint and the loss log go.
        accelerator: The device, and the processes that share the work.
        at_checkpoint: Called with the training at every checkpoint.
        at_step: Called after each step with the steps done and the loss.
    """
    modules = {"unet": model.unet, "text_encoder": model.text_encoder}
    groups: list[dict[str, object]] = [{"params": list(module.parameters())} for module in modules.values()]
    training = Training(modules, groups, schedule, folder, accelerator)

    def loss_of(random: Randomness) -> Tensor:
        latents, captions = lesson.draw(random, batch)
        latents = latents.to(accelerator.device) * model.vae.config.scaling_factor
        question = ask(model.scheduler, latents, random, DETAIL_SHARE)
        with accelerator.autocast():
            words = model.encode_text(without_some(captions, EMPTY_SHARE, random), SIZE)
            given = model.unet(question.noisy, question.timesteps, words.states, return_dict=False)[0]
        return question.weighted_loss(given)

    training.run(loss_of, at_checkpoint, at_step)
    return training


def without_some(captions: Sequence[str], share: float, random: Randomness) -> list[str]:
    """Empties a random share of captions."""
    dropped = random.numpy.random(len(captions)) < share
    return ["" if drop else caption for drop, caption in zip(dropped, captions, strict=True)]
