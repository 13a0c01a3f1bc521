"""Small networks that see pictures, and checkpoints that are told of pictures, in their original layouts."""

import torch

from tests.sd_nodes.original_checkpoints import Names

Tensors = dict[str, torch.Tensor]


def seer(prefix: str = "visual.", width: int = 64, projection: int = 48, layers: int = 2) -> Tensors:
    """A network that sees pictures of 32 x 32 in patches of 8, in OpenCLIP's layout."""
    names = Names(prefix, seed=6)
    generator = names.generator

    def own(name: str, *shape: int) -> None:
        names.tensors[f"{prefix}{name}"] = torch.randn(shape, generator=generator) * 0.05

    names.add("conv1", width, 3, 8, 8, bias=False)
    own("class_embedding", width)
    own("positional_embedding", 17, width)
    own("proj", width, projection)
    names.add("ln_pre", width)
    names.add("ln_post", width)
    for layer in range(layers):
        block = f"transformer.resblocks.{layer}"
        names.add(f"{block}.attn.out_proj", width, width)
        names.add(f"{block}.mlp.c_fc", 2 * width, width)
        names.add(f"{block}.mlp.c_proj", width, 2 * width)
        names.add(f"{block}.ln_1", width)
        names.add(f"{block}.ln_2", width)
        own(f"{block}.attn.in_proj_weight", 3 * width, width)
        own(f"{block}.attn.in_proj_bias", 3 * width)
    return names.tensors


def normalizer(width: int = 48) -> Tensors:
    """The mean and the deviation of what a model was told while it was trained."""
    generator = torch.Generator().manual_seed(8)
    mean, deviation = torch.randn(1, width, generator=generator), torch.rand(1, width, generator=generator) + 0.5
    return {"noise_augmentor.data_mean": mean, "noise_augmentor.data_std": deviation}


def camera_projection(width: int = 768, context: int = 768) -> Tensors:
    """The layer by which Stable Zero123 brings a picture and a camera to the width of its attention."""
    names = Names("cc_projection", seed=9)
    names.tensors = {
        "cc_projection.weight": torch.randn(context, width + 4, generator=names.generator) * 0.2,
        "cc_projection.bias": torch.randn(context, generator=names.generator) * 0.2,
    }
    return names.tensors
