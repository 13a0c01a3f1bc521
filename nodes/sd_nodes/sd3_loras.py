"""Where the changes of LoRAs go that were trained on SD3 in its original layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sd_nodes.diffusion.lora import Place
from sd_nodes.sd3_names import ENDS, PARTS, turned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DOTTED = ("diffusion_model.", "transformer.", "model.diffusion_model.", "")
"""What trainers write before the names of modules in the original layout."""

FLAT = "lora_unet_"
"""What kohya's trainer writes, with `_` for each dot behind it."""

OWN = ("base_model.model.", "diffusion_model.", "model.diffusion_model.", "")
"""What trainers write before the names of modules in diffusers' layout, beside the part's own name."""


def places(weights: Iterable[str]) -> dict[str, tuple[Place, ...]]:
    """Return where the changes of a transformer's modules go, by the names of the modules in LoRA files.

    Queries, keys and values are one module in the original layout; some modulations have their halves turned round.

    Args:
        weights: The names of the transformer's tensors in diffusers' layout.
    """
    names = list(weights)
    present, last = set(names), turned(names)
    found: dict[str, tuple[Place, ...]] = {}
    for module, parts in _modules(names):
        held = [f"{part}.weight" for part in parts]
        if not present.issuperset(held):
            continue
        own = tuple(Place(name, number, len(held), name.startswith(last)) for number, name in enumerate(held))
        spelled = [f"{prefix}{module}" for prefix in DOTTED]
        found |= dict.fromkeys([*spelled, FLAT + module.replace(".", "_")], own)
    stems = [name.removesuffix(".weight") for name in names if name.endswith(".weight")]
    return {**{f"{prefix}{stem}": (Place(f"{stem}.weight"),) for stem in stems for prefix in OWN}, **found}


def _modules(names: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give each module of the original layout with the modules that it is in diffusers'."""
    yield from ((old, (new,)) for old, new in ENDS.items())
    blocks = {name.split(".")[1] for name in names if name.startswith("transformer_blocks.")}
    for block in sorted(blocks, key=int):
        for stream, parts in PARTS.items():
            for old, news in parts.items():
                yield f"joint_blocks.{block}.{stream}.{old}", tuple(f"transformer_blocks.{block}.{new}" for new in news)
