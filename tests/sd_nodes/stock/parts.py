"""The stock nodes that load single parts of models, and those that use them, as ComfyUI has them."""

from tests.sd_nodes.stock.specs import Nodes

CHOICES = "CHOICES"
"""Files to choose from; there are none in the tests."""

DEVICES = ["default", "cpu"]
CLIP_TYPES = [
    "stable_diffusion", "stable_cascade", "sd3", "stable_audio", "mochi", "ltxv", "pixart", "cosmos", "lumina2", "wan",
    "hidream", "chroma", "ace", "omnigen2", "qwen_image", "hunyuan_image",
]  # fmt: skip
UNIONS = [
    "auto", "openpose", "depth", "hed/pidi/scribble/ted", "canny/lineart/anime_lineart/mlsd", "normal", "segment",
    "tile", "repaint",
]  # fmt: skip

NODES: Nodes = {
    "UNETLoader": (
        {"unet_name": CHOICES, "weight_dtype": ["default", "fp8_e4m3fn", "fp8_e4m3fn_fast", "fp8_e5m2"]},
        ["MODEL"],
    ),
    "CLIPLoader": ({"clip_name": CHOICES, "type": CLIP_TYPES, "device": DEVICES}, ["CLIP"]),
    "DualCLIPLoader": (
        {
            "clip_name1": CHOICES, "clip_name2": CHOICES,
            "type": ["sdxl", "sd3", "flux", "hunyuan_video", "hidream", "hunyuan_image"], "device": DEVICES,
        },
        ["CLIP"],
    ),
    "TripleCLIPLoader": ({"clip_name1": CHOICES, "clip_name2": CHOICES, "clip_name3": CHOICES}, ["CLIP"]),
    "DiffusersLoader": ({"model_path": CHOICES}, ["MODEL", "CLIP", "VAE"]),
    "DiffControlNetLoader": ({"model": "MODEL", "control_net_name": CHOICES}, ["CONTROL_NET"]),
    "SetUnionControlNetType": ({"control_net": "CONTROL_NET", "type": UNIONS}, ["CONTROL_NET"]),
    "UpscaleModelLoader": ({"model_name": CHOICES}, ["UPSCALE_MODEL"]),
    "ImageUpscaleWithModel": ({"upscale_model": "UPSCALE_MODEL", "image": "IMAGE"}, ["IMAGE"]),
}  # fmt: skip
