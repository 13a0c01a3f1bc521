"""Our nodes inside ComfyUI, made from the same schema as the editor's."""

from __future__ import annotations

from ..library import Library
from .classes import Class, class_of
from .host import ComfyUI


def mappings(library: Library) -> tuple[dict[str, Class], dict[str, str]]:
    """Make what ComfyUI asks a pack for: its classes and their names for people, by id."""
    host = ComfyUI()
    classes = {host.id(id): class_of(node, library, host) for id, node in library.items()}
    return classes, {host.id(id): f"{node.title} ({host.PREFIX})" for id, node in library.items()}
