"""Semantic segmentation by models of transformers, drawn in ADE20K's colours."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_runtime import NodeError
from sd_nodes.annotators.ade20k import palette
from sd_nodes.annotators.pretrained import load_network

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from transformers import BaseImageProcessor, PretrainedConfig, PreTrainedModel

BY_MASKS = ("mask2former", "maskformer")
"""Kinds of models that give masks with classes instead of a class for each point."""


def segmented(picture: NDArray[np.uint8], folder: Path, digest: str) -> NDArray[np.uint8]:
    """Draw each point of a picture, `[height, width, 3]`, in the colour of its class.

    Args:
        picture: Red, green, blue.
        folder: The model's folder.
        digest: What tells apart what lay in the folder at different times.

    Raises:
        NodeError: The model cannot be loaded, or knows other classes than ADE20K's.
    """
    from PIL import Image as Pillow

    processor, network = _network(folder, digest)
    inputs = processor(Pillow.fromarray(picture), return_tensors="pt")
    outputs = network(**inputs.to(network.device))
    (classes,) = processor.post_process_semantic_segmentation(outputs, target_sizes=[picture.shape[:2]])
    return drawn(classes.cpu().numpy())


def drawn(classes: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Draw classes, `[height, width]`, in their colours; numbers that are no class of ADE20K are black."""
    colours = palette()
    known = (classes >= 0) & (classes < len(colours))
    return np.where(known[..., None], colours[np.where(known, classes, 0)], 0).astype(np.uint8)


@lru_cache(maxsize=1)
def _network(folder: Path, digest: str) -> tuple[BaseImageProcessor, PreTrainedModel]:
    """Load a network once; `digest` tells apart what lay in its folder at different times."""
    from transformers import AutoModelForSemanticSegmentation
    from transformers import AutoModelForUniversalSegmentation as AutoModelForMasks

    def kind_of(config: PretrainedConfig) -> Any:
        _check(config.num_labels, folder)
        return AutoModelForMasks if config.model_type in BY_MASKS else AutoModelForSemanticSegmentation

    return load_network(folder, "segmentation model", kind_of)


def _check(count: int, folder: Path) -> None:
    if count != len(palette()):
        raise NodeError(
            f"{folder} knows {count} classes; segmentation ControlNets know the {len(palette())} classes of ADE20K. "
            "Use a model that was trained on ADE20K; its name often has “ade” in it.",
            input="model",
        )
