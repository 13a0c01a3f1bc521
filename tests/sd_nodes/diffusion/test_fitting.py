"""What does not fit together is told before anything runs, all of it at once."""

import pytest
import torch
from diffusers import ControlNetModel

from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.control import Control
from sd_nodes.diffusion.denoise import draw_noise, image_to_image, seeded, text_to_image
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.guidance import Guidance
from sd_nodes.diffusion.predicting import Sampling
from sd_nodes.diffusion.schedulers import make_scheduler
from tests.sd_nodes.diffusion.ours import random_picture
from tests.sd_nodes.models import SCHEDULER_CONFIG, WIDTH, controlnet, ready, unet

UNET, NET, EDGES = ready(unet()), controlnet(), random_picture(1)
PROMPT = Condition(torch.zeros(1, 77, WIDTH))
UNIPC = make_scheduler("unipc", SCHEDULER_CONFIG)


def problem(guidance: Guidance, *controls: Control, batch: int = 1, channels: int = 4) -> str:
    noise = torch.zeros(batch, channels, 8, 8)
    with pytest.raises(SettingError) as told:
        text_to_image(Sampling(UNET, UNIPC, guidance, 2, controls), noise, seeded(1))
    return str(told.value)


def test_guidance_without_a_negative_prompt() -> None:
    assert "negative prompt" in problem(Guidance(PROMPT, scale=5.0))


def test_prompts_that_are_not_one_for_each_latent() -> None:
    two = Condition(torch.zeros(2, 77, WIDTH))
    assert "2 prompts for 3 latents" in problem(Guidance(two, PROMPT), batch=3)


def test_a_prompt_of_another_model() -> None:
    foreign = Condition(torch.zeros(1, 77, 24))
    told = problem(Guidance(foreign, foreign), Control(NET, EDGES))
    assert told.splitlines() == [
        "The prompt has width 24, this UNet needs 32: it belongs to another base model.",
        "The prompt has width 24, this ControlNet needs 32: it belongs to another base model.",
    ]


def test_a_controlnet_of_another_model() -> None:
    other = ready(ControlNetModel.from_unet(unet(block_out_channels=(32, 96))))
    told = problem(Guidance(PROMPT, PROMPT), Control(other, EDGES))
    assert told == "The ControlNet was made for a UNet with channels [32, 96], this one has [32, 64]."


@pytest.mark.parametrize("window", [(0.5, 0.5), (0.6, 0.2), (-0.1, 0.5), (0.5, 1.1)])
def test_a_window_that_is_none(window: tuple[float, float]) -> None:
    told = problem(Guidance(PROMPT, PROMPT), Control(NET, EDGES, 1.0, *window))
    assert "needed is 0 <= start < end <= 1" in told


def test_a_control_picture_of_another_size() -> None:
    assert "needed is [64, 64, 3]" in problem(Guidance(PROMPT, PROMPT), Control(NET, torch.zeros(1, 64, 70, 3)))


def test_control_pictures_that_are_not_one_for_each_latent() -> None:
    told = problem(Guidance(PROMPT, PROMPT), Control(NET, random_picture(1, batch=2)), batch=3)
    assert "2 control pictures for 3 latents" in told


def test_latents_of_another_model() -> None:
    told = problem(Guidance(PROMPT, PROMPT), Control(NET, EDGES, start=0.9, end=0.1), channels=9)
    assert len(told.splitlines()) == 3
    assert "9 channels, this UNet takes 4" in told


@pytest.mark.parametrize("strength", [-0.1, 1.01, float("nan")])
def test_a_strength_out_of_range(strength: float) -> None:
    latents = torch.zeros(1, 4, 8, 8)
    with pytest.raises(SettingError, match="needed is 0 to 1"):
        image_to_image(Sampling(UNET, UNIPC, Guidance(PROMPT, PROMPT), 2), latents, latents, strength, seeded(1))


@pytest.mark.parametrize("shape", [(1, 4, 8, 6), (2, 4, 8, 8)])
def test_latents_and_noise_of_different_sizes(shape: tuple[int, ...]) -> None:
    sampling = Sampling(UNET, UNIPC, Guidance(PROMPT, PROMPT), 2)
    with pytest.raises(SettingError, match="the noise is"):
        image_to_image(sampling, torch.zeros(shape), torch.zeros(3, 4, 8, 8), 0.5, seeded(1))


def test_prompts_pictures_and_latents_in_a_batch() -> None:
    """Each latent of a batch follows its own prompt, control picture and start."""
    prompts = Condition(torch.randn(2, 77, WIDTH, generator=seeded(1)))
    pictures, starts = random_picture(2, batch=2), torch.randn(2, 4, 8, 8, generator=seeded(2))
    noise = draw_noise((2, 4, 8, 8), seeded(3), UNET)

    def run(which: slice) -> torch.Tensor:
        guidance = Guidance(Condition(prompts.states[which]), PROMPT)
        sampling = Sampling(UNET, UNIPC, guidance, 3, [Control(NET, pictures[which])])
        return image_to_image(sampling, starts[which], noise[which], 0.8, seeded(1))

    apart = torch.cat([run(slice(0, 1)), run(slice(1, 2))])
    torch.testing.assert_close(run(slice(0, 2)), apart, atol=1e-4, rtol=1e-4)


def test_a_generator_for_each_latent() -> None:
    together = draw_noise((2, 4, 8, 8), [seeded(5), seeded(6)], UNET)
    assert torch.equal(together[1:], draw_noise((1, 4, 8, 8), seeded(6), UNET))
