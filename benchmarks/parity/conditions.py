"""Stages that change what a model is told: joined, bound to parts of the picture or the sampling, given ControlNets."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.control import Control
from sd_nodes.diffusion.k.regions import Area, Prompt, Share

Prompts = Sequence[Prompt]


def _each(prompts: Prompts, change: Callable[[Prompt], Prompt]) -> tuple[Prompt, ...]:
    return tuple(change(one) for one in prompts)


def _told(prompt: Prompt, states: Tensor) -> Prompt:
    return replace(prompt, condition=Condition(states))


def _controlled(conditioning, control_net, image, strength):
    control = Control(control_net, image, strength)
    return (_each(conditioning, lambda one: replace(one, controls=(*one.controls, control), shares_controls=True)),)


def _both_controlled(positive, negative, control_net, image, strength, start_percent, end_percent):
    if not strength:
        return positive, negative
    control = Control(control_net, image, strength, start_percent, end_percent)
    changed = partial(_each, change=lambda one: replace(one, controls=(*one.controls, control)))
    return changed(positive), changed(negative)


def _concatenated(conditioning_to, conditioning_from):
    other = conditioning_from[0].condition.states
    return (_each(conditioning_to, lambda one: _told(one, torch.cat([one.condition.states, other], 1))),)


def _averaged(conditioning_to, conditioning_from, conditioning_to_strength):
    other = conditioning_from[0].condition.states

    def averaged(one):
        own = one.condition.states
        fitted = torch.nn.functional.pad(other[:, : own.shape[1]], (0, 0, 0, max(0, own.shape[1] - other.shape[1])))
        return _told(one, own * conditioning_to_strength + fitted * (1 - conditioning_to_strength))

    return (_each(conditioning_to, averaged),)


def _zeroed(conditioning):
    return (_each(conditioning, lambda one: _told(one, torch.zeros_like(one.condition.states))),)


def _in_area(conditioning, width, height, x, y, strength):
    area = Area(height // 8, width // 8, y // 8, x // 8)
    return (_each(conditioning, lambda one: replace(one, area=area, strength=strength)),)


def _in_share(conditioning, width, height, x, y, strength):
    area = Share(height, width, y, x)
    return (_each(conditioning, lambda one: replace(one, area=area, strength=strength)),)


def _masked(conditioning, mask, strength, set_cond_area):
    bounds = set_cond_area != "default"
    return (_each(conditioning, lambda one: replace(one, mask=mask, strength=strength, to_bounds=bounds)),)


def _timed(conditioning, start, end):
    return (_each(conditioning, lambda one: replace(one, start=start, end=end)),)


STAGES: dict[str, Callable[..., Any]] = {
    "ControlNetApply": _controlled,
    "ControlNetApplyAdvanced": _both_controlled,
    "ConditioningCombine": lambda conditioning_1, conditioning_2: ((*conditioning_1, *conditioning_2),),
    "ConditioningConcat": _concatenated,
    "ConditioningAverage": _averaged,
    "ConditioningZeroOut": _zeroed,
    "ConditioningSetArea": _in_area,
    "ConditioningSetAreaPercentage": _in_share,
    "ConditioningSetMask": _masked,
    "ConditioningSetTimestepRange": _timed,
}
