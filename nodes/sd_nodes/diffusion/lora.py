"""Low-rank changes to weights (LoRA, arXiv:2106.09685, and LoCon for convolutions), added to them once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.lora_kinds import SIGNS, Fixed, Instead, Kind, Turned, Whole, decomposed, kind_of

PREFIXES = {
    "unet": ("lora_unet_", "lycoris_", "lora_prior_unet_"),
    "transformer": ("lora_unet_", "lora_transformer_", "lycoris_"),
    "text_encoder": ("lora_te_", "lora_te1_"),
    "text_encoder_2": ("lora_te2_",),
    "text_encoder_3": ("lora_te3_",),
}
"""What the names of a file's changes begin with, by the part of the model that they are for."""

DOWN = (
    ".lora_down.weight", ".lora_A.weight", ".lora.down.weight", ".lora_linear_layer.down.weight", "_lora.down.weight",
    ".lora_A.default.weight", ".lora_A",
)  # fmt: skip
UP = (
    ".lora_up.weight", ".lora_B.weight", ".lora.up.weight", ".lora_linear_layer.up.weight", "_lora.up.weight",
    ".lora_B.default.weight", ".lora_B",
)  # fmt: skip
BIASES = (".diff_b", ".b_norm")
"""What the name of a tensor ends with that is added to a bias."""


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

    change: "Change | Fixed"
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

    change: Change | Fixed | Turned | Piece
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
    for stem in dict.fromkeys(_stem(name) for name in file if name.endswith((*DOWN, *SIGNS, *BIASES))):
        if stem in known:
            for place in known[stem]:
                found |= _at(place, file, stem, present)
        elif stem.startswith((*PREFIXES[part], f"{part}.")):
            unknown.append(stem)
    return found, unknown


def _at(place: Place, file: Mapping[str, Tensor], stem: str, present: Mapping[str, None]) -> Changes:
    """Reads what a module's change adds to one weight, and to the bias beside it; either may stay as it is."""
    bias = next((file[stem + ending] for ending in BIASES if stem + ending in file), None)
    change, whole = kind_of(file, stem) or _change(file, stem, alone=bias is None), place == Place(place.weight)
    found: Changes = {} if change is None else {place.weight: _placed(change, place, file.get(f"{stem}.dora_scale"))}
    if bias is not None:
        name = place.weight.removesuffix("weight") + "bias"
        if name not in present:
            raise SettingError(f"The LoRA changes the bias of {stem} (diff_b), which has none in this model.")
        found[name] = Whole(bias) if whole else Piece(Whole(bias), place)
    return found


def _placed(change: Change | Kind, place: Place, magnitude: Tensor | None) -> Either:
    """Brings a change to one weight, of which it may be a piece."""
    if place == Place(place.weight):
        return change if magnitude is None or isinstance(change, Instead) else Decomposed(change, magnitude)
    if isinstance(change, Turned | Instead):
        raise SettingError(f"The LoRA turns or replaces weights that are divided here, such as {place.weight}.")
    piece = Piece(change, place)
    return piece if magnitude is None else Decomposed(piece, piece.cut(magnitude))


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
            sums[name] = _changed(weight.float(), change, strength).to(weight.dtype)
        except SettingError as problem:
            problems.append(f"The LoRA does not fit {name}: {problem}")
    if problems:
        raise SettingError("\n".join(problems))
    return sums


def _changed(weight: Tensor, change: Either, strength: float) -> Tensor:
    """The weight with its change, both float32."""
    if isinstance(change, Instead):
        return Whole(change.weight).full(weight.shape).to(weight.device)
    if not isinstance(change, Decomposed):
        return weight + strength * _added(weight, change, strength)
    direction = _added(weight, change.change, strength)
    return weight + strength * (decomposed(weight, direction, change.magnitude.to(weight.device)) - weight)


def _added(weight: Tensor, change: Change | Fixed | Turned | Piece, strength: float) -> Tensor:
    if isinstance(change, Turned):
        return change.of(weight, strength)
    return change.full(weight.shape).to(weight.device)


def _spellings(module: str, part: str) -> list[str]:
    flat = module.replace(".", "_")
    nested = flat if flat.startswith("text_model_") or not part.startswith("text_encoder") else f"text_model_{flat}"
    own = [module] if part in ("unet", "transformer") else []
    return [*own, f"{part}.{module}", *(f"{prefix}{name}" for prefix in PREFIXES[part] for name in {flat, nested})]


def _stem(name: str) -> str:
    return next(name.removesuffix(ending) for ending in (*DOWN, *SIGNS, *BIASES) if name.endswith(ending))


def _change(file: Mapping[str, Tensor], stem: str, alone: bool) -> Change | None:
    """Reads a low-rank change; where it need not be `alone`, it may be missing."""
    down, up = (
        next((file[stem + ending] for ending in endings if stem + ending in file), None) for endings in (DOWN, UP)
    )
    if down is None and up is None and not alone:
        return None
    if down is None or up is None:
        raise SettingError(f"The LoRA has only one half of {stem}.")
    alpha = file.get(f"{stem}.alpha")
    return Change(
        down,
        up,
        None if alpha is None else float(alpha),
        file.get(f"{stem}.lora_mid.weight"),
    )
