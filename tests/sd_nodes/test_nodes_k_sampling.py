"""The samplers over noise levels, called as plain functions on small random models."""

from dataclasses import replace
from typing import get_args

import pytest
import torch

from graph_runtime import Folders, NodeError
from sd_nodes.conditionings import conditioning_combine
from sd_nodes.controlnet import controlnet_apply, controlnet_apply_advanced
from sd_nodes.custom_sampling import (
    add_noise,
    basic_guider,
    cfg_guider,
    disable_noise,
    dual_cfg_guider,
    perp_neg_guider,
    random_noise,
    sampler_custom,
    sampler_custom_advanced,
)
from sd_nodes.diffusion.k.samplers.names import SAMPLERS
from sd_nodes.diffusion.k.schedules import SCHEDULES
from sd_nodes.guidance_tweaks import (
    cfg_norm,
    cfg_zero_star,
    epsilon_scaling,
    mahiro,
    perturbed_attention_guidance,
    rescale_cfg,
    self_attention_guidance,
    tcfg,
)
from sd_nodes.inpainting import set_latent_noise_mask
from sd_nodes.k_samplers import ksampler, ksampler_advanced
from sd_nodes.k_sampling import DEVIATIONS
from sd_nodes.latents import empty_latent_image, empty_sd3_latent_image
from sd_nodes.loaders import BaseModel, controlnet_loader, load_base_model
from sd_nodes.model_tweaks import (
    differential_diffusion,
    freeu,
    freeu_v2,
    model_sampling_continuous_edm,
    model_sampling_discrete,
)
from sd_nodes.regions import conditioning_set_area, conditioning_set_area_percentage, conditioning_set_mask
from sd_nodes.sampler_names import SamplerName, ScheduleName
from sd_nodes.samplers import (
    ksampler_select,
    sampler_dpm_adaptative,
    sampler_dpmpp_2m_sde,
    sampler_er_sde,
    sampler_euler_ancestral,
    sampler_lms,
    sampler_sa_solver,
)
from sd_nodes.sampling import sampler
from sd_nodes.sampling_types import Sigmas
from sd_nodes.seeding import VARIABLE
from sd_nodes.sigma_edits import flip_sigmas, set_first_sigma, split_sigmas, split_sigmas_denoise
from sd_nodes.sigmas import basic_scheduler
from sd_nodes.text import clip_text_encode
from sd_nodes.types import Conditioning, Image, Latent, Mask, Model
from sd_nodes.weights import WeightStore


@pytest.fixture
def base(small_folders: Folders) -> BaseModel:
    return load_base_model("small", small_folders)


@pytest.fixture
def prompts(base: BaseModel, small_store: WeightStore) -> dict[str, Conditioning]:
    return {
        "positive": clip_text_encode("a cat", base.clip, store=small_store),
        "negative": clip_text_encode("blurred", base.clip, store=small_store),
    }


def latent(seed: int = 0) -> Latent:
    return {"samples": torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(seed))}


def test_empty_latents_are_empty_in_any_number_of_channels(
    base: BaseModel, prompts: dict[str, Conditioning], small_store: WeightStore
) -> None:
    """So an empty latent of SD3 serves every model; one that holds something does not."""
    wide = empty_sd3_latent_image(64, 64)
    assert torch.equal(
        drawn(base.model, prompts, small_store, latent_image=wide), drawn(base.model, prompts, small_store)
    )
    plain = {"model": base.model, **prompts, "steps": 2, "store": small_store}
    assert torch.equal(
        sampler(latent=wide, **plain)["samples"], sampler(latent=empty_latent_image(64, 64), **plain)["samples"]
    )
    full: Latent = {"samples": torch.ones(1, 16, 8, 8)}
    with pytest.raises(NodeError, match=r"the latents have 16 channels; “small” .* draws in 4"):
        drawn(base.model, prompts, small_store, latent_image=full)


def drawn(model: Model, prompts: dict[str, Conditioning], store: WeightStore, **changes: object) -> torch.Tensor:
    given = {"seed": 3, "steps": 3, "cfg": 5.0, "latent_image": empty_latent_image(64, 64), **prompts, **changes}
    return ksampler(model, **given, store=store)["samples"]


def test_the_names_are_those_of_the_mathematics():
    assert set(get_args(SamplerName)) == set(SAMPLERS)
    assert list(get_args(ScheduleName)) == list(SCHEDULES)


def test_a_run_in_two_parts_is_the_run(base, prompts, small_store):
    def part(start: int, end: int, noise: str, leftover: str, given: Latent) -> Latent:
        return ksampler_advanced(
            base.model, add_noise=noise, noise_seed=3, steps=4, cfg=5.0, scheduler="normal", latent_image=given,
            start_at_step=start, end_at_step=end, return_with_leftover_noise=leftover, **prompts, store=small_store,
        )  # fmt: skip

    whole = drawn(base.model, prompts, small_store, steps=4, scheduler="normal")
    first = part(0, 2, "enable", "enable", empty_latent_image(64, 64))
    second = part(2, 10000, "disable", "disable", first)
    assert not torch.allclose(first["samples"], whole, rtol=1e-2)
    assert torch.allclose(second["samples"], whole, rtol=1e-4, atol=1e-4)
    assert part(4, 9, "enable", "disable", first) is first


def test_the_parts_of_a_run_from_nodes_of_their_own(base, prompts, small_store):
    whole = drawn(base.model, prompts, small_store)
    sigmas = basic_scheduler(base.model, "simple", 3, store=small_store)
    euler, empty = ksampler_select("euler"), empty_latent_image(64, 64)
    custom = sampler_custom(
        base.model, noise_seed=3, cfg=5.0, **prompts, sampler=euler, sigmas=sigmas, latent_image=empty,
        store=small_store,
    )  # fmt: skip
    guider = cfg_guider(base.model, **prompts, cfg=5.0)
    advanced = sampler_custom_advanced(random_noise(3), guider, euler, sigmas, empty, store=small_store)
    assert torch.equal(custom.output["samples"], whole)
    assert torch.equal(advanced.output["samples"], whole)
    assert torch.equal(advanced.denoised_output["samples"], whole)
    high, _ = split_sigmas(sigmas, 2)
    early = sampler_custom_advanced(random_noise(3), guider, euler, high, empty, store=small_store)
    assert not torch.equal(early.output["samples"], early.denoised_output["samples"])


def test_guiders(base, prompts, small_store):
    sigmas = basic_scheduler(base.model, "simple", 2, store=small_store)
    euler, start = ksampler_select("euler"), latent()

    def by(guider):
        return sampler_custom_advanced(disable_noise(), guider, euler, sigmas, start, store=small_store).output

    alone = by(basic_guider(base.model, prompts["positive"]))["samples"]
    assert torch.equal(alone, by(cfg_guider(base.model, **prompts, cfg=1.0))["samples"])
    # The same prompt twice: their difference is zero, and plain guidance is left.
    both = dual_cfg_guider(base.model, prompts["positive"], prompts["positive"], prompts["negative"], 3.0, 5.0)
    plain = by(cfg_guider(base.model, **prompts, cfg=5.0))["samples"]
    assert torch.allclose(by(both)["samples"], plain, atol=1e-4)


def test_a_negative_prompt_that_says_what_the_prompt_says_takes_nothing_away(base, prompts, small_store):
    """None of it stands across the prompt."""
    sigmas, positive, empty = basic_scheduler(base.model, "simple", 2, store=small_store), *prompts.values()
    found, plain = (
        sampler_custom_advanced(
            random_noise(1), guider, ksampler_select("euler"), sigmas, empty_latent_image(64, 64), store=small_store
        ).output["samples"]
        for guider in (
            perp_neg_guider(base.model, positive, positive, empty, 5.0, 2.0),
            cfg_guider(base.model, positive, empty, 5.0),
        )
    )
    assert torch.allclose(found, plain, rtol=1e-3, atol=1e-3)


def test_nothing_is_done_at_a_denoise_of_zero(base, prompts, small_store):
    given = latent()
    assert drawn(base.model, prompts, small_store, latent_image=given, denoise=0.0) is given["samples"]


def test_the_kept_region_ends_as_it_was(base, prompts, small_store):
    mask = torch.zeros(1, 8, 8)
    mask[:, :, 4:] = 1
    masked = set_latent_noise_mask(latent(), Mask(mask))
    found = drawn(base.model, prompts, small_store, latent_image=masked)
    assert torch.allclose(found[..., :4], masked["samples"][..., :4], atol=1e-5)
    assert not torch.allclose(found[..., 4:], masked["samples"][..., 4:], atol=1e-1)
    soft = set_latent_noise_mask(latent(), Mask(mask / 2))
    later = drawn(differential_diffusion(base.model), prompts, small_store, latent_image=soft)
    assert not torch.equal(later, drawn(base.model, prompts, small_store, latent_image=soft))


@pytest.mark.parametrize(
    "bound",
    [
        lambda one: conditioning_set_area(one, 64, 64),
        lambda one: conditioning_set_area_percentage(one, 1.0, 1.0, 0.0, 0.0),
        lambda one: conditioning_set_mask(one, Mask(torch.ones(1, 4, 4))),
    ],
)
def test_what_is_bound_to_the_whole_picture_is_bound_to_nothing(base, prompts, small_store, bound):
    free = drawn(base.model, prompts, small_store)
    found = drawn(base.model, {**prompts, "positive": bound(prompts["positive"])}, small_store)
    assert torch.allclose(found, free, rtol=1e-3, atol=1e-3)


def test_a_prompt_and_itself_is_the_prompt_and_a_masked_one_is_not(base, prompts, small_store):
    positive = prompts["positive"]
    free = drawn(base.model, prompts, small_store)
    twice = drawn(base.model, {**prompts, "positive": conditioning_combine(positive, positive)}, small_store)
    assert torch.allclose(twice, free, rtol=1e-3, atol=1e-3)
    half = torch.zeros(1, 8, 8)
    half[:, :4] = 1
    other = conditioning_set_mask(prompts["negative"], Mask(half))
    mixed = drawn(base.model, {**prompts, "positive": conditioning_combine(positive, other)}, small_store)
    assert not torch.allclose(mixed, free, rtol=1e-2)


def test_a_simple_controlnet_steers_the_negative_side_too(base, prompts, small_store, small_folders):
    net = controlnet_loader("small-canny", small_folders)
    picture = Image(torch.rand(1, 48, 80, 3, generator=torch.Generator().manual_seed(1)))
    both = controlnet_apply_advanced(**prompts, control_net=net, image=picture)._asdict()
    simple = {**prompts, "positive": controlnet_apply(prompts["positive"], net, picture)}
    one_sided = {**prompts, "positive": both["positive"]}
    found = drawn(base.model, both, small_store)
    assert torch.equal(drawn(base.model, simple, small_store), found)
    assert not torch.equal(drawn(base.model, one_sided, small_store), found)
    assert not torch.equal(drawn(base.model, prompts, small_store), found)


@pytest.mark.parametrize("window", [(0.9999, 1.0), (0.6, 0.4), (0.3, 0.3)])
def test_a_controlnet_out_of_its_window_is_off(base, prompts, small_store, small_folders, window):
    net = controlnet_loader("small-canny", small_folders)
    picture = Image(torch.rand(1, 64, 64, 3))
    late = controlnet_apply_advanced(**prompts, control_net=net, image=picture, **ends(*window))._asdict()
    assert torch.equal(drawn(base.model, late, small_store), drawn(base.model, prompts, small_store))


def ends(start: float, end: float) -> dict[str, float]:
    return {"start_percent": start, "end_percent": end}


@pytest.mark.parametrize(
    "tweak",
    [
        lambda model: rescale_cfg(model, 0.7),
        lambda model: freeu(model),
        lambda model: freeu_v2(model),
        lambda model: model_sampling_discrete(model, "v_prediction", True),
        lambda model: model_sampling_discrete(model, "lcm"),
        lambda model: model_sampling_continuous_edm(model, "edm", 80.0, 0.002),
        lambda model: self_attention_guidance(model),
        lambda model: cfg_zero_star(model).patched_model,
        lambda model: cfg_norm(model).patched_model,
        lambda model: mahiro(model).patched_model,
        lambda model: tcfg(model).patched_model,
        lambda model: epsilon_scaling(model, 1.1),
    ],
)
def test_a_tweaked_model_draws_something_else_and_is_refused_where_it_would_be_ignored(
    base, prompts, small_store, tweak
):
    changed, empty = tweak(base.model), empty_latent_image(128, 128)
    found, plain = (drawn(model, prompts, small_store, latent_image=empty) for model in (changed, base.model))
    assert found.isfinite().all() and not torch.equal(found, plain)
    with pytest.raises(NodeError, match="KSampler"):
        sampler(changed, **prompts, latent=empty, store=small_store)


def test_perturbed_attention_guidance_draws_something_else(base, prompts, small_store):
    changed, empty = perturbed_attention_guidance(base.model, 3.0), empty_latent_image(128, 128)
    found, plain = (drawn(model, prompts, small_store, latent_image=empty) for model in (changed, base.model))
    assert found.isfinite().all() and not torch.equal(found, plain)


def test_tweaks_that_change_nothing_change_nothing(base, prompts, small_store):
    same = replace(base.model)
    for tweak in (
        lambda model: rescale_cfg(model, 0.0),
        lambda model: freeu(model, 1.0, 1.0, 1.0, 1.0),
        lambda model: perturbed_attention_guidance(model, 0.0),
        lambda model: model_sampling_discrete(model, "eps"),
    ):
        same = tweak(same)
    plain = drawn(base.model, prompts, small_store)
    assert torch.allclose(drawn(same, prompts, small_store), plain, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "recipe",
    [
        sampler_euler_ancestral(0.5),
        sampler_dpmpp_2m_sde("heun", 0.7),
        sampler_lms(2),
        sampler_dpm_adaptative(2, rtol=0.5),
        sampler_er_sde("Reverse-time SDE", eta=0.5),
        sampler_er_sde("ODE"),
    ],
)
def test_a_sampler_follows_its_settings(base, prompts, small_store, recipe):
    sigmas = basic_scheduler(base.model, "karras", 4, store=small_store)

    def by(one):
        return sampler_custom(
            base.model, noise_seed=1, cfg=3.0, **prompts, sampler=one, sigmas=sigmas,
            latent_image=empty_latent_image(64, 64), store=small_store,
        ).output["samples"]  # fmt: skip

    assert by(recipe).isfinite().all() and not torch.equal(by(recipe), by(ksampler_select(recipe.name)))


def test_a_solver_that_adds_noise_nowhere_needs_no_seed(base, prompts, small_store):
    sigmas = basic_scheduler(base.model, "karras", 4, store=small_store)
    solver = sampler_sa_solver(base.model, sde_start_percent=1.0, sde_end_percent=1.0)

    def by(seed):
        return sampler_custom(
            base.model, add_noise=False, noise_seed=seed, cfg=3.0, **prompts, sampler=solver, sigmas=sigmas,
            latent_image=latent(), store=small_store,
        ).output["samples"]  # fmt: skip

    assert torch.equal(by(1), by(2))


def test_the_seed_rule_is_a_switch(base, prompts, small_store, monkeypatch):
    newer = drawn(base.model, prompts, small_store, sampler_name="euler_ancestral")
    monkeypatch.setenv(VARIABLE, "next")
    assert torch.equal(drawn(base.model, prompts, small_store, sampler_name="euler_ancestral"), newer)
    monkeypatch.setenv(VARIABLE, "same")
    assert not torch.equal(drawn(base.model, prompts, small_store, sampler_name="euler_ancestral"), newer)
    monkeypatch.setenv(VARIABLE, "other")
    with pytest.raises(NodeError, match="next or same"):
        drawn(base.model, prompts, small_store)


def test_noise_levels_split_and_turned(base, small_store):
    sigmas = basic_scheduler(base.model, "normal", 4, store=small_store)
    assert sigmas.dtype == torch.float32 and len(sigmas) == 5
    high, low = split_sigmas(sigmas, 3)
    assert high.tolist() == sigmas[:4].tolist() and low.tolist() == sigmas[3:].tolist()
    high, low = split_sigmas_denoise(sigmas, 0.5)
    assert high.tolist() == sigmas[:3].tolist() and low.tolist() == sigmas[2:].tolist()
    assert flip_sigmas(sigmas).tolist()[1:] == sigmas.tolist()[-2::-1]
    assert flip_sigmas(sigmas)[0] == pytest.approx(1e-4) and sigmas[-1] == 0
    assert set_first_sigma(sigmas, 20.0)[0] == 20 and sigmas[0] < 15


def test_latents_of_playground_are_scaled_channel_by_channel(base, prompts, small_store):
    """A run that goes nowhere gives them back; noise is put on them in the scale of each channel."""
    model = model_sampling_continuous_edm(base.model, "edm_playground_v2.5", 80.0, 0.002)
    given, level = latent(), Sigmas(torch.tensor([2.0]))
    still = sampler_custom(
        model, add_noise=False, cfg=1.0, **prompts, sampler=ksampler_select("euler"), sigmas=level, latent_image=given,
        store=small_store,
    ).output["samples"]  # fmt: skip
    torch.testing.assert_close(still, given["samples"], rtol=1e-4, atol=1e-5)
    noisy = add_noise(model, random_noise(3), level, given, store=small_store)["samples"] - given["samples"]
    drawn = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(3))
    deviations = torch.tensor(DEVIATIONS).reshape(1, 4, 1, 1)
    torch.testing.assert_close(noisy, 2 * drawn * deviations / 0.5, rtol=1e-4, atol=1e-4)


def test_noise_levels_that_cannot_be_are_refused(base):
    with pytest.raises(NodeError, match="sigma_min < sigma_max"):
        model_sampling_continuous_edm(base.model, "edm", 1.0, 2.0)
