"""A cheap look at latents: colours as a linear function of the latent channels."""

from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from sd_nodes.diffusion import vae as autoencoder
from sd_nodes.diffusion.pictures import to_picture


@dataclass(frozen=True)
class Colours:
    """How latents become colours: colour = weights x latent + bias.

    Args:
        weights: [3, latent channels].
        bias: [3].
    """

    weights: Tensor
    bias: Tensor


def fit_colours(vae: AutoencoderKL, pictures: int = 8) -> Colours:
    """Fits colours to an autoencoder's latents, by least squares over patches of random colours.

    Args:
        vae: The autoencoder.
        pictures: How many pictures of 4 x 4 patches it is fitted to.

    Returns:
        Colours of the UNet's latents, which are the autoencoder's multiplied by its scaling factor.
    """
    patches = torch.rand(pictures, 4, 4, 3, generator=torch.Generator().manual_seed(0))
    colours = _enlarged(patches, 2)
    latents = autoencoder.encode(_enlarged(colours, autoencoder.factor(vae)), vae) * vae.config.scaling_factor
    seen = latents.float().cpu().movedim(1, -1).flatten(0, 2)
    known = torch.cat([seen, torch.ones(len(seen), 1)], dim=1)
    fitted = torch.linalg.lstsq(known, colours.flatten(0, 2)).solution
    return Colours(weights=fitted[:-1].T.contiguous(), bias=fitted[-1])


def preview(latents: Tensor, colours: Colours) -> Tensor:
    """Shows latents in colours, one pixel for each.

    Args:
        latents: The UNet's latents, [batch, channel, height, width].
        colours: What `fit_colours` found.

    Returns:
        float32 [batch, height, width, 3] on the CPU, 0..1.
    """
    mixed = torch.einsum("bchw,rc->brhw", latents.float().cpu(), colours.weights) + colours.bias[:, None, None]
    return to_picture(mixed.clamp(0, 1))


def _enlarged(picture: Tensor, times: int) -> Tensor:
    return picture.repeat_interleave(times, dim=1).repeat_interleave(times, dim=2)
