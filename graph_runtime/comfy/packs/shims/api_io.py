"""`comfy_api.latest.io`: what newer packs write their nodes with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

from .api_dynamic import Autogrow, DynamicCombo, DynamicGroup, DynamicSlot, MatchType, declared
from .api_types import Combo, ComfyType, Input, MultiCombo, MultiType, Output, custom

_TYPES = {
    "Image": "IMAGE", "Mask": "MASK", "Latent": "LATENT", "Conditioning": "CONDITIONING", "Model": "MODEL",
    "Clip": "CLIP", "Vae": "VAE", "ControlNet": "CONTROL_NET", "Int": "INT", "Float": "FLOAT", "String": "STRING",
    "Boolean": "BOOLEAN", "Sampler": "SAMPLER", "Sigmas": "SIGMAS", "Noise": "NOISE", "Guider": "GUIDER",
    "Audio": "AUDIO", "Video": "VIDEO", "ClipVision": "CLIP_VISION", "ClipVisionOutput": "CLIP_VISION_OUTPUT",
    "StyleModel": "STYLE_MODEL", "Gligen": "GLIGEN", "UpscaleModel": "UPSCALE_MODEL", "LoraModel": "LORA_MODEL",
    "LossMap": "LOSS_MAP", "Webcam": "WEBCAM", "AnyType": "*", "Hooks": "HOOKS", "HookKeyframes": "HOOK_KEYFRAMES",
    "TimestepsRange": "TIMESTEPS_RANGE", "LatentOperation": "LATENT_OPERATION", "FlowControl": "FLOW_CONTROL",
    "Accumulation": "ACCUMULATION", "Load3D": "LOAD_3D", "SVG": "SVG", "Voxel": "VOXEL", "Mesh": "MESH",
    "ModelPatch": "MODEL_PATCH", "AudioEncoder": "AUDIO_ENCODER", "AudioEncoderOutput": "AUDIO_ENCODER_OUTPUT",
    "Array": "ARRAY", "BackgroundRemoval": "BACKGROUND_REMOVAL", "BBOX": "BBOX", "BoundingBox": "BOUNDING_BOX",
    "BoundingBoxes": "BOUNDING_BOXES", "Color": "COLOR", "Colors": "COLORS", "Curve": "CURVE", "Dict": "DICT",
    "FaceAnalysis": "FACE_ANALYSIS", "File3DAny": "FILE_3D", "File3DFBX": "FILE_3D_FBX", "File3DGLB": "FILE_3D_GLB",
    "File3DGLTF": "FILE_3D_GLTF", "File3DOBJ": "FILE_3D_OBJ", "File3DSTL": "FILE_3D_STL", "Histogram": "HISTOGRAM",
    "ImageCompare": "IMAGECOMPARE", "LatentUpscaleModel": "LATENT_UPSCALE_MODEL", "Layers": "LAYERS",
    "Load3DAnimation": "LOAD_3D_ANIMATION", "Load3DCamera": "LOAD3D_CAMERA", "Photomaker": "PHOTOMAKER",
    "Point": "POINT", "Range": "RANGE", "SEGS": "SEGS", "Splat": "SPLAT", "Tracks": "TRACKS",
    "Load3DModelInfo": "LOAD3D_MODEL_INFO", "File3DUSDZ": "FILE_3D_USDZ", "File3DPLY": "FILE_3D_PLY",
    "File3DSPLAT": "FILE_3D_SPLAT", "File3DSPZ": "FILE_3D_SPZ", "File3DKSPLAT": "FILE_3D_KSPLAT",
    "File3DSplatAny": "FILE_3D_SPLAT_ANY", "File3DPointCloudAny": "FILE_3D_POINT_CLOUD_ANY",
}  # fmt: skip
"""Types whose words do not follow from their names, or which are asked for most."""

_MADE: dict[str, type[ComfyType]] = {name: custom(word) for name, word in _TYPES.items()}
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

Custom = custom
ComfyTypeI = ComfyTypeIO = ComfyType
_DynamicGroup = DynamicGroup
WidgetInput = Input


class NumberDisplay(str, Enum):  # noqa: UP042 - packs use the members as plain texts
    """How a number is shown."""

    number = "number"
    slider = "slider"
    gradient_slider = "gradientslider"


class UploadType(str, Enum):  # noqa: UP042
    """What a button of a choice takes in."""

    image = "image_upload"
    audio = "audio_upload"
    video = "video_upload"
    model = "file_upload"


class FolderType(str, Enum):  # noqa: UP042
    """Where files lie."""

    input = "input"
    output = "output"
    temp = "temp"


__all__ = [
    "Autogrow", "Combo", "ComfyNode", "ComfyType", "Custom", "DynamicCombo", "DynamicGroup", "DynamicSlot",
    "FolderType", "Hidden", "Input", "MatchType", "MultiCombo", "MultiType", "NodeOutput", "NumberDisplay", "Output",
    "Schema", "UploadType", "declared",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """The types by their names; one that is new since has the word that its name makes."""
    if name in _MADE:
        return _MADE[name]
    if not name[:1].isupper():
        raise AttributeError(f"there is no io.{name} here")
    return _MADE.setdefault(name, custom(_HUMP.sub("_", name).upper()))


def comfytype(io_type: str, **_: object) -> Callable[[type], type]:
    """Make a type of sockets of a class, with the word for it."""

    def made(source: type) -> type:
        bases = (source,) if issubclass(source, ComfyType) else (source, ComfyType)
        return type(source.__name__, bases, {"io_type": io_type, "__module__": source.__module__})

    return made


class Hidden(str, Enum):  # noqa: UP042
    """What a node may ask for beside its inputs."""

    unique_id = "UNIQUE_ID"
    prompt = "PROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"
    dynprompt = "DYNPROMPT"
    auth_token_comfy_org = "AUTH_TOKEN_COMFY_ORG"
    api_key_comfy_org = "API_KEY_COMFY_ORG"
    comfy_usage_source = "COMFY_USAGE_SOURCE"
    execution_list = "EXECUTION_LIST"


@dataclass
class HiddenHolder:
    """What was handed in of it; None where it was not asked for."""

    unique_id: Any = None
    prompt: Any = None
    extra_pnginfo: Any = None
    dynprompt: Any = None
    auth_token_comfy_org: Any = None
    api_key_comfy_org: Any = None
    comfy_usage_source: Any = None
    execution_list: Any = None


@dataclass
class RemoteOptions:
    """Where the editor asks for the names of a choice."""

    route: str
    refresh_button: bool
    control_after_refresh: str = "first"
    timeout: int | None = None
    max_retries: int | None = None
    refresh: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Write it as it stands on the wire."""
        return {name: value for name, value in vars(self).items() if value is not None}


class NodeReplace:
    """Says which node stands for an older one."""

    def __init__(self, *places: object, **named: object) -> None:
        self.said = (places, named)


@dataclass
class PriceBadgeDepends:
    """What a price depends on."""

    widgets: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    input_groups: list[str] = field(default_factory=list)


@dataclass
class PriceBadge:
    """What a node of another company's service costs; nothing is sold here, so nobody is told."""

    expr: str
    depends_on: PriceBadgeDepends = field(default_factory=PriceBadgeDepends)
    engine: str = "jsonata"


@dataclass
class Schema:
    """What a node is: its name, its inputs and outputs, how it is run."""

    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list[Input] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    hidden: list[Hidden] = field(default_factory=list)
    description: str = ""
    search_aliases: Sequence[str] = ()
    is_input_list: bool = False
    is_output_node: bool = False
    is_deprecated: bool = False
    is_experimental: bool = False
    is_dev_only: bool = False
    is_api_node: bool = False
    not_idempotent: bool = False
    enable_expand: bool = False
    accept_all_inputs: bool = False
    price_badge: Any = None
    essentials_category: str | None = None
    has_intermediate_output: bool = False
    loop_boundary: str | None = None


class NodeOutput:
    """What a node gives: values, something to show, a sub-graph, or a block.

    Args:
        args: One value for each output.
        ui: What the editor shows.
        expand: A sub-graph that takes the node's place.
        block_execution: Why what depends on the node is not to run.
    """

    def __init__(self, *args: Any, ui: Any = None, expand: Any = None, block_execution: str | None = None) -> None:
        self.args = args
        self.ui = ui
        self.expand = expand
        self.block_execution = block_execution

    @property
    def result(self) -> tuple[Any, ...] | None:
        """The values, or None where there are none."""
        return self.args or None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> NodeOutput:
        """Read a result that is written as older packs do."""
        return cls(*data.get("result", ()), ui=data.get("ui"), expand=data.get("expand"))


class ComfyNode:
    """What newer packs derive the classes of their nodes from."""

    hidden: ClassVar[HiddenHolder] = HiddenHolder()

    @classmethod
    def define_schema(cls) -> Schema:
        """Say what the node is."""
        raise NotImplementedError(f"{cls.__name__} defines no schema")

    @classmethod
    def execute(cls, **kwargs: Any) -> Any:
        """Compute the node."""
        raise NotImplementedError(f"{cls.__name__} computes nothing")

    @classmethod
    def GET_SCHEMA(cls) -> Schema:
        """Say what the node is."""
        return cls.define_schema()
