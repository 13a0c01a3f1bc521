"""The same picture through diffusers' own pipelines: the reference."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import diffusers
import torch
from PIL import Image
from torch import Tensor

from sd_nodes.diffusion.control import Control
from sd_nodes.diffusion.pictures import as_bytes, to_channels_first
from tests.sd_nodes.diffusion.ours import Ask
from tests.sd_nodes.models import Models


def from_text(models: Models, ask: Ask, controls: Sequence[Control] = ()) -> Tensor:
    if ask.perturbed:
        return _perturbed(models, ask, controls)
    if not controls:
        pipe = _pipe("StableDiffusionPipeline", models, ask)
        return _call(pipe, ask, guidance_rescale=ask.rescale, height=64, width=64)
    pipe = _pipe("StableDiffusionControlNetPipeline", models, ask, controls)
    return _call(pipe, ask, image=_one_or_all([_pil(one.picture) for one in controls]), **_windows(controls))


def _perturbed(models: Models, ask: Ask, controls: Sequence[Control]) -> Tensor:
    """The pipelines leave their processors behind in the network."""
    kind = "StableDiffusionControlNetPAGPipeline" if controls else "StableDiffusionPAGPipeline"
    pipe = _pipe(kind, replace(models, unet=deepcopy(models.unet)), ask, controls)
    pipe.set_pag_applied_layers("mid")
    if not controls:
        return _call(pipe, ask, guidance_rescale=ask.rescale, pag_scale=ask.perturbed, height=64, width=64)
    pictures = _one_or_all([_pil(one.picture) for one in controls])
    windows = _windows(controls)
    windows.pop("guess_mode")
    return _call(pipe, ask, image=pictures, pag_scale=ask.perturbed, **windows)


def from_image(models: Models, ask: Ask, picture: Tensor, controls: Sequence[Control] = ()) -> Tensor:
    given = {"image": to_channels_first(picture), "strength": ask.strength}
    if not controls:
        return _call(_pipe("StableDiffusionImg2ImgPipeline", models, ask), ask, **given)
    pipe = _pipe("StableDiffusionControlNetImg2ImgPipeline", models, ask, controls)
    pictures = _one_or_all([_pil(one.picture) for one in controls])
    return _call(pipe, ask, **given, control_image=pictures, **_windows(controls))


def _pipe(name: str, models: Models, ask: Ask, controls: Sequence[Control] = ()) -> Any:
    scheduler = getattr(diffusers, ask.scheduler).from_config(dict(ask.base), **(ask.options or {}))
    nets = {"controlnet": _one_or_all([one.net for one in controls])} if controls else {}
    pipe = getattr(diffusers, name)(
        vae=models.vae,
        text_encoder=models.text_encoder,
        tokenizer=models.tokenizer,
        unet=models.unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        **nets,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _unguided_after(ask: Ask) -> dict[str, Any]:
    """Ends guidance on the way, as diffusers' documentation does it: the callback takes effect in the next step."""
    if ask.window == (0.0, 1.0):
        return {}

    def stop(pipe: Any, step: int, timestep: int, given: dict[str, Tensor]) -> dict[str, Tensor]:
        if step + 1 == int(pipe.num_timesteps * ask.window[1]):
            pipe._guidance_scale = 0.0
            given["prompt_embeds"] = given["prompt_embeds"].chunk(2)[1]
        return given

    return {"callback_on_step_end": stop, "callback_on_step_end_tensor_inputs": ["latents", "prompt_embeds"]}


def _call(pipe: Any, ask: Ask, **more: Any) -> Tensor:
    made = pipe(
        prompt=ask.prompt,
        negative_prompt=ask.negative,
        num_inference_steps=ask.steps,
        guidance_scale=ask.scale,
        num_images_per_prompt=ask.batch,
        generator=torch.Generator().manual_seed(ask.seed),
        output_type="np",
        **_unguided_after(ask),
        **more,
    )
    return torch.from_numpy(made.images)


def _windows(controls: Sequence[Control]) -> dict[str, Any]:
    return {
        "controlnet_conditioning_scale": _one_or_all([one.strength for one in controls]),
        "control_guidance_start": [one.start for one in controls],
        "control_guidance_end": [one.end for one in controls],
        "guess_mode": controls[0].guess,
    }


def _pil(picture: Tensor) -> Any:
    return _one_or_all([Image.fromarray(one.numpy()) for one in as_bytes(picture)])


def _one_or_all(things: list[Any]) -> Any:
    return things[0] if len(things) == 1 else things
