"""Small checkpoints of SD3 with the tensor names of the original code."""

import torch

from tests.sd_nodes import original_checkpoints as original

Tensors = dict[str, torch.Tensor]
WIDTH, CHANNELS, TEXT, POOLED, DEPTH = 128, 16, 160, 112, 2
"""Two heads of 64; the text is as wide as that of T5, and both of CLIP side by side are narrower."""


def transformer(prefix: str = "model.diffusion_model.") -> Tensors:
    """A transformer of two blocks, the first of which has a second attention."""
    names = original.Names(prefix, seed=11)
    names.add("x_embedder.proj", WIDTH, CHANNELS, 2, 2)
    for kind, width in (("t_embedder", 256), ("y_embedder", POOLED)):
        names.add(f"{kind}.mlp.0", WIDTH, width)
        names.add(f"{kind}.mlp.2", WIDTH, WIDTH)
    names.add("context_embedder", WIDTH, TEXT)
    for block in range(DEPTH):
        stem, last = f"joint_blocks.{block}", block == DEPTH - 1
        _stream(names, f"{stem}.x_block", 9 if block == 0 else 6, whole=True)
        if block == 0:
            _attention(names, f"{stem}.x_block.attn2")
        _stream(names, f"{stem}.context_block", 2 if last else 6, whole=not last)
    names.add("final_layer.linear", 4 * CHANNELS, WIDTH)
    names.add("final_layer.adaLN_modulation.1", 2 * WIDTH, WIDTH)
    names.tensors[f"{prefix}pos_embed"] = torch.randn(1, 16 * 16, WIDTH, generator=names.generator) * 0.05
    return names.tensors


def _stream(names: original.Names, stem: str, modulations: int, whole: bool) -> None:
    names.add(f"{stem}.adaLN_modulation.1", modulations * WIDTH, WIDTH)
    _attention(names, f"{stem}.attn", whole)
    if whole:
        names.add(f"{stem}.mlp.fc1", 4 * WIDTH, WIDTH)
        names.add(f"{stem}.mlp.fc2", WIDTH, 4 * WIDTH)


def _attention(names: original.Names, stem: str, whole: bool = True) -> None:
    names.add(f"{stem}.qkv", 3 * WIDTH, WIDTH)
    for norm in ("ln_q", "ln_k"):
        names.add(f"{stem}.{norm}", 64, bias=False)
    if whole:
        names.add(f"{stem}.proj", WIDTH, WIDTH)


def controlnet() -> Tensors:
    """A ControlNet of two blocks that reads no text, as those of SD3.5 are."""
    names = original.Names("", seed=12)
    names.add("pos_embed_input.proj", WIDTH, CHANNELS, 2, 2)
    for kind, width in (("timestep_embedder", 256), ("text_embedder", POOLED)):
        names.add(f"time_text_embed.{kind}.linear_1", WIDTH, width)
        names.add(f"time_text_embed.{kind}.linear_2", WIDTH, WIDTH)
    for block in range(2):
        stem = f"transformer_blocks.{block}"
        names.add(f"{stem}.adaLN_modulation.1", 6 * WIDTH, WIDTH)
        names.add(f"{stem}.attn.qkv", 3 * WIDTH, WIDTH)
        names.add(f"{stem}.attn.proj", WIDTH, WIDTH)
        names.add(f"{stem}.mlp.fc1", 4 * WIDTH, WIDTH)
        names.add(f"{stem}.mlp.fc2", WIDTH, 4 * WIDTH)
        names.add(f"controlnet_blocks.{block}", WIDTH, WIDTH)
    return names.tensors


def vae() -> Tensors:
    """An autoencoder with latents of 16 channels, and no convolutions around them."""
    tensors = original.vae()
    names = original.Names("first_stage_model.", seed=13)
    names.add("encoder.conv_out", 2 * CHANNELS, 64, 3, 3)
    names.add("decoder.conv_in", 64, CHANNELS, 3, 3)
    return {name: tensor for name, tensor in tensors.items() if "quant_conv" not in name} | names.tensors


def text_encoders() -> Tensors:
    """CLIP and OpenCLIP, both in the layout of transformers: 64 and 64 wide, the second projected to 48."""
    first = original.text_encoder("text_encoders.clip_l.transformer.text_model.", layers=2)
    second = original.text_encoder("text_encoders.clip_g.transformer.text_model.", layers=3)
    names = original.Names("text_encoders.clip_g.transformer.", seed=14)
    names.add("text_projection", 48, 64, bias=False)
    return {**first, **second, **names.tensors}


def t5(prefix: str = "text_encoders.t5xxl.transformer.", vocabulary: int = 200) -> Tensors:
    """T5 of one block, as wide as the text that the transformer reads."""
    names = original.Names(prefix, seed=15)
    names.add("shared", vocabulary, TEXT, bias=False)
    block = "encoder.block.0.layer"
    for projection in "qkv":
        names.add(f"{block}.0.SelfAttention.{projection}", 32, TEXT, bias=False)
    names.add(f"{block}.0.SelfAttention.o", TEXT, 32, bias=False)
    names.add(f"{block}.0.SelfAttention.relative_attention_bias", 32, 2, bias=False)
    names.add(f"{block}.0.layer_norm", TEXT, bias=False)
    for name in ("wi_0", "wi_1"):
        names.add(f"{block}.1.DenseReluDense.{name}", 48, TEXT, bias=False)
    names.add(f"{block}.1.DenseReluDense.wo", TEXT, 48, bias=False)
    names.add(f"{block}.1.layer_norm", TEXT, bias=False)
    names.add("encoder.final_layer_norm", TEXT, bias=False)
    return names.tensors
