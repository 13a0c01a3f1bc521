"""Small networks that enlarge pictures, in the layouts in which they are published, with weights by a formula."""

from collections.abc import Sequence

import torch

Tensors = dict[str, torch.Tensor]


def filled(name: str, *shape: int) -> torch.Tensor:
    """Weights that depend on nothing but their name's length and their shape."""
    count = torch.Size(shape).numel()
    return (torch.arange(count, dtype=torch.float64) * 1.7 + len(name)).sin().mul(0.15).float().reshape(shape)


def layers(sides: dict[str, tuple[int, int, int]]) -> Tensors:
    """Convolutions by name: channels before, channels after, size of the kernel."""
    found: Tensors = {}
    for name, (before, after, size) in sides.items():
        found[f"{name}.weight"] = filled(name, after, before, size, size)
        found[f"{name}.bias"] = filled(name, after)
    return found


def esrgan(doublings: int = 2, fold: int = 1, width: int = 8, growth: int = 32, blocks: int = 2) -> Tensors:
    """Real-ESRGAN in the layout of today."""
    sides = {"conv_first": (3 * fold**2, width, 3), "conv_body": (width, width, 3)}
    for block in range(blocks):
        for dense in (1, 2, 3):
            for number in range(5):
                name = f"body.{block}.rdb{dense}.conv{number + 1}"
                sides[name] = (width + number * growth, width if number == 4 else growth, 3)
    sides |= {f"conv_up{number + 1}": (width, width, 3) for number in range(doublings)}
    return layers({**sides, "conv_hr": (width, width, 3), "conv_last": (width, 3, 3)})


def older(tensors: Tensors) -> Tensors:
    """The same network as the first release of ESRGAN named it."""
    changes = (("body.", "RRDB_trunk."), (".rdb", ".RDB"), ("conv_body", "trunk_conv"), ("conv_up", "upconv"))
    return _renamed(tensors, (*changes, ("conv_hr", "HRconv")))


def oldest(tensors: Tensors, blocks: int = 2, doublings: int = 2) -> Tensors:
    """The same network with layers that are numbered."""
    last = 3 * doublings + 2
    changes = [(f"conv_up{number + 1}.", f"model.{3 * number + 3}.") for number in range(doublings)]
    changes += [("conv_body.", f"model.1.sub.{blocks}."), ("conv_first.", "model.0."), ("body.", "model.1.sub.")]
    changes += [("conv_hr.", f"model.{last}."), ("conv_last.", f"model.{last + 2}."), (".rdb", ".RDB")]
    renamed = _renamed(tensors, changes)
    return {
        name.replace(".weight", ".0.weight").replace(".bias", ".0.bias") if ".RDB" in name else name: tensor
        for name, tensor in renamed.items()
    }


def compact(width: int = 8, between: int = 3, scale: int = 4) -> Tensors:
    """The compact network of Real-ESRGAN."""
    found: Tensors = {}
    for layer in range(between + 1):
        found |= layers({f"body.{2 * layer}": (width if layer else 3, width, 3)})
        found[f"body.{2 * layer + 1}.weight"] = filled(f"body.{layer}", width)
    return found | layers({f"body.{2 * between + 2}": (width, 3 * scale**2, 3)})


def span(width: int = 8, scale: int = 4, normed: bool = True) -> Tensors:
    """SPAN."""
    outer = {"conv_1": (3, width), "conv_2": (width, width)}
    inner = {f"block_{block}.c{number}_r": (width, width) for block in range(1, 7) for number in (1, 2, 3)}
    found = layers({"conv_cat": (4 * width, width, 1), "upsampler.0": (width, 3 * scale**2, 3)})
    for name, (before, after) in (outer | inner).items():
        steps = {f"{name}.conv.0": (before, 2 * before, 1), f"{name}.conv.1": (2 * before, 2 * after, 3)}
        found |= layers({f"{name}.sk": (before, after, 1), **steps, f"{name}.conv.2": (2 * after, after, 1)})
    return found if normed else {**found, "no_norm": torch.zeros(1)}


def _renamed(tensors: Tensors, changes: Sequence[tuple[str, str]]) -> Tensors:
    """Change what names begin with, or hold where it begins with a point."""
    found = {}
    for name, tensor in tensors.items():
        for old, new in changes:
            if name.startswith(old) or (old.startswith(".") and old in name):
                name = name.replace(old, new, 1)
        found[name] = tensor
    return found
