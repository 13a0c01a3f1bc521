"""Networks that see pictures as CLIP does, built as the shapes of their weights tell."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import transformers

if TYPE_CHECKING:
    import torch

    from sd_nodes.shapes import Shapes

EMBEDDINGS = "vision_model.embeddings."
HEADS = 16
"""Every published network of 1024 and more has as many heads; smaller ones have heads of 64."""

LARGE = 1024
"""The width of CLIP's own network; the wider ones are OpenCLIP's and have another activation."""


def image_encoder_of(shapes: Shapes) -> torch.nn.Module:
    """Build the network that weights of these shapes, by their names in transformers, belong to."""
    width, _, patch, _ = shapes[f"{EMBEDDINGS}patch_embedding.weight"]
    layers = {match[1] for name in shapes if (match := re.match(r"vision_model\.encoder\.layers\.(\d+)\.", name))}
    config = transformers.CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=shapes["vision_model.encoder.layers.0.mlp.fc1.weight"][0],
        num_hidden_layers=len(layers),
        num_attention_heads=HEADS if width >= LARGE else max(1, width // 64),
        image_size=math.isqrt(shapes[f"{EMBEDDINGS}position_embedding.weight"][0] - 1) * patch,
        patch_size=patch,
        projection_dim=shapes["visual_projection.weight"][0],
        hidden_act="quick_gelu" if width <= LARGE else "gelu",
    )
    network: torch.nn.Module = transformers.CLIPVisionModelWithProjection(config)
    return network
