"""What comes out is, bit for bit, what diffusers' pipelines make of the same weights, seed and settings."""

import pytest
import torch

from sd_nodes.diffusion.control import Control
from tests.sd_nodes.diffusion import ours, theirs
from tests.sd_nodes.diffusion.ours import Ask, random_picture
from tests.sd_nodes.models import Models, controlnet, small_models

EDGES, DEPTH, PHOTO = random_picture(1), random_picture(2), random_picture(3)
KARRAS = {"use_karras_sigmas": True, "algorithm_type": "dpmsolver++"}
SOME = [
    Ask("UniPCMultistepScheduler"),
    Ask("PNDMScheduler"),
    Ask("DDIMScheduler"),
    Ask("EulerDiscreteScheduler"),
    Ask("EulerAncestralDiscreteScheduler"),
    Ask("DPMSolverMultistepScheduler", options=KARRAS),
    Ask("LCMScheduler"),
]
KINDS = {"fp32": torch.float32, "bf16": torch.bfloat16}


@pytest.fixture(scope="module", params=KINDS)
def models(request: pytest.FixtureRequest) -> Models:
    return small_models(KINDS[request.param])


def one(models: Models) -> list[Control]:
    return [Control(controlnet(4, models.unet.dtype), EDGES, 0.8, 0.2, 0.8)]


def two(models: Models) -> list[Control]:
    return [*one(models), Control(controlnet(5, models.unet.dtype), DEPTH, 0.5, 0.0, 0.5)]


@pytest.mark.parametrize("ask", SOME, ids=lambda ask: ask.scheduler)
def test_text_to_image(models: Models, ask: Ask) -> None:
    assert torch.equal(ours.from_text(models, ask), theirs.from_text(models, ask))


@pytest.mark.parametrize("controls", [one, two])
@pytest.mark.parametrize("ask", SOME, ids=lambda ask: ask.scheduler)
def test_text_to_image_with_controls(models: Models, ask: Ask, controls: type) -> None:
    asked = controls(models)
    assert torch.equal(ours.from_text(models, ask, asked), theirs.from_text(models, ask, asked))


@pytest.mark.parametrize("ask", SOME, ids=lambda ask: ask.scheduler)
def test_image_to_image(models: Models, ask: Ask) -> None:
    assert torch.equal(ours.from_image(models, ask, PHOTO), theirs.from_image(models, ask, PHOTO))


@pytest.mark.parametrize("controls", [one, two])
@pytest.mark.parametrize("ask", SOME, ids=lambda ask: ask.scheduler)
def test_image_to_image_with_controls(models: Models, ask: Ask, controls: type) -> None:
    asked = controls(models)
    assert torch.equal(ours.from_image(models, ask, PHOTO, asked), theirs.from_image(models, ask, PHOTO, asked))
