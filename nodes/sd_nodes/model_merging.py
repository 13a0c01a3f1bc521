"""Models and text encoders mixed with others, weight by weight; nothing is loaded before something computes."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, TypeVar

from graph_runtime import NodeError, Range, node
from sd_nodes.types import Clip, Model, Patch

Share = Annotated[float, Range(0.0, 1.0, 0.01)]
Factor = Annotated[float, Range(-10.0, 10.0, 0.01)]
MERGING = "advanced/model_merging"
R = TypeVar("R", Model, Clip)


@node("ModelMergeSimple", category=MERGING, id="ModelMergeSimple", static=True)
def model_merge_simple(model1: Model, model2: Model, ratio: Share = 1.0) -> Model:
    """Mix two models.

    Args:
        model1: The first model; its settings count.
        model2: The second model.
        ratio: How much of the first: 1 is the first alone.

    Returns:
        MODEL: The mixed model.
    """
    return _mixed(model1, model2, ratio, 1.0 - ratio)


@node("ModelMergeBlocks", category=MERGING, id="ModelMergeBlocks", static=True)
def model_merge_blocks(
    model1: Model, model2: Model, input: Share = 1.0, middle: Share = 1.0, out: Share = 1.0
) -> Model:
    """Mix two models, each part of the network otherwise.

    Args:
        model1: The first model; its settings count.
        model2: The second model.
        input: How much of the first in the encoder, and in the layers that are told the time.
        middle: How much of the first in the middle.
        out: How much of the first in the decoder.

    Returns:
        MODEL: The mixed model.
    """
    mixed = _mixed(model1, model2, input, 1.0 - input, ("input", "told"))
    mixed = _mixed(mixed, model2, middle, 1.0 - middle, ("middle",))
    return _mixed(mixed, model2, out, 1.0 - out, ("out",))


@node("ModelMergeSubtract", category=MERGING, id="ModelMergeSubtract", static=True)
def model_merge_subtract(model1: Model, model2: Model, multiplier: Factor = 1.0) -> Model:
    """Take the difference of two models, as one that is added to a third.

    Args:
        model1: The model from which is taken.
        model2: The model that is taken.
        multiplier: What the difference is multiplied by.

    Returns:
        MODEL: The difference.
    """
    return _mixed(model1, model2, multiplier, -multiplier)


@node("ModelMergeAdd", category=MERGING, id="ModelMergeAdd", static=True)
def model_merge_add(model1: Model, model2: Model) -> Model:
    """Add the weights of two models, of which one is a difference.

    Args:
        model1: The first model; its settings count.
        model2: The second model.

    Returns:
        MODEL: Their sum.
    """
    return _mixed(model1, model2, 1.0, 1.0)


@node("CLIPMergeSimple", category=MERGING, id="CLIPMergeSimple", static=True)
def clip_merge_simple(clip1: Clip, clip2: Clip, ratio: Share = 1.0) -> Clip:
    """Mix two text encoders.

    Args:
        clip1: The first text encoder; its settings count.
        clip2: The second one.
        ratio: How much of the first: 1 is the first alone.

    Returns:
        CLIP: The mixed text encoder.
    """
    return _mixed(clip1, clip2, ratio, 1.0 - ratio)


@node("CLIPMergeSubtract", category=MERGING, id="CLIPMergeSubtract", static=True)
def clip_merge_subtract(clip1: Clip, clip2: Clip, multiplier: Factor = 1.0) -> Clip:
    """Take the difference of two text encoders, as one that is added to a third.

    Args:
        clip1: The text encoder from which is taken.
        clip2: The text encoder that is taken.
        multiplier: What the difference is multiplied by.

    Returns:
        CLIP: The difference.
    """
    return _mixed(clip1, clip2, multiplier, -multiplier)


@node("CLIPMergeAdd", category=MERGING, id="CLIPMergeAdd", static=True)
def clip_merge_add(clip1: Clip, clip2: Clip) -> Clip:
    """Add the weights of two text encoders, of which one is a difference.

    Args:
        clip1: The first text encoder; its settings count.
        clip2: The second one.

    Returns:
        CLIP: Their sum.
    """
    return _mixed(clip1, clip2, 1.0, 1.0)


def _mixed(first: R, second: R, kept: float, strength: float, within: tuple[str, ...] = ()) -> R:
    """Return a recipe whose weights are `kept` times its own and `strength` times another's."""
    if first.family != second.family:
        names = ("model2", "model1") if isinstance(first, Model) else ("clip2", "clip1")
        raise NodeError(
            f"“{second.source.name}” is of the family {second.family}, needs {first.family} as {names[1]} is.",
            input=names[0],
        )
    if kept == 1.0 and strength == 0.0:
        return first
    sources = [each.source for each in second.encoders] if isinstance(second, Clip) else [second.source]
    added: list[Patch] = [Patch(source, strength, kept, within, second.patches) for source in sources]
    return replace(first, patches=(*first.patches, *added))
