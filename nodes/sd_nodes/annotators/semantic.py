"""Semantic segmentation by models of transformers, drawn in ADE20K's colours."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from graph_runtime import NodeError
from sd_nodes.annotators.ade20k import palette

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from transformers import BaseImageProcessor, PreTrainedModel

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
    from transformers import AutoConfig, AutoImageProcessor, AutoModelForSemanticSegmentation
    from transformers import AutoModelForUniversalSegmentation as AutoModelForMasks
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        _check(config.num_labels, folder)
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        kind = AutoModelForMasks if config.model_type in BY_MASKS else AutoModelForSemanticSegmentation
        with torch.inference_mode(False):  # tensors made inside inference mode could not be used outside of it
            network = kind.from_pretrained(folder, use_safetensors=True, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise NodeError(f"{folder} cannot be loaded as a segmentation model: {error}", input="model") from error
    network.eval().requires_grad_(False)
    return processor, network.to("cuda" if torch.cuda.is_available() else "cpu")


def _check(count: int, folder: Path) -> None:
    if count != len(palette()):
        raise NodeError(
            f"{folder} knows {count} classes; segmentation ControlNets know the {len(palette())} classes of ADE20K. "
            "Use a model that was trained on ADE20K; its name often has “ade” in it.",
            input="model",
        )
