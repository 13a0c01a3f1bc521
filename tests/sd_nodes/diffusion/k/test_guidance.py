"""Mixing by hand, and how often the model is asked."""

import pytest
import torch

from sd_nodes.diffusion.k.corrections import Away
from sd_nodes.diffusion.k.guidance import Cfg, DualCfg, Guide, PerpNeg, Rescaled
from sd_nodes.diffusion.k.network import Network
from sd_nodes.diffusion.k.regions import sides_placed
from sd_nodes.diffusion.k.run import Denoised
from sd_nodes.diffusion.perturbed import with_perturbed_attention
from tests.sd_nodes.diffusion.k.small import FORM, UNET, alone, latents, network, prompt

SIGMA = 2.0
X = latents(batch=2)
A, B, C = (alone(prompt(seed), X, SIGMA) for seed in (1, 2, 3))
close = torch.testing.assert_close


def denoised(guide: Guide, both: bool = False) -> tuple[Denoised, int]:
    """What latents denoise to, and how many prompts the model saw."""
    seen: list[int] = []
    hook = UNET.register_forward_pre_hook(lambda _, given: seen.append(len(given[0]) // len(X)))
    with torch.no_grad():
        found = guide.denoised(network().predict, sides_placed(guide.sides, 8, 8), X, SIGMA, both)
    hook.remove()
    return found, sum(seen)


def test_classifier_free_guidance() -> None:
    found, seen = denoised(Cfg([prompt(1)], [prompt(2)], 6.5))
    close(found.guided, B + 6.5 * (A - B), rtol=1e-4, atol=1e-3)
    close(found.unguided, B, rtol=1e-4, atol=1e-4)
    assert seen == 2


def test_at_scale_one_the_negative_side_is_not_asked() -> None:
    found, seen = denoised(Cfg([prompt(1)], [prompt(2)], 1.0))
    close(found.guided, A, rtol=1e-4, atol=1e-4)
    assert seen == 1
    found, seen = denoised(Cfg([prompt(1)], [prompt(2)], 1.0), both=True)
    close(found.unguided, B, rtol=1e-4, atol=1e-4)
    assert seen == 2


def test_at_scale_zero_only_the_negative_side_counts() -> None:
    found, seen = denoised(Cfg([prompt(1)], [prompt(2)], 0.0))
    close(found.guided, B, rtol=1e-4, atol=1e-4)
    assert seen == 2


@pytest.mark.parametrize("both", [False, True])
def test_without_a_negative_side(both: bool) -> None:
    """As editors of the field have it, samplers that go along the unguided slope find zeros there."""
    found, seen = denoised(Cfg([prompt(1)]), both)
    close(found.guided, A, rtol=1e-4, atol=1e-4)
    assert seen == 1
    if both:
        assert not found.unguided.any()


@pytest.mark.parametrize("nested", [False, True])
def test_two_positive_sides(nested: bool) -> None:
    found, seen = denoised(DualCfg([prompt(1)], [prompt(2)], [prompt(3)], 3.0, 5.0, nested))
    inner = B + 3.0 * (A - B)
    expected = C + 5.0 * (inner - C) if nested else C + 5.0 * (B - C) + 3.0 * (A - B)
    close(found.guided, expected, rtol=1e-4, atol=1e-3)
    assert seen == 3


@pytest.mark.parametrize(("scale", "seen"), [(3.0, 2), (1.0, 1)])
def test_two_positive_sides_do_no_needless_work(scale: float, seen: int) -> None:
    found, asked = denoised(DualCfg([prompt(1)], [prompt(2)], [prompt(3)], scale, 1.0))
    close(found.guided, B + scale * (A - B), rtol=1e-4, atol=1e-3)
    assert asked == seen


def test_rescaled_guidance_keeps_the_deviation_of_the_unguided_velocity() -> None:
    whole = denoised(Cfg([prompt(1)], [prompt(2)], 9.0, mix=Rescaled(network(), 1.0)))[0].guided
    deviations = [FORM.velocity(one, X, SIGMA).std((1, 2, 3)) for one in (whole, A)]
    close(*deviations, rtol=1e-4, atol=1e-4)
    none = denoised(Cfg([prompt(1)], [prompt(2)], 9.0, mix=Rescaled(network(), 0.0)))[0].guided
    close(none, B + 9.0 * (A - B), rtol=1e-3, atol=1e-3)


def test_perturbed_attention_is_that_of_diffusers() -> None:
    from diffusers.models.attention_processor import PAGIdentitySelfAttnProcessor2_0

    from tests.sd_nodes.models import ready, unet

    other = ready(unet())
    before = dict(UNET.attn_processors)
    for block in other.mid_block.attentions[0].transformer_blocks:
        block.attn1.set_processor(PAGIdentitySelfAttnProcessor2_0())
    with torch.no_grad():
        told = prompt(1).condition.states
        # Diffusers computes both halves at once: the second is disturbed.
        reference = other(X.repeat(2, 1, 1, 1), 500, told.expand(4, -1, -1)).sample[2:]
        found = with_perturbed_attention(UNET)(X, 500, told.expand(2, -1, -1)).sample
        plain = UNET(X, 500, told.expand(2, -1, -1)).sample
    close(found, reference, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(found, plain, atol=1e-3)
    assert UNET.attn_processors == before


def test_guidance_away_from_a_disturbed_model() -> None:
    disturbed = Network(with_perturbed_attention(UNET), FORM)
    with torch.no_grad():
        (wrong,) = disturbed.predict(sides_placed([[prompt(1)]], 8, 8), X, SIGMA)
    found = denoised(Cfg([prompt(1)], [prompt(2)], 4.0, corrections=[Away(disturbed, 3.0)]))[0].guided
    close(found, B + 4.0 * (A - B) + 3.0 * (A - wrong), rtol=1e-4, atol=1e-3)
    assert denoised(Cfg([prompt(1)], corrections=[Away(disturbed, 0.0)]))[1] == 1


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("scales", [(3.0, 5.0), (3.0, 1.0), (1.0, 1.0), (1.0, 5.0)])
def test_two_positive_sides_away_from_a_disturbed_model(nested: bool, scales: tuple[float, float]) -> None:
    """What is led away is what the rule of mixing mixes: the first side if nested, else the second, if it counts."""
    disturbed = Network(with_perturbed_attention(UNET), FORM)
    with torch.no_grad():
        first, second = disturbed.predict(sides_placed([[prompt(1)], [prompt(2)]], 8, 8), X, SIGMA)
    found = denoised(
        DualCfg([prompt(1)], [prompt(2)], [prompt(3)], *scales, nested, corrections=[Away(disturbed, 2.0)])
    )
    if nested:
        expected = C + scales[1] * (B + scales[0] * (A - B) + 2.0 * (A - first) - C)
    elif scales == (1.0, 1.0):
        expected = A
    else:
        expected = C + scales[1] * (B - C) + 2.0 * (B - second) + scales[0] * (A - B)
    close(found[0].guided, expected, rtol=1e-4, atol=2e-3)


def test_what_stands_against_the_prompt_itself_is_not_taken_away() -> None:
    """Only what is perpendicular to it is (Perp-Neg)."""
    found, seen = denoised(PerpNeg([prompt(1)], [prompt(2)], [prompt(3)], 6.0, 1.5))
    wanted, unwanted = A - C, B - C
    across = unwanted - (unwanted * wanted).sum() / (wanted * wanted).sum() * wanted
    assert abs(float((across * wanted).sum())) < 1e-3 * float((wanted * wanted).sum())
    close(found.guided, C + 6.0 * (wanted - 1.5 * across), rtol=1e-4, atol=1e-3)
    close(found.unguided, B, rtol=1e-4, atol=1e-4)
    assert seen == 3


@pytest.mark.parametrize(("scale", "seen"), [(6.0, 2), (1.0, 1)])
def test_nothing_to_take_away_is_not_computed(scale: float, seen: int) -> None:
    found, asked = denoised(PerpNeg([prompt(1)], [prompt(2)], [prompt(3)], scale, 0.0))
    close(found.guided, C + scale * (A - C), rtol=1e-4, atol=1e-3)
    assert asked == seen
    assert denoised(PerpNeg([prompt(1)], [prompt(2)], [prompt(3)], 1.0, 0.0), both=True)[1] == 3
