"""The stock nodes that load single parts of models, and those that use them, as ComfyUI has them."""

from tests.sd_nodes.stock.specs import BATCH, SHARE, STRENGTH, Nodes, count, number, place, side

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

TEXT = ("STRING", "")
SCALING = ["bicubic", "nearest-exact", "bilinear", "area", "bislerp"]

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
    "CLIPVisionLoader": ({"clip_name": CHOICES}, ["CLIP_VISION"]),
    "CLIPVisionEncode": (
        {"clip_vision": "CLIP_VISION", "image": "IMAGE", "crop": ["center", "none"]},
        ["CLIP_VISION_OUTPUT"],
    ),
    "unCLIPCheckpointLoader": ({"ckpt_name": CHOICES}, ["MODEL", "CLIP", "VAE", "CLIP_VISION"]),
    "ImageOnlyCheckpointLoader": ({"ckpt_name": CHOICES}, ["MODEL", "CLIP_VISION", "VAE"]),
    "unCLIPConditioning": (
        {
            "conditioning": "CONDITIONING", "clip_vision_output": "CLIP_VISION_OUTPUT",
            "strength": number(1.0, -10.0, 10.0), "noise_augmentation": number(0.0, 0.0, 1.0),
        },
        ["CONDITIONING"],
    ),
    "ModelMergeSimple": ({"model1": "MODEL", "model2": "MODEL", "ratio": SHARE}, ["MODEL"]),
    "ModelMergeBlocks": (
        {"model1": "MODEL", "model2": "MODEL", "input": SHARE, "middle": SHARE, "out": SHARE},
        ["MODEL"],
    ),
    "ModelMergeSubtract": ({"model1": "MODEL", "model2": "MODEL", "multiplier": number(1.0, -10.0, 10.0)}, ["MODEL"]),
    "ModelMergeAdd": ({"model1": "MODEL", "model2": "MODEL"}, ["MODEL"]),
    "CLIPMergeSimple": ({"clip1": "CLIP", "clip2": "CLIP", "ratio": SHARE}, ["CLIP"]),
    "CLIPMergeSubtract": ({"clip1": "CLIP", "clip2": "CLIP", "multiplier": number(1.0, -10.0, 10.0)}, ["CLIP"]),
    "CLIPMergeAdd": ({"clip1": "CLIP", "clip2": "CLIP"}, ["CLIP"]),
    "StableZero123_Conditioning": (
        {
            "clip_vision": "CLIP_VISION", "init_image": "IMAGE", "vae": "VAE", "width": side(256, 16, 8),
            "height": side(256, 16, 8), "batch_size": BATCH, "elevation": number(0.0, -180.0, 180.0, 0.1),
            "azimuth": number(0.0, -180.0, 180.0, 0.1),
        },
        ["positive", "negative", "latent"],
    ),
    "StableZero123_Conditioning_Batched": (
        {
            "clip_vision": "CLIP_VISION", "init_image": "IMAGE", "vae": "VAE", "width": side(256, 16, 8),
            "height": side(256, 16, 8), "batch_size": BATCH, "elevation": number(0.0, -180.0, 180.0, 0.1),
            "azimuth": number(0.0, -180.0, 180.0, 0.1),
            "elevation_batch_increment": number(0.0, -180.0, 180.0, 0.1),
            "azimuth_batch_increment": number(0.0, -180.0, 180.0, 0.1),
        },
        ["positive", "negative", "latent"],
    ),
    "InstructPixToPixConditioning": (
        {"positive": "CONDITIONING", "negative": "CONDITIONING", "vae": "VAE", "pixels": "IMAGE"},
        ["positive", "negative", "latent"],
    ),
    "PatchModelAddDownscale": (
        {
            "model": "MODEL", "block_number": count(3, 1, 32), "downscale_factor": number(2.0, 0.1, 9.0, 0.001),
            "start_percent": number(0.0, 0.0, 1.0, 0.001), "end_percent": number(0.35, 0.0, 1.0, 0.001),
            "downscale_after_skip": ("BOOLEAN", True), "downscale_method": SCALING, "upscale_method": SCALING,
        },
        ["MODEL"],
    ),
    "TomePatchModel": ({"model": "MODEL", "ratio": number(0.3, 0.0, 1.0)}, ["MODEL"]),
    "SamplerLCMUpscale": (
        {
            "scale_ratio": number(1.0, 0.1, 20.0), "scale_steps": count(-1, -1, 1000),
            "upscale_method": ["bislerp", "nearest-exact", "bilinear", "area", "bicubic"],
        },
        ["SAMPLER"],
    ),
    "SamplerEulerCFGpp": ({"version": ["regular", "alternative"]}, ["SAMPLER"]),
    "ModelSamplingSD3": ({"model": "MODEL", "shift": number(3.0, 0.0, 100.0)}, ["MODEL"]),
    "CLIPTextEncodeSD3": (
        {
            "clip": "CLIP", "clip_l": TEXT, "clip_g": TEXT, "t5xxl": TEXT,
            "empty_padding": ["none", "empty_prompt"],
        },
        ["CONDITIONING"],
    ),
    "ControlNetApplySD3": (
        {
            "positive": "CONDITIONING", "negative": "CONDITIONING", "control_net": "CONTROL_NET", "vae": "VAE",
            "image": "IMAGE", "strength": STRENGTH, "start_percent": number(0.0, 0.0, 1.0, 0.001),
            "end_percent": number(1.0, 0.0, 1.0, 0.001),
        },
        ["positive", "negative"],
    ),
    "GLIGENLoader": ({"gligen_name": CHOICES}, ["GLIGEN"]),
    "GLIGENTextBoxApply": (
        {
            "conditioning_to": "CONDITIONING", "clip": "CLIP", "gligen_textbox_model": "GLIGEN", "text": TEXT,
            "width": side(64, 8, 8), "height": side(64, 8, 8), "x": place(8), "y": place(8),
        },
        ["CONDITIONING"],
    ),
    "StyleModelLoader": ({"style_model_name": CHOICES}, ["STYLE_MODEL"]),
    "StyleModelApply": (
        {
            "conditioning": "CONDITIONING", "style_model": "STYLE_MODEL", "clip_vision_output": "CLIP_VISION_OUTPUT",
            "strength": number(1.0, 0.0, 10.0, 0.001), "strength_type": ["multiply", "attn_bias"],
        },
        ["CONDITIONING"],
    ),
}  # fmt: skip
