"""Our nodes as the classes that packs look up in `nodes`, call and derive their own from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...errors import GraphError, Interrupted
from ...guises import Guise
from ...injected import Folders, Progress, Service
from ...library import Library
from ..classes import Class, class_of
from .arguments import Handing
from .calling import current
from .shims.blocking import ExecutionBlocker
from .shims.graph_utils import GraphBuilder

METHODS: Mapping[str, str] = {
    "KSampler": "sample", "KSamplerAdvanced": "sample", "SamplerCustom": "sample", "SamplerCustomAdvanced": "sample",
    "VAEDecode": "decode", "VAEDecodeTiled": "decode", "VAEEncode": "encode", "VAEEncodeTiled": "encode",
    "VAEEncodeForInpaint": "encode", "InpaintModelConditioning": "encode", "CLIPTextEncode": "encode",
    "CLIPTextEncodeSDXL": "encode", "CLIPSetLastLayer": "set_last_layer", "CheckpointLoaderSimple": "load_checkpoint",
    "VAELoader": "load_vae", "LoraLoader": "load_lora", "LoraLoaderModelOnly": "load_lora_model_only",
    "ControlNetLoader": "load_controlnet", "ControlNetApply": "apply_controlnet",
    "ControlNetApplyAdvanced": "apply_controlnet", "LoadImage": "load_image", "LoadImageMask": "load_image",
    "SaveImage": "save_images", "PreviewImage": "save_images", "SaveLatent": "save", "LoadLatent": "load",
    "EmptyLatentImage": "generate", "EmptyImage": "generate", "ImageScale": "upscale", "ImageScaleBy": "upscale",
    "ImageInvert": "invert", "ImageBatch": "batch", "ImagePadForOutpaint": "expand_image", "LatentUpscale": "upscale",
    "LatentUpscaleBy": "upscale", "LatentComposite": "composite", "LatentBlend": "blend", "LatentCrop": "crop",
    "LatentFlip": "flip", "LatentRotate": "rotate", "LatentFromBatch": "frombatch", "RepeatLatentBatch": "repeat",
    "SetLatentNoiseMask": "set_mask", "ConditioningCombine": "combine", "ConditioningAverage": "addWeighted",
    "ConditioningConcat": "concat", "ConditioningSetArea": "append", "ConditioningSetAreaPercentage": "append",
    "ConditioningSetAreaStrength": "append", "ConditioningSetMask": "append", "ConditioningZeroOut": "zero_out",
    "ConditioningSetTimestepRange": "set_range",
}  # fmt: skip
"""What the functions of ComfyUI's own classes are called: packs call them by these names."""

ORDERS: Mapping[str, Sequence[str]] = {
    "CLIPTextEncode": ("clip", "text"),
    "VAEDecode": ("vae", "samples"),
    "VAEDecodeTiled": ("vae", "samples"),
    "VAEEncode": ("vae", "pixels"),
    "VAEEncodeTiled": ("vae", "pixels"),
    "VAEEncodeForInpaint": ("vae", "pixels"),
    "InpaintModelConditioning": ("positive", "negative", "pixels", "vae"),
    "ConditioningSetMask": ("conditioning", "mask", "set_cond_area", "strength"),
    "PreviewImage": ("images", "filename_prefix"),
}
"""What these functions take first where that is not the order of their sockets: packs give it by position."""


@dataclass(frozen=True)
class InCall:
    """A pack that calls our nodes, on our own engine: everything comes from the call that it is in.

    Attributes:
        guises: How values of our packs look to it.
    """

    guises: tuple[Guise, ...]
    methods = METHODS
    orders = ORDERS

    def id(self, id: str) -> str:
        """As it is."""
        return id

    def word(self, word: str) -> str:
        """As it is."""
        return word

    def folders(self) -> Folders:
        """Those of the call."""
        return current().folders

    def progress(self) -> Progress:
        """That of the call."""
        return current().progress

    def service(self, kind: type[Service]) -> Service:
        """One that the call has.

        Raises:
            GraphError: It has none of that class.
        """
        found = current().services.get(kind)
        if found is None:
            raise GraphError(f"a pack can call this node only while a node of its own runs: it needs {kind.__name__}.")
        return found

    def interruption(self) -> BaseException:
        """Our own exception."""
        return Interrupted()

    def blocker(self, message: str) -> object:
        """The value that packs know."""
        return ExecutionBlocker(message or None)

    def prefix(self) -> str:
        """One that the call has not given out yet."""
        return GraphBuilder.alloc_prefix()

    def hand(self, value: object) -> object:
        """A value in the guise that packs know."""
        return Handing(self.guises, current().services)(value)

    def take(self, value: object) -> object:
        """The value behind the guise."""
        guise = next((guise for guise in self.guises if guise.recognises(value)), None)
        return guise.take(value) if guise is not None else value


class Classes(Mapping[str, Class]):
    """A class for each of our nodes, made when it is first looked up, and the classes of packs.

    Args:
        library: The packs that were loaded before.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._made: dict[str, Class] = {}

    @cached_property
    def _host(self) -> InCall:
        return InCall(tuple(guise for pack in self._library.packs for guise in pack.guises))

    def __getitem__(self, id: str) -> Class:
        if id not in self._made:
            node = self._library[id]
            source: Any = getattr(node, "source", None)  # a class that another pack brought
            self._made[id] = class_of(node, self._library, self._host) if source is None else source
        return self._made[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._library)

    def __len__(self) -> int:
        return len(self._library)
