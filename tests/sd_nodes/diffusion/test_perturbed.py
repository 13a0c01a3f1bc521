"""Disturbed middle blocks, against the hooks of diffusers' guiders on the same network."""

from copy import deepcopy

import diffusers
import pytest
import torch
from diffusers.hooks import LayerSkipConfig
from diffusers.hooks.layer_skip import _apply_layer_skip_hook
from diffusers.hooks.smoothed_energy_guidance_utils import (
    SmoothedEnergyGuidanceConfig,
    _apply_smoothed_energy_guidance_hook,
)

from sd_nodes.diffusion.denoise import seeded, text_to_image
from sd_nodes.diffusion.guidance import Guidance, Sides
from sd_nodes.diffusion.perturbed import Way, with_perturbed_attention
from sd_nodes.diffusion.predicting import Sampling
from sd_nodes.diffusion.schedulers import make_scheduler
from tests.sd_nodes.diffusion.test_fitting import PROMPT
from tests.sd_nodes.models import SCHEDULER_CONFIG, WIDTH, ready, unet

MIDDLE = "mid_block.attentions.0.transformer_blocks"
UNET = ready(unet())


def seen(batch: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    latents, told = (torch.randn(1, *shape, generator=generator) for shape in ((4, 8, 8), (5, WIDTH)))
    return latents.repeat(batch, 1, 1, 1), torch.tensor(500), told.repeat(batch, 1, 1)


@torch.no_grad()
@pytest.mark.parametrize("way", ["mean", "skipped"])
def test_it_is_disturbed_as_by_diffusers_hooks(way: Way) -> None:
    """Diffusers takes the mean of all queries for blurs under its threshold."""
    theirs = deepcopy(UNET)
    if way == "mean":
        _apply_smoothed_energy_guidance_hook(theirs, SmoothedEnergyGuidanceConfig([0], MIDDLE), 1.0)
    else:
        _apply_layer_skip_hook(theirs, LayerSkipConfig([0], MIDDLE))
    found, expected = (net(*seen()).sample for net in (with_perturbed_attention(UNET, way=way), theirs))
    torch.testing.assert_close(found, expected)
    assert not torch.allclose(found, UNET(*seen()).sample, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("way", ["own", "mean", "skipped"])
def test_only_the_last_part_of_a_batch_is_disturbed(way: Way) -> None:
    found = with_perturbed_attention(UNET, 3, way)(*seen(3)).sample
    usual, whole = UNET(*seen(3)).sample, with_perturbed_attention(UNET, way=way)(*seen(3)).sample
    torch.testing.assert_close(found[:2], usual[:2])
    torch.testing.assert_close(found[2:], whole[2:])


def test_each_way_is_recorded_by_itself() -> None:
    """What replays steps must not take one disturbed network for another."""
    keys: list[object] = []

    def kept(key, compute, seen, timestep, told):
        keys.append(key)
        return compute(seen, timestep)

    for way in ("own", "mean", "skipped"):
        guidance = Guidance(PROMPT, PROMPT, 4.0, perturbed=2.0, way=way)
        sampling = Sampling(UNET, make_scheduler("unipc", SCHEDULER_CONFIG), guidance, 1, replayer=kept)
        text_to_image(sampling, torch.randn(1, 4, 8, 8), seeded(1))
    assert len(set(keys)) == 3


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("name", ["SkipLayerGuidance", "SmoothedEnergyGuidance"])
def test_predictions_are_mixed_as_by_diffusers_guiders(name: str, negative: bool) -> None:
    kind = getattr(diffusers.guiders, name)
    skipping = name == "SkipLayerGuidance"
    window = {"skip_layer_guidance_stop": 1.0, "skip_layer_guidance_start": 0.0} if skipping else {}
    scale, layers = ("skip_layer_guidance" if skipping else "seg_guidance"), {"use_original_formulation": not negative}
    guider = kind(4.0 if negative else 0.0, **{f"{scale}_scale": 2.0, f"{scale}_layers": [0]}, **window, **layers)
    guider.set_state(1, 3, None)
    sides = Sides(negative, disturbed=True)
    parts = torch.randn(sides.count, 2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    unconditional, positive, disturbed = parts if negative else (None, *parts)
    guidance = Guidance(PROMPT, PROMPT, 4.0 if negative else 1.0, perturbed=2.0)
    found = guidance.mix(guidance.mixing(able=True), 1, 3, sides, parts.flatten(0, 1))
    torch.testing.assert_close(found, guider.forward(positive, unconditional, disturbed).pred)
