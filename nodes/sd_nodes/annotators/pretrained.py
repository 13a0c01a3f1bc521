"""Loads networks that look at pictures from folders of transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from graph_runtime import NodeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import BaseImageProcessor, PretrainedConfig, PreTrainedModel


def load_network(
    folder: Path, purpose: str, kind_of: Callable[[PretrainedConfig], Any]
) -> tuple[BaseImageProcessor, PreTrainedModel]:
    """Load a network that looks at pictures, and what prepares pictures for it.

    Pictures are prepared by Pillow, so that a map is the same whether torchvision is installed or not.

    Args:
        folder: The model's folder.
        purpose: What kind of model it is to be, for the error's message.
        kind_of: Gives the class of transformers that loads a model with such a configuration, or refuses it.

    Returns:
        The processor, and the network in evaluation mode, on the GPU if there is one.

    Raises:
        NodeError: The folder cannot be loaded.
    """
    from transformers import AutoConfig, AutoImageProcessor
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        kind = kind_of(AutoConfig.from_pretrained(folder, local_files_only=True))
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True, backend="pil")
        with torch.inference_mode(False):  # tensors made inside inference mode could not be used outside of it
            network = kind.from_pretrained(folder, use_safetensors=True, local_files_only=True, dtype=torch.float32)
    except (OSError, ValueError, KeyError) as error:
        raise NodeError(f"{folder} cannot be loaded as a {purpose}: {error}", input="model") from error
    network.eval().requires_grad_(False)
    return processor, network.to("cuda" if torch.cuda.is_available() else "cpu")
