"""Custom sampling: the parts of a run - noise, guidance, sampler, noise levels - each from a node of its own."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from graph_runtime import SILENT, Progress, Range, Seed, node
from sd_nodes.sampling_types import Guider, Noise, Sampler, Sigmas
from sd_nodes.types import Conditioning, Latent, Model
from sd_nodes.weights import WeightStore

Scale = Annotated[float, Range(0.0, 100.0, 0.1)]


class Sampled(NamedTuple):
    """What a run drew.

    Args:
        output: The latents at the last noise level.
        denoised_output: What they were denoised to last; the same where the last noise level is zero.
    """

    output: Latent
    denoised_output: Latent


@node("Random Noise", category="sampling/custom_sampling/noise", id="RandomNoise", static=True)
def random_noise(noise_seed: Seed = 0) -> Noise:
    """Put noise on latents before they are sampled.

    Args:
        noise_seed: Where the noise comes from.

    Returns:
        NOISE: The noise.
    """
    return Noise(noise_seed)


@node("Disable Noise", category="sampling/custom_sampling/noise", id="DisableNoise", static=True)
def disable_noise() -> Noise:
    """Put no noise on latents, for those that bear it already.

    Returns:
        NOISE: No noise.
    """
    return Noise(drawn=False)


@node("Basic Guider", category="sampling/custom_sampling/guiders", id="BasicGuider")
def basic_guider(model: Model, conditioning: Conditioning) -> Guider:
    """Follow a prompt alone, without guidance.

    Args:
        model: The model.
        conditioning: What the picture should show.

    Returns:
        GUIDER: The model with its prompt.
    """
    return Guider(model, conditioning)


@node("CFG Guider", category="sampling/custom_sampling/guiders", id="CFGGuider")
def cfg_guider(model: Model, positive: Conditioning, negative: Conditioning, cfg: Scale = 8.0) -> Guider:
    """Follow a prompt away from another one (classifier-free guidance, arXiv:2207.12598).

    Args:
        model: The model.
        positive: What the picture should show.
        negative: What the picture should not show; unused where the scale is 1.
        cfg: How far the prompt is followed.

    Returns:
        GUIDER: The model with its prompts.
    """
    return Guider(model, positive, negative, cfg)


@node("Dual CFG Guider", category="sampling/custom_sampling/guiders", id="DualCFGGuider")
def dual_cfg_guider(
    model: Model,
    cond1: Conditioning,
    cond2: Conditioning,
    negative: Conditioning,
    cfg_conds: Scale = 8.0,
    cfg_cond2_negative: Scale = 8.0,
    style: Literal["regular", "nested"] = "regular",
) -> Guider:
    """Follow two prompts: the first away from the second, the second away from the negative one.

    Args:
        model: The model.
        cond1: The first prompt.
        cond2: The second prompt.
        negative: What the picture should not show.
        cfg_conds: How far the first prompt is followed.
        cfg_cond2_negative: How far the second prompt is followed; if nested, how far both together are.
        style: `nested` mixes the two prompts first, and then the result with the negative one.

    Returns:
        GUIDER: The model with its prompts.
    """
    return Guider(model, cond1, negative, cfg_conds, cond2, cfg_cond2_negative, style)


@node("PerpNegGuider", category="_for_testing", id="PerpNegGuider")
def perp_neg_guider(
    model: Model,
    positive: Conditioning,
    negative: Conditioning,
    empty_conditioning: Conditioning,
    cfg: Scale = 8.0,
    neg_scale: Annotated[float, Range(0.0, 100.0, 0.01)] = 1.0,
) -> Guider:
    """Follow a prompt away from what of another one does not stand against it (Perp-Neg, arXiv:2304.04968).

    Args:
        model: The model.
        positive: What the picture should show.
        negative: What the picture should not show.
        empty_conditioning: An empty prompt, which both are held against.
        cfg: How far the prompt is followed.
        neg_scale: How much the negative prompt counts against it.

    Returns:
        GUIDER: The model with its prompts.
    """
    return Guider(model, positive, negative, cfg, empty_conditioning, neg_scale, "perpendicular")


@node("SamplerCustom", category="sampling/custom_sampling", id="SamplerCustom", resource="gpu", version=3)
def sampler_custom(
    model: Model,
    *,
    add_noise: bool = True,
    noise_seed: Seed = 0,
    cfg: Scale = 8.0,
    positive: Conditioning,
    negative: Conditioning,
    sampler: Sampler,
    sigmas: Sigmas,
    latent_image: Latent,
    store: WeightStore,
    progress: Progress = SILENT,
) -> Sampled:
    """Draw latents with a sampler over given noise levels.

    Args:
        model: The model.
        add_noise: Whether noise is put on the latents first.
        noise_seed: Where the noise comes from.
        cfg: The scale of classifier-free guidance: how far the prompt is followed (arXiv:2207.12598).
        positive: What the picture should show.
        negative: What the picture should not show; unused where the guidance is 1.
        sampler: How the model's predictions become steps.
        sigmas: The noise levels to visit.
        latent_image: The latents to start from.
    """
    from sd_nodes.k_sampling import draw

    guider, noise = Guider(model, positive, negative, cfg), Noise(noise_seed, add_noise)
    return Sampled(*draw(guider, sampler, sigmas.tolist(), latent_image, noise, store, progress))


@node(
    "SamplerCustomAdvanced",
    category="sampling/custom_sampling",
    id="SamplerCustomAdvanced",
    resource="gpu",
    version=3,
)
def sampler_custom_advanced(
    noise: Noise,
    guider: Guider,
    sampler: Sampler,
    sigmas: Sigmas,
    latent_image: Latent,
    *,
    store: WeightStore,
    progress: Progress = SILENT,
) -> Sampled:
    """Draw latents with a sampler over given noise levels, as a guider guides.

    Args:
        noise: What is put on the latents first.
        guider: The model with its prompts.
        sampler: How the model's predictions become steps.
        sigmas: The noise levels to visit.
        latent_image: The latents to start from.
    """
    from sd_nodes.k_sampling import draw

    return Sampled(*draw(guider, sampler, sigmas.tolist(), latent_image, noise, store, progress))


@node("Add Noise", category="_for_testing/custom_sampling/noise", id="AddNoise")
def add_noise(model: Model, noise: Noise, sigmas: Sigmas, latent_image: Latent, *, store: WeightStore) -> Latent:
    """Put noise on latents without sampling them.

    Args:
        model: The model whose noise it is.
        noise: Where it comes from.
        sigmas: Noise levels: as much is added as lies between the first and the last, or the only one.
        latent_image: The latents.

    Returns:
        LATENT: The latents with noise on them.
    """
    from sd_nodes.k_sampling import noised

    return noised(model, noise, sigmas.tolist(), latent_image, store)
