"""The stages of a workflow as plain functions over the mathematics, by the names of the nodes that stand for them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.parity import edits
from sd_nodes.components import components
from sd_nodes.diffusion import lora, vae
from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.control import Control
from sd_nodes.diffusion.k import schedules
from sd_nodes.diffusion.k.freeu import Scales, with_freeu
from sd_nodes.diffusion.k.guidance import Cfg, DualCfg, Mixed, Perturbed, Rescaled, plain
from sd_nodes.diffusion.k.levels import noise_table
from sd_nodes.diffusion.k.masking import gradual
from sd_nodes.diffusion.k.network import Network
from sd_nodes.diffusion.k.noise import SeedRule, start_noise
from sd_nodes.diffusion.k.parameterization import Parameterization
from sd_nodes.diffusion.k.perturbed import with_perturbed_attention
from sd_nodes.diffusion.k.regions import Area, Prompt, Share
from sd_nodes.diffusion.k.sample import Sampling, sample
from sd_nodes.diffusion.k.samplers.dpmpp_sde import dpmpp_2m_sde
from sd_nodes.diffusion.k.samplers.euler import euler_ancestral
from sd_nodes.diffusion.k.samplers.multistep import lms
from sd_nodes.diffusion.k.samplers.names import Named, named
from sd_nodes.diffusion.weighting import Encoding, encode_weighted
from sd_nodes.imaging.inpainting import to_multiples
from sd_nodes.loading import load

SCALE = 0.18215
Latent = dict[str, Any]
Prompts = Sequence[Prompt]


@dataclass(frozen=True)
class Model:
    """A UNet with what was patched on it."""

    unet: Any
    form: Parameterization
    mix: Callable[[Network], Callable[[Mixed], Tensor]] = lambda _: plain
    perturbed: float | None = None
    gradual: float | None = None

    def network(self) -> Network:
        """Returns the model as samplers see it."""
        return Network(self.unet, self.form)


@dataclass(frozen=True)
class Clip:
    """A text encoder with its tokenizer and clip skip."""

    encoder: Any
    tokenizer: Any
    skip: int = 0


class Stages:
    """The stages; their methods bear the names of nodes, their parameters those of the nodes' inputs.

    Args:
        models: A folder with `checkpoints`, `controlnet`, `loras`, `embeddings` and `input`.
        rule: How noise on the way is seeded.
    """

    def __init__(self, models: Path, rule: SeedRule = "same") -> None:
        self.models, self.rule = models, rule
        self._checkpoint = cache(self._checkpoint)  # type: ignore[method-assign]
        self._control = cache(self._control)  # type: ignore[method-assign]

    def _checkpoint(self, name: str) -> tuple[Model, Clip, Any]:
        parts = components(self.models / "checkpoints" / name)
        unet, text, autoencoder = (load(parts[one], torch.float32) for one in ("unet", "text_encoder", "vae"))
        model = Model(unet.module, Parameterization.discrete(noise_table({})))
        return model, Clip(text.module, text.companion), autoencoder.module

    def _control(self, name: str) -> Any:
        (part,) = components(self.models / "controlnet" / name).values()
        return load(part, torch.float32).module

    def CheckpointLoaderSimple(self, ckpt_name: str) -> tuple[Model, Clip, Any]:
        return self._checkpoint(ckpt_name)

    def ControlNetLoader(self, control_net_name: str) -> Any:
        return (self._control(control_net_name),)

    def LoraLoader(
        self, model: Model, lora_name: str, strength_model: float, clip: Any = None, strength_clip: float = 0
    ):
        file = load_file(self.models / "loras" / lora_name)
        unet = _merged(model.unet, file, "unet", strength_model)
        text = clip and replace(clip, encoder=_merged(clip.encoder, file, "text_encoder", strength_clip))
        return replace(model, unet=unet), text

    LoraLoaderModelOnly = LoraLoader

    def CLIPSetLastLayer(self, clip: Clip, stop_at_clip_layer: int) -> Any:
        return (replace(clip, skip=-stop_at_clip_layer - 1),)

    def CLIPTextEncode(self, text: str, clip: Clip) -> Any:
        found = encode_weighted(text, clip.tokenizer, clip.encoder, Encoding(clip.skip), self._learned)
        return ((Prompt(Condition(found.states)),),)

    def _learned(self, name: str) -> Tensor | None:
        for path in (self.models / "embeddings" / name, self.models / "embeddings" / f"{name}.safetensors"):
            if path.is_file():
                return next(iter(load_file(path).values()))
        return None

    def EmptyLatentImage(self, width: int, height: int, batch_size: int) -> Any:
        return ({"samples": torch.zeros(batch_size, 4, height // 8, width // 8)},)

    def KSampler(self, model, positive, negative, latent_image, seed, steps, cfg, sampler_name, scheduler, denoise):
        sampler = named(sampler_name)
        sigmas = schedules.by_steps(scheduler, model.form.levels, steps, denoise, sampler.drops_last)
        return self._sampled(model, Cfg(positive, negative, cfg), sampler, sigmas, latent_image, seed)

    def KSamplerAdvanced(
        self,
        model,
        add_noise,
        noise_seed,
        steps,
        cfg,
        sampler_name,
        scheduler,
        positive,
        negative,
        latent_image,
        start_at_step,
        end_at_step,
        return_with_leftover_noise,
    ):
        sampler = named(sampler_name)
        whole = schedules.by_steps(scheduler, model.form.levels, steps, 1.0, sampler.drops_last)
        sigmas = schedules.cut(whole, start_at_step, end_at_step, return_with_leftover_noise == "disable")
        guide = Cfg(positive, negative, cfg)
        return self._sampled(model, guide, sampler, sigmas, latent_image, noise_seed, add_noise == "enable")

    def SamplerCustom(self, model, add_noise, noise_seed, cfg, positive, negative, sampler, sigmas, latent_image):
        guide = Cfg(positive, negative, cfg)
        return self._sampled(model, guide, sampler, sigmas, latent_image, noise_seed, add_noise)

    def SamplerCustomAdvanced(self, noise, guider, sampler, sigmas, latent_image):
        model, guide = guider
        return self._sampled(model, guide, sampler, sigmas, latent_image, noise or 0, noise is not None)

    def _sampled(
        self,
        model: Model,
        guide: Any,
        sampler: Named,
        sigmas: list[float],
        latent: Latent,
        seed: int,
        noisy: bool = True,
    ) -> tuple[Latent, ...]:
        samples, network = latent["samples"] * SCALE, model.network()
        noise = start_noise(samples.shape, seed, latent.get("batch_index")) if noisy else torch.zeros_like(samples)
        if isinstance(guide, Cfg):
            perturbed = None
            if model.perturbed is not None:
                perturbed = Perturbed(Network(with_perturbed_attention(model.unet), model.form), model.perturbed)
            guide = replace(guide, mix=model.mix(network), perturbed=perturbed)
        rule = None if model.gradual is None else partial(gradual, model.form.levels, strength=model.gradual)
        sampling = Sampling(network, guide, sampler, sigmas, seed, self.rule, rule)
        found = sample(sampling, samples, noise, latent.get("noise_mask"))
        return tuple({**latent, "samples": one / SCALE} for one in found)

    def RandomNoise(self, noise_seed):
        return (noise_seed,)

    def DisableNoise(self):
        return (None,)

    def CFGGuider(self, model, positive, negative, cfg):
        return ((model, Cfg(positive, negative, cfg)),)

    def BasicGuider(self, model, conditioning):
        return ((model, Cfg(conditioning)),)

    def DualCFGGuider(self, model, cond1, cond2, negative, cfg_conds, cfg_cond2_negative, style="regular"):
        return ((model, DualCfg(cond1, cond2, negative, cfg_conds, cfg_cond2_negative, style == "nested")),)

    def KSamplerSelect(self, sampler_name):
        return (named(sampler_name),)

    def SamplerEulerAncestral(self, eta, s_noise):
        return (Named(partial(euler_ancestral, eta=eta, s_noise=s_noise)),)

    def SamplerDPMPP_2M_SDE(self, solver_type, eta, s_noise, noise_device):
        return (Named(partial(dpmpp_2m_sde, eta=eta, s_noise=s_noise, solver=solver_type), noise="brownian"),)

    def SamplerLMS(self, order):
        return (Named(partial(lms, order=order)),)

    def BasicScheduler(self, model, scheduler, steps, denoise):
        return (schedules.scheduled(scheduler, model.form.levels, steps, denoise),)

    def KarrasScheduler(self, steps, sigma_max, sigma_min, rho):
        return (schedules.karras(sigma_min, sigma_max, steps, rho),)

    def ExponentialScheduler(self, steps, sigma_max, sigma_min):
        return (schedules.exponential(sigma_min, sigma_max, steps),)

    def PolyexponentialScheduler(self, steps, sigma_max, sigma_min, rho):
        return (schedules.polyexponential(sigma_min, sigma_max, steps, rho),)

    def LaplaceScheduler(self, steps, sigma_max, sigma_min, mu, beta):
        return (schedules.laplace(sigma_min, sigma_max, steps, mu, beta),)

    def VPScheduler(self, steps, beta_d, beta_min, eps_s):
        return (schedules.variance_preserving(steps, beta_d, beta_min, eps_s),)

    def BetaSamplingScheduler(self, model, steps, alpha, beta):
        return (schedules.beta(model.form.levels, steps, alpha, beta),)

    def SDTurboScheduler(self, model, steps, denoise):
        return (schedules.turbo(model.form.levels, steps, denoise),)

    def SplitSigmas(self, sigmas, step):
        return sigmas[: step + 1], sigmas[step:]

    def ModelSamplingDiscrete(self, model, sampling, zsnr):
        return (replace(model, form=Parameterization.discrete(noise_table({}), sampling, zsnr)),)

    def ModelSamplingContinuousEDM(self, model, sampling, sigma_max, sigma_min):
        return (replace(model, form=Parameterization.continuous(sampling, sigma_min, sigma_max)),)

    def RescaleCFG(self, model, multiplier):
        return (replace(model, mix=lambda network: Rescaled(network, multiplier)),)

    def PerturbedAttentionGuidance(self, model, scale):
        return (replace(model, perturbed=scale),)

    def DifferentialDiffusion(self, model, strength=1.0):
        return (replace(model, gradual=strength),)

    def FreeU(self, model, b1, b2, s1, s2):
        return (replace(model, unet=with_freeu(model.unet, Scales(b1, s1), Scales(b2, s2))),)

    def FreeU_V2(self, model, b1, b2, s1, s2):
        return (replace(model, unet=with_freeu(model.unet, Scales(b1, s1), Scales(b2, s2), by_mean=True)),)

    def ControlNetApply(self, conditioning, control_net, image, strength):
        control = Control(control_net, image, strength)
        return (_each(conditioning, lambda one: replace(one, controls=(*one.controls, control), shares_controls=True)),)

    def ControlNetApplyAdvanced(self, positive, negative, control_net, image, strength, start_percent, end_percent):
        if not strength:
            return positive, negative
        control = Control(control_net, image, strength, start_percent, end_percent)
        changed = partial(_each, change=lambda one: replace(one, controls=(*one.controls, control)))
        return changed(positive), changed(negative)

    def ConditioningCombine(self, conditioning_1, conditioning_2):
        return ((*conditioning_1, *conditioning_2),)

    def ConditioningConcat(self, conditioning_to, conditioning_from):
        other = conditioning_from[0].condition.states
        return (_each(conditioning_to, lambda one: _told(one, torch.cat([one.condition.states, other], 1))),)

    def ConditioningAverage(self, conditioning_to, conditioning_from, conditioning_to_strength):
        other = conditioning_from[0].condition.states

        def averaged(one):
            own = one.condition.states
            fitted = torch.nn.functional.pad(other[:, : own.shape[1]], (0, 0, 0, max(0, own.shape[1] - other.shape[1])))
            return _told(one, own * conditioning_to_strength + fitted * (1 - conditioning_to_strength))

        return (_each(conditioning_to, averaged),)

    def ConditioningZeroOut(self, conditioning):
        return (_each(conditioning, lambda one: _told(one, torch.zeros_like(one.condition.states))),)

    def ConditioningSetArea(self, conditioning, width, height, x, y, strength):
        area = Area(height // 8, width // 8, y // 8, x // 8)
        return (_each(conditioning, lambda one: replace(one, area=area, strength=strength)),)

    def ConditioningSetAreaPercentage(self, conditioning, width, height, x, y, strength):
        area = Share(height, width, y, x)
        return (_each(conditioning, lambda one: replace(one, area=area, strength=strength)),)

    def ConditioningSetMask(self, conditioning, mask, strength, set_cond_area):
        bounds = set_cond_area != "default"
        return (_each(conditioning, lambda one: replace(one, mask=mask, strength=strength, to_bounds=bounds)),)

    def ConditioningSetTimestepRange(self, conditioning, start, end):
        return (_each(conditioning, lambda one: replace(one, start=start, end=end)),)

    def VAEDecode(self, samples, vae):
        return (_decoded(samples["samples"], vae),)

    def VAEEncode(self, pixels, vae):
        return ({"samples": _encoded(pixels, vae)},)

    def VAEEncodeForInpaint(self, pixels, vae, mask, grow_mask_by):
        pixels, grown = edits.inpainted(pixels, mask, grow_mask_by)
        return ({"samples": _encoded(pixels, vae), "noise_mask": grown},)

    def LoadImage(self, image):
        return edits.loaded(self.models / "input" / image)


for _name, _edit in edits.STAGES.items():
    setattr(Stages, _name, staticmethod(_edit))


def _each(prompts: Prompts, change: Callable[[Prompt], Prompt]) -> tuple[Prompt, ...]:
    return tuple(change(one) for one in prompts)


def _told(prompt: Prompt, states: Tensor) -> Prompt:
    return replace(prompt, condition=Condition(states))


def _merged(module: Any, file: dict[str, Tensor], part: str, strength: float) -> Any:
    if not strength:
        return module
    weights = module.state_dict()
    found, unknown = lora.changes(file, part, weights)
    assert found and not unknown, unknown[:3]
    from copy import deepcopy

    changed = deepcopy(module)
    changed.load_state_dict(lora.merged(weights, found, strength), strict=False)
    return changed


def _encoded(pixels: Tensor, autoencoder: Any) -> Tensor:
    return vae.encode(to_multiples(pixels, 8)[..., :3], autoencoder)


def _decoded(samples: Tensor, autoencoder: Any) -> Tensor:
    return vae.decode(samples, autoencoder)
