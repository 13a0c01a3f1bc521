"""Segmentation models of transformers: which there are, where they lie, and what tells their content."""

from __future__ import annotations

from graph_runtime import Folders
from sd_nodes.places import Shelf
from sd_nodes.transformers_folders import folder_names, folder_of, weights_digest

SHELF = Shelf("segmentation model", ("segmentation",), "preprocessor_config.json")


def segmentation_names(folders: Folders) -> list[str]:
    """Return the names of the segmentation models that are there."""
    return folder_names(SHELF, folders)


def segmentation_digest(model: str, folders: Folders) -> str:
    """Return what changes whenever the weights of a segmentation model do.

    Raises:
        NodeError: The model is not there.
    """
    return weights_digest(folder_of(model, SHELF, folders), folders)
