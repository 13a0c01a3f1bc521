"""Small checkpoints with the tensor names of the original Stable Diffusion and ControlNet code, block by block."""

from pathlib import Path

import torch
from safetensors.torch import save_file

Shape = tuple[int, ...]
WIDTH, TIME, CONTEXT = 32, 128, 768


class Names:
    """Collects the tensors of a network below a prefix."""

    def __init__(self, prefix: str, seed: int = 0, context: int = CONTEXT) -> None:
        self.prefix = prefix
        self.context = context
        self.tensors: dict[str, torch.Tensor] = {}
        self.generator = torch.Generator().manual_seed(seed)

    def add(self, stem: str, *shape: int, bias: bool = True) -> None:
        """Add a weight of this shape, and a bias as long as its first side."""
        self.tensors[f"{self.prefix}{stem}.weight"] = torch.randn(shape, generator=self.generator) * 0.05
        if bias:
            self.tensors[f"{self.prefix}{stem}.bias"] = torch.randn(shape[:1], generator=self.generator) * 0.05

    def resnet(self, stem: str, before: int, after: int) -> None:
        """Add a residual block of a UNet."""
        self.add(f"{stem}.in_layers.0", before)
        self.add(f"{stem}.in_layers.2", after, before, 3, 3)
        self.add(f"{stem}.emb_layers.1", after, TIME)
        self.add(f"{stem}.out_layers.0", after)
        self.add(f"{stem}.out_layers.3", after, after, 3, 3)
        if before != after:
            self.add(f"{stem}.skip_connection", after, before, 1, 1)

    def transformer(self, stem: str, width: int) -> None:
        """Add a transformer of one block."""
        self.add(f"{stem}.norm", width)
        self.add(f"{stem}.proj_in", width, width, 1, 1)
        block = f"{stem}.transformer_blocks.0"
        for attention, context in (("attn1", width), ("attn2", self.context)):
            self.add(f"{block}.{attention}.to_q", width, width, bias=False)
            self.add(f"{block}.{attention}.to_k", width, context, bias=False)
            self.add(f"{block}.{attention}.to_v", width, context, bias=False)
            self.add(f"{block}.{attention}.to_out.0", width, width)
        self.add(f"{block}.ff.net.0.proj", 8 * width, width)
        self.add(f"{block}.ff.net.2", width, 4 * width)
        for norm in ("norm1", "norm2", "norm3"):
            self.add(f"{block}.{norm}", width)
        self.add(f"{stem}.proj_out", width, width, 1, 1)

    def vae_resnet(self, stem: str, before: int, after: int) -> None:
        """Add a residual block of a VAE."""
        self.add(f"{stem}.norm1", before)
        self.add(f"{stem}.conv1", after, before, 3, 3)
        self.add(f"{stem}.norm2", after)
        self.add(f"{stem}.conv2", after, after, 3, 3)
        if before != after:
            self.add(f"{stem}.nin_shortcut", after, before, 1, 1)


def down_half(names: Names, channels: int = 4) -> None:
    """Add the time embedding, two levels (32 wide with attention, 64 wide without) and the middle."""
    names.add("time_embed.0", TIME, WIDTH)
    names.add("time_embed.2", TIME, TIME)
    names.add("input_blocks.0.0", WIDTH, channels, 3, 3)
    names.resnet("input_blocks.1.0", WIDTH, WIDTH)
    names.transformer("input_blocks.1.1", WIDTH)
    names.add("input_blocks.2.0.op", WIDTH, WIDTH, 3, 3)
    names.resnet("input_blocks.3.0", WIDTH, 2 * WIDTH)
    names.resnet("middle_block.0", 2 * WIDTH, 2 * WIDTH)
    names.transformer("middle_block.1", 2 * WIDTH)
    names.resnet("middle_block.2", 2 * WIDTH, 2 * WIDTH)


def unet(
    prefix: str = "model.diffusion_model.", context: int = CONTEXT, told: int = 0, channels: int = 4
) -> dict[str, torch.Tensor]:
    """Make a UNet of two levels with one residual block each; `told` is the width of what SDXL is told beside."""
    names = Names(prefix, context=context)
    down_half(names, channels)
    if told:
        names.add("label_emb.0.0", TIME, told)
        names.add("label_emb.0.2", TIME, TIME)
    names.resnet("output_blocks.0.0", 4 * WIDTH, 2 * WIDTH)
    names.resnet("output_blocks.1.0", 3 * WIDTH, 2 * WIDTH)
    names.add("output_blocks.1.1.conv", 2 * WIDTH, 2 * WIDTH, 3, 3)
    names.resnet("output_blocks.2.0", 3 * WIDTH, WIDTH)
    names.transformer("output_blocks.2.1", WIDTH)
    names.resnet("output_blocks.3.0", 2 * WIDTH, WIDTH)
    names.transformer("output_blocks.3.1", WIDTH)
    names.add("out.0", WIDTH)
    names.add("out.2", 4, WIDTH, 3, 3)
    return names.tensors


def controlnet(prefix: str = "control_model.") -> dict[str, torch.Tensor]:
    """Make a ControlNet for `unet`."""
    names = Names(prefix, seed=1)
    down_half(names)
    for number, width in enumerate((WIDTH, WIDTH, WIDTH, 2 * WIDTH)):
        names.add(f"zero_convs.{number}.0", width, width, 1, 1)
    names.add("middle_block_out.0", 2 * WIDTH, 2 * WIDTH, 1, 1)
    widths = (3, 8, 8, 16, 16, 24, 24, 32, WIDTH)
    for number in range(8):
        names.add(f"input_hint_block.{2 * number}", widths[number + 1], widths[number], 3, 3)
    return names.tensors


def vae(prefix: str = "first_stage_model.") -> dict[str, torch.Tensor]:
    """Make a VAE of two levels, 32 and 64 wide, with one residual block each."""
    names = Names(prefix, seed=2)
    for side in ("encoder", "decoder"):
        names.vae_resnet(f"{side}.mid.block_1", 64, 64)
        names.add(f"{side}.mid.attn_1.norm", 64)
        for projection in ("q", "k", "v", "proj_out"):
            names.add(f"{side}.mid.attn_1.{projection}", 64, 64, 1, 1)
        names.vae_resnet(f"{side}.mid.block_2", 64, 64)
    names.add("encoder.conv_in", 32, 3, 3, 3)
    names.vae_resnet("encoder.down.0.block.0", 32, 32)
    names.add("encoder.down.0.downsample.conv", 32, 32, 3, 3)
    names.vae_resnet("encoder.down.1.block.0", 32, 64)
    names.add("encoder.norm_out", 64)
    names.add("encoder.conv_out", 8, 64, 3, 3)
    names.add("quant_conv", 8, 8, 1, 1)
    names.add("post_quant_conv", 4, 4, 1, 1)
    names.add("decoder.conv_in", 64, 4, 3, 3)
    for level, before, after in ((1, 64, 64), (0, 64, 32)):
        names.vae_resnet(f"decoder.up.{level}.block.0", before, after)
        names.vae_resnet(f"decoder.up.{level}.block.1", after, after)
    names.add("decoder.up.1.upsample.conv", 64, 64, 3, 3)
    names.add("decoder.norm_out", 32)
    names.add("decoder.conv_out", 3, 32, 3, 3)
    return names.tensors


def text_encoder(prefix: str = "cond_stage_model.transformer.text_model.", layers: int = 1) -> dict[str, torch.Tensor]:
    """Make a text encoder, 64 wide, with CLIP's vocabulary."""
    names = Names(prefix, seed=3)
    names.add("embeddings.token_embedding", 49408, 64, bias=False)
    names.add("embeddings.position_embedding", 77, 64, bias=False)
    for layer in range(layers):
        block = f"encoder.layers.{layer}"
        for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
            names.add(f"{block}.self_attn.{projection}", 64, 64)
        names.add(f"{block}.mlp.fc1", 128, 64)
        names.add(f"{block}.mlp.fc2", 64, 128)
        for norm in ("layer_norm1", "layer_norm2"):
            names.add(f"{block}.{norm}", 64)
    names.add("final_layer_norm", 64)
    return {**names.tensors, f"{prefix}embeddings.position_ids": torch.arange(77)[None]}


def open_clip(prefix: str, layers: int = 2) -> dict[str, torch.Tensor]:
    """Make a text encoder in OpenCLIP's layout, 64 wide, with CLIP's vocabulary and a projection to 48."""
    names = Names(prefix, seed=4)
    names.add("token_embedding", 49408, 64, bias=False)
    for layer in range(layers):
        block = f"transformer.resblocks.{layer}"
        names.add(f"{block}.attn.out_proj", 64, 64)
        names.add(f"{block}.mlp.c_fc", 128, 64)
        names.add(f"{block}.mlp.c_proj", 64, 128)
        names.add(f"{block}.ln_1", 64)
        names.add(f"{block}.ln_2", 64)
        names.tensors[f"{prefix}{block}.attn.in_proj_weight"] = torch.randn(192, 64, generator=names.generator) * 0.05
        names.tensors[f"{prefix}{block}.attn.in_proj_bias"] = torch.randn(192, generator=names.generator) * 0.05
    names.add("ln_final", 64)
    names.tensors[f"{prefix}positional_embedding"] = torch.randn(77, 64, generator=names.generator) * 0.05
    names.tensors[f"{prefix}text_projection"] = torch.randn(64, 48, generator=names.generator) * 0.05
    names.tensors[f"{prefix}logit_scale"] = torch.tensor(4.6)
    return names.tensors


def write(path: Path, *tensors: dict[str, torch.Tensor]) -> Path:
    """Save tensors together in one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {
            name: tensor.half() if tensor.is_floating_point() else tensor
            for part in tensors
            for name, tensor in part.items()
        },
        path,
    )
    return path
