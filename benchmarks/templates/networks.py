"""Small networks with random weights, under the tensor names of the original code of Stable Diffusion.

Each has what its family is known by (the width of the text embedding, the channels, what it is told beside), three
levels of which only the lowest attends, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

Tensors = dict[str, torch.Tensor]

WIDTHS = (32, 32, 64)
TIME = 4 * WIDTHS[0]
WORDS = 49408
"""CLIP's vocabulary."""


class Layers:
    """Collects the tensors of a network.

    Args:
        prefix: Where its names begin.
        seed: Of its weights.
    """

    def __init__(self, prefix: str = "", seed: int = 0) -> None:
        self.prefix = prefix
        self.tensors: Tensors = {}
        self._generator = torch.Generator().manual_seed(seed)

    def weight(self, name: str, *shape: int, scale: float = 0.05) -> None:
        """Add one tensor."""
        values = torch.empty(shape, dtype=torch.float16 if shape[0] == WORDS else torch.float32)
        self.tensors[f"{self.prefix}{name}"] = values.normal_(0, scale, generator=self._generator).half()

    def layer(self, stem: str, *shape: int, bias: bool = True) -> None:
        """Add the weight of a layer, and a bias as long as its first side."""
        self.weight(f"{stem}.weight", *shape)
        if bias:
            self.weight(f"{stem}.bias", shape[0])

    def norm(self, stem: str, width: int) -> None:
        """Add a normalisation that changes nothing."""
        self.tensors[f"{self.prefix}{stem}.weight"] = torch.ones(width, dtype=torch.float16)
        self.tensors[f"{self.prefix}{stem}.bias"] = torch.zeros(width, dtype=torch.float16)

    def resnet(self, stem: str, before: int, after: int) -> None:
        """Add a residual block of a UNet."""
        self.norm(f"{stem}.in_layers.0", before)
        self.layer(f"{stem}.in_layers.2", after, before, 3, 3)
        self.layer(f"{stem}.emb_layers.1", after, TIME)
        self.norm(f"{stem}.out_layers.0", after)
        self.layer(f"{stem}.out_layers.3", after, after, 3, 3)
        if before != after:
            self.layer(f"{stem}.skip_connection", after, before, 1, 1)

    def transformer(self, stem: str, width: int, context: int) -> None:
        """Add a transformer of one block."""
        self.norm(f"{stem}.norm", width)
        self.layer(f"{stem}.proj_in", width, width, 1, 1)
        block = f"{stem}.transformer_blocks.0"
        for attention, read in (("attn1", width), ("attn2", context)):
            for name, side in (("to_q", width), ("to_k", read), ("to_v", read)):
                self.layer(f"{block}.{attention}.{name}", width, side, bias=False)
            self.layer(f"{block}.{attention}.to_out.0", width, width)
        self.layer(f"{block}.ff.net.0.proj", 8 * width, width)
        self.layer(f"{block}.ff.net.2", width, 4 * width)
        for number in (1, 2, 3):
            self.norm(f"{block}.norm{number}", width)
        self.layer(f"{stem}.proj_out", width, width, 1, 1)

    def picture_resnet(self, stem: str, before: int, after: int) -> None:
        """Add a residual block of a VAE."""
        self.norm(f"{stem}.norm1", before)
        self.layer(f"{stem}.conv1", after, before, 3, 3)
        self.norm(f"{stem}.norm2", after)
        self.layer(f"{stem}.conv2", after, after, 3, 3)
        if before != after:
            self.layer(f"{stem}.nin_shortcut", after, before, 1, 1)


def unet(
    context: int,
    channels: int = 4,
    told: int = 0,
    prefix: str = "model.diffusion_model.",
    attends: Sequence[int] = (len(WIDTHS) - 1,),
) -> Tensors:
    """Make a UNet.

    Args:
        context: The width of the text embedding.
        channels: Of what comes in; 9 with a mask and a masked picture.
        told: The width of what it is told beside the text and the time, 0 for nothing.
        prefix: Where its names begin.
        attends: The levels that attend on the way down.
    """
    net = Layers(prefix, seed=1)
    skips = _downward(net, context, channels, attends)
    if told:
        net.layer("label_emb.0.0", TIME, told)
        net.layer("label_emb.0.2", TIME, TIME)
    width, place = WIDTHS[-1], 0
    for level in reversed(range(len(WIDTHS))):
        for number in range(2):
            net.resnet(f"output_blocks.{place}.0", width + skips.pop(), WIDTHS[level])
            width, lowest = WIDTHS[level], level == len(WIDTHS) - 1
            if lowest:
                net.transformer(f"output_blocks.{place}.1", width, context)
            if number and level:
                net.layer(f"output_blocks.{place}.{2 if lowest else 1}.conv", width, width, 3, 3)
            place += 1
    net.norm("out.0", width)
    net.layer("out.2", 4, width, 3, 3)
    return net.tensors


def controlnet(context: int) -> Tensors:
    """Make a ControlNet for such a UNet."""
    net = Layers("control_model.", seed=2)
    skips = _downward(net, context, 4, (len(WIDTHS) - 1,))
    for number, width in enumerate(skips):
        net.layer(f"zero_convs.{number}.0", width, width, 1, 1)
    net.layer("middle_block_out.0", WIDTHS[-1], WIDTHS[-1], 1, 1)
    hint = (3, 8, 8, 8, 8, 16, 16, 16, WIDTHS[0])
    for number in range(8):
        net.layer(f"input_hint_block.{2 * number}", hint[number + 1], hint[number], 3, 3)
    return net.tensors


def _downward(net: Layers, context: int, channels: int, attends: Sequence[int]) -> list[int]:
    """Add the way down and the middle; give the width of each block's output."""
    net.layer("time_embed.0", TIME, WIDTHS[0])
    net.layer("time_embed.2", TIME, TIME)
    net.layer("input_blocks.0.0", WIDTHS[0], channels, 3, 3)
    skips = [WIDTHS[0]]
    for level, width in enumerate(WIDTHS):
        net.resnet(f"input_blocks.{len(skips)}.0", skips[-1], width)
        if level in attends:
            net.transformer(f"input_blocks.{len(skips)}.1", width, context)
        skips.append(width)
        if level < len(WIDTHS) - 1:
            net.layer(f"input_blocks.{len(skips)}.0.op", width, width, 3, 3)
            skips.append(width)
    net.resnet("middle_block.0", width, width)
    net.transformer("middle_block.1", width, context)
    net.resnet("middle_block.2", width, width)
    return skips


def vae(prefix: str = "first_stage_model.", latents: int = 4, quantized: bool = True) -> Tensors:
    """Make an autoencoder of four levels, so that a latent spans eight pixels."""
    net, width = Layers(prefix, seed=3), 32
    for side in ("encoder", "decoder"):
        for place in ("mid.block_1", "mid.block_2"):
            net.picture_resnet(f"{side}.{place}", width, width)
        net.norm(f"{side}.mid.attn_1.norm", width)
        for name in ("q", "k", "v", "proj_out"):
            net.layer(f"{side}.mid.attn_1.{name}", width, width, 1, 1)
        net.norm(f"{side}.norm_out", width)
    net.layer("encoder.conv_in", width, 3, 3, 3)
    net.layer("encoder.conv_out", 2 * latents, width, 3, 3)
    net.layer("decoder.conv_in", width, latents, 3, 3)
    net.layer("decoder.conv_out", 3, width, 3, 3)
    for level in range(4):
        net.picture_resnet(f"encoder.down.{level}.block.0", width, width)
        for number in (0, 1):
            net.picture_resnet(f"decoder.up.{level}.block.{number}", width, width)
        if level < 3:
            net.layer(f"encoder.down.{level}.downsample.conv", width, width, 3, 3)
        if level:
            net.layer(f"decoder.up.{level}.upsample.conv", width, width, 3, 3)
    if quantized:
        net.layer("quant_conv", 2 * latents, 2 * latents, 1, 1)
        net.layer("post_quant_conv", latents, latents, 1, 1)
    return net.tensors


def clip(prefix: str, width: int = 768, projected: bool = False) -> Tensors:
    """Make a text encoder of two layers as transformers names it."""
    net = Layers(f"{prefix}text_model.", seed=4)
    net.weight("embeddings.token_embedding.weight", WORDS, width)
    net.weight("embeddings.position_embedding.weight", 77, width)
    for number in range(2):
        layer = f"encoder.layers.{number}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            net.layer(f"{layer}.self_attn.{name}", width, width)
        net.layer(f"{layer}.mlp.fc1", 128, width)
        net.layer(f"{layer}.mlp.fc2", width, 128)
        for name in ("layer_norm1", "layer_norm2"):
            net.norm(f"{layer}.{name}", width)
    net.norm("final_layer_norm", width)
    if projected:
        net.prefix = prefix
        net.weight("text_projection.weight", width, width)
    return net.tensors


def open_clip(prefix: str, width: int, projection: bool = True) -> Tensors:
    """Make a text encoder of three layers as OpenCLIP names it."""
    net = Layers(prefix, seed=5)
    net.weight("token_embedding.weight", WORDS, width)
    net.weight("positional_embedding", 77, width)
    for number in range(3):
        block = f"transformer.resblocks.{number}"
        net.weight(f"{block}.attn.in_proj_weight", 3 * width, width)
        net.weight(f"{block}.attn.in_proj_bias", 3 * width)
        net.layer(f"{block}.attn.out_proj", width, width)
        net.layer(f"{block}.mlp.c_fc", 128, width)
        net.layer(f"{block}.mlp.c_proj", width, 128)
        for name in ("ln_1", "ln_2"):
            net.norm(f"{block}.{name}", width)
    net.norm("ln_final", width)
    if projection:
        net.weight("text_projection", width, width)
    return net.tensors


def merged(parts: Sequence[Mapping[str, torch.Tensor]]) -> Tensors:
    """Put the tensors of several networks together."""
    return {name: tensor for part in parts for name, tensor in part.items()}
