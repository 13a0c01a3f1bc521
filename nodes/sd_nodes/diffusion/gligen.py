"""GLIGEN: words bound to boxes by gated attention between the layers of a UNet (arXiv:2301.07093)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import GatedSelfAttentionDense
from diffusers.models.embeddings import GLIGENTextBoundingboxProjection
from torch import Tensor, nn

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.views import view_of

MOST = 30
"""How many boxes the layers were trained with at most."""

HEADS, FIRST_WIDTH, HEAD = 8, 768, 64
"""Stable Diffusion 1, whose text is so wide, has 8 heads in each layer; later families have heads of 64."""

FUSER = "fuser"


@dataclass(frozen=True, eq=False)
class Box:
    """A text bound to a rectangle.

    Args:
        pooled: [1, width], what the text says as a whole, not projected.
        left: The left border as a part of the picture's width; likewise the others.
    """

    pooled: Tensor
    left: float
    top: float
    right: float
    bottom: float


class Gligen(nn.Module):
    """The layers that bind words to boxes.

    Args:
        shapes: The shapes of their weights: those of `position_net`, and below `fusers` those of a layer for each
            transformer block, by its name in diffusers with `_` for `.`.
    """

    def __init__(self, shapes: Mapping[str, Sequence[int]]) -> None:
        super().__init__()
        into, out = shapes["position_net.null_positive_feature"][0], shapes["position_net.linears.4.weight"][0]
        self.position_net = GLIGENTextBoundingboxProjection(into, out)
        places = dict.fromkeys(name.split(".")[1] for name in shapes if name.startswith("fusers."))
        self.fusers = nn.ModuleDict({place: _fuser(shapes[f"fusers.{place}.linear.weight"]) for place in places})


def _fuser(linear: Sequence[int]) -> nn.Module:
    width, context = linear
    heads = HEADS if context == FIRST_WIDTH else width // HEAD
    fuser: nn.Module = GatedSelfAttentionDense(width, context, heads, width // heads)
    return fuser


def with_boxes(unet: UNet2DConditionModel, gligen: Gligen) -> UNet2DConditionModel:
    """Returns a view of a UNet that is told boxes.

    Args:
        unet: The model; it stays as it is.
        gligen: The layers.

    Raises:
        SettingError: They belong to another kind of UNet.
    """
    present = {name.replace(".", "_"): name for name, _ in unet.named_modules()}
    strange = [place for place in gligen.fusers if place not in present]
    if strange:
        raise SettingError(f"The GLIGEN model has layers for {strange[0]} and others, which this model has not.")
    view: nn.Module = unet
    for place, fuser in gligen.fusers.items():
        view = _put(view, [*present[place].split("."), FUSER], fuser)
    return cast("UNet2DConditionModel", view_of(view, {"position_net": gligen.position_net}))


def _put(module: nn.Module, path: Sequence[str], new: nn.Module) -> nn.Module:
    first, *rest = path
    return view_of(module, {first: _put(module.get_submodule(first), rest, new) if rest else new})


def told_boxes(boxes: Sequence[Box], width: int) -> dict[str, Tensor]:
    """Returns what a UNet is told of boxes, by diffusers' names; the places of those that are missing are masked.

    Args:
        boxes: The boxes; none for a prompt without.
        width: The width of pooled texts.

    Raises:
        SettingError: There are too many.
    """
    if len(boxes) > MOST:
        raise SettingError(f"There are {len(boxes)} boxes, and the layers were trained with {MOST} at most.")
    places, texts, masks = torch.zeros(1, MOST, 4), torch.zeros(1, MOST, width), torch.zeros(1, MOST)
    for number, box in enumerate(boxes):
        places[0, number] = torch.tensor([box.left, box.top, box.right, box.bottom])
        texts[0, number] = box.pooled[0]
        masks[0, number] = 1
    return {"boxes": places, "positive_embeddings": texts, "masks": masks}
