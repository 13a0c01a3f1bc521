"""What some models have beside their network: a normalizer of pictures they are told, a projection of prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from sd_nodes.headers import read_header
from sd_nodes.sources import locate

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from graph_runtime import Folders
    from sd_nodes.diffusion.unclip import Normalizer
    from sd_nodes.types import Model

NORMALIZER = ("noise_augmentor.data_mean", "noise_augmentor.data_std")
PROJECTION = ("cc_projection.weight", "cc_projection.bias")
"""The names of the tensors in single files."""

FOLDER, FOLDER_NAMES = "image_normalizer", ("mean", "std")
"""Where diffusers keeps the normalizer, and the names there."""


@final
@dataclass(frozen=True)
class Beside:
    """What a model has beside its network.

    Args:
        normalizer: The mean and deviation of the embeddings of pictures that it was trained on.
        projection: The weight and the bias by which wider prompts are brought to the width of its attention.
    """

    normalizer: Normalizer | None = None
    projection: tuple[torch.Tensor, torch.Tensor] | None = None

    def projected(self, states: torch.Tensor) -> torch.Tensor:
        """Return token states, `[batch, tokens, width]`, in the width of the model's attention."""
        if self.projection is None or states.shape[-1] != self.projection[0].shape[1]:
            return states
        weight, bias = self.projection
        return states @ weight.T.to(states) + bias.to(states)


def beside(model: Model, folders: Folders) -> Beside:
    """Return what a model has beside its network, in the same file or diffusers folder."""
    from sd_nodes.diffusion.unclip import Normalizer

    component = locate(model.source, folders)
    if component.folder is not None:
        files = sorted((component.whole / FOLDER).glob("*.safetensors")) if component.whole else []
        found = _tensors(files[0], FOLDER_NAMES) if files else None
        return Beside(Normalizer(*found) if found else None)
    pair, projection = (_tensors(component.root, names) for names in (NORMALIZER, PROJECTION))
    return Beside(Normalizer(*pair) if pair else None, projection)


def _tensors(path: Path, names: tuple[str, str]) -> tuple[torch.Tensor, torch.Tensor] | None:
    if not set(names) <= set(read_header(path)):
        return None
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        first, second = (file.get_tensor(name).float() for name in names)
    return first, second
