"""The working folder of the demonstration model: the data, and what its stages have left so far."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from accelerate import Accelerator
from diffusers import AutoencoderKL, ControlNetModel, ModelMixin, UNet2DConditionModel
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer, PreTrainedModel

from . import autoencoder, text_to_image
from .augment import Bytes
from .dataset import Picture, load
from .favourites import weight
from .loop import AtStep
from .model import LatentDiffusion
from .text_to_image import Lesson

BATCHES = {"autoencoder": 16, "decoder": 16, "text-to-image": 32, "canny": 32, "depth": 32}
Part = TypeVar("Part", bound=PreTrainedModel | ModelMixin)


def keep_start(folder: Path, start: Path) -> None:
    """Notes in a working folder which exported models its parts go on from, so that every later stage knows.

    Raises:
        ValueError: If the working folder began from another one.
    """
    before = kept_start(folder)
    if before is not None and before != start.resolve():
        raise ValueError(f"{folder} began from {before} and cannot go on from {start}; take another working folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "start.json").write_text(json.dumps(str(start.resolve())))


def kept_start(folder: Path) -> Path | None:
    """Reads which exported models a working folder goes on from; None if it began from nothing."""
    note = folder / "start.json"
    return Path(json.loads(note.read_text())) if note.exists() else None


@dataclass(frozen=True, eq=False)
class Workshop:
    """A working folder with the data, the device to work on, and where untrained parts begin.

    Args:
        folder: The working folder.
        pictures: What is known of the drawings.
        drawings: Their premultiplied RGBA bytes.
        accelerator: The device, and the processes that share the work.
        start: What `export` wrote, to go on from; None begins with random weights.
        at_step: Is told of every training step and its loss.
    """

    folder: Path
    pictures: list[Picture]
    drawings: Bytes
    accelerator: Accelerator
    start: Path | None = None
    at_step: AtStep = lambda step, loss: None

    @staticmethod
    def open(folder: Path, accelerator: Accelerator) -> Workshop:
        """Opens a folder whose `data` holds what `dataset.build` wrote; a start that was kept there holds."""
        pictures, drawings = load(folder / "data")
        return Workshop(folder, pictures, drawings, accelerator, kept_start(folder))

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
        vae = self._started(AutoencoderKL, "emoji/vae") or autoencoder.new_autoencoder()
        weights = self.weights("decoder", "vae") or self.weights("autoencoder", "vae")
        if weights:
            vae.load_state_dict(weights)
        scaling = self.folder / "scaling.json"
        if scaling.exists():
            vae.register_to_config(scaling_factor=json.loads(scaling.read_text()))
        return vae

    def tokenizer(self) -> CLIPTokenizer:
        """Opens the tokenizer, or learns it from all the captions and keeps it."""
        if self.start is not None:
            return CLIPTokenizer.from_pretrained(self.start / "emoji/tokenizer")
        folder = self.folder / "tokenizer"
        if not folder.exists():
            text_to_image.new_tokenizer(self.pictures).save_pretrained(folder)
        return CLIPTokenizer.from_pretrained(folder)

    def untrained_model(self, seed: int) -> LatentDiffusion:
        """Opens the model that text-to-image training begins with: from a seed, or as it is in the start."""
        made = text_to_image.new_model(self.tokenizer(), self.autoencoder(), seed)
        text_encoder = self._started(CLIPTextModel, "emoji/text_encoder") or made.text_encoder
        return replace(
            made, text_encoder=text_encoder, unet=self._started(UNet2DConditionModel, "emoji/unet") or made.unet
        )

    def started_controlnet(self, kind: str) -> ControlNetModel | None:
        """Opens a ControlNet of the start, if there is one."""
        return self._started(ControlNetModel, f"emoji-{kind}")

    def _started(self, kind: type[Part], part: str) -> Part | None:
        if self.start is None or not (self.start / part).is_dir():
            return None
        opened: Part = kind.from_pretrained(self.start / part, use_safetensors=True).float()
        return opened

    def model(self) -> LatentDiffusion:
        """Opens the whole model as far as it is trained."""
        made = self.untrained_model(seed=0)
        for name in ("unet", "text_encoder"):
            weights = self.weights("text-to-image", name)
            if weights:
                getattr(made, name).load_state_dict(weights)
        return made

    def lesson(self) -> Lesson:
        """Opens the latents and captions that may be learned from."""
        captions = json.loads((self.folder / "captions.json").read_text())
        latents = np.load(self.folder / "latents.npy", mmap_mode="r")
        weights = np.array([weight(self.pictures[index]) for index in self.learned])
        return Lesson(
            np.asarray(latents)[self.learned], [captions[index] for index in self.learned], weights / weights.sum()
        )
