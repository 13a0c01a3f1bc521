"""Reads packs that were written for ComfyUI, in either way."""

from __future__ import annotations

import asyncio
import inspect
import logging
import runpy
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from ...errors import DeclarationError
from ...guises import Guise
from ...injected import Folders
from ...library import Failure, Library
from .adapting import adapted
from .calling import Call, entered
from .digests import digest_of_pack
from .foreign import ForeignNode, ForeignPack
from .modules import importable, settled
from .offering import Classes
from .schemas import as_class
from .shims import folder_paths
from .shims import nodes as nodes_module
from .shims.prompt_server import PromptServer

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Comfy:
    """The way in which packs are written for ComfyUI.

    Attributes:
        folders: Where the files lie that packs list.
    """

    folders: Folders
    groups: ClassVar[tuple[str, ...]] = ()

    @contextmanager
    def importing(self, path: Path, library: Library) -> Iterator[None]:
        """Have the modules there that packs import, while one is imported and read; what it does at first is done."""
        server = PromptServer.instance
        nodes_module.NODE_CLASS_MAPPINGS.behind = Classes(library)
        try:
            settled(folder_paths.own_folder(self.folders))
            with importable(), entered(Call(self.folders)):
                folder_paths.add_model_folder_path("custom_nodes", str(path.parent.absolute()))
                _prepare(path)
                yield
        finally:
            server.routes.added.clear()
            server.handlers.clear()

    def read(self, name: str, module: ModuleType, path: Path, library: Library) -> Library | None:
        """Read a pack; a class that cannot be a node is reported and stops nothing else."""
        classes = getattr(module, "NODE_CLASS_MAPPINGS", None)
        entry = getattr(module, "comfy_entrypoint", None)
        if not isinstance(classes, dict) and entry is None:
            return None
        titles: dict[str, str] = dict(getattr(module, "NODE_DISPLAY_NAME_MAPPINGS", None) or {})
        found: dict[str, Any] = {str(id): source for id, source in (classes or {}).items()}
        if entry is not None:
            for id, title, source in _extension(entry):
                found[id], titles[id] = source, title
        nodes_module.NODE_CLASS_MAPPINGS.update(found)
        nodes_module.NODE_DISPLAY_NAME_MAPPINGS.update(titles)
        guises = tuple(guise for pack in library.packs for guise in pack.guises)
        nodes, failures = _nodes(name, found, titles, guises)
        server = PromptServer.instance
        pack = ForeignPack(
            name, tuple(nodes), environment=partial(_environment, path), web=_web(module, path),
            templates=_folder(path, *_EXAMPLES), routes=tuple(server.routes.added), on_prompt=tuple(server.handlers),
            locales=_folder(path, "locales"), subgraphs=_folder(path, "subgraphs"),
        )  # fmt: skip
        return Library((pack,), tuple(failures))


_EXAMPLES = ("example_workflows", "example", "examples", "workflow", "workflows")
"""What packs call the folder of their example workflows."""


def _prepare(path: Path) -> None:
    """Run what a pack has to be run before it is imported; where that fails, its import tells whether it matters."""
    script = path / "prestartup_script.py"
    if path.is_dir() and script.is_file():
        try:
            runpy.run_path(str(script), run_name="prestartup_script")
        except (Exception, SystemExit):
            _log.warning("%s fails", script, exc_info=True)


def _environment(path: Path) -> dict[str, str]:
    return {"files": digest_of_pack(path)}


def _nodes(
    pack: str, classes: dict[str, Any], titles: dict[str, str], guises: tuple[Guise, ...]
) -> tuple[list[ForeignNode], list[Failure]]:
    nodes: list[ForeignNode] = []
    failures: list[Failure] = []
    for id, source in classes.items():
        try:
            nodes.append(adapted(id, source, str(titles.get(id) or id), guises))
        except DeclarationError as error:
            failures.append(Failure(f"{pack}, node {id}", str(error)))
        except Exception as error:  # a pack's own code
            failures.append(Failure(f"{pack}, node {id}", f"{type(error).__name__}: {error}"))
    return nodes, failures


def _extension(entry: Any) -> list[tuple[str, str, type]]:
    """Ask a newer pack for its nodes, in a loop of its own."""

    async def ask() -> list[Any]:
        extension = entry()
        if inspect.isawaitable(extension):
            extension = await extension
        await extension.on_load()
        return list(await extension.get_node_list())

    return [as_class(node) for node in asyncio.run(ask())]


def _web(module: ModuleType, path: Path) -> Path | None:
    """The folder of a pack's scripts: as the pack says, or as its pyproject.toml does; never outside of the pack."""
    named = getattr(module, "WEB_DIRECTORY", None) or _project(path).get("web")
    folder = (path / str(named)).resolve() if named and path.is_dir() else None
    return folder if folder is not None and folder.is_dir() and folder.is_relative_to(path.resolve()) else None


def _project(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads((path / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["comfy"]
    except (OSError, KeyError, ValueError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _folder(path: Path, *names: str) -> Path | None:
    """The first of some folders that a pack has; never outside of the pack."""
    found = (path / name for name in names if path.is_dir() and (path / name).is_dir())
    return next((folder for folder in found if folder.resolve().is_relative_to(path.resolve())), None)
