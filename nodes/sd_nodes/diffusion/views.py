"""Modules as they are handed in: where they compute, and a second view that leaves the first as it is."""

from copy import copy
from typing import TypeVar

import torch
from torch.nn import Module

M = TypeVar("M", bound=Module)


def device_of(module: Module) -> torch.device:
    """Returns where a module computes; weights that accelerate brings there one by one lie elsewhere."""
    first = next(module.parameters()).device
    if first.type != "meta":
        return first
    hooks = [getattr(part, "_hf_hook", None) for part in module.modules()]
    devices = [getattr(hook, "execution_device", None) for hook in hooks]
    return next(torch.device(device) for device in devices if device is not None)


def view_of(module: M, submodules: dict[str, Module] | None = None, **attributes: object) -> M:
    """Returns a shallow copy of a module in which some submodules and attributes are others.

    Several runs at once can use one set of weights each in its own way.

    Args:
        module: The module; it stays as it is.
        submodules: Direct submodules that the view has instead, by name.
        attributes: Plain attributes that the view has instead.
    """
    view = copy(module)
    view._modules = {**module._modules, **(submodules or {})}
    for name, value in attributes.items():
        setattr(view, name, value)
    return view
