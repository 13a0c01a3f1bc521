"""A run waits for the device that it computes on before its first step and after its last, and not in between."""

import diffusers
import pytest
import torch
from torch import Tensor

from sd_nodes.diffusion.control import Control
from sd_nodes.diffusion.denoise import draw_noise, seeded, text_to_image
from sd_nodes.diffusion.unipc import UniPCMultistepScheduler
from tests.sd_nodes import models, toy_device
from tests.sd_nodes.diffusion import ours
from tests.sd_nodes.diffusion.ours import Ask, random_picture

pytestmark = pytest.mark.skipif(not toy_device.available(), reason="this torch has no devices written in Python")

SCHEDULERS = [
    "UniPCMultistepScheduler",
    "DDIMScheduler",
    "PNDMScheduler",
    "EulerDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "HeunDiscreteScheduler",
    "LMSDiscreteScheduler",
]


@pytest.fixture(scope="module")
def away() -> models.Models:
    """A small model whose UNet computes on the toy device."""
    made = models.small_models()
    made.unet.to("toy")
    return made


@pytest.mark.parametrize("name", SCHEDULERS)
def test_steps_do_not_wait(away: models.Models, name: str) -> None:
    net = models.controlnet()
    net.to("toy")
    sampling = ours.sampling(away, Ask(name, steps=5), [Control(net, random_picture(1))])
    waits: list[int] = []

    def on_step(done: int, total: int, latents: Tensor) -> None:
        waits.append(toy_device.MEMORY.waits)

    with torch.inference_mode():
        noise = draw_noise((1, 4, 8, 8), seeded(1), away.unet)
        text_to_image(sampling, noise, seeded(1), on_step)
    assert waits[0] > 0
    assert set(waits[1:]) == {waits[0]}


def test_diffusers_own_unipc_waits_in_each_step() -> None:
    """What is saved: the noise levels that it brings to the device one by one."""

    def waits(solver: diffusers.UniPCMultistepScheduler) -> int:
        solver.set_timesteps(8)
        latents = torch.zeros(1, 4, 8, 8).to("toy")
        counted = []
        for timestep in solver.timesteps[:5]:
            before = toy_device.MEMORY.waits
            latents = solver.step(latents, timestep, latents, return_dict=False)[0]
            counted.append(toy_device.MEMORY.waits - before)
        return counted[-1]

    assert waits(diffusers.UniPCMultistepScheduler.from_config(models.SCHEDULER_CONFIG)) >= 6
    assert waits(UniPCMultistepScheduler.from_config(models.SCHEDULER_CONFIG)) == 0
