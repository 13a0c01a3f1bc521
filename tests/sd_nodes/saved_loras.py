"""Small random LoRAs for the small models, in the layouts of their trainers."""

from pathlib import Path

import torch
from safetensors.torch import save_file

RANK = 2
Tensors = dict[str, torch.Tensor]


def of(module: torch.nn.Module, wanted: tuple[str, ...]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Draw a pair of down and up for each layer of a module whose name ends with one of the wanted words."""
    generator = torch.Generator().manual_seed(5)
    pairs = {}
    for name, layer in module.named_modules():
        if name.endswith(wanted) and hasattr(layer, "weight"):
            out, *into = layer.weight.shape
            down = torch.randn(RANK, *into, generator=generator) * 0.2
            up = torch.randn(out, RANK, *[1] * (len(into) - 1), generator=generator) * 0.2
            pairs[name] = (down, up)
    return pairs


def kohya(pairs: dict[str, tuple[torch.Tensor, torch.Tensor]], prefix: str, alpha: float) -> Tensors:
    """Name pairs as kohya's trainer does."""
    tensors: Tensors = {}
    for name, (down, up) in pairs.items():
        stem = f"{prefix}{name.replace('.', '_')}"
        tensors |= {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up}
        tensors[f"{stem}.alpha"] = torch.tensor(alpha)
    return tensors


def diffusers(pairs: dict[str, tuple[torch.Tensor, torch.Tensor]], part: str) -> Tensors:
    """Name pairs as diffusers does."""
    tensors: Tensors = {}
    for name, (down, up) in pairs.items():
        tensors |= {f"{part}.{name}.lora_A.weight": down, f"{part}.{name}.lora_B.weight": up}
    return tensors


def write(path: Path, *tensors: Tensors) -> Path:
    """Save tensors together in one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor for each in tensors for name, tensor in each.items()}, path)
    return path
