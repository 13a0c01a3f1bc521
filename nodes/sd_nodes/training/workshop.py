"""The working folder of the demonstration model: the data, and what its stages have left so far."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accelerate import Accelerator
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor
from transformers import CLIPTokenizer

from . import autoencoder, text_to_image
from .augment import Bytes
from .dataset import Picture, load
from .model import LatentDiffusion
from .text_to_image import Lesson

BATCHES = {"autoencoder": 16, "decoder": 16, "text-to-image": 32, "canny": 32, "depth": 32}
FAVOURED = {"smileys-emotion": 3.0, "animals-nature": 3.0, "food-drink": 3.0}


@dataclass(frozen=True, eq=False)
class Workshop:
    """A working folder with the data, and the device to work on."""

    folder: Path
    pictures: list[Picture]
    drawings: Bytes
    accelerator: Accelerator

    @staticmethod
    def open(folder: Path, accelerator: Accelerator) -> Workshop:
        """Opens a folder whose `data` holds what `dataset.build` wrote."""
        pictures, drawings = load(folder / "data")
        return Workshop(folder, pictures, drawings, accelerator)

    @property
    def learned(self) -> NDArray[np.intp]:
        """The numbers of the pictures that may be learned from."""
        return np.flatnonzero([not picture.held_out for picture in self.pictures])

    def batch(self, stage: str) -> int:
        """The share of a stage's batch that one process takes."""
        return BATCHES[stage] // int(self.accelerator.num_processes)

    def weights(self, stage: str, name: str) -> dict[str, Tensor] | None:
        """Reads a module out of a stage's checkpoint: its average if one is kept; None if there is none."""
        path = self.folder / stage / "checkpoint.safetensors"
        if not path.exists():
            return None
        with safe_open(path, "pt") as file:
            keys = list(file.keys())
            kinds = [kind for kind in ("average", "module") if any(key.startswith(f"{kind}/{name}/") for key in keys)]
            prefix = f"{kinds[0]}/{name}/"
            return {key.removeprefix(prefix): file.get_tensor(key) for key in keys if key.startswith(prefix)}

    def autoencoder(self) -> AutoencoderKL:
        """Opens the autoencoder as far as it is trained, with its scaling factor once latents are there."""
        vae = autoencoder.new_autoencoder()
        weights = self.weights("decoder", "vae") or self.weights("autoencoder", "vae")
        if weights:
            vae.load_state_dict(weights)
        scaling = self.folder / "scaling.json"
        if scaling.exists():
            vae.register_to_config(scaling_factor=json.loads(scaling.read_text()))
        return vae

    def tokenizer(self) -> CLIPTokenizer:
        """Opens the tokenizer, or learns it from all the captions and keeps it."""
        folder = self.folder / "tokenizer"
        if not folder.exists():
            text_to_image.new_tokenizer(self.pictures).save_pretrained(folder)
        return CLIPTokenizer.from_pretrained(folder)

    def model(self) -> LatentDiffusion:
        """Opens the whole model as far as it is trained."""
        made = text_to_image.new_model(self.tokenizer(), self.autoencoder(), seed=0)
        for name in ("unet", "text_encoder"):
            weights = self.weights("text-to-image", name)
            if weights:
                getattr(made, name).load_state_dict(weights)
        return made

    def lesson(self) -> Lesson:
        """Opens the latents and captions that may be learned from."""
        captions = json.loads((self.folder / "captions.json").read_text())
        latents = np.load(self.folder / "latents.npy", mmap_mode="r")
        weights = np.array([FAVOURED.get(self.pictures[index].group, 1.0) for index in self.learned])
        return Lesson(
            np.asarray(latents)[self.learned], [captions[index] for index in self.learned], weights / weights.sum()
        )
