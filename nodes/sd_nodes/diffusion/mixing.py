"""Models mixed weight by weight."""

from collections.abc import Collection, Mapping

from torch import Tensor

from sd_nodes.diffusion.errors import SettingError

PARTS = {
    "conv_in": "input", "down_blocks": "input", "mid_block": "middle", "up_blocks": "out", "conv_norm_out": "out",
    "conv_out": "out",
}  # fmt: skip
"""The parts of a UNet by what the names of their weights begin with; the rest is told the time and more."""

TOLD = "told"


def mixed(
    weights: Mapping[str, Tensor],
    others: Mapping[str, Tensor],
    kept: float,
    strength: float,
    within: Collection[str] = (),
) -> dict[str, Tensor]:
    """Adds the weights of one module to those of another one.

    Args:
        weights: The weights by name.
        others: Those of the other module, in the same shapes.
        kept: What the weights are multiplied by.
        strength: What the others are multiplied by.
        within: The parts of a UNet that are mixed, see `PARTS`; all where none is named.

    Raises:
        SettingError: The modules are not of the same form.
    """
    strange = [name for name, weight in weights.items() if name not in others or others[name].shape != weight.shape]
    if strange:
        raise SettingError(f"The models cannot be mixed: {len(strange)} weights differ in shape, such as {strange[0]}.")
    return {
        name: kept * weight + strength * others[name].to(weight) if _mixes(name, weight, within) else weight
        for name, weight in weights.items()
    }


def _mixes(name: str, weight: Tensor, within: Collection[str]) -> bool:
    inside = not within or PARTS.get(name.partition(".")[0], TOLD) in within
    return inside and weight.is_floating_point()
