"""The stock nodes of latents, as ComfyUI has them."""

from tests.sd_nodes.stock.specs import BATCH, CROPS, SHARE, Nodes, count, number, place, side

LATENT_METHODS = ["nearest-exact", "bilinear", "area", "bicubic", "bislerp"]
OVERLAP = ("INT", 64, 0, 4096, 32)
FRAMES = {"temporal_size": ("INT", 64, 8, 4096, 4), "temporal_overlap": ("INT", 8, 4, 4096, 4)}

NODES: Nodes = {
    "EmptyLatentImage": ({"width": side(512, 16, 8), "height": side(512, 16, 8), "batch_size": BATCH}, ["LATENT"]),
    "EmptySD3LatentImage": (
        {"width": side(1024, 16, 16), "height": side(1024, 16, 16), "batch_size": BATCH},
        ["LATENT"],
    ),
    "VAEEncodeForInpaint": (
        {"pixels": "IMAGE", "vae": "VAE", "mask": "MASK", "grow_mask_by": count(6, 0, 64)},
        ["LATENT"],
    ),
    "VAEEncodeTiled": (
        {"pixels": "IMAGE", "vae": "VAE", "tile_size": ("INT", 512, 64, 4096, 64), "overlap": OVERLAP}
        | FRAMES,
        ["LATENT"],
    ),
    "VAEDecodeTiled": (
        {"samples": "LATENT", "vae": "VAE", "tile_size": ("INT", 512, 64, 4096, 32), "overlap": OVERLAP}
        | FRAMES,
        ["IMAGE"],
    ),
    "SetLatentNoiseMask": ({"samples": "LATENT", "mask": "MASK"}, ["LATENT"]),
    "LatentUpscale": (
        {
            "samples": "LATENT", "upscale_method": LATENT_METHODS, "width": side(512, 0, 8), "height": side(512, 0, 8),
            "crop": CROPS,
        },
        ["LATENT"],
    ),
    "LatentUpscaleBy": (
        {"samples": "LATENT", "upscale_method": LATENT_METHODS, "scale_by": number(1.5, 0.01, 8.0)},
        ["LATENT"],
    ),
    "LatentComposite": (
        {"samples_to": "LATENT", "samples_from": "LATENT", "x": place(8), "y": place(8), "feather": place(8)},
        ["LATENT"],
    ),
    "LatentCompositeMasked": (
        {
            "destination": "LATENT", "source": "LATENT", "x": place(8), "y": place(8),
            "resize_source": ("BOOLEAN", False), "mask": "MASK?",
        },
        ["LATENT"],
    ),
    "LatentBlend": (
        {"samples1": "LATENT", "samples2": "LATENT", "blend_factor": number(0.5, 0.0, 1.0)},
        ["LATENT"],
    ),
    "LatentAdd": ({"samples1": "LATENT", "samples2": "LATENT"}, ["LATENT"]),
    "LatentSubtract": ({"samples1": "LATENT", "samples2": "LATENT"}, ["LATENT"]),
    "LatentMultiply": ({"samples": "LATENT", "multiplier": number(1.0, -10.0, 10.0)}, ["LATENT"]),
    "LatentInterpolate": ({"samples1": "LATENT", "samples2": "LATENT", "ratio": SHARE}, ["LATENT"]),
    "LatentRotate": (
        {"samples": "LATENT", "rotation": ["none", "90 degrees", "180 degrees", "270 degrees"]},
        ["LATENT"],
    ),
    "LatentFlip": (
        {"samples": "LATENT", "flip_method": ["x-axis: vertically", "y-axis: horizontally"]},
        ["LATENT"],
    ),
    "LatentCrop": (
        {"samples": "LATENT", "width": side(512, 64, 8), "height": side(512, 64, 8), "x": place(8), "y": place(8)},
        ["LATENT"],
    ),
    "RepeatLatentBatch": ({"samples": "LATENT", "amount": count(1, 1, 64)}, ["LATENT"]),
    "LatentFromBatch": (
        {"samples": "LATENT", "batch_index": count(0, 0, 63), "length": count(1, 1, 64)},
        ["LATENT"],
    ),
    "LatentBatch": ({"samples1": "LATENT", "samples2": "LATENT"}, ["LATENT"]),
    "RebatchLatents": ({"latents": "LATENT", "batch_size": BATCH}, ["LATENT"]),
    "SaveLatent": ({"samples": "LATENT", "filename_prefix": ("STRING", "latents/ComfyUI")}, []),
    "LoadLatent": ({"latent": "CHOICES"}, ["LATENT"]),
}  # fmt: skip
