"""The stages of a workflow as plain functions over the mathematics, by the names of the nodes that stand for them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.parity import conditions, edits, steering
from sd_nodes.components import components
from sd_nodes.diffusion import lora, vae
from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.k import schedules
from sd_nodes.diffusion.k.guidance import Cfg, Mixed, Perturbed, plain
from sd_nodes.diffusion.k.levels import noise_table
from sd_nodes.diffusion.k.masking import gradual
from sd_nodes.diffusion.k.network import Network
from sd_nodes.diffusion.k.noise import SeedRule, start_noise
from sd_nodes.diffusion.k.parameterization import Parameterization
from sd_nodes.diffusion.k.perturbed import with_perturbed_attention
from sd_nodes.diffusion.k.regions import Prompt
from sd_nodes.diffusion.k.sample import Sampling, sample
from sd_nodes.diffusion.k.samplers.names import Named, named
from sd_nodes.diffusion.weighting import Encoding, encode_weighted
from sd_nodes.imaging.inpainting import to_multiples
from sd_nodes.loading import load

SCALE = 0.18215
Latent = dict[str, Any]


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
        """Gives the model, text encoder and autoencoder of a file."""
        return self._checkpoint(ckpt_name)

    def ControlNetLoader(self, control_net_name: str) -> Any:
        """Gives the ControlNet of a file."""
        return (self._control(control_net_name),)

    def LoraLoader(
        self, model: Model, lora_name: str, strength_model: float, clip: Any = None, strength_clip: float = 0
    ):
        """Merges a LoRA into a model, and into a text encoder if there is one."""
        file = load_file(self.models / "loras" / lora_name)
        unet = _merged(model.unet, file, "unet", strength_model)
        text = clip and replace(clip, encoder=_merged(clip.encoder, file, "text_encoder", strength_clip))
        return replace(model, unet=unet), text

    LoraLoaderModelOnly = LoraLoader

    def CLIPSetLastLayer(self, clip: Clip, stop_at_clip_layer: int) -> Any:
        """Stops a text encoder before its last layers."""
        return (replace(clip, skip=-stop_at_clip_layer - 1),)

    def CLIPTextEncode(self, text: str, clip: Clip) -> Any:
        """Encodes a prompt."""
        found = encode_weighted(text, clip.tokenizer, clip.encoder, Encoding(clip.skip), self._learned)
        return ((Prompt(Condition(found.states)),),)

    def _learned(self, name: str) -> Tensor | None:
        for path in (self.models / "embeddings" / name, self.models / "embeddings" / f"{name}.safetensors"):
            if path.is_file():
                return next(iter(load_file(path).values()))
        return None

    def EmptyLatentImage(self, width: int, height: int, batch_size: int) -> Any:
        """Gives latents of zeros."""
        return ({"samples": torch.zeros(batch_size, 4, height // 8, width // 8)},)

    def KSampler(self, model, positive, negative, latent_image, seed, steps, cfg, sampler_name, scheduler, denoise):
        """Samples over all noise levels, or the last of them."""
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
        """Samples over a part of the steps."""
        sampler = named(sampler_name)
        whole = schedules.by_steps(scheduler, model.form.levels, steps, 1.0, sampler.drops_last)
        sigmas = schedules.cut(whole, start_at_step, end_at_step, return_with_leftover_noise == "disable")
        guide = Cfg(positive, negative, cfg)
        return self._sampled(model, guide, sampler, sigmas, latent_image, noise_seed, add_noise == "enable")

    def SamplerCustom(self, model, add_noise, noise_seed, cfg, positive, negative, sampler, sigmas, latent_image):
        """Samples by a sampler over noise levels that are given."""
        guide = Cfg(positive, negative, cfg)
        return self._sampled(model, guide, sampler, sigmas, latent_image, noise_seed, add_noise)

    def SamplerCustomAdvanced(self, noise, guider, sampler, sigmas, latent_image):
        """Samples with a guider, and noise or none."""
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

    def VAEDecode(self, samples, vae):
        """Decodes latents into pictures."""
        return (_decoded(samples["samples"], vae),)

    def VAEEncode(self, pixels, vae):
        """Encodes pictures into latents."""
        return ({"samples": _encoded(pixels, vae)},)

    def VAEEncodeForInpaint(self, pixels, vae, mask, grow_mask_by):
        """Encodes pictures, grey where they are to be painted, with a grown noise mask."""
        pixels, grown = edits.inpainted(pixels, mask, grow_mask_by)
        return ({"samples": _encoded(pixels, vae), "noise_mask": grown},)

    def LoadImage(self, image):
        """Loads a picture and its mask."""
        return edits.loaded(self.models / "input" / image)


for _name, _stage in (edits.STAGES | conditions.STAGES | steering.STAGES).items():
    setattr(Stages, _name, staticmethod(_stage))


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
