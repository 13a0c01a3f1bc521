"""Which family of models something belongs to, and what a ControlNet was trained for: headers alone tell it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTHS = {768: "sd1", 1024: "sd2", 2048: "sdxl", 1280: "sdxl-refiner"}
"""The width of the text embedding by which the published families are told apart."""

OWN_WIDTHS = {160: "demonstration"}
"""That of the small models that ship with the pack."""

POOLED = ("_shuffle", "_shuffle_fp16")
"""What the names of files end with of ControlNets that say one thing of the whole picture; nothing in them tells."""

STREAMS = {
    "flux": re.compile(r"(?:^|[._])single_(?:transformer_)?blocks?[._]\d"),
    "sd3": re.compile(r"joint_blocks[._]\d"),
}
"""Names of layers that only one family of transformers has."""

JOINT = re.compile(r"transformer_blocks[._]\d+[._]attn[._](?:to_[qkv]|add_q_proj)\b")
"""The attention of a transformer that several families have; its width tells which."""

JOINT_WIDTHS = {1536: "sd3", 2432: "sd3", 3072: "flux"}

CLASSES = {
    "SD3Transformer2DModel": "sd3", "SD3ControlNetModel": "sd3", "FluxTransformer2DModel": "flux",
    "FluxControlNetModel": "flux",
}  # fmt: skip
"""Families by the classes of diffusers that only they have."""

LATENTS = {0.18215: "sd1", 0.13025: "sdxl", 1.5305: "sd3", 0.3611: "flux"}
"""Families by what the latents of their autoencoders are multiplied by."""

ADAPTERS = {64: "sd1", 192: "sd1", 256: "sdxl", 768: "sdxl"}
"""Families by the channels of the folded pixels, grey or coloured, that their T2I adapters see."""

CHANNELS = {4: "sd1 or sdxl", 16: "sd3 or flux"}
"""The families whose latents have so many channels."""

LATENT_SPACES = {"sd2": "sd1", "sdxl-refiner": "sdxl"}
"""Families that share the latents of another one."""

PUBLISHED = frozenset((*WIDTHS.values(), *LATENTS.values()))

KINDS = {
    "canny": ("canny",),
    "depth": ("depth", "zoe", "midas"),
    "pose": ("openpose", "pose", "dwpose"),
    "scribble": ("scribble", "sketch"),
    "softedge": ("softedge", "hed", "pidi"),
    "lineart": ("lineart", "lineart_anime"),
    "lines": ("mlsd",),
    "normal": ("normal", "normalbae"),
    "segmentation": ("seg", "segmentation"),
    "shuffle": ("shuffle",),
    "tile": ("tile",),
    "inpaint": ("inpaint",),
    "instructions": ("ip2p",),
}
"""Kinds of control, and the words in names of published ControlNets that tell them."""


def family_of(width: int | None) -> str:
    """Return the family of a network that attends to text embeddings of this width; empty without a width."""
    return {**WIDTHS, **OWN_WIDTHS}.get(width, f"context-{width}") if width else ""


def family_of_transformer(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Return the family of a transformer, of a ControlNet for one or of a LoRA on one; empty if it is none.

    Args:
        shapes: The shape of each tensor by its name, in any layout.
    """
    for family, sign in STREAMS.items():
        if any(map(sign.search, shapes)):
            return family
    widths = (max(shape, default=0) for name, shape in sorted(shapes.items()) if JOINT.search(name))
    return next((JOINT_WIDTHS[width] for width in widths if width in JOINT_WIDTHS), "")


def family_of_adapter(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Return the family that a T2I adapter was made for; empty where it sees other pixels than those published.

    Args:
        shapes: The shape of each tensor by diffusers' names.
    """
    first = shapes.get("adapter.conv_in.weight") or shapes.get("adapter.body.0.in_conv.weight") or ()
    return ADAPTERS.get(first[1], "") if len(first) > 1 else ""


def family_of_latents(channels: object, scale: object) -> str:
    """Return the family of an autoencoder, or those that it may belong to; empty where nothing tells.

    Args:
        channels: How many channels its latents have.
        scale: What they are multiplied by, if that is known.
    """
    possible = CHANNELS.get(channels, "") if isinstance(channels, int) else ""
    told = LATENTS.get(scale, "") if isinstance(scale, float) else ""
    return told if told in possible.split(" or ") else possible


def share_latents(one: str, other: str) -> bool:
    """Tell whether latents of one family may be those of another one.

    Args:
        one: A family, or several that it may be, with " or " between them; empty is any. Of a family that nobody
            published, and one that is published, nothing is known.
        other: Likewise.
    """
    ours, theirs = ({LATENT_SPACES.get(each, each) for each in name.split(" or ")} for name in (one, other))
    known = (ours <= PUBLISHED) == (theirs <= PUBLISHED)
    return not one or not other or not known or bool(ours & theirs)


def is_pooled(name: str) -> bool:
    """Tell by the name of its file whether a ControlNet says one thing of the whole picture."""
    return name.lower().removesuffix(".safetensors").removesuffix(".sft").endswith(POOLED)


def kind_of(name: str) -> str:
    """Return the kind of control that a ControlNet's name speaks of; empty if it speaks of none or of several."""
    words = set(re.split(r"[^a-z0-9]+|(?<=[a-z])(?=\d)", name.lower()))
    kinds = {kind for kind, signs in KINDS.items() if words & set(signs)}
    return kinds.pop() if len(kinds) == 1 else ""
