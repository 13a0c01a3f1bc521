"""Names of tensors of GLIGEN files: the layers between those of a UNet, by the places that diffusers has for them."""

from __future__ import annotations

import re

SIGN = "position_net.null_positive_feature"
FUSED = re.compile(
    r"(input_blocks|middle_block|output_blocks)\.(\d+)\.(?:(\d+)\.)?transformer_blocks\.(\d+)\.fuser\.(.+)$"
)


def renamed(names: list[str]) -> dict[str, str]:
    """Return the name in the file of each tensor by its own name; a whole checkpoint's other tensors are left out."""
    layers = _layers(names)
    found = {name: name for name in names if name.startswith("position_net.")}
    for name in names:
        if match := FUSED.match(name):
            side, number, _, block, end = match.groups()
            place = f"{_place(side, int(number), layers)}_transformer_blocks_{block}"
            found[f"fusers.{place}.{end}"] = name
    return found


def _place(side: str, number: int, layers: int) -> str:
    if side == "middle_block":
        return "mid_block_attentions_0"
    level, layer = divmod(number - (side == "input_blocks"), layers + 1)
    return f"{'down' if side == 'input_blocks' else 'up'}_blocks_{level}_attentions_{layer}"


def _layers(names: list[str]) -> int:
    """Return how many layers a level has: so many input blocks follow each other before a downsampler."""
    numbers = sorted({int(match[2]) for name in names if (match := FUSED.match(name)) and match[1] == "input_blocks"})
    run = [number for place, number in enumerate(numbers) if number == numbers[0] + place]
    return max(len(run), 1)
