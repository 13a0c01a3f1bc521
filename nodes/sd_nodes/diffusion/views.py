"""Modules as they are handed in: where they compute, and a second view that leaves the first as it is."""

from collections.abc import Callable
from copy import copy
from typing import Protocol, TypeVar

import torch
from torch.nn import Module

M = TypeVar("M", bound=Module)


class Hook(Protocol):
    """What is called before and after a module's forward pass; accelerate's and diffusers' are alike."""

    def pre_forward(
        self, module: Module, *args: object, **kwargs: object
    ) -> tuple[tuple[object, ...], dict[str, object]]:
        """Gives what the forward pass is called with."""

    def post_forward(self, module: Module, output: object) -> object:
        """Gives what the call returns."""


def device_of(module: Module) -> torch.device:
    """Returns where a module computes; weights that are brought there as they are needed lie elsewhere."""
    for part in module.modules():
        for hook in _hooks(part):
            group = getattr(hook, "config", None)
            device = getattr(hook, "execution_device", None) or getattr(group, "onload_device", None)
            if device is not None:
                return torch.device(device)
    return next(module.parameters()).device


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
    if "forward" in vars(module):
        vars(view)["hooked"] = vars(module).get("hooked", module)
        vars(view)["forward"] = _forward(view)
    return view


def _forward(view: Module) -> Callable[..., object]:
    """A forward pass of the view itself: hooks had bound that of the module that they were put on."""
    hooked: Module = vars(view)["hooked"]

    def forward(*args: object, **kwargs: object) -> object:
        hooks = _hooks(hooked)
        for hook in hooks:
            args, kwargs = hook.pre_forward(hooked, *args, **kwargs)
        output: object = type(view).forward(view, *args, **kwargs)
        for hook in reversed(hooks):
            output = hook.post_forward(hooked, output)
        return output

    return forward


def _hooks(module: Module) -> list[Hook]:
    """The hooks of a module itself, from the outermost."""
    registry, other = getattr(module, "_diffusers_hook", None), getattr(module, "_hf_hook", None)
    found: list[Hook] = [] if registry is None else [registry.hooks[name] for name in reversed(registry._hook_order)]
    return found if other is None else [other, *found]
