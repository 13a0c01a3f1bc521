"""The way in which packs are written for ComfyUI, as long as none is there: what it takes is imported for the first."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar

from ..injected import Folders
from ..library import Library

if TYPE_CHECKING:
    from .packs.loading import Comfy


@dataclass(frozen=True)
class ComfyPacks:
    """Packs that were written for ComfyUI.

    Attributes:
        folders: Where the files lie that packs list.
    """

    folders: Folders
    groups: ClassVar[tuple[str, ...]] = ("comfyui.custom_nodes",)

    @cached_property
    def _dialect(self) -> Comfy:
        from .packs.loading import Comfy

        return Comfy(self.folders)

    def importing(self, path: Path, library: Library) -> AbstractContextManager[object]:
        """Have the modules there that packs import, while one is imported and read."""
        return self._dialect.importing(path, library)

    def read(self, name: str, module: ModuleType, path: Path, library: Library) -> Library | None:
        """Read a pack; None where it was not written for ComfyUI."""
        return self._dialect.read(name, module, path, library)
