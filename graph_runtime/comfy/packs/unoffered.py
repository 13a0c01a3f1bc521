"""Parts of ComfyUI that are not here: packs import and name them freely, and who uses one is told so.

A pack often imports far more than most of its nodes need. What stands in can be named, derived from and asked for in
`isinstance`; calling it is refused, so a pack is there with all the nodes that get along without it.
"""

from __future__ import annotations

import importlib.machinery
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from types import ModuleType
from typing import NoReturn

from ...errors import NodeError

ROOTS = frozenset({"comfy", "comfy_api", "comfy_execution", "comfy_extras", "execution", "latent_preview"})
"""The packages and modules of which every part can be imported: ComfyUI's own models, samplers and nodes."""


class StandIn(type):
    """The type of what stands in for a function, a class or a value."""

    path: str

    def __call__(cls, *_: object, **__: object) -> NoReturn:
        """Refuse.

        Raises:
            NodeError: Always.
        """
        raise NodeError(
            f"{cls.path} is not offered here: models are passed on as recipes, and sampled by nodes of our own."
        )

    def __iter__(cls) -> Iterator[object]:
        """Hold nothing: packs go through ComfyUI's own tables when they are imported."""
        return iter(())

    def __setitem__(cls, key: object, value: object) -> None:
        """Take what packs put into such a table; nobody looks it up."""

    def __getattr__(cls, name: str) -> StandIn:
        """Give a part of what stands in; what packs derive from it has no more than they wrote."""
        if name.startswith("__") or "path" not in cls.__dict__:
            raise AttributeError(name)
        return stand_in(f"{cls.path}.{name}")


@cache
def stand_in(path: str) -> StandIn:
    """Give what stands in for a part of ComfyUI, by its full name."""
    return StandIn(path.rpartition(".")[2], (), {"path": path, "__module__": path.rpartition(".")[0]})


def filled_up(module: ModuleType, name: str, filling: Callable[[str], object] = stand_in) -> ModuleType:
    """Let stand-ins fill up a module, unless it says by itself what it has not got.

    Nothing stands in for Python's own names, as `__file__`: who goes through `sys.modules` asks every module for them,
    as torch does when it is imported, and takes an answer at its word.

    Args:
        module: The module.
        name: The name under which packs know it.
        filling: Makes what stands in, by its full name.
    """

    def part(asked: str) -> object:
        if asked.startswith("__"):
            raise AttributeError(f"{name} has no {asked}")
        return filling(f"{name}.{asked}")

    vars(module).setdefault("__getattr__", part)
    return module


@cache
def hollow(name: str) -> ModuleType:
    """A module of which every part is a stand-in."""
    module = ModuleType(name, "Holds nothing: it stands in for a part of ComfyUI that is not here.")
    module.__path__ = []
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
    return filled_up(module, name)


class Finder(MetaPathFinder, Loader):
    """Finds hollow modules below the roots.

    Attributes:
        found: The names of those that were found.
    """

    def __init__(self) -> None:
        self.found: list[str] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a module of ComfyUI's own models, samplers and nodes, whatever its name."""
        if fullname.partition(".")[0] not in ROOTS:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Give the module, the same each time."""
        return hollow(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Remember that it was found: there is nothing in it."""
        self.found.append(module.__name__)


FINDER = Finder()
