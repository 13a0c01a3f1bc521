"""Smaller features and merged tokens as a run has them, and the samplers that grow latents."""

import pytest
import torch

from graph_runtime import Folders, NodeError
from sd_nodes.custom_sampling import sampler_custom
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.k_samplers import ksampler
from sd_nodes.loaders import BaseModel, controlnet_loader, load_base_model
from sd_nodes.network_tweaks import patch_model_add_downscale, reuse_features, tome_patch_model
from sd_nodes.samplers import sampler_euler_cfg_pp, sampler_lcm_upscale
from sd_nodes.sampling import sampler
from sd_nodes.sampling_types import Sampler, Sigmas
from sd_nodes.text import clip_text_encode
from sd_nodes.types import Conditioning, Control, Image, Model
from sd_nodes.weights import WeightStore

SIGMAS = Sigmas(torch.tensor([14.6, 6.0, 2.0, 0.5, 0.0]))


@pytest.fixture
def base(small_folders: Folders) -> BaseModel:
    return load_base_model("small", small_folders)


def texts(base: BaseModel, store: WeightStore) -> tuple[Conditioning, Conditioning]:
    first, second = (clip_text_encode(text, base.clip, store=store) for text in ("a cat", ""))
    return first, second


def drawn(model: Model, base: BaseModel, store: WeightStore, seed: int = 3) -> torch.Tensor:
    positive, negative = texts(base, store)
    return ksampler(
        model, seed=seed, steps=3, cfg=4.0, positive=positive, negative=negative,
        latent_image={"samples": torch.zeros(1, 4, 16, 16)}, store=store,
    )["samples"]  # fmt: skip


def test_features_are_smaller_in_the_first_steps_alone(base: BaseModel, small_store: WeightStore) -> None:
    plain = drawn(base.model, base, small_store)
    never, always, first = (
        drawn(patch_model_add_downscale(base.model, 1, 2.0, *window), base, small_store)
        for window in ((0.5, 0.5), (0.0, 1.0), (0.0, 0.35))
    )
    assert torch.equal(never, plain)
    assert not torch.allclose(always, plain, atol=1e-3) and not torch.allclose(always, first, atol=1e-3)


def test_merged_tokens_are_drawn_by_the_seed(base: BaseModel, small_store: WeightStore) -> None:
    model = tome_patch_model(base.model, 0.5)
    first, again = (drawn(model, base, small_store) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, drawn(base.model, base, small_store), atol=1e-4)
    assert torch.equal(
        drawn(tome_patch_model(base.model, 0.0), base, small_store), drawn(base.model, base, small_store)
    )


def run(sampler: Sampler, base: BaseModel, store: WeightStore) -> torch.Tensor:
    positive, negative = texts(base, store)
    return sampler_custom(
        base.model, noise_seed=5, cfg=3.0, positive=positive, negative=negative, sampler=sampler, sigmas=SIGMAS,
        latent_image={"samples": torch.zeros(1, 4, 8, 8)}, store=store,
    ).output["samples"]  # fmt: skip


def test_latents_grow_in_the_first_steps(base: BaseModel, small_store: WeightStore) -> None:
    assert run(sampler_lcm_upscale(2.0, 2), base, small_store).shape == (1, 4, 16, 16)
    assert run(sampler_lcm_upscale(1.5, -1, "bicubic"), base, small_store).shape == (1, 4, 12, 12)


def test_guidance_is_added_to_the_slope(base: BaseModel, small_store: WeightStore) -> None:
    """Without guidance the alternative is Euler's method itself."""
    positive, _ = texts(base, small_store)

    def at_scale_one(sampler: Sampler) -> torch.Tensor:
        return sampler_custom(
            base.model, noise_seed=5, cfg=1.0, positive=positive, negative=positive, sampler=sampler,
            sigmas=SIGMAS, latent_image={"samples": torch.zeros(1, 4, 8, 8)}, store=small_store,
        ).output["samples"]  # fmt: skip

    alternative, euler = at_scale_one(sampler_euler_cfg_pp("alternative")), at_scale_one(Sampler("euler"))
    torch.testing.assert_close(alternative, euler, rtol=1e-4, atol=1e-4)
    regular = run(sampler_euler_cfg_pp(), base, small_store)
    assert torch.equal(regular, run(Sampler("euler_cfg_pp"), base, small_store))


def test_controlnets_steer_where_features_keep_their_size(base: BaseModel, small_store: WeightStore) -> None:
    """The skip connections above the block are controlled as before."""
    net = controlnet_loader("small-canny", small_store.folders)
    picture = Image(torch.rand(1, 128, 128, 3, generator=torch.Generator().manual_seed(1)))
    steered = texts(base, small_store)[0].controlled(Control(net, picture))
    model = patch_model_add_downscale(base.model, 1, 2.0, 0.0, 1.0)
    found, plain = (
        ksampler(
            model, seed=3, steps=2, cfg=1.0, positive=positive, negative=positive,
            latent_image={"samples": torch.zeros(1, 4, 16, 16)}, store=small_store,
        )["samples"]
        for positive in (steered, texts(base, small_store)[0])
    )  # fmt: skip
    assert found.isfinite().all() and not torch.allclose(found, plain, atol=1e-3)


def test_features_are_used_again_by_sampler_alone(base: BaseModel, small_store: WeightStore) -> None:
    texts_ = texts(base, small_store)

    def draw(model: Model) -> torch.Tensor:
        return sampler(model, *texts_, {"samples": torch.zeros(1, 4, 8, 8)}, steps=4, store=small_store)["samples"]

    plain = draw(base.model)
    assert torch.equal(draw(reuse_features(base.model, every=1)), plain)
    assert not torch.equal(draw(reuse_features(base.model, every=2)), plain)
    with pytest.raises(SettingError, match="needed are 1 or more and 1 to"):
        draw(reuse_features(base.model, every=2, depth=4))
    with pytest.raises(NodeError, match="leave Reuse Features out"):
        drawn(reuse_features(base.model), base, small_store)
