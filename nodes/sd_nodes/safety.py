"""Hides pictures that a safety checker flags."""

from __future__ import annotations

from typing import Literal, NamedTuple

from graph_runtime import SILENT, NodeError, Progress, node
from sd_nodes.types import Image, SafetyChecker
from sd_nodes.weights import WeightStore


class Checked(NamedTuple):
    """Pictures that may be shown.

    Args:
        image: The pictures; flagged ones are hidden.
        flagged: Whether any of them was flagged.
    """

    image: Image
    flagged: bool


@node("Safety Check", category="image", resource="gpu")
def safety_check(
    image: Image,
    checker: SafetyChecker | None,
    hide: Literal["black", "blurred"] = "black",
    *,
    store: WeightStore,
    progress: Progress = SILENT,
) -> Checked:
    """Look at pictures with a safety checker and hide those that it flags.

    Args:
        image: The pictures.
        checker: The safety checker, of a base model or by itself.
        hide: Make a flagged picture black, or blur it until only patches of colour are left.
    """
    from sd_nodes.diffusion.safety import flagged
    from sd_nodes.diffusion.safety import hide as hidden

    if checker is None:
        raise NodeError("the base model comes without a safety checker: load one by itself.", input="checker")
    with store.safety(checker) as (processor, module):
        flags = flagged(image[..., :3], module, processor)
    if any(flags):
        progress.say(f"{sum(flags)} of {len(flags)} pictures are hidden: the safety checker flagged them")
    return Checked(Image(hidden(image, flags, hide)), any(flags))
