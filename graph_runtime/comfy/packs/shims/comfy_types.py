"""`comfy.comfy_types`: the words of ComfyUI's types, and types for annotations."""

from __future__ import annotations

from enum import Enum
from typing import Any, ClassVar, TypeAlias


class IO(str, Enum):  # noqa: UP042 - packs use the members as plain texts
    """The words of types; `IO.ANY` and sets of words fit as ComfyUI's do."""

    STRING = "STRING"
    IMAGE = "IMAGE"
    MASK = "MASK"
    LATENT = "LATENT"
    BOOLEAN = "BOOLEAN"
    INT = "INT"
    FLOAT = "FLOAT"
    COMBO = "COMBO"
    CONDITIONING = "CONDITIONING"
    SAMPLER = "SAMPLER"
    SIGMAS = "SIGMAS"
    GUIDER = "GUIDER"
    NOISE = "NOISE"
    CLIP = "CLIP"
    CONTROL_NET = "CONTROL_NET"
    VAE = "VAE"
    MODEL = "MODEL"
    LORA_MODEL = "LORA_MODEL"
    LOSS_MAP = "LOSS_MAP"
    CLIP_VISION = "CLIP_VISION"
    CLIP_VISION_OUTPUT = "CLIP_VISION_OUTPUT"
    STYLE_MODEL = "STYLE_MODEL"
    GLIGEN = "GLIGEN"
    UPSCALE_MODEL = "UPSCALE_MODEL"
    AUDIO = "AUDIO"
    WEBCAM = "WEBCAM"
    POINT = "POINT"
    FACE_ANALYSIS = "FACE_ANALYSIS"
    BBOX = "BBOX"
    SEGS = "SEGS"
    VIDEO = "VIDEO"
    ANY = "*"
    NUMBER = "FLOAT,INT"
    PRIMITIVE = "STRING,FLOAT,INT,BOOLEAN"

    def __str__(self) -> str:
        return self.value

    def __ne__(self, other: object) -> bool:
        return self.value != "*" and other != "*" and not str.__eq__(self, str(other))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and str.__eq__(self, str(other))

    __hash__ = str.__hash__


InputTypeDict: TypeAlias = dict[str, Any]
InputTypeOptions: TypeAlias = dict[str, Any]
HiddenInputTypeDict: TypeAlias = dict[str, Any]
FileLocator: TypeAlias = dict[str, Any]


class ComfyNodeABC:
    """What packs derive the classes of their nodes from."""

    DESCRIPTION: ClassVar[str]
    CATEGORY: ClassVar[str]
    EXPERIMENTAL: ClassVar[bool]
    DEPRECATED: ClassVar[bool]
    FUNCTION: ClassVar[str]


class CheckLazyMixin:
    """Asks for every lazy input that is not there yet."""

    def check_lazy_status(self, **kwargs: object) -> list[str]:
        """The names of the inputs that are not there."""
        return [name for name, value in kwargs.items() if value is None]
