"""The stock nodes of pictures, as ComfyUI has them."""

from tests.sd_nodes.stock.specs import BATCH, COLOUR, CROPS, Nodes, count, number, place, side

METHODS = ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]

NODES: Nodes = {
    "LoadImageMask": ({"image": "CHOICES", "channel": ["alpha", "red", "green", "blue"]}, ["MASK"]),
    "ImageScale": (
        {
            "image": "IMAGE", "upscale_method": METHODS, "width": side(512, 0, 1), "height": side(512, 0, 1),
            "crop": CROPS,
        },
        ["IMAGE"],
    ),
    "ImageScaleBy": ({"image": "IMAGE", "upscale_method": METHODS, "scale_by": number(1.0, 0.01, 8.0)}, ["IMAGE"]),
    "ImageScaleToTotalPixels": (
        {"image": "IMAGE", "upscale_method": METHODS, "megapixels": number(1.0, 0.01, 16.0)},
        ["IMAGE"],
    ),
    "ImagePadForOutpaint": (
        {
            "image": "IMAGE", "left": place(8), "top": place(8), "right": place(8), "bottom": place(8),
            "feathering": side(40, 0, 1),
        },
        ["IMAGE", "MASK"],
    ),
    "ImageInvert": ({"image": "IMAGE"}, ["IMAGE"]),
    "ImageRotate": (
        {"image": "IMAGE", "rotation": ["none", "90 degrees", "180 degrees", "270 degrees"]},
        ["IMAGE"],
    ),
    "ImageFlip": ({"image": "IMAGE", "flip_method": ["x-axis: vertically", "y-axis: horizontally"]}, ["IMAGE"]),
    "ImageScaleToMaxDimension": (
        {
            "image": "IMAGE", "upscale_method": ["area", "lanczos", "bilinear", "nearest-exact", "bicubic"],
            "largest_size": side(512, 0, 1),
        },
        ["IMAGE"],
    ),
    "ResizeAndPadImage": (
        {
            "image": "IMAGE", "target_width": side(512, 1, 1), "target_height": side(512, 1, 1),
            "padding_color": ["white", "black"],
            "interpolation": ["area", "bicubic", "nearest-exact", "bilinear", "lanczos"],
        },
        ["IMAGE"],
    ),
    "ImageStitch": (
        {
            "image1": "IMAGE", "direction": ["right", "down", "left", "up"], "match_image_size": ("BOOLEAN", True),
            "spacing_width": ("INT", 0, 0, 1024, 2), "spacing_color": ["white", "black", "red", "green", "blue"],
            "image2": "IMAGE?",
        },
        ["IMAGE"],
    ),
    "Morphology": (
        {
            "image": "IMAGE",
            "operation": ["erode", "dilate", "open", "close", "gradient", "bottom_hat", "top_hat"],
            "kernel_size": count(3, 3, 999),
        },
        ["IMAGE"],
    ),
    "ImageBatch": ({"image1": "IMAGE", "image2": "IMAGE"}, ["IMAGE"]),
    "RebatchImages": ({"images": "IMAGE", "batch_size": BATCH}, ["IMAGE"]),
    "EmptyImage": (
        {"width": side(512, 1, 1), "height": side(512, 1, 1), "batch_size": BATCH, "color": COLOUR},
        ["IMAGE"],
    ),
    "ImageBlend": (
        {
            "image1": "IMAGE", "image2": "IMAGE", "blend_factor": number(0.5, 0.0, 1.0),
            "blend_mode": ["normal", "multiply", "screen", "overlay", "soft_light", "difference"],
        },
        ["IMAGE"],
    ),
    "ImageBlur": ({"image": "IMAGE", "blur_radius": count(1, 1, 31), "sigma": number(1.0, 0.1, 10.0, 0.1)}, ["IMAGE"]),
    "ImageSharpen": (
        {
            "image": "IMAGE", "sharpen_radius": count(1, 1, 31), "sigma": number(1.0, 0.1, 10.0),
            "alpha": number(1.0, 0.0, 5.0),
        },
        ["IMAGE"],
    ),
    "ImageQuantize": (
        {
            "image": "IMAGE", "colors": count(256, 1, 256),
            "dither": ["none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16"],
        },
        ["IMAGE"],
    ),
    "ImageCrop": (
        {"image": "IMAGE", "width": side(512, 1, 1), "height": side(512, 1, 1), "x": place(), "y": place()},
        ["IMAGE"],
    ),
    "ImageFromBatch": ({"image": "IMAGE", "batch_index": count(0, 0, 4095), "length": BATCH}, ["IMAGE"]),
    "RepeatImageBatch": ({"image": "IMAGE", "amount": BATCH}, ["IMAGE"]),
    "GetImageSize": ({"image": "IMAGE"}, ["width", "height", "batch_size"]),
    "ImageCompositeMasked": (
        {
            "destination": "IMAGE", "source": "IMAGE", "x": place(), "y": place(), "resize_source": ("BOOLEAN", False),
            "mask": "MASK?",
        },
        ["IMAGE"],
    ),
    "JoinImageWithAlpha": ({"image": "IMAGE", "alpha": "MASK"}, ["IMAGE"]),
    "SplitImageWithAlpha": ({"image": "IMAGE"}, ["IMAGE", "MASK"]),
    "Canny": (
        {"image": "IMAGE", "low_threshold": number(0.4, 0.01, 0.99), "high_threshold": number(0.8, 0.01, 0.99)},
        ["IMAGE"],
    ),
    "SaveAnimatedWEBP": (
        {
            "images": "IMAGE", "filename_prefix": ("STRING", "ComfyUI"), "fps": number(6.0, 0.01, 1000.0),
            "lossless": ("BOOLEAN", True), "quality": count(80, 0, 100), "method": ["default", "fastest", "slowest"],
        },
        [],
    ),
    "SaveAnimatedPNG": (
        {
            "images": "IMAGE", "filename_prefix": ("STRING", "ComfyUI"), "fps": number(6.0, 0.01, 1000.0),
            "compress_level": count(4, 0, 9),
        },
        [],
    ),
}  # fmt: skip
