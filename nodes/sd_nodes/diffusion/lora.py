"""Low-rank changes to weights (LoRA, arXiv:2106.09685, and LoCon for convolutions), added to them once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.lora_kinds import SIGNS, Kind, Whole, decomposed, kind_of

PREFIXES = {
    "unet": ("lora_unet_",),
    "transformer": ("lora_unet_", "lora_transformer_"),
    "text_encoder": ("lora_te_", "lora_te1_"),
    "text_encoder_2": ("lora_te2_",),
    "text_encoder_3": ("lora_te3_",),
}
"""What the names of a file's changes begin with, by the part of the model that they are for."""

DOWN = (".lora_down.weight", ".lora_A.weight", ".lora.down.weight")
UP = (".lora_up.weight", ".lora_B.weight", ".lora.up.weight")


@dataclass(frozen=True)
class Change:
    """What is added to one weight: up @ down, scaled.

    Args:
        down: [rank, in, ...].
        up: [out, rank, ...].
        alpha: What the change is scaled by, over the rank; as it is if there is none.
        middle: [rank, rank, height, width] between both, for a convolution taken apart.
    """

    down: Tensor
    up: Tensor
    alpha: float | None = None
    middle: Tensor | None = None

    def full(self, shape: torch.Size) -> Tensor:
        """Returns the change, float32, in the shape of the weight.

        Raises:
            SettingError: It is of another size.
        """
        down, up, rank = self.down.float(), self.up.float(), self.down.shape[0]
        if self.middle is not None:
            product = torch.einsum("ir,rshw,sj->ijhw", up.flatten(1), self.middle.float(), down.flatten(1))
        else:
            product = up.flatten(1) @ down.flatten(1)
        if product.numel() != shape.numel():
            raise SettingError(f"it makes {list(product.shape)}, the weight is {list(shape)}.")
        return product.reshape(shape) * (1.0 if self.alpha is None else self.alpha / rank)


@dataclass(frozen=True)
class Decomposed:
    """A change of any kind after which the weight gets learned lengths (DoRA, arXiv:2402.09353).

    Args:
        change: What changes the direction.
        magnitude: The lengths; see `lora_kinds.decomposed`.
    """

    change: Change | Kind
    magnitude: Tensor


Changes = dict[str, Change | Kind | Decomposed]
"""What is added, by the name of the weight."""


def changes(file: Mapping[str, Tensor], part: str, weights: Iterable[str]) -> tuple[Changes, list[str]]:
    """Reads which weights of a part of the model a LoRA file changes.

    Args:
        file: The file's tensors; modules are named as kohya's trainer does, with `_` for `.`, or by their own names.
        part: `unet`, `text_encoder` or `text_encoder_2`.
        weights: The names of the part's weights.

    Returns:
        The changes by weight, and the names in the file that are meant for this part and fit no weight of it.

    Raises:
        SettingError: It has one half of a change, or changes a bias where there is none.
    """
    present = dict.fromkeys(weights)
    modules = {name.removesuffix(".weight"): name for name in present if name.endswith(".weight")}
    known = {spelled: name for module, name in modules.items() for spelled in _spellings(module, part)}
    found: Changes = {}
    unknown = []
    for stem in dict.fromkeys(_stem(name) for name in file if name.endswith((*DOWN, *SIGNS))):
        if stem in known:
            change, magnitude = kind_of(file, stem) or _change(file, stem), file.get(f"{stem}.dora_scale")
            found[known[stem]] = change if magnitude is None else Decomposed(change, magnitude)
            if f"{stem}.diff_b" in file:
                bias = known[stem].removesuffix("weight") + "bias"
                if bias not in present:
                    raise SettingError(f"The LoRA changes the bias of {stem} (diff_b), which has none in this model.")
                found[bias] = Whole(file[f"{stem}.diff_b"])
        elif stem.startswith((*PREFIXES[part], f"{part}.")):
            unknown.append(stem)
    return found, unknown


def merged(
    weights: Mapping[str, Tensor], changes: Mapping[str, Change | Kind | Decomposed], strength: float
) -> dict[str, Tensor]:
    """Adds changes to weights, in float32, and returns those that changed, in their own type.

    Args:
        weights: The weights by name.
        changes: What is added to them.
        strength: What the changes are multiplied by.

    Raises:
        SettingError: Some change does not fit its weight; all of them at once.
    """
    sums, problems = {}, []
    for name, change in changes.items():
        weight = weights[name]
        try:
            added = _added(weight, change)
        except SettingError as problem:
            problems.append(f"The LoRA does not fit {name}: {problem}")
            continue
        sums[name] = (weight.float() + strength * added).to(weight.dtype)
    if problems:
        raise SettingError("\n".join(problems))
    return sums


def _added(weight: Tensor, change: Change | Kind | Decomposed) -> Tensor:
    if not isinstance(change, Decomposed):
        return change.full(weight.shape).to(weight.device)
    turned = change.change.full(weight.shape).to(weight.device)
    return decomposed(weight.float(), turned, change.magnitude.to(weight.device)) - weight.float()


def _spellings(module: str, part: str) -> list[str]:
    flat = module.replace(".", "_")
    nested = flat if flat.startswith("text_model_") or not part.startswith("text_encoder") else f"text_model_{flat}"
    return [f"{part}.{module}", *(f"{prefix}{name}" for prefix in PREFIXES[part] for name in {flat, nested})]


def _stem(name: str) -> str:
    return next(name.removesuffix(ending) for ending in (*DOWN, *SIGNS) if name.endswith(ending))


def _change(file: Mapping[str, Tensor], stem: str) -> Change:
    down, up = (
        next((file[stem + ending] for ending in endings if stem + ending in file), None) for endings in (DOWN, UP)
    )
    if down is None or up is None:
        raise SettingError(f"The LoRA has only one half of {stem}.")
    alpha = file.get(f"{stem}.alpha")
    return Change(
        down,
        up,
        None if alpha is None else float(alpha),
        file.get(f"{stem}.lora_mid.weight"),
    )
