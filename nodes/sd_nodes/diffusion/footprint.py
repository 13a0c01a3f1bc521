"""How many numbers the networks hold at once while they compute: the peak of their activations, from their shapes.

Each network is walked as its forward pass goes, and what is alive at its widest point is summed: skip connections,
what callers still hold, and the working set of a layer. Attention is taken to be fused, as torch's own is: it never
holds the whole matrix. What a GPU's libraries take beside that (convolution workspaces, the context, fragments of
memory) is not counted. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Config = Mapping[str, object]

TRANSFORMER = 21
"""A transformer block's working set in hidden states: the gated layer alone holds sixteen (8 in, 4 and 4 out)."""

RESNET = 3
"""A residual block's working set in inputs: itself, normed, activated."""

CODING = 5
"""The working set of an autoencoder's residual block in its own features, where none are dropped."""

TILE = 512
"""The side of the tiles that an autoencoder cuts pictures into, where its configuration names no sample size."""


PIXELS = 8
"""How many pixels of the picture a latent spans in each direction."""


@dataclass(frozen=True)
class Latents:
    """A batch of latents that a network sees at once; guidance doubles the batch.

    Args:
        batch: How many.
        height: In latent pixels.
        width: In latent pixels.
        guided: Whether it is twice the pictures, since each is computed with its prompt and with the negative one.
    """

    batch: int
    height: int
    width: int
    guided: bool = False


def unet(config: Config, latents: Latents, controls: int = 0) -> int:
    """Count the numbers alive at the peak of a step: the UNet's own, and the residuals that ControlNets hand it.

    Args:
        config: Of a `UNet2DConditionModel`.
        latents: What it sees.
        controls: How many ControlNets act.
    """
    levels, skips = _levels(config, latents), _skips(config, latents)
    handed = sum(map(sum, skips)) + levels[-1].size if controls else 0
    embedded = controls * (levels[0].size + _picture(config) * levels[0].area)
    kept = sum(map(sum, skips)) if controls else 0
    peak = max(_way_down(config, latents))
    left = [list(each) for each in skips]
    above = levels[-1].channels
    for number, level in reversed(list(enumerate(levels))):
        used = _popped(left, _layers(config) + 1)
        # The caller holds this block's skips and its input as long as it runs.
        around = max(kept, sum(map(sum, left)) + sum(used)) + above * level.area
        widest = (above + max(one // level.area for one in used)) * level.area
        attends = _attends(config, "up_block_types", len(levels) - 1 - number)
        work = [RESNET * widest, *([TRANSFORMER * level.size] if attends else [])]
        peak = max(peak, around + max(work))
        above = level.channels
    return latents.batch * (peak + handed + embedded)


def controlnet(config: Config, latents: Latents, before: int = 0) -> int:
    """Count the numbers alive at the peak of a ControlNet's pass; see `unet`.

    Args:
        config: Of a `ControlNetModel`.
        latents: What it sees.
        before: How many ControlNets of the same step have their residuals ready.
    """
    levels, skips = _levels(config, latents), _skips(config, latents)
    all_skips = sum(map(sum, skips)) + levels[-1].size
    working = max(*_way_down(config, latents), 2 * all_skips)
    picture = _picture(config) * levels[0].area
    return latents.batch * (working + (before + 1) * (levels[0].size + picture) + before * all_skips)


def decoder(config: Config, latents: Latents, tiled: bool = False, sliced: bool = False) -> int:
    """Count the numbers alive at the peak of decoding; `latents` is as many as are decoded in one call.

    Args:
        config: Of an `AutoencoderKL`.
        latents: What is decoded.
        tiled: Tile by tile.
        sliced: One by one.
    """
    channels = _channels(config)
    whole = latents.height * latents.width * _under(channels)
    pixels = min(whole, _tile(config) ** 2) if tiled else whole
    widest = max(
        max(RESNET * above, CODING * own) // (1 << 2 * below)
        for below, (own, above) in enumerate(zip(channels, [*channels[1:], channels[-1]], strict=True))
    )
    results = 2 * 3 * whole * latents.batch if tiled or sliced else 0
    return (1 if sliced else latents.batch) * widest * pixels + results


def encoder(config: Config, latents: Latents, tiled: bool = False, sliced: bool = False) -> int:
    """Count the numbers alive at the peak of encoding pictures that become these latents; see `decoder`."""
    channels = _channels(config)
    whole = latents.height * latents.width * _under(channels)
    pixels = min(whole, _tile(config) ** 2) if tiled else whole
    widest = max(CODING * own // (1 << 2 * below) for below, own in enumerate(channels))
    return (1 if sliced else latents.batch) * widest * pixels + 3 * whole * latents.batch


def text_encoder(config: Config, tokens: int = 77) -> int:
    """Count the numbers alive at the peak of encoding one prompt: every layer's states are kept."""
    width, inner, layers = (
        _number(config, key, default)
        for key, default in (("hidden_size", 768), ("intermediate_size", 3072), ("num_hidden_layers", 12))
    )
    return tokens * ((layers + 2) * width + 3 * inner)


@dataclass(frozen=True)
class _Level:
    channels: int
    area: int

    @property
    def size(self) -> int:
        return self.channels * self.area


def _levels(config: Config, latents: Latents) -> list[_Level]:
    height, width, found = latents.height, latents.width, []
    for channels in _channels(config):
        found.append(_Level(channels, height * width))
        height, width = (height + 1) // 2, (width + 1) // 2
    return found


def _skips(config: Config, latents: Latents) -> list[list[int]]:
    """The sizes of the skip connections in the order in which they are made, level by level."""
    levels = _levels(config, latents)
    found = [[level.size] * _layers(config) for level in levels]
    found[0].insert(0, levels[0].size)
    for number, below in enumerate(levels[1:]):
        found[number].append(levels[number].channels * below.area)
    return found


def _way_down(config: Config, latents: Latents) -> Iterator[int]:
    """What is alive in each layer on the way down: the skips so far, and the layer's working set."""
    levels = _levels(config, latents)
    made, inside = levels[0].size, levels[0].channels
    for number, level in enumerate(levels):
        attends = _attends(config, "down_block_types", number)
        for _ in range(_layers(config)):
            work = [RESNET * max(inside, level.channels) * level.area]
            yield made + max([*work, *([TRANSFORMER * level.size] if attends else [])])
            made, inside = made + level.size, level.channels
        if number + 1 < len(levels):
            made += level.channels * levels[number + 1].area
    yield made + TRANSFORMER * levels[-1].size


def _popped(skips: list[list[int]], count: int) -> list[int]:
    """Take the skips that were made last off the end."""
    taken = []
    for _ in range(count):
        while not skips[-1]:
            skips.pop()
        taken.append(skips[-1].pop())
    return taken


def _attends(config: Config, key: str, number: int) -> bool:
    kinds = config.get(key)
    if not isinstance(kinds, Sequence):
        last = len(_channels(config)) - 1
        return number != (last if key == "down_block_types" else 0)
    return "CrossAttn" in str(kinds[number])


def _channels(config: Config) -> list[int]:
    channels = config.get("block_out_channels")
    return [int(one) for one in channels] if isinstance(channels, Sequence) else [320, 640, 1280, 1280]


def _picture(config: Config) -> int:
    """The numbers of a control picture under one latent pixel."""
    steps = config.get("conditioning_embedding_out_channels")
    return 3 * (_under(steps) if isinstance(steps, Sequence) else 64)


def _under(levels: Sequence[object]) -> int:
    """The pixels under one latent pixel: each level but the first halves both sides."""
    return 1 << 2 * (len(levels) - 1)


def _layers(config: Config) -> int:
    return _number(config, "layers_per_block", 2)


def _tile(config: Config) -> int:
    return _number(config, "sample_size", TILE)


def _number(config: Config, key: str, default: int) -> int:
    value = config.get(key, default)
    return value if isinstance(value, int) else default
