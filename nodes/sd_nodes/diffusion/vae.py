"""Pictures to latents and back (arXiv:2112.10752).

Latents here are the autoencoder's own. A UNet works on them multiplied by `vae.config.scaling_factor`, so that they
have about unit variance; what it returns is divided by it again.
"""

from typing import NamedTuple

import torch
from diffusers import AutoencoderKL
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.pictures import to_channels_first, to_picture
from sd_nodes.diffusion.schedule import Generators
from sd_nodes.diffusion.views import device_of, view_of


@torch.no_grad()
def encode(
    picture: Tensor,
    vae: AutoencoderKL,
    generator: Generators | None = None,
    *,
    tiled: bool = False,
    sliced: bool = False,
) -> Tensor:
    """Encodes a picture to latents.

    Args:
        picture: float32 [batch, height, width, 3], 0..1; its sides are multiples of the VAE's factor.
        vae: The autoencoder.
        generator: Where the sample is drawn from, as diffusers' pipelines do; without it the latents are the mean.
        tiled: Encodes large pictures in overlapping tiles: less memory, nearly the same latents.
        sliced: Encodes the pictures of a batch one by one: less memory.

    Returns:
        [batch, latent channels, height / factor, width / factor], in the VAE's type.

    Raises:
        SettingError: The picture does not fit.
    """
    found = distribution(picture, vae, tiled=tiled, sliced=sliced)
    return found.mean if generator is None else found.sample(generator)


class Distribution(NamedTuple):
    """The latents that a picture may have: normal at each place, [batch, latent channels, height, width] both."""

    mean: Tensor
    deviation: Tensor

    def sample(self, generator: Generators) -> Tensor:
        """Draws latents, as diffusers' pipelines do."""
        noise: Tensor = randn_tensor(
            self.mean.shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype
        )
        return self.mean + self.deviation * noise


@torch.no_grad()
def distribution(picture: Tensor, vae: AutoencoderKL, *, tiled: bool = False, sliced: bool = False) -> Distribution:
    """Encodes a picture to the distribution of its latents; see `encode`."""
    _check_picture(picture, vae)
    pixels = (2.0 * to_channels_first(picture) - 1.0).to(device_of(vae), vae.dtype)
    found = _set(vae, tiled, sliced).encode(pixels).latent_dist
    return Distribution(found.mean.contiguous(), found.std.contiguous())


@torch.no_grad()
def decode(latents: Tensor, vae: AutoencoderKL, *, tiled: bool = False, sliced: bool = False) -> Tensor:
    """Decodes latents to a picture.

    Args:
        latents: [batch, latent channels, height, width].
        vae: The autoencoder.
        tiled: Decodes large latents in overlapping tiles: less memory, nearly the same picture.
        sliced: Decodes the latents of a batch one by one: less memory.

    Returns:
        float32 [batch, height * factor, width * factor, 3] on the CPU, 0..1.

    Raises:
        SettingError: The latents have another number of channels than the VAE.
    """
    return to_picture((decode_unbounded(latents, vae, tiled=tiled, sliced=sliced) * 0.5 + 0.5).clamp(0, 1))


@torch.no_grad()
def decode_unbounded(latents: Tensor, vae: AutoencoderKL, *, tiled: bool = False, sliced: bool = False) -> Tensor:
    """Decodes latents to what the autoencoder itself gives, about -1..1; see `decode`.

    Returns:
        [batch, 3, height * factor, width * factor], in the VAE's type, on its device.

    Raises:
        SettingError: The latents have another number of channels than the VAE.
    """
    channels = vae.config.latent_channels
    if latents.ndim != 4 or latents.shape[1] != channels:
        raise SettingError(f"The latents are {list(latents.shape)}, this VAE needs [batch, {channels}, height, width].")
    own = latents.contiguous().to(device_of(vae), vae.dtype)
    pixels: Tensor = _set(vae, tiled, sliced).decode(own, return_dict=False)[0]
    return pixels


def _set(vae: AutoencoderKL, tiled: bool, sliced: bool) -> AutoencoderKL:
    """A view that works in tiles or slices where it is asked to, or where the autoencoder does anyway."""
    return view_of(vae, use_tiling=tiled or vae.use_tiling, use_slicing=sliced or vae.use_slicing)


def factor(vae: AutoencoderKL) -> int:
    """Returns how many pixels a latent spans in each direction."""
    return int(2 ** (len(vae.config.block_out_channels) - 1))


def _check_picture(picture: Tensor, vae: AutoencoderKL) -> None:
    channels, side = vae.config.in_channels, factor(vae)
    if picture.ndim != 4 or picture.shape[3] != channels:
        raise SettingError(f"The picture is {list(picture.shape)}, this VAE needs [batch, height, width, {channels}].")
    height, width = picture.shape[1:3]
    if height % side or width % side or not height or not width:
        fitting = f"{max(height // side, 1) * side} x {max(width // side, 1) * side}"
        raise SettingError(f"The picture is {height} x {width}, needed are multiples of {side}, such as {fitting}.")
