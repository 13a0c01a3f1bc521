"""Conditionings joined, mixed, emptied; how deep a text encoder is read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from graph_runtime import NodeError, Range, node
from sd_nodes.types import Clip, Condition, Conditioning

if TYPE_CHECKING:
    import torch


@node("CLIP Set Last Layer", category="conditioning", id="CLIPSetLastLayer", static=True)
def clip_set_last_layer(clip: Clip, stop_at_clip_layer: Annotated[int, Range(-24, -1, 1)] = -1) -> Clip:
    """Read a text encoder before its last layer ("clip skip").

    Args:
        clip: The text encoder.
        stop_at_clip_layer: The layer that is read: -1 is the last, -2 the one before it.

    Returns:
        CLIP: The text encoder, read there.
    """
    return replace(clip, skip=-1 - stop_at_clip_layer)


@node("Conditioning (Combine)", category="conditioning", id="ConditioningCombine")
def conditioning_combine(conditioning_1: Conditioning, conditioning_2: Conditioning) -> Conditioning:
    """Let several prompts steer one picture: the network is asked for each, and its answers are averaged.

    Args:
        conditioning_1: The first conditioning.
        conditioning_2: The second conditioning.

    Returns:
        CONDITIONING: Both together.
    """
    _same_family(conditioning_1, conditioning_2, "conditioning_2")
    return replace(conditioning_1, conditions=conditioning_1.conditions + conditioning_2.conditions)


@node("Conditioning (Concat)", category="conditioning", id="ConditioningConcat")
def conditioning_concat(conditioning_to: Conditioning, conditioning_from: Conditioning) -> Conditioning:
    """Join the tokens of prompts: the network attends to all of them at once.

    Args:
        conditioning_to: What the tokens are added to; its areas, masks and ControlNets stay.
        conditioning_from: Where the tokens come from; of several conditions the first.

    Returns:
        CONDITIONING: The longer conditioning.
    """
    import torch

    _same_family(conditioning_to, conditioning_from, "conditioning_from")
    added = _first(conditioning_from).embedding
    return conditioning_to.map(lambda one: replace(one, embedding=torch.cat([one.embedding, added], dim=1)))


@node("Conditioning (Average)", category="conditioning", id="ConditioningAverage")
def conditioning_average(
    conditioning_to: Conditioning,
    conditioning_from: Conditioning,
    conditioning_to_strength: Annotated[float, Range(0.0, 1.0, 0.01)] = 1.0,
) -> Conditioning:
    """Mix the tokens of prompts one by one.

    Args:
        conditioning_to: The first conditioning; its areas, masks and ControlNets stay.
        conditioning_from: The second, cut or filled with zeros to the length of the first; of several conditions the
            first.
        conditioning_to_strength: How much of the first: 1 is the first alone.

    Returns:
        CONDITIONING: The mixed conditioning.
    """
    _same_family(conditioning_to, conditioning_from, "conditioning_from")
    other, share = _first(conditioning_from), conditioning_to_strength

    def mixed(one: Condition) -> Condition:
        from sd_nodes.diffusion.text import of_length

        states = one.embedding * share + of_length(other.embedding, one.embedding.shape[1]) * (1.0 - share)
        return replace(one, embedding=states, pooled=_mixed(one.pooled, other.pooled, share))

    return conditioning_to.map(mixed)


@node("Conditioning Zero Out", category="advanced/conditioning", id="ConditioningZeroOut")
def conditioning_zero_out(conditioning: Conditioning) -> Conditioning:
    """Replace what a prompt says by zeros.

    Args:
        conditioning: The conditioning.

    Returns:
        CONDITIONING: The conditioning that says nothing.
    """
    import torch

    def emptied(one: Condition) -> Condition:
        pooled = None if one.pooled is None else torch.zeros_like(one.pooled)
        return replace(one, embedding=torch.zeros_like(one.embedding), pooled=pooled)

    return conditioning.map(emptied)


def _first(conditioning: Conditioning) -> Condition:
    return conditioning.conditions[0]


def _mixed(pooled: torch.Tensor | None, other: torch.Tensor | None, share: float) -> torch.Tensor | None:
    """Mix the pooled vectors; where one prompt has none, the other's counts."""
    if pooled is None or other is None:
        return other if pooled is None else pooled
    return pooled * share + other * (1.0 - share)


def _same_family(first: Conditioning, second: Conditioning, input: str) -> None:
    if first.family != second.family:
        raise NodeError(
            f"found a conditioning for {second.family}, needs one for {first.family} as the first one is.", input=input
        )
