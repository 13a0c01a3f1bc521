"""Autoencoders on large pictures, tile by tile: the mean of three ways to cut, each feathered where tiles overlap."""

from collections.abc import Callable
from itertools import count, product
from typing import NamedTuple

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.pictures import to_channels_first, to_picture
from sd_nodes.diffusion.vae import decode_unbounded, encode, factor

OnTile = Callable[[int, int], None]
"""Called after each tile with how many are done, and how many there are in all."""


class Side(NamedTuple):
    """One side of one tile.

    Args:
        start: Where it begins.
        length: How long it is.
    """

    start: int
    length: int


def decode_in_tiles(latents: Tensor, vae: AutoencoderKL, tile: int, overlap: int, on_tile: OnTile) -> Tensor:
    """Decodes latents to a picture, tile by tile.

    Args:
        latents: [batch, latent channels, height, width].
        vae: The autoencoder.
        tile: The side of a square tile, in latent pixels; the others are half as wide or half as high, and twice the
            other way.
        overlap: How far tiles overlap, in latent pixels; less than half a tile.
        on_tile: Told after each tile.

    Returns:
        float32 [batch, height * factor, width * factor, 3] on the CPU, 0..1.

    Raises:
        SettingError: The tiles would not move on, or the latents do not fit the VAE.
    """
    pixels = _averaged(latents, lambda one: decode_unbounded(one, vae), tile, overlap, float(factor(vae)), on_tile)
    return to_picture((pixels * 0.5 + 0.5).clamp(0, 1))


def encode_in_tiles(picture: Tensor, vae: AutoencoderKL, tile: int, overlap: int, on_tile: OnTile) -> Tensor:
    """Encodes a picture to latents, tile by tile: the means that the autoencoder gives.

    Args:
        picture: float32 [batch, height, width, 3], 0..1; its sides are multiples of the VAE's factor.
        vae: The autoencoder.
        tile: The side of a square tile, in pixels, a multiple of twice the factor; see `decode_in_tiles`.
        overlap: How far tiles overlap, in pixels, a multiple of the factor; less than half a tile.
        on_tile: Told after each tile.

    Returns:
        float32 [batch, latent channels, height / factor, width / factor] on the CPU.

    Raises:
        SettingError: The tiles would not move on, or do not fit the VAE's factor.
    """
    side = factor(vae)
    if tile % (2 * side) or overlap % side:
        raise SettingError(
            f"The tile is {tile} pixels and the overlap {overlap}; needed are multiples of {2 * side} and {side}, such "
            f"as {max(tile // (2 * side), 1) * 2 * side} and {overlap // side * side}."
        )
    pixels = to_channels_first(picture)
    return _averaged(pixels, lambda one: encode(one.movedim(1, -1), vae), tile, overlap, 1 / side, on_tile)


def mapped_in_tiles(
    items: Tensor, compute: Callable[[Tensor], Tensor], tile: int, overlap: int, scale: float, on_tile: OnTile
) -> Tensor:
    """Computes something of pictures in square tiles, which fade into each other.

    Args:
        items: [batch, channels, height, width].
        compute: Makes of a tile what is `scale` times as large.
        tile: The side of a tile.
        overlap: How far tiles overlap; less than a tile.
        scale: How much larger the result is.
        on_tile: Told after each tile.

    Returns:
        float32 [batch, channels, height * scale, width * scale] on the CPU.
    """
    cut = _cut(tuple(items.shape[2:]), (tile, tile), overlap)
    told = _telling(compute, len(items) * len(cut), on_tile)
    return torch.cat([_joined(item[None], told, cut, overlap, scale) for item in items])


def _averaged(
    items: Tensor, compute: Callable[[Tensor], Tensor], tile: int, overlap: int, scale: float, on_tile: OnTile
) -> Tensor:
    shapes = [(2 * tile, tile // 2), (tile // 2, 2 * tile), (tile, tile)]
    if tile // 2 <= overlap and any(min(shape) < max(items.shape[2:]) for shape in shapes):
        raise SettingError(
            f"The overlap is {overlap} of a tile of {tile}: needed is less than half, such as {tile // 4}."
        )
    cuts = [_cut(tuple(items.shape[2:]), shape, overlap) for shape in shapes]
    told = _telling(compute, len(items) * sum(map(len, cuts)), on_tile)
    means = [torch.stack([_joined(item[None], told, cut, overlap, scale) for cut in cuts]).mean(0) for item in items]
    return torch.cat(means)


def _telling(compute: Callable[[Tensor], Tensor], total: int, on_tile: OnTile) -> Callable[[Tensor], Tensor]:
    """Tell after each tile how many are done."""
    number = count(1)

    def computed(one: Tensor) -> Tensor:
        found = compute(one).float().cpu()
        on_tile(next(number), total)
        return found

    return computed


def _cut(size: tuple[int, ...], tile: tuple[int, int], overlap: int) -> list[tuple[Side, Side]]:
    """Cut a picture into tiles; a side that is no longer than the tile stays whole."""
    rows, columns = (_sides(*one, overlap) for one in zip(size, tile, strict=True))
    return list(product(rows, columns))


def _sides(length: int, tile: int, overlap: int) -> list[Side]:
    starts = range(0, length - overlap, tile - overlap) if length > tile else [0]
    return [Side(start, min(tile, length - start)) for start in starts]


def _joined(
    item: Tensor, compute: Callable[[Tensor], Tensor], cut: list[tuple[Side, Side]], overlap: int, scale: float
) -> Tensor:
    """Compute each tile and lay them together, weighted so that they fade into each other."""
    if len(cut) == 1:
        return compute(item)
    height, width = (round(side * scale) for side in item.shape[2:])
    fade = round(overlap * scale)
    total, weights = None, torch.zeros(1, 1, height, width)
    for row, column in cut:
        tile = item[:, :, row.start : row.start + row.length, column.start : column.start + column.length]
        found = compute(tile)
        weight = _faded(found.shape[2], fade)[:, None] * _faded(found.shape[3], fade)
        total = torch.zeros(1, found.shape[1], height, width) if total is None else total
        top, left = round(row.start * scale), round(column.start * scale)
        place = (..., slice(top, top + found.shape[2]), slice(left, left + found.shape[3]))
        total[place] += found * weight
        weights[place] += weight
    assert total is not None
    return total / weights


def _faded(length: int, fade: int) -> Tensor:
    """The weights along a tile: from nearly nothing at both ends up to 1; a tile that is no longer stays as it is."""
    if fade == 0 or fade >= length:
        return torch.ones(length)
    up = (torch.arange(1, length + 1) / fade).clamp(max=1)
    return up * up.flip(0)
