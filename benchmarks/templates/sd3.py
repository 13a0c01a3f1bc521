"""Small networks of Stable Diffusion 3 with random weights, under the names of the original code."""

from __future__ import annotations

from benchmarks.templates.networks import Layers, Tensors, clip, vae

WIDTH, CHANNELS = 64, 16
TEXT, POOLED = 4096, 768 + 1280
PLACES = 192


def checkpoint() -> Tensors:
    """Make the transformer, both text encoders of CLIP's kind, and the autoencoder; T5 is left out."""
    encoders = "text_encoders.clip_l.transformer.", "text_encoders.clip_g.transformer."
    words = {**clip(encoders[0], 768), **clip(encoders[1], 1280, projected=True)}
    return {**_transformer(), **words, **vae(latents=CHANNELS, quantized=False)}


def controlnet() -> Tensors:
    """Make a ControlNet of one block that reads no text."""
    net = Layers(seed=12)
    net.layer("pos_embed_input.proj", WIDTH, CHANNELS, 2, 2)
    for kind, width in (("timestep_embedder", 256), ("text_embedder", POOLED)):
        net.layer(f"time_text_embed.{kind}.linear_1", WIDTH, width)
        net.layer(f"time_text_embed.{kind}.linear_2", WIDTH, WIDTH)
    stem = "transformer_blocks.0"
    net.layer(f"{stem}.adaLN_modulation.1", 6 * WIDTH, WIDTH)
    net.layer(f"{stem}.attn.qkv", 3 * WIDTH, WIDTH)
    net.layer(f"{stem}.attn.proj", WIDTH, WIDTH)
    net.layer(f"{stem}.mlp.fc1", 4 * WIDTH, WIDTH)
    net.layer(f"{stem}.mlp.fc2", WIDTH, 4 * WIDTH)
    net.layer("controlnet_blocks.0", WIDTH, WIDTH)
    return net.tensors


def _transformer() -> Tensors:
    net = Layers("model.diffusion_model.", seed=11)
    net.layer("x_embedder.proj", WIDTH, CHANNELS, 2, 2)
    for kind, width in (("t_embedder", 256), ("y_embedder", POOLED)):
        net.layer(f"{kind}.mlp.0", WIDTH, width)
        net.layer(f"{kind}.mlp.2", WIDTH, WIDTH)
    net.layer("context_embedder", WIDTH, TEXT)
    for block, last in enumerate((False, True)):
        _stream(net, f"joint_blocks.{block}.x_block", 6, whole=True)
        _stream(net, f"joint_blocks.{block}.context_block", 2 if last else 6, whole=not last)
    net.layer("final_layer.linear", 4 * CHANNELS, WIDTH)
    net.layer("final_layer.adaLN_modulation.1", 2 * WIDTH, WIDTH)
    net.weight("pos_embed", 1, PLACES**2, WIDTH)
    return net.tensors


def _stream(net: Layers, stem: str, modulations: int, whole: bool) -> None:
    net.layer(f"{stem}.adaLN_modulation.1", modulations * WIDTH, WIDTH)
    net.layer(f"{stem}.attn.qkv", 3 * WIDTH, WIDTH)
    for norm in ("ln_q", "ln_k"):
        net.weight(f"{stem}.attn.{norm}.weight", 64)
    if whole:
        net.layer(f"{stem}.attn.proj", WIDTH, WIDTH)
        net.layer(f"{stem}.mlp.fc1", 4 * WIDTH, WIDTH)
        net.layer(f"{stem}.mlp.fc2", WIDTH, 4 * WIDTH)
