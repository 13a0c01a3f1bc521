"""Guidance by diffusers' guiders, and its window."""

import diffusers
import pytest
import torch

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.guidance import Guidance, Sides
from sd_nodes.diffusion.guiders import NAMES
from tests.sd_nodes.diffusion import ours
from tests.sd_nodes.diffusion.ours import Ask
from tests.sd_nodes.diffusion.test_fitting import PROMPT
from tests.sd_nodes.models import small_models

BOTH = Sides(negative=True)
OPTIONS = {
    "adaptive projected": {"adaptive_projected_guidance_momentum": -0.5, "eta": 0.3},
    "adaptive projected mix": {"adaptive_projected_guidance_start_step": 1},
    "zero star": {"zero_init_steps": 0},
    "tangential": {},
    "magnitude aware": {"alpha": 4.0},
}


def predictions() -> torch.Tensor:
    return torch.randn(2 * 2, 4, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", NAMES)
def test_a_guider_mixes_as_diffusers_does(name):
    """Over three steps, as it remembers earlier ones; its own rescale is ours."""
    guidance = Guidance(PROMPT, PROMPT, 4.0, 0.3, method=name, options=OPTIONS[name])
    mixing, theirs = guidance.mixing(able=True), getattr(diffusers.guiders, NAMES[name])
    reference = theirs(guidance_scale=4.0, guidance_rescale=0.3, **OPTIONS[name])
    for step in range(3):
        assert mixing.guided(step, 3)
        both = predictions() * (1 + step)
        reference.set_state(step, 3, None)
        reference.prepare_inputs({})
        # Diffusers' own norm over a picture refuses three dimensions.
        negative, positive = (both.flatten(1) if name == "magnitude aware" else both).chunk(2)
        expected = reference.forward(positive, negative).pred.reshape(2, 4, 8, 8)
        assert torch.equal(guidance.mix(mixing, step, 3, BOTH, both), expected)


@pytest.mark.parametrize("name", NAMES)
def test_each_guider_draws_another_picture_and_begins_each_run_anew(name):
    models = small_models()
    plain = ours.from_text(models, Ask())
    one, again = (ours.from_text(models, Ask(method=name, guider=OPTIONS[name])) for _ in range(2))
    assert torch.equal(one, again)
    assert not torch.equal(one, plain) and one.isfinite().all()


def test_outside_its_window_a_guider_needs_no_negative_prompt():
    mixing = Guidance(PROMPT, PROMPT, 4.0, start=0.25, end=0.75, method="adaptive projected").mixing(able=True)
    assert [mixing.guided(step, 8) for step in range(8)] == [False] * 2 + [True] * 4 + [False] * 2
    plain = Guidance(PROMPT, PROMPT, 4.0, start=0.25, end=0.75).mixing(able=True)
    assert [plain.guided(step, 8) for step in range(8)] == [False] * 2 + [True] * 4 + [False] * 2


def test_steps_that_are_set_to_zero_need_no_negative_prompt_and_are_not_rescaled():
    guidance = Guidance(PROMPT, PROMPT, 4.0, 0.5, method="zero star", options={"zero_init_steps": 1})
    mixing = guidance.mixing(able=True)
    assert [mixing.guided(step, 3) for step in range(3)] == [False, True, True]
    assert not guidance.mix(mixing, 0, 3, Sides(), predictions()).any()


def test_guidance_that_is_off_in_no_step_or_unknown_is_told():
    with pytest.raises(SettingError, match=r"on from 0\.5 to 0\.5, needed is 0 <= start < end <= 1"):
        Guidance(PROMPT, PROMPT, start=0.5, end=0.5).mixing(able=True)
    with pytest.raises(SettingError, match=r"no guidance 'tangent'.* Did you mean 'tangential'"):
        Guidance(PROMPT, PROMPT, method="tangent").mixing(able=True)
    with pytest.raises(SettingError, match=r"has no option beta; it has .*eta"):
        Guidance(PROMPT, PROMPT, method="adaptive projected", options={"beta": 1}).mixing(able=True)


def test_a_network_that_is_told_the_scale_is_not_guided():
    mixing = Guidance(PROMPT, PROMPT, 8.0, method="tangential").mixing(able=False)
    assert not any(mixing.guided(step, 4) for step in range(4))
