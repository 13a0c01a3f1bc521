"""Depth models: which there are, where they lie, and what tells their content; no weights are loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph_runtime import Folders
from sd_nodes.assets import DEPTH, locate_asset
from sd_nodes.places import Shelf
from sd_nodes.transformers_folders import folder_names, folder_of, weights_digest

if TYPE_CHECKING:
    from pathlib import Path

FASTDEPTH = "fastdepth"
SHELF = Shelf("depth model", ("depth", "annotators"), "preprocessor_config.json")


def depth_names(folders: Folders) -> list[str]:
    """Return the names of the depth models that are there or can be fetched."""
    return [FASTDEPTH, *folder_names(SHELF, folders)]


def depth_digest(model: str, folders: Folders) -> str:
    """Return what changes whenever the weights of a depth model do.

    Raises:
        NodeError: The model is not there.
    """
    if model == FASTDEPTH:
        locate_asset(DEPTH, folders)
        return DEPTH.digest
    return weights_digest(depth_folder(model, folders), folders)


def depth_folder(model: str, folders: Folders) -> Path:
    """Return the folder of a depth model of transformers.

    Raises:
        NodeError: It is not there, or holds no safetensors.
    """
    return folder_of(model, SHELF, folders)
