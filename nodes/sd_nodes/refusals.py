"""What single nodes refuse by their values alone, as far as these are known before a run, or for want of a package."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING

from graph_runtime import NodeError, Problem
from sd_nodes.extras import POSE_NETWORKS
from sd_nodes.tweaks import Prediction, Tweaks
from sd_nodes.types import Clip, Gligen, Model
from sd_nodes.upstream import recipe_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from graph_runtime import Folders, Step

    Steps = Mapping[str, Step]
    Rule = Callable[..., None]


def demand_window(start: float, end: float, strength: float = 1.0) -> None:
    """Refuse a window that ends before it starts, unless nothing acts in it."""
    if start >= end and strength:
        raise NodeError(f"the window is {start:g} to {end:g}: it ends before it starts.", input="end")


def demand_thresholds(low_threshold: float, high_threshold: float) -> None:
    """Refuse thresholds in the wrong order."""
    if low_threshold > high_threshold:
        raise NodeError(
            f"the low threshold is {low_threshold:g} and the high one {high_threshold:g}; needs the low one below.",
            input="low_threshold",
        )


def demand_two_encoders(clip: Clip) -> None:
    """Refuse text encoders that are not the two of SDXL."""
    if len(clip.encoders) != 2:
        raise NodeError(f"“{clip.source.name}” has one text encoder, needs the two of SDXL.", input="clip")


def demand_sd3(clip: Clip) -> None:
    """Refuse text encoders that are not those of SD3."""
    if clip.family != "sd3":
        raise NodeError(f"found a text encoder of {clip.family or 'another family'}, needs those of SD3.", input="clip")


def demand_layers_for(gligen_textbox_model: Gligen, clip: Clip) -> None:
    """Refuse layers for boxes that were trained for another family."""
    if gligen_textbox_model.family != clip.family and gligen_textbox_model.family and clip.family:
        message = f"found layers for {gligen_textbox_model.family}, needs those for {clip.family}."
        raise NodeError(message, input="gligen_textbox_model")


def demand_followed(model: Model) -> None:
    """Refuse models that are read or steered in ways that only KSampler knows."""
    told = model.tweaks.prediction
    shifted = told is not None and told == Prediction("flow", shift=told.shift)
    followed = replace(model.tweaks.unperturbed, skipped=None, reused=None, prediction=None if shifted else told)
    if followed != Tweaks():
        message = "how it is read or steered was changed; that is followed by KSampler and SamplerCustom."
        raise NodeError(message, input="model")


RULES: Mapping[str, tuple[Rule, ...]] = {
    "ControlNetApplyMasked": (demand_window,),
    "Sampler": (demand_window, demand_followed),
    "Canny": (demand_thresholds,),
    "CLIPTextEncodeSDXL": (demand_two_encoders,),
    "CLIPTextEncodeSD3": (demand_sd3,),
    "GLIGENTextBoxApply": (demand_layers_for,),
    "Pose": (POSE_NETWORKS.demand,),
}
"""What each kind of node refuses; the parameters are inputs of the node, which calls the rules itself, too.

That of a package that is not installed has none."""


def refusals(steps: Steps, folders: Folders) -> Iterator[Problem]:
    """Find nodes that would refuse the values that they are given."""
    for step in steps.values():
        for rule in RULES.get(step.node.id, ()):
            if (given := _given(rule, step, steps)) is None:
                continue
            try:
                rule(**given)
            except NodeError as error:
                yield Problem("refused", error.message, step.id, step.title, step.node.id, error.input)


def _given(rule: Rule, step: Step, steps: Steps) -> dict[str, object] | None:
    """What the inputs are that a rule is about; None where one of them is known only in the run."""
    given: dict[str, object] = {}
    for name in inspect.signature(rule).parameters:
        if name in step.values:
            given[name] = step.values[name]
        elif name in step.wires and name not in step.mapped and (value := recipe_of(steps, step, name)) is not None:
            given[name] = value
        elif name in step.node.inputs:
            return None
    return given
