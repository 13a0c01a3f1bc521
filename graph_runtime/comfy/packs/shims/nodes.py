"""`nodes`: the classes of all nodes by name, and the largest side of a picture."""

from __future__ import annotations

from typing import Any

MAX_RESOLUTION = 16384

NODE_CLASS_MAPPINGS: dict[str, type[Any]] = {}
"""The classes of the packs that are loaded; other nodes have no class here."""

NODE_DISPLAY_NAME_MAPPINGS: dict[str, str] = {}
EXTENSION_WEB_DIRS: dict[str, str] = {}
LOADED_MODULE_DIRS: dict[str, str] = {}
