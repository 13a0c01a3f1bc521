"""A second view of a module: it shares every weight, and is set up otherwise without touching the first."""

from copy import copy
from typing import TypeVar

from torch.nn import Module

M = TypeVar("M", bound=Module)


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
