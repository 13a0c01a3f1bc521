"""Names of tensors: from the original layout of Stable Diffusion and ControlNet files to diffusers' names.

Everything here is a function of names, so that a header alone tells what a file holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from sd_nodes import adapter_names, gligen_names, open_clip, sd3_names, upscaler_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Names = dict[str, str]
"""Diffusers' name of each tensor -> its name in the file; several may be parts of one (see `open_clip`)."""

RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "emb_layers.1": "time_emb_proj",
    "skip_connection": "conv_shortcut",
}
ENDS = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "label_emb.0.0": "add_embedding.linear_1",
    "label_emb.0.2": "add_embedding.linear_2",
    "input_blocks.0.0": "conv_in",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
    "middle_block_out.0": "controlnet_mid_block",
    "input_hint_block.0": "controlnet_cond_embedding.conv_in",
}
ADDED = {f"add_embedding.linear_{number}.{end}" for number in (1, 2) for end in ("weight", "bias")}
MIDDLE = {"0": "mid_block.resnets.0", "1": "mid_block.attentions.0", "2": "mid_block.resnets.1"}
VAE_MIDDLE = {"block_1": "resnets.0", "attn_1": "attentions.0", "block_2": "resnets.1"}
VAE_ATTENTION = {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}


@final
@dataclass(frozen=True)
class Layout:
    """How one part of a model is told in a file: where its names begin, a name that betrays it, and the renaming."""

    part: str
    prefix: str
    sign: str
    rename: Callable[[list[str]], Names]


def parts(names: Iterable[str]) -> dict[str, Names]:
    """Return the parts that a file with these tensor names holds, each with its renaming."""
    listed = list(names)
    present = set(listed)
    found: dict[str, Names] = {}
    for layout in LAYOUTS:
        lone = layout.part in ENCODERS and not layout.prefix
        others = ENCODERS if lone else (CONTROL_LORA,) if layout.part == "controlnet" else ()
        if any(part in found for part in others):
            continue
        if layout.part not in found and layout.prefix + layout.sign in present:
            own = [name.removeprefix(layout.prefix) for name in listed if name.startswith(layout.prefix)]
            found[layout.part] = {new: layout.prefix + old for new, old in layout.rename(own).items()}
    return found


def _original_unet(names: list[str]) -> Names:
    layers = _layers_per_block(names)
    hints = [int(match[1]) for name in names if (match := re.match(r"input_hint_block\.(\d+)\.", name))]
    renamed = {_unet_name(name, layers, max(hints, default=0)): name for name in names}
    # What is told beside the text is a label for some families, and for others what is added.
    labels = {name.replace("add_embedding.", "class_embedding."): old for name, old in renamed.items() if name in ADDED}
    return {**renamed, **labels}


def _control_lora(names: list[str]) -> Names:
    return _original_unet([name for name in names if name != LORA_SIGN])


def _layers_per_block(names: list[str]) -> int:
    """Read the number of residual blocks a level has from where the first downsampler stands."""
    downs = [int(match[1]) for name in names if (match := re.match(r"input_blocks\.(\d+)\.0\.op\.", name))]
    inputs = {int(match[1]) for name in names if (match := re.match(r"input_blocks\.(\d+)\.", name))}
    return min(downs, default=max(inputs, default=1) + 1) - 1


def _unet_name(name: str, layers: int, last_hint: int) -> str:
    stem, _, tail = name.rpartition(".")
    if stem in ENDS:
        return f"{ENDS[stem]}.{tail}"
    kind, number, *rest = name.split(".")
    inner = ".".join(rest)
    if kind == "input_blocks":
        return _block("down", *divmod(int(number) - 1, layers + 1), inner)
    if kind == "output_blocks":
        return _block("up", *divmod(int(number), layers + 1), inner)
    if kind == "middle_block" and number in MIDDLE:
        return f"{MIDDLE[number]}.{_resnet(inner)}"
    if kind == "zero_convs":
        return f"controlnet_down_blocks.{number}.{tail}"
    if kind == "input_hint_block":
        place = "conv_out" if int(number) == last_hint else f"blocks.{int(number) // 2 - 1}"
        return f"controlnet_cond_embedding.{place}.{tail}"
    return name


def _block(way: str, level: int, layer: int, inner: str) -> str:
    slot, _, rest = inner.partition(".")
    if rest.startswith("op."):
        return f"{way}_blocks.{level}.downsamplers.0.conv.{rest.removeprefix('op.')}"
    if rest.startswith("conv."):
        return f"{way}_blocks.{level}.upsamplers.0.{rest}"
    if slot == "0":
        return f"{way}_blocks.{level}.resnets.{layer}.{_resnet(rest)}"
    return f"{way}_blocks.{level}.attentions.{layer}.{rest}"


def _resnet(inner: str) -> str:
    stem, _, tail = inner.rpartition(".")
    return f"{RESNET.get(stem, stem)}.{tail}"


def _original_vae(names: list[str]) -> Names:
    ups = [int(match[1]) for name in names if (match := re.match(r"decoder\.up\.(\d+)\.", name))]
    return {_vae_name(name, max(ups, default=0)): name for name in names}


def _vae_name(name: str, top: int) -> str:
    name = name.replace("nin_shortcut", "conv_shortcut").replace(".norm_out.", ".conv_norm_out.")
    if match := re.match(r"encoder\.down\.(\d+)\.(?:block|downsample)\.(.*)", name):
        kind = "resnets" if ".block." in name else "downsamplers.0"
        return f"encoder.down_blocks.{match[1]}.{kind}.{match[2]}"
    if match := re.match(r"decoder\.up\.(\d+)\.(?:block|upsample)\.(.*)", name):
        kind = "resnets" if ".block." in name else "upsamplers.0"
        return f"decoder.up_blocks.{top - int(match[1])}.{kind}.{match[2]}"
    if match := re.match(r"(encoder|decoder)\.mid\.(block_1|attn_1|block_2)\.(\w+)\.(\w+)", name):
        side, place, inner, tail = match.groups()
        inner = VAE_ATTENTION[inner] if place == "attn_1" else inner
        return f"{side}.mid_block.{VAE_MIDDLE[place]}.{inner}.{tail}"
    return name


def _text_encoder(names: list[str]) -> Names:
    return {name: name for name in names if not name.endswith("position_ids")}


def _t5(names: list[str]) -> Names:
    """Both tables of T5's tokens are one, which may be in the file once."""
    tables = {"shared.weight", "encoder.embed_tokens.weight"}
    held = next((name for name in names if name in tables), None)
    return {**_same(names), **(dict.fromkeys(tables, held) if held else {})}


def _same(names: list[str]) -> Names:
    return {name: name for name in names}


CONTROL_LORA, LORA_SIGN = "control_lora", "lora_controlnet"
"""A ControlNet that is stored as low-rank differences from a UNet, and the tensor by which its file says so."""

ENCODERS = ("text_encoder", "text_encoder_2")
"""The parts of which a file without prefixes holds one: the larger one of SDXL has 32 layers."""

T5_SIGN = "encoder.block.0.layer.0.SelfAttention.q.weight"
SEEING_PREFIXES = (
    "embedder.model.visual.",
    "conditioner.embedders.0.open_clip.model.visual.",
    "cond_stage_model.model.visual.",
    "visual.",
)
"""Where checkpoints that are told of pictures keep the encoder of those."""

LAYOUTS = (
    Layout("style_model", "", "style_embedding", _same),
    Layout("gligen", "", gligen_names.SIGN, gligen_names.renamed),
    *(Layout("transformer", prefix, sd3_names.SIGN, sd3_names.renamed) for prefix in ("model.diffusion_model.", "")),
    *(
        Layout(part, f"text_encoders.{name}.transformer.", sign, _text_encoder)
        for part, name, sign in (
            ("text_encoder", "clip_l", "text_model.embeddings.token_embedding.weight"),
            ("text_encoder_2", "clip_g", "text_model.embeddings.token_embedding.weight"),
        )
    ),
    Layout("text_encoder_3", "text_encoders.t5xxl.transformer.", T5_SIGN, _t5),
    Layout("text_encoder_3", "", T5_SIGN, _t5),
    Layout(CONTROL_LORA, "", LORA_SIGN, _control_lora),
    Layout("controlnet", "", sd3_names.CONTROL_SIGN, sd3_names.renamed),
    Layout("controlnet", "", "pos_embed_input.proj.weight", _same),
    Layout("unet", "model.diffusion_model.", "input_blocks.0.0.weight", _original_unet),
    Layout("vae", "first_stage_model.", "decoder.conv_in.weight", _original_vae),
    Layout(
        "text_encoder",
        "cond_stage_model.transformer.",
        "text_model.embeddings.token_embedding.weight",
        _text_encoder,
    ),
    Layout(
        "text_encoder",
        "conditioner.embedders.0.transformer.",
        "text_model.embeddings.token_embedding.weight",
        _text_encoder,
    ),
    Layout("text_encoder", "cond_stage_model.model.", "token_embedding.weight", open_clip.renamed),
    Layout("text_encoder_2", "conditioner.embedders.1.model.", "token_embedding.weight", open_clip.projected),
    Layout("text_encoder_2", "conditioner.embedders.0.model.", "token_embedding.weight", open_clip.projected),
    Layout("controlnet", "control_model.", "zero_convs.0.0.weight", _original_unet),
    Layout("controlnet", "", "zero_convs.0.0.weight", _original_unet),
    Layout("controlnet", "", "controlnet_cond_embedding.conv_in.weight", _same),
    Layout("controlnet", "", "controlnet_blocks.0.weight", _same),
    Layout("t2i_adapter", "", adapter_names.FULL, adapter_names.renamed),
    Layout("t2i_adapter", "", adapter_names.LIGHT, adapter_names.renamed_light),
    Layout("t2i_adapter", "", adapter_names.OURS, _same),
    Layout("unet", "", "out.2.weight", _original_unet),
    Layout("unet", "", "up_blocks.0.resnets.0.conv1.weight", _same),
    Layout("vae", "", "decoder.mid.block_1.conv1.weight", _original_vae),
    Layout("vae", "", "decoder.mid_block.resnets.0.conv1.weight", _same),
    Layout("text_encoder_2", "", "transformer.resblocks.31.ln_1.weight", open_clip.projected),
    Layout("text_encoder", "", "transformer.resblocks.0.ln_1.weight", open_clip.renamed),
    Layout("text_encoder_2", "", "text_model.encoder.layers.31.mlp.fc1.weight", _text_encoder),
    Layout("text_encoder", "", "text_model.embeddings.token_embedding.weight", _text_encoder),
    Layout("image_encoder", "", "vision_model.embeddings.patch_embedding.weight", _text_encoder),
    *(
        Layout("image_encoder", prefix, "transformer.resblocks.0.ln_1.weight", open_clip.seeing)
        for prefix in SEEING_PREFIXES
    ),
    *(
        Layout("upscaler", prefix, sign, upscaler_names.renamed)
        for prefix in upscaler_names.PREFIXES
        for sign in upscaler_names.SIGNS
    ),
)
