"""Depth models: which there are, where they lie, and what tells their content; no weights are loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph_runtime import Folders, NodeError, listed
from sd_nodes.assets import DEPTH, locate_asset
from sd_nodes.digests import digest_files
from sd_nodes.places import PICKLE_REASON, Shelf, find, names

if TYPE_CHECKING:
    from pathlib import Path

FASTDEPTH = "fastdepth"
SHELF = Shelf("depth model", ("depth", "annotators"), "preprocessor_config.json")
FILES = ("*.json", "*.safetensors")


def depth_names(folders: Folders) -> list[str]:
    """Return the names of the depth models that are there or can be fetched."""
    return [FASTDEPTH, *(name for name in names(SHELF, folders) if not name.endswith(".safetensors"))]


def depth_digest(model: str, folders: Folders) -> str:
    """Return what changes whenever the weights of a depth model do.

    Raises:
        NodeError: The model is not there.
    """
    if model == FASTDEPTH:
        locate_asset(DEPTH, folders)
        return DEPTH.digest
    folder = depth_folder(model, folders)
    return digest_files(folder, [path for pattern in FILES for path in folder.glob(pattern)], folders.state)


def depth_folder(model: str, folders: Folders) -> Path:
    """Return the folder of a depth model of transformers.

    Raises:
        NodeError: It is not there, or holds no safetensors.
    """
    folder = find(model, SHELF, folders)
    held = sorted(path.name for path in folder.glob("*")) if folder.is_dir() else [folder.name]
    if not folder.is_dir() or not (folder / "config.json").is_file():
        raise NodeError(f"{folder} is no folder of a transformers model: it holds {listed(held)}.", input="model")
    if not any(name.endswith(".safetensors") for name in held):
        raise NodeError(f"{folder} holds no safetensors, but {listed(held)}: {PICKLE_REASON}.", input="model")
    return folder
