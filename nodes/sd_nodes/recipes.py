"""Recipes of models: what to load, how to change it, how to compute it; the weight store makes modules of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, final

from sd_nodes.tweaks import Tweaks

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Storage = Literal["same", "float8_e4m3fn", "float8_e5m2"]
Attention = Literal[
    "auto", "sdpa", "sdpa_flash", "sdpa_efficient", "sdpa_cudnn", "sdpa_math", "xformers", "flash", "sage"
]
Compilation = Literal["none", "regional"]
Offload = Literal["none", "model", "group", "sequential"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Option = str | int | float | bool | None


@final
@dataclass(frozen=True)
class Source:
    """Where weights come from: a name that the weight store resolves, and what must be found there.

    Args:
        name: The file, folder, shipped model or hub id as the user named it; free of machine paths if the user's was.
        digest: SHA-256 of the content of the files that this part reads, in hex.
        part: The component in it, by its diffusers name: `unet`, `text_encoder`, `vae`, `controlnet`, `safety_checker`.
    """

    name: str
    digest: str
    part: str


@final
@dataclass(frozen=True)
class Patch:
    """Changes to weights: `strength` times what `source` holds is added.

    Args:
        source: Where a LoRA lies, or another model or text encoder of the same form.
        strength: What it is multiplied by.
        kept: What the weights themselves are multiplied by before, where the source is another model.
        within: The parts of a UNet that are changed: `input`, `middle`, `out`, and `told`, the layers that are told the
            time; all where none is named.
        patches: Changes to the other model, in the order in which they are added.
    """

    source: Source
    strength: float = 1.0
    kept: float = 1.0
    within: tuple[str, ...] = ()
    patches: tuple[Patch, ...] = ()


@final
@dataclass(frozen=True)
class Scheduler:
    """A scheduler by name, with the options that differ from the model's own; no name means the model's own."""

    name: str = ""
    options: tuple[tuple[str, Option], ...] = ()


@final
@dataclass(frozen=True)
class Settings:
    """How modules are placed and computed; `auto` lets the machine decide.

    Args:
        dtype: The numbers that are computed with.
        attention: The kernels that compute attention.
        offload: Where weights wait between their uses.
        device: Where is computed.
        storage: The numbers that weights wait in, layer by layer; `same` is those that are computed with.
        compilation: Whether the blocks that a network repeats are compiled.
        graphs: Whether the steps of a sampling are recorded once and replayed (CUDA graphs).
    """

    dtype: Dtype = "auto"
    attention: Attention = "auto"
    offload: Offload = "none"
    device: Device = "auto"
    storage: Storage = "same"
    compilation: Compilation = "none"
    graphs: bool = False


@final
@dataclass(frozen=True)
class Model:
    """The recipe of a denoising network with its scheduler.

    Args:
        source: Where the UNet's weights are.
        family: What it goes with: `sd1`, `sd2`, `sdxl`, `sd3`, or a name made of the width of its cross-attention.
        patches: Changes to the weights, in the order in which they are added.
        scheduler: Its choice of scheduler.
        settings: Placement, dtype and attention.
        tweaks: How the network is read and steered beyond that.
    """

    source: Source
    family: str
    patches: tuple[Patch, ...] = ()
    scheduler: Scheduler = Scheduler()
    settings: Settings = Settings()
    tweaks: Tweaks = field(default_factory=Tweaks)


@final
@dataclass(frozen=True)
class Told:
    """How much T5 is told of a prompt.

    Args:
        length: The least number of tokens, filled up with empty ones.
        padding: How many empty tokens follow the prompt in any case.
        stands_in: Whether zeros stand for a T5 that is not there, as diffusers' pipelines have it.
    """

    length: int = 77
    padding: int = 0
    stands_in: bool = False


@final
@dataclass(frozen=True)
class Clip:
    """The recipe of a text encoder with its tokenizer, or of several that read a prompt side by side.

    Args:
        source: Where the weights of the first text encoder are.
        family: What it goes with; see `Model`.
        patches: Changes to the weights, in the order in which they are added.
        skip: How many of the last layers are left out; SDXL was trained with one left out.
        settings: Placement and dtype.
        others: Where the weights of further text encoders are, for the families that have several.
        told: How much T5 is told, for the families that have it.
    """

    source: Source
    family: str
    patches: tuple[Patch, ...] = ()
    skip: int = 0
    settings: Settings = Settings()
    others: tuple[Source, ...] = ()
    told: Told = Told()

    @property
    def encoders(self) -> tuple[Clip, ...]:
        """A recipe for each of the text encoders alone."""
        return tuple(replace(self, source=source, others=()) for source in (self.source, *self.others))

    @property
    def projects(self) -> bool:
        """Tell whether a prompt is also told as one projected vector, and its states are read before the last norm."""
        return any(each.source.part == "text_encoder_2" for each in self.encoders)


@final
@dataclass(frozen=True)
class Vae:
    """The recipe of an autoencoder.

    Args:
        source: Where its weights are.
        family: What it goes with; see `Model`.
        settings: Placement, dtype and attention.
        sliced: Whether the pictures of a batch are taken one by one.
        tiled: Whether large pictures are taken in overlapping tiles.
    """

    source: Source
    family: str
    settings: Settings = Settings()
    sliced: bool = False
    tiled: bool = False


@final
@dataclass(frozen=True)
class ControlNet:
    """The recipe of a ControlNet.

    Args:
        source: Where its weights are.
        family: What it goes with; see `Model`.
        kind: What it was trained for (`canny`, `depth`, ...), empty if unknown.
        settings: Placement, dtype and attention.
        base: The network that its weights are stored as differences from, where they may be.
        patches: Changes to the weights of that network, for a control-LoRA, which is completed by them.
        task: The place of the kind of picture among those that a union of ControlNets knows; None leaves it open.
    """

    source: Source
    family: str
    kind: str = ""
    settings: Settings = Settings()
    base: Source | None = None
    patches: tuple[Patch, ...] = ()
    task: int | None = None


@final
@dataclass(frozen=True)
class SafetyChecker:
    """The recipe of a safety checker with its feature extractor."""

    source: Source
    settings: Settings = Settings()


@final
@dataclass(frozen=True)
class ClipVision:
    """The recipe of a network that sees pictures as CLIP does, with the processor that prepares them."""

    source: Source
    settings: Settings = Settings()


@final
@dataclass(frozen=True)
class StyleModel:
    """The recipe of a network that turns what was seen of a picture into words of a prompt."""

    source: Source
    settings: Settings = Settings()


@final
@dataclass(frozen=True)
class Gligen:
    """The recipe of layers that bind words to boxes (arXiv:2301.07093)."""

    source: Source
    family: str
    settings: Settings = Settings()


@final
@dataclass(frozen=True)
class UpscaleModel:
    """The recipe of a network that enlarges pictures."""

    source: Source
    settings: Settings = Settings()


Recipe = Model | Clip | Vae | ControlNet | SafetyChecker | ClipVision | StyleModel | Gligen | UpscaleModel
