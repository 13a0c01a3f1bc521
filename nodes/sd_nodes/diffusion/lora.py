"""Low-rank changes to weights (LoRA, arXiv:2106.09685, and LoCon for convolutions), added to them once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.lora_kinds import SIGNS, Kind, Whole, decomposed, kind_of

PREFIXES = {
    "unet": ("lora_unet_",),
    "transformer": ("lora_unet_", "lora_transformer_", "lycoris_"),
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


class Place(NamedTuple):
    """Where a change goes: into a weight as a whole, or with one of the equal pieces that it falls into.

    Args:
        weight: The name of the weight.
        number: Which piece, from 0.
        parts: How many there are.
        turned: Both halves of the weight stand the other way round.
    """

    weight: str
    number: int = 0
    parts: int = 1
    turned: bool = False


@dataclass(frozen=True)
class Piece:
    """A piece of a change to several weights that are one in the layout that it was trained in."""

    change: "Change | Kind"
    place: Place

    def full(self, shape: torch.Size) -> Tensor:
        """Returns the change, float32, in the shape of the weight; see `Change.full`."""
        whole = self.change.full(torch.Size((shape[0] * self.place.parts, *shape[1:])))
        return self.cut(whole)

    def cut(self, whole: Tensor) -> Tensor:
        """Returns the piece of what belongs to all the weights together, along the first side."""
        piece = whole.chunk(self.place.parts)[self.place.number]
        return torch.cat(piece.chunk(2)[::-1]) if self.place.turned else piece


@dataclass(frozen=True)
class Decomposed:
    """A change of any kind after which the weight gets learned lengths (DoRA, arXiv:2402.09353).

    Args:
        change: What changes the direction.
        magnitude: The lengths; see `lora_kinds.decomposed`.
    """

    change: Change | Kind | Piece
    magnitude: Tensor


Either = Change | Kind | Piece | Decomposed
"""What is added to one weight."""

Changes = dict[str, Either]
"""What is added, by the name of the weight."""


def changes(
    file: Mapping[str, Tensor],
    part: str,
    weights: Iterable[str],
    others: Mapping[str, Sequence[Place]] | None = None,
) -> tuple[Changes, list[str]]:
    """Reads which weights of a part of the model a LoRA file changes.

    Args:
        file: The file's tensors; modules are named as kohya's trainer does, with `_` for `.`, or by their own names.
        part: `unet`, `transformer`, `text_encoder` or `text_encoder_2`.
        weights: The names of the part's weights.
        others: Where the changes of modules go that have other names in the file, by those.

    Returns:
        The changes by weight, and the names in the file that are meant for this part and fit no weight of it.

    Raises:
        SettingError: It has one half of a change, or changes a bias where there is none.
    """
    present = dict.fromkeys(weights)
    modules = {name.removesuffix(".weight"): name for name in present if name.endswith(".weight")}
    own = {spelled: (Place(name),) for module, name in modules.items() for spelled in _spellings(module, part)}
    known: dict[str, Sequence[Place]] = {**(others or {}), **own}
    found: Changes = {}
    unknown = []
    for stem in dict.fromkeys(_stem(name) for name in file if name.endswith((*DOWN, *SIGNS))):
        if stem in known:
            for place in known[stem]:
                found |= _at(place, file, stem, present)
        elif stem.startswith((*PREFIXES[part], f"{part}.")):
            unknown.append(stem)
    return found, unknown


def _at(place: Place, file: Mapping[str, Tensor], stem: str, present: Mapping[str, None]) -> Changes:
    """Reads what a module's change adds to one weight, and to the bias beside it."""
    change: Change | Kind = kind_of(file, stem) or _change(file, stem)
    magnitude, whole = file.get(f"{stem}.dora_scale"), place == Place(place.weight)
    piece = change if whole else Piece(change, place)
    if magnitude is not None and isinstance(piece, Piece):
        magnitude = piece.cut(magnitude)
    found: Changes = {place.weight: piece if magnitude is None else Decomposed(piece, magnitude)}
    if f"{stem}.diff_b" in file:
        bias = place.weight.removesuffix("weight") + "bias"
        if bias not in present:
            raise SettingError(f"The LoRA changes the bias of {stem} (diff_b), which has none in this model.")
        added = Whole(file[f"{stem}.diff_b"])
        found[bias] = added if whole else Piece(added, place)
    return found


def merged(weights: Mapping[str, Tensor], changes: Mapping[str, Either], strength: float) -> dict[str, Tensor]:
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


def _added(weight: Tensor, change: Either) -> Tensor:
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
