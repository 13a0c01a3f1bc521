"""What is done to guided predictions, by hand and against diffusers' guiders and pipelines."""

import math

import pytest
import torch
from diffusers import ClassifierFreeZeroStarGuidance, TangentialClassifierFreeGuidance
from scipy.ndimage import correlate1d
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.k.corrections import (
    Away,
    Correction,
    Guided,
    LessNoise,
    Normed,
    corrected,
    tangential,
    towards_prompt,
    zero_star,
)
from sd_nodes.diffusion.k.guidance import Cfg
from sd_nodes.diffusion.k.network import Network
from sd_nodes.diffusion.k.regions import Prompt, sides_placed
from sd_nodes.diffusion.k.self_attention import Blurred, Watch, blurred, looked_at
from tests.sd_nodes.diffusion.k.small import FORM, UNET, alone, latents, network, prompt

SIGMA, SCALE = 2.0, 5.0
X, A, B = (latents(batch=2, seed=seed) for seed in (1, 2, 3))
GIVEN = Guided(X, SIGMA, B + SCALE * (A - B), A, B, SCALE, (), ())
close = torch.testing.assert_close


def test_corrections_follow_each_other() -> None:
    def doubled(given: Guided) -> Tensor:
        return 2 * given.guided

    def risen(given: Guided) -> Tensor:
        return given.guided + 1

    close(corrected(GIVEN, [doubled, risen]), 2 * GIVEN.guided + 1)
    close(corrected(GIVEN, [risen, doubled]), 2 * (GIVEN.guided + 1))
    assert corrected(GIVEN, []) is GIVEN.guided


def test_zero_star_is_that_of_diffusers() -> None:
    """There the rule is for predicted noise, here for what it denoises to: both say the same."""
    guider = ClassifierFreeZeroStarGuidance(SCALE, zero_init_steps=0)
    guider.set_state(1, 2, torch.tensor(1))
    noise = guider.forward(X - A, X - B).pred
    # Their negative noise is scaled, the latents in it too; what is denoised here leaves those out.
    fitting = ((X - A) * (X - B)).sum((1, 2, 3), keepdim=True) / (X - B).square().sum((1, 2, 3), keepdim=True)
    close(zero_star(GIVEN), X - noise + (SCALE - 1) * (fitting - 1) * -X, rtol=1e-4, atol=1e-3)


def test_tangential_damping_is_that_of_diffusers() -> None:
    guider = TangentialClassifierFreeGuidance(SCALE)
    guider.set_state(1, 2, torch.tensor(1))
    noise = guider.forward(X - A, X - B).pred
    damped = tangential(X, A, B)
    close(damped + SCALE * (A - damped), X - noise, rtol=1e-3, atol=1e-3)


def test_damping_comes_before_mixing() -> None:
    first, second = (alone(prompt(seed), X, SIGMA) for seed in (1, 2))
    guide = Cfg([prompt(1)], [prompt(2)], SCALE, damped=True)
    with torch.no_grad():
        found = guide.denoised(network().predict, sides_placed(guide.sides, 8, 8), X, SIGMA, False)
    damped = tangential(X, first, second)
    close(found.guided, damped + SCALE * (first - damped), rtol=1e-3, atol=1e-2)


def test_a_normed_prediction_is_nowhere_longer_than_the_prompts() -> None:
    found = Normed()(GIVEN)
    wanted, before = (one.norm(dim=1) for one in (A, GIVEN.guided))
    close(found.norm(dim=1), torch.minimum(wanted, before), rtol=1e-4, atol=1e-4)
    close(Normed(0.5)(GIVEN), found / 2)


def test_where_guidance_goes_as_the_negative_prompt_does_it_stays() -> None:
    same = GIVEN._replace(unconditional=A, guided=A * SCALE)
    close(towards_prompt(same), A * SCALE)
    opposite = GIVEN._replace(unconditional=-A, guided=A * SCALE)
    close(towards_prompt(opposite), A * SCALE)
    against = GIVEN._replace(unconditional=-(A * SCALE + GIVEN.guided))
    close(towards_prompt(against), A * SCALE)


def test_less_noise_leaves_more_of_what_was_seen() -> None:
    close(LessNoise(1.25)(GIVEN), X - (X - GIVEN.guided) / 1.25)
    close(LessNoise(1.0)(GIVEN), GIVEN.guided)


@pytest.mark.parametrize(("window", "acts"), [((math.inf, 0.0), True), ((1.0, 0.0), False), ((9.0, 3.0), False)])
def test_guidance_away_has_a_window(window: tuple[float, float], acts: bool) -> None:
    away = Away(network(), 2.0, *window)
    (placed,) = sides_placed([[prompt(1)]], 8, 8)
    with torch.no_grad():
        found = away(GIVEN._replace(positive=placed))
    assert torch.equal(found, GIVEN.guided) is not acts


def guided(corrections: list[Correction], watched: Network, negative: tuple[Prompt, ...]) -> Tensor:
    guide = Cfg([prompt(1)], negative, SCALE, corrections=corrections, both=True)
    with torch.no_grad():
        return guide.denoised(watched.predict, sides_placed(guide.sides, 8, 8), X, SIGMA, False).guided


@pytest.mark.parametrize("tokens", [5, 6])
def test_self_attention_guidance_by_hand(tokens: int) -> None:
    """The negative prompt's attention is seen, in a batch with the prompt's or by itself."""
    watch = Watch()
    watched = Network(watch.watched(UNET), FORM, sides=watch.sides)
    negative = prompt(2, tokens)
    found = guided([Blurred(watched, watch, 0.7, 2.0)], watched, (negative,))
    first, second = alone(prompt(1), X, SIGMA), alone(negative, X, SIGMA)
    layer, seen = UNET.mid_block.attentions[0].transformer_blocks[0].attn1, []
    hook = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    alone(negative, X, SIGMA)
    hook.remove()
    query, key = (layer.head_to_batch_dim(told(seen[0])) for told in (layer.to_q, layer.to_k))
    heads = layer.get_attention_scores(query, key).unflatten(0, (len(X), -1))
    much = torch.nn.functional.interpolate((heads.mean(1).sum(1) > 1).reshape(2, 1, *SMALL).float(), (8, 8))
    hazy = softly(second, 2.0) * much + second * (1 - much)
    away = alone(negative, hazy + X - second, SIGMA)
    close(found, second + SCALE * (first - second) + 0.7 * (hazy - away), rtol=1e-3, atol=1e-2)


SMALL = (4, 4)
"""The size of features in the middle of the small model, for latents of 8 x 8."""


def test_a_watched_network_predicts_what_it_does() -> None:
    watch = Watch()
    found = guided([], Network(watch.watched(UNET), FORM, sides=watch.sides), (prompt(2),))
    close(found, guided([], network(), (prompt(2),)))
    assert watch.weights is not None
    close(watch.weights.sum(-1), torch.ones(watch.weights.shape[:-1]))


def test_self_attention_guidance_needs_a_negative_prompt() -> None:
    watch = Watch()
    watched = Network(watch.watched(UNET), FORM, sides=watch.sides)
    with pytest.raises(SettingError, match="negative prompt for the whole picture"):
        guided([Blurred(watched, watch, 0.5, 2.0)], watched, ())


def test_where_is_looked_at_has_the_size_of_the_latents() -> None:
    weights = torch.zeros(1, 2, 6, 6)
    weights[..., 0] = 1.0
    found = looked_at(weights, (8, 12))
    assert found.shape == (1, 1, 8, 12)
    assert found[0, 0, :4, :4].all() and found.sum() == 16
    with pytest.raises(SettingError, match="whole picture"):
        looked_at(torch.zeros(1, 2, 7, 7), (8, 12))


def softly(values: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur over nine places by SciPy, mirrored at the edges."""
    bell = [math.exp(-(place**2) / (2 * sigma**2)) for place in range(-4, 5)]
    line = [one / sum(bell) for one in bell]
    found = values.double().numpy()
    for axis in (2, 3):
        found = correlate1d(found, line, axis, mode="mirror")
    return torch.from_numpy(found).to(values)


def test_blurring() -> None:
    close(blurred(X, 1.3), softly(X, 1.3))
