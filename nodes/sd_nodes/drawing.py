"""From the latents of the graph to the latents that a run of the sampler draws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

from graph_runtime import NodeError
from sd_nodes.diffusion.denoise import Kept, draw_noise, image_to_image, inpaint, resume, text_to_image
from sd_nodes.diffusion.vae import Distribution
from sd_nodes.diffusion.views import device_of
from sd_nodes.imaging.masking import layers

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DConditionModel

    from sd_nodes.diffusion.denoise import OnStep
    from sd_nodes.diffusion.predicting import Sampling
    from sd_nodes.diffusion.schedule import Generators
    from sd_nodes.types import Hole, Latent


def takes_picture(unet: UNet2DConditionModel) -> bool:
    """Tell whether a network was made for inpainting: it sees the picture and the mask beside the latents."""
    return bool(unet.config.in_channels == 2 * unet.config.out_channels + 1)


def sees_latents(unet: UNet2DConditionModel) -> bool:
    """Tell whether a network sees the latents of another picture beside its own, and no mask."""
    return bool(unet.config.in_channels == 2 * unet.config.out_channels)


@final
@dataclass(frozen=True)
class Run:
    """One run of the sampler.

    One generator draws in the order of diffusers' pipelines: the picture's latents, the noise, the latents of what an
    inpainting model sees, the scheduler's noise.

    Args:
        sampling: The model, the prompts and the rest.
        scale: What the autoencoder's latents are multiplied by for the model.
        shift: What is taken from them before.
        generator: Where all noise is drawn from; one for the batch, or one for each picture.
        strength: Which part of the way is gone.
        on_step: Is told about each step.
    """

    sampling: Sampling
    scale: float
    shift: float
    generator: Generators
    strength: float
    on_step: OnStep

    def drawn(self, latent: Latent, hole: Hole | None) -> torch.Tensor:
        """Return the autoencoder's latents of the picture; a model for inpainting is told of the `hole` in it.

        Latents that keep some of their noise are float64: multiplied again they are to the bit what was drawn.
        """
        found = self._drawn(latent, hole)
        whole = found if self.sampling.end == 1.0 else found.cpu().double()
        return whole / self.scale + self.shift if self.shift else whole / self.scale

    def _drawn(self, latent: Latent, hole: Hole | None) -> torch.Tensor:
        inpainted = "noise_mask" in latent or takes_picture(self.sampling.unet)
        if self.sampling.start > 0.0:
            return self._resumed(latent, inpainted)
        if inpainted:
            return self._inpainted(latent, hole)
        samples = self._own(latent)
        noise = draw_noise(samples.shape, self.generator, self.sampling.unet)
        if self.strength == 1.0 and not samples.any():
            return text_to_image(self.sampling, noise, self.generator, self.on_step)
        clean = self._scaled(samples)
        return image_to_image(self.sampling, clean, noise, self.strength, self.generator, self.on_step)

    def _resumed(self, latent: Latent, inpainted: bool) -> torch.Tensor:
        """Go on where another run ended: its latents are taken as they are."""
        if inpainted:
            raise NodeError(
                "a part of the picture cannot be drawn anew from the middle: set start to 0.", input="start"
            )
        unet = self.sampling.unet
        left = self._scaled(latent["samples"].double()).to(unet.dtype).to(device_of(unet))
        return resume(self.sampling, left, self.generator, self.on_step)

    def _scaled(self, samples: torch.Tensor) -> torch.Tensor:
        """Bring the autoencoder's latents to those of the model."""
        return self.scale * (samples - self.shift if self.shift else samples)

    def _own(self, latent: Latent) -> torch.Tensor:
        """Draw the picture's latents, where the autoencoder told how far they are uncertain."""
        unet = self.sampling.unet
        samples = latent["samples"].to(device_of(unet), unet.dtype)
        if "deviation" not in latent:
            return samples
        return Distribution(samples, latent["deviation"].to(samples)).sample(self.generator)

    def _inpainted(self, latent: Latent, hole: Hole | None) -> torch.Tensor:
        sampling, size = self.sampling, latent["samples"].shape
        told = takes_picture(sampling.unet)
        # A model that is told of the picture at each step has no use for it where it starts from noise alone.
        unsampled = latent["samples"].to(device_of(sampling.unet), sampling.unet.dtype)
        clean = unsampled if told and self.strength == 1.0 else self._own(latent)
        noise = draw_noise(size, self.generator, sampling.unet)
        if told:
            sampling = replace(sampling, beside=self._beside(hole, size))
        mask = rounded(latent["noise_mask"] if "noise_mask" in latent else noise[:1, :1] * 0 + 1, size)
        kept = Kept(self._scaled(clean), noise, mask.to(noise))
        return inpaint(sampling, kept, self.strength, self.generator, self.on_step)

    def _beside(self, hole: Hole | None, size: torch.Size) -> torch.Tensor:
        """Join the mask and the latents of the picture without what is masked."""
        import torch

        if hole is None or hole.mask is None:
            raise NodeError("the model was made for inpainting: bring the picture in by InpaintModelConditioning.")
        around = self._scaled(self._own(hole.around))
        if around.shape[1:] != size[1:]:
            found, needed = list(around.shape[1:]), list(size[1:])
            raise NodeError(f"the picture to inpaint has latents of {found}; those to draw are {needed}.")
        mask = rounded(hole.mask, size).to(around)
        each = [one.repeat(size[0] // len(one), 1, 1, 1) for one in (mask, around)]
        return torch.cat(each, dim=1)


def rounded(mask: torch.Tensor, size: torch.Size) -> torch.Tensor:
    """Return a mask, 0 or 1 at each place, `[batch, 1, height, width]`, in the size of latents.

    It is rounded first and then scaled by taking the nearest, as diffusers' pipelines do.

    Args:
        mask: In any size.
        size: The shape of the latents.

    Raises:
        NodeError: There are several masks, and their number does not divide that of the latents.
    """
    from torch.nn.functional import interpolate

    hard = (layers(mask)[:, None] >= 0.5).float()
    if size[0] % len(hard):
        raise NodeError(f"there are {len(hard)} masks for {size[0]} latents; give one, or one for each.")
    fitted: torch.Tensor = interpolate(hard, tuple(size[2:]))
    return fitted
