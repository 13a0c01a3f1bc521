"""Small networks that go with a UNet, with random weights under their published names."""

from __future__ import annotations

import torch

from benchmarks.templates.networks import WIDTHS, Layers, Tensors


def gligen(context: int) -> Tensors:
    """Make the layers that bind words to boxes, for each transformer of such a UNet."""
    net, width = Layers(seed=13), WIDTHS[-1]
    for place in (f"input_blocks.{2 * len(WIDTHS) - 1}.1", "middle_block.1", "output_blocks.0.1", "output_blocks.1.1"):
        stem = f"{place}.transformer_blocks.0.fuser"
        net.layer(f"{stem}.linear", width, context)
        for name in ("to_q", "to_k", "to_v"):
            net.layer(f"{stem}.attn.{name}", width, width, bias=False)
        net.layer(f"{stem}.attn.to_out.0", width, width)
        net.layer(f"{stem}.ff.net.0.proj", 8 * width, width)
        net.layer(f"{stem}.ff.net.2", width, 4 * width)
        for norm in ("norm1", "norm2"):
            net.norm(f"{stem}.{norm}", width)
        for gate in ("alpha_attn", "alpha_dense"):
            net.tensors[f"{stem}.{gate}"] = torch.tensor(0.5)
    for number, (into, out) in enumerate(((context + 64, 512), (512, 512), (512, context))):
        net.layer(f"position_net.linears.{2 * number}", out, into)
    net.weight("position_net.null_positive_feature", context)
    net.weight("position_net.null_position_feature", 64)
    return net.tensors


def t2i_adapter() -> Tensors:
    """Make a T2I adapter for such a UNet, of two blocks a level, as its inventors name it."""
    net, before = Layers(seed=14), WIDTHS[0]
    net.layer("conv_in", before, 3 * 8 * 8, 3, 3)
    for number, width in enumerate(width for width in WIDTHS for _ in range(2)):
        if width != before:
            net.layer(f"body.{number}.in_conv", width, before, 1, 1)
        net.layer(f"body.{number}.block1", width, width, 3, 3)
        net.layer(f"body.{number}.block2", width, width, 1, 1)
        before = width
    return net.tensors


def upscaler() -> Tensors:
    """Make an ESRGAN of one block that enlarges four times, as Real-ESRGAN names it."""
    net, width, growth = Layers(seed=7), 8, 4
    net.layer("conv_first", width, 3, 3, 3)
    for dense in (1, 2, 3):
        for number in range(1, 6):
            after = width if number == 5 else growth
            net.layer(f"body.0.rdb{dense}.conv{number}", after, width + growth * (number - 1), 3, 3)
    for name in ("conv_body", "conv_up1", "conv_up2", "conv_hr"):
        net.layer(name, width, width, 3, 3)
    net.layer("conv_last", 3, width, 3, 3)
    return net.tensors


def clip_vision(width: int, projection: int) -> Tensors:
    """Make an encoder of pictures of one layer, for pictures of 224 pixels, as transformers names it."""
    net = Layers("vision_model.", seed=8)
    net.weight("embeddings.class_embedding", width)
    net.weight("embeddings.patch_embedding.weight", width, 3, 14, 14)
    net.weight("embeddings.position_embedding.weight", 257, width)
    layer = "encoder.layers.0"
    for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
        net.layer(f"{layer}.self_attn.{name}", width, width)
    net.layer(f"{layer}.mlp.fc1", 128, width)
    net.layer(f"{layer}.mlp.fc2", width, 128)
    for name in (f"{layer}.layer_norm1", f"{layer}.layer_norm2", "pre_layrnorm", "post_layernorm"):
        net.norm(name, width)
    net.prefix = ""
    net.weight("visual_projection.weight", projection, width)
    return net.tensors


def open_clip_vision(prefix: str, width: int) -> Tensors:
    """Make an encoder of pictures of one layer as OpenCLIP names it."""
    net = Layers(prefix, seed=9)
    net.weight("class_embedding", width)
    net.weight("conv1.weight", width, 3, 14, 14)
    net.weight("positional_embedding", 257, width)
    block = "transformer.resblocks.0"
    net.weight(f"{block}.attn.in_proj_weight", 3 * width, width)
    net.weight(f"{block}.attn.in_proj_bias", 3 * width)
    net.layer(f"{block}.attn.out_proj", width, width)
    net.layer(f"{block}.mlp.c_fc", 128, width)
    net.layer(f"{block}.mlp.c_proj", width, 128)
    for name in (f"{block}.ln_1", f"{block}.ln_2", "ln_pre", "ln_post"):
        net.norm(name, width)
    net.weight("proj", width, 768)
    return net.tensors


def lora(context: int) -> Tensors:
    """Make a LoRA of rank 2 as kohya's trainer names it: on the middle of the UNet and a layer of the text encoder."""
    net, width = Layers(seed=6), WIDTHS[-1]
    middle = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2"
    sides = {f"{middle}_to_q": (width, width), f"{middle}_to_k": (width, context), f"{middle}_to_v": (width, context)}
    sides["lora_te_text_model_encoder_layers_0_self_attn_q_proj"] = (768, 768)
    for name, (after, before) in sides.items():
        net.weight(f"{name}.lora_down.weight", 2, before)
        net.weight(f"{name}.lora_up.weight", after, 2)
        net.tensors[f"{name}.alpha"] = torch.tensor(2.0)
    return net.tensors
