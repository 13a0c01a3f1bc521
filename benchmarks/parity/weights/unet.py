"""UNets and ControlNets with the names of the original code, and a straight way for the latents through them.

Random weights alone would blow latents up. So forty channels of the first layer carry the latents, four times a
positive and a negative copy of each, over the outermost skip connection to the last layer, where the difference of both
after the activation is the latent again: silu(a) - silu(-a) = a. The prediction is then mostly the normalized latents,
and a fifth of it a random function of everything.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from benchmarks.parity.weights.drawn import Network, laid, linear, norm, under

LATENTS = 4
COPIES = 5
"""How many pairs of channels carry each latent channel."""

STRAIGHT = 2 * COPIES * LATENTS
"""How many channels the straight way takes."""

KEPT, RANDOM = 0.95, 0.2
"""The parts of the prediction that come over the straight way, and from the random function."""


@dataclass(frozen=True)
class Shape:
    """What a UNet looks like.

    Attributes:
        widths: The channels of each level, from the outermost.
        resnets: Residual blocks of each level on the way down; one more on the way up.
        depths: Transformer blocks behind each residual block of a level.
        middle: Transformer blocks of the middle; without any, one residual block is all of it.
        context: The width of the text.
        flat: Whether transformers begin and end with linear maps instead of convolutions.
        told: The width of what is told beside the text, or 0.
    """

    widths: tuple[int, ...]
    resnets: int
    depths: tuple[int, ...]
    middle: int
    context: int
    flat: bool = False
    told: int = 0

    @property
    def time(self) -> int:
        """The width of what the timestep becomes."""
        return 4 * self.widths[0]


SD = Shape((320, 320, 320, 640), 1, (1, 1, 1, 0), 1, 768)
SDXL = Shape((320, 320, 320), 2, (0, 1, 2), 0, 2048, flat=True, told=2816)


def unet(shape: Shape) -> Network:
    """A whole UNet."""
    down, skips = _down(shape)
    width, levels, number, before = shape.widths[0], len(shape.widths), 0, shape.widths[-1]
    network, last = dict(down), len(skips) - 1
    for level in reversed(range(levels)):
        after = shape.widths[level]
        for index in range(shape.resnets + 1):
            stem = f"output_blocks.{number}"
            network |= under(f"{stem}.0", _resnet(before + skips.pop(), after, shape.time))
            if shape.depths[level]:
                network |= under(f"{stem}.1", _transformer(after, shape.depths[level], shape))
            if level and index == shape.resnets:
                place = 2 if shape.depths[level] else 1
                network |= under(f"{stem}.{place}.conv", linear(after, after, 3, 3))
            before, number = after, number + 1
    network |= under("out.0", norm(width)) | under("out.2", linear(LATENTS, width, 3, 3))
    return _straightened(network, f"output_blocks.{last}")


def controlnet(shape: Shape) -> Network:
    """The half of a UNet that goes down, with convolutions to the half that goes up."""
    down, skips = _down(shape)
    network = dict(down)
    for number, width in enumerate(skips):
        network |= under(f"zero_convs.{number}.0", linear(width, width, 1, 1))
    network |= under("middle_block_out.0", linear(skips[-1], skips[-1], 1, 1))
    widths = (3, 16, 16, 32, 32, 96, 96, 256, shape.widths[0])
    for number in range(len(widths) - 1):
        hint = linear(widths[number + 1], widths[number], 3, 3, gain=1.7)
        network |= under(f"input_hint_block.{2 * number}", hint)
    return network


def _down(shape: Shape) -> tuple[Network, list[int]]:
    """The way down and the middle, and the width of each skip connection."""
    before, time = shape.widths[0], shape.time
    network = under("time_embed.0", linear(time, before)) | under("time_embed.2", linear(time, time, gain=1.5))
    if shape.told:
        network |= under("label_emb.0.0", linear(time, shape.told))
        network |= under("label_emb.0.2", linear(time, time, gain=1.5))
    first = laid(linear(before, LATENTS, 3, 3), {"weight": _spread, "bias": _cleared})
    network |= under("input_blocks.0.0", first)
    skips = [before]
    for level, after in enumerate(shape.widths):
        for _ in range(shape.resnets):
            stem = f"input_blocks.{len(skips)}"
            network |= under(f"{stem}.0", _resnet(before, after, time))
            if shape.depths[level]:
                network |= under(f"{stem}.1", _transformer(after, shape.depths[level], shape))
            before = after
            skips.append(after)
        if level + 1 < len(shape.widths):
            network |= under(f"input_blocks.{len(skips)}.0.op", linear(after, after, 3, 3))
            skips.append(after)
    network |= under("middle_block.0", _resnet(before, before, time))
    if shape.middle:
        network |= under("middle_block.1", _transformer(before, shape.middle, shape))
        network |= under("middle_block.2", _resnet(before, before, time))
    return network, skips


def _resnet(before: int, after: int, time: int) -> Network:
    network = {
        **under("in_layers.0", norm(before)),
        **under("in_layers.2", linear(after, before, 3, 3)),
        **under("emb_layers.1", linear(after, time, gain=0.5)),
        **under("out_layers.0", norm(after)),
        **under("out_layers.3", linear(after, after, 3, 3, gain=0.7)),
    }
    return network if before == after else network | under("skip_connection", linear(after, before, 1, 1))


def _transformer(width: int, depth: int, shape: Shape) -> Network:
    tail = () if shape.flat else (1, 1)
    network = under("norm", norm(width)) | under("proj_in", linear(width, width, *tail))
    for number in range(depth):
        network |= under(f"transformer_blocks.{number}", _block(width, shape.context))
    return network | under("proj_out", linear(width, width, *tail, gain=0.7))


def _block(width: int, context: int) -> Network:
    return {
        **under("attn1", _attention(width, width, value=1.0, out=0.8)),
        **under("attn2", _attention(width, context, value=1.5, out=1.5)),
        **under("ff.net.0.proj", linear(8 * width, width)),
        **under("ff.net.2", linear(width, 4 * width, gain=0.8)),
        **{name: weight for number in (1, 2, 3) for name, weight in under(f"norm{number}", norm(width)).items()},
    }


def _attention(width: int, context: int, value: float, out: float) -> Network:
    return {
        **under("to_q", linear(width, width, gain=1.4, bias=False)),
        **under("to_k", linear(width, context, gain=1.4, bias=False)),
        **under("to_v", linear(width, context, gain=value, bias=False)),
        **under("to_out.0", linear(width, width, gain=out)),
    }


def _straightened(network: Network, last: str) -> Network:
    """Lays the straight way from the first layer through the last block to the last layer."""
    quiet = {f"{last}.{name}.weight": _quieted for name in ("0.out_layers.3", "1.proj_out")}
    return laid(
        network,
        {
            **{name: change for name, change in quiet.items() if name in network},
            f"{last}.0.skip_connection.weight": _passed,
            "out.0.weight": _unscaled,
            "out.0.bias": _cleared,
            "out.2.weight": _joined,
        },
    )


def _spread(drawn: Tensor) -> Tensor:
    """Copies each latent channel to its pairs of channels, with both signs."""
    drawn[:STRAIGHT] = 0
    for channel in range(STRAIGHT):
        drawn[channel, channel // (2 * COPIES), 1, 1] = _sign(channel)
    return drawn


def _passed(drawn: Tensor) -> Tensor:
    """Passes the pairs on from the skip connection, which lies behind the decoder's own channels."""
    own = drawn.shape[1] - drawn.shape[0]
    drawn = _quieted(drawn)
    for channel in range(STRAIGHT):
        drawn[channel, own + channel, 0, 0] = 1.0
    return drawn


def _joined(drawn: Tensor) -> Tensor:
    """Adds the pairs up to the latents, and makes the rest of the prediction small."""
    drawn *= RANDOM * 1.6
    drawn[:, :STRAIGHT] = 0
    for channel in range(STRAIGHT):
        drawn[channel // (2 * COPIES), channel, 1, 1] = _sign(channel) * KEPT / COPIES
    return drawn


def _quieted(drawn: Tensor) -> Tensor:
    drawn[:STRAIGHT] *= 0.1
    return drawn


def _unscaled(drawn: Tensor) -> Tensor:
    drawn[:STRAIGHT] = 1.0
    return drawn


def _cleared(drawn: Tensor) -> Tensor:
    drawn[:STRAIGHT] = 0.0
    return drawn


def _sign(channel: int) -> float:
    return 1.0 if channel % 2 == 0 else -1.0
