"""What comes out is, bit for bit, what diffusers' pipelines make of the same weights, seed and settings."""

from collections.abc import Callable

import pytest
import torch
from accelerate import cpu_offload
from torch import Tensor

from sd_nodes.diffusion.control import Control
from sd_nodes.diffusion.scheduler_names import FITTING
from tests.sd_nodes.diffusion import ours, theirs
from tests.sd_nodes.diffusion.ours import Ask, random_picture
from tests.sd_nodes.models import SCHEDULER_CONFIG, Models, controlnet, ready, small_models, unet

EDGES, DEPTH, PHOTO = random_picture(1), random_picture(2), random_picture(3)
EDM_CONFIG = {"_class_name": "EDMEulerScheduler", "sigma_data": 0.5, "sigma_min": 0.002, "sigma_max": 80.0}
SOME = [
    Ask("UniPCMultistepScheduler"),
    Ask("PNDMScheduler"),
    Ask("DDIMScheduler"),
    Ask("EulerDiscreteScheduler"),
    Ask("EulerAncestralDiscreteScheduler"),
    Ask("DPMSolverMultistepScheduler", options={"use_karras_sigmas": True, "algorithm_type": "dpmsolver++"}),
    Ask("LCMScheduler"),
]
EVERY = [
    Ask(
        name,
        SCHEDULER_CONFIG if "noise" in fit.models else EDM_CONFIG,
        {"noise_sampler_seed": 7} if "noise_sampler_seed" in fit.options else None,
    )
    for name, fit in FITTING.items()
    if fit.models != ("flow",)
]
KINDS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def by_scheduler(ask: Ask) -> str:
    return ask.scheduler


@pytest.fixture(scope="module", params=KINDS)
def models(request: pytest.FixtureRequest) -> Models:
    return small_models(KINDS[request.param])


@pytest.fixture(scope="module")
def plain() -> Models:
    return small_models()


def one(models: Models) -> list[Control]:
    return [Control(controlnet(4, models.unet.dtype), EDGES, 0.8, 0.2, 0.8)]


def two(models: Models) -> list[Control]:
    return [*one(models), Control(controlnet(5, models.unet.dtype), DEPTH, 0.5, 0.0, 0.5)]


def same(mine: Tensor, reference: Tensor) -> bool:
    assert torch.isfinite(reference).all()
    assert reference.std() > 0.01
    return torch.equal(mine, reference)


@pytest.mark.parametrize("ask", SOME, ids=by_scheduler)
def test_from_text(models: Models, ask: Ask) -> None:
    assert same(ours.from_text(models, ask), theirs.from_text(models, ask))


@pytest.mark.parametrize("controls", [one, two])
@pytest.mark.parametrize("ask", SOME, ids=by_scheduler)
def test_from_text_with_controls(models: Models, ask: Ask, controls: Callable[[Models], list[Control]]) -> None:
    asked = controls(models)
    assert same(ours.from_text(models, ask, asked), theirs.from_text(models, ask, asked))


@pytest.mark.parametrize("ask", SOME, ids=by_scheduler)
def test_from_image(models: Models, ask: Ask) -> None:
    assert same(ours.from_image(models, ask, PHOTO), theirs.from_image(models, ask, PHOTO))


@pytest.mark.parametrize("controls", [one, two])
@pytest.mark.parametrize("ask", SOME, ids=by_scheduler)
def test_from_image_with_controls(models: Models, ask: Ask, controls: Callable[[Models], list[Control]]) -> None:
    asked = controls(models)
    assert same(ours.from_image(models, ask, PHOTO, asked), theirs.from_image(models, ask, PHOTO, asked))


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning", "ignore:Should have t:UserWarning")
@pytest.mark.parametrize("ask", EVERY, ids=by_scheduler)
def test_every_scheduler_that_fits(plain: Models, ask: Ask) -> None:
    assert same(ours.from_text(plain, ask, one(plain)), theirs.from_text(plain, ask, one(plain)))
    assert same(ours.from_image(plain, ask, PHOTO), theirs.from_image(plain, ask, PHOTO))


@pytest.mark.parametrize(
    "options",
    [
        {"use_exponential_sigmas": True},
        {"use_beta_sigmas": True},
        {"timestep_spacing": "trailing"},
        {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"},
        {"solver_order": 3, "solver_type": "bh1", "final_sigmas_type": "sigma_min"},
    ],
    ids=str,
)
def test_options_of_a_scheduler(plain: Models, options: dict[str, bool | str | int]) -> None:
    ask = Ask("UniPCMultistepScheduler", options=options)
    made = ours.from_text(plain, ask)
    assert same(made, theirs.from_text(plain, ask))
    assert not torch.equal(made, ours.from_text(plain, Ask("UniPCMultistepScheduler")))


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")
@pytest.mark.parametrize("name", [name for name, fit in FITTING.items() if "rescale_betas_zero_snr" in fit.options])
def test_velocities_from_pure_noise(plain: Models, name: str) -> None:
    """With betas rescaled to a last timestep of pure noise (arXiv:2305.08891), by each scheduler that can."""
    options = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    rescaled = Ask(name, options=options, rescale=0.7)
    assert same(ours.from_text(plain, rescaled), theirs.from_text(plain, rescaled))
    ask = Ask(name, options=options)
    assert same(ours.from_image(plain, ask, PHOTO), theirs.from_image(plain, ask, PHOTO))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("LCMScheduler", {"original_inference_steps": 100}),
        ("LCMScheduler", {"timestep_scaling": 5.0}),
        ("TCDScheduler", {"original_inference_steps": 20}),
    ],
    ids=str,
)
def test_options_of_consistency_models(plain: Models, name: str, options: dict[str, float]) -> None:
    ask = Ask(name, options=options)
    made = ours.from_text(plain, ask)
    assert same(made, theirs.from_text(plain, ask))
    assert not torch.equal(made, ours.from_text(plain, Ask(name)))


def test_a_batch_from_one_prompt(plain: Models) -> None:
    ask = Ask(batch=3)
    assert same(ours.from_text(plain, ask, two(plain)), theirs.from_text(plain, ask, two(plain)))


def test_without_guidance(plain: Models) -> None:
    ask = Ask(scale=1.0)
    assert same(ours.from_text(plain, ask, one(plain)), theirs.from_text(plain, ask, one(plain)))


def test_rescaled_guidance(plain: Models) -> None:
    ask = Ask(rescale=0.7)
    made = ours.from_text(plain, ask)
    assert same(made, theirs.from_text(plain, ask))
    assert not torch.equal(made, ours.from_text(plain, Ask()))


def test_guidance_that_ends_on_the_way(plain: Models) -> None:
    ask = Ask(steps=5, window=(0.0, 0.6))
    made = ours.from_text(plain, ask)
    assert same(made, theirs.from_text(plain, ask))
    assert not torch.equal(made, ours.from_text(plain, Ask(steps=5)))


@pytest.mark.parametrize("controls", [None, one])
@pytest.mark.parametrize("scale", [5.0, 1.0])
def test_perturbed_attention_guidance(
    plain: Models, scale: float, controls: Callable[[Models], list[Control]] | None
) -> None:
    ask, asked = Ask(scale=scale, perturbed=3.0), controls(plain) if controls else []
    made = ours.from_text(plain, ask, asked)
    assert same(made, theirs.from_text(plain, ask, asked))
    assert not torch.equal(made, ours.from_text(plain, Ask(scale=scale), asked))


def test_perturbed_attention_guidance_rescaled(plain: Models) -> None:
    ask = Ask(perturbed=3.0, rescale=0.7)
    assert same(ours.from_text(plain, ask), theirs.from_text(plain, ask))


def test_guess_mode(plain: Models) -> None:
    guessing = [Control(controlnet(), EDGES, guess=True)]
    made = ours.from_text(plain, Ask(), guessing)
    assert same(made, theirs.from_text(plain, Ask(), guessing))
    assert not torch.equal(made, ours.from_text(plain, Ask(), [Control(controlnet(), EDGES)]))


def test_guess_mode_without_guidance(plain: Models) -> None:
    ask, guessing = Ask(scale=1.0), [Control(controlnet(), EDGES, guess=True)]
    assert same(ours.from_text(plain, ask, guessing), theirs.from_text(plain, ask, guessing))


def test_control_pooled_over_the_picture(plain: Models) -> None:
    pooled = [Control(controlnet(global_pool_conditions=True), EDGES)]
    assert same(ours.from_text(plain, Ask(), pooled), theirs.from_text(plain, Ask(), pooled))


def test_control_with_channels_in_reverse(plain: Models) -> None:
    reverse = [Control(controlnet(controlnet_conditioning_channel_order="bgr"), EDGES)]
    assert same(ours.from_text(plain, Ask(), reverse), theirs.from_text(plain, Ask(), reverse))


def test_control_of_no_strength(plain: Models) -> None:
    off = [Control(controlnet(), EDGES, strength=0.0)]
    assert same(ours.from_text(plain, Ask(), off), theirs.from_text(plain, Ask(), off))


def test_a_unet_that_is_told_the_scale(plain: Models) -> None:
    told = Models(plain.tokenizer, plain.text_encoder, ready(unet(time_cond_proj_dim=32)), plain.vae)
    ask = Ask("LCMScheduler", scale=7.0)
    made = ours.from_text(told, ask, one(plain))
    assert same(made, theirs.from_text(told, ask, one(plain)))
    assert not torch.equal(made, ours.from_text(told, Ask("LCMScheduler", scale=3.0), one(plain)))


def test_timesteps_that_come_twice(plain: Models) -> None:
    """Near the end of many steps the spacing of Karras rounds several noise levels to one timestep."""
    ask = Ask("DPMSolverMultistepScheduler", options={"use_karras_sigmas": True}, steps=60, strength=0.04)
    assert same(ours.from_image(plain, ask, PHOTO), theirs.from_image(plain, ask, PHOTO))


def test_inside_inference_mode(plain: Models) -> None:
    outside = ours.from_image(plain, Ask(), PHOTO, two(plain))
    with torch.inference_mode():
        assert torch.equal(ours.from_image(plain, Ask(), PHOTO, two(plain)), outside)


def test_with_weights_brought_in_one_by_one(plain: Models) -> None:
    away, net = small_models(), controlnet()
    for module in (away.unet, away.vae, away.text_encoder, net):
        cpu_offload(module, torch.device("cpu"))
        assert module.device.type == "meta"
    made = ours.from_image(away, Ask(), PHOTO, [Control(net, EDGES)])
    assert torch.equal(made, ours.from_image(plain, Ask(), PHOTO, [Control(controlnet(), EDGES)]))


@pytest.mark.parametrize("strength", [0.3, 0.75, 1.0])
def test_strengths(plain: Models, strength: float) -> None:
    ask = Ask(strength=strength, steps=5)
    assert same(ours.from_image(plain, ask, PHOTO), theirs.from_image(plain, ask, PHOTO))
