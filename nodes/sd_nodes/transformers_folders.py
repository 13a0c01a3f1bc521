"""Folders of transformers models: found, looked into, and told apart by their content; no weights are loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph_runtime import Folders, NodeError, listed
from sd_nodes.digests import digest_files
from sd_nodes.pickles import PICKLE_REASON
from sd_nodes.places import EMBEDDED, Shelf, find, names

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("*.json", "*.safetensors")


def folder_names(shelf: Shelf, folders: Folders) -> list[str]:
    """Return the names of the user's models of a kind; of these kinds none ships with the pack."""
    found = names(shelf, folders)
    return [name for name in found if not name.endswith(".safetensors") and not (EMBEDDED / name).is_dir()]


def folder_of(model: str, shelf: Shelf, folders: Folders) -> Path:
    """Return the folder of a model of transformers.

    Raises:
        NodeError: It is not there, or holds no safetensors.
    """
    folder = find(model, shelf, folders)
    held = sorted(path.name for path in folder.glob("*")) if folder.is_dir() else [folder.name]
    if not folder.is_dir() or not (folder / "config.json").is_file():
        raise NodeError(f"{folder} is no folder of a transformers model: it holds {listed(held)}.", input="model")
    if not any(name.endswith(".safetensors") for name in held):
        raise NodeError(f"{folder} holds no safetensors, but {listed(held)}: {PICKLE_REASON}.", input="model")
    return folder


def weights_digest(folder: Path, folders: Folders) -> str:
    """Return what changes whenever the settings or weights in a folder do."""
    return digest_files(folder, [path for pattern in FILES for path in folder.glob(pattern)], folders.state)
