"""The autoencoder of Stable Diffusion with the names of the original code, in full size."""

from __future__ import annotations

from benchmarks.parity.weights.drawn import Network, linear, norm, under

WIDTHS = (128, 256, 512, 512)
"""The channels of each level, from the outermost."""

LATENTS = 4


def autoencoder() -> Network:
    """Encoder, decoder, and what lies between."""
    return {
        **under("encoder", _encoder()),
        **under("quant_conv", linear(2 * LATENTS, 2 * LATENTS, 1, 1)),
        **under("post_quant_conv", linear(LATENTS, LATENTS, 1, 1)),
        **under("decoder", _decoder()),
    }


def _encoder() -> Network:
    network, before = under("conv_in", linear(WIDTHS[0], 3, 3, 3)), WIDTHS[0]
    for level, after in enumerate(WIDTHS):
        for number in range(2):
            network |= under(f"down.{level}.block.{number}", _resnet(before, after))
            before = after
        if level + 1 < len(WIDTHS):
            network |= under(f"down.{level}.downsample.conv", linear(after, after, 3, 3))
    network |= under("mid", _middle(before)) | under("norm_out", norm(before))
    return network | under("conv_out", linear(2 * LATENTS, before, 3, 3, gain=9.0))


def _decoder() -> Network:
    before = WIDTHS[-1]
    network = under("conv_in", linear(before, LATENTS, 3, 3)) | under("mid", _middle(before))
    for level, after in reversed(list(enumerate(WIDTHS))):
        for number in range(3):
            network |= under(f"up.{level}.block.{number}", _resnet(before, after))
            before = after
        if level:
            network |= under(f"up.{level}.upsample.conv", linear(after, after, 3, 3))
    return network | under("norm_out", norm(before)) | under("conv_out", linear(3, before, 3, 3, gain=0.8))


def _middle(width: int) -> Network:
    attention = under("norm", norm(width))
    for name in ("q", "k", "v"):
        attention |= under(name, linear(width, width, 1, 1))
    attention |= under("proj_out", linear(width, width, 1, 1, gain=0.5))
    resnets = (under(f"block_{number}", _resnet(width, width)) for number in (1, 2))
    return {name: weight for part in (*resnets, under("attn_1", attention)) for name, weight in part.items()}


def _resnet(before: int, after: int) -> Network:
    network = {
        **under("norm1", norm(before)),
        **under("conv1", linear(after, before, 3, 3)),
        **under("norm2", norm(after)),
        **under("conv2", linear(after, after, 3, 3, gain=0.7)),
    }
    return network if before == after else network | under("nin_shortcut", linear(after, before, 1, 1))
