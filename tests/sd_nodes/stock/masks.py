"""The stock nodes of masks, as ComfyUI has them."""

from tests.sd_nodes.stock.specs import COLOUR, MOST, SHARE, Nodes, count, number, place, side

NODES: Nodes = {
    "SolidMask": ({"value": SHARE, "width": side(512, 1, 1), "height": side(512, 1, 1)}, ["MASK"]),
    "InvertMask": ({"mask": "MASK"}, ["MASK"]),
    "CropMask": (
        {"mask": "MASK", "x": place(), "y": place(), "width": side(512, 1, 1), "height": side(512, 1, 1)},
        ["MASK"],
    ),
    "MaskComposite": (
        {
            "destination": "MASK", "source": "MASK", "x": place(), "y": place(),
            "operation": ["multiply", "add", "subtract", "and", "or", "xor"],
        },
        ["MASK"],
    ),
    "FeatherMask": (
        {"mask": "MASK", "left": place(), "top": place(), "right": place(), "bottom": place()},
        ["MASK"],
    ),
    "GrowMask": ({"mask": "MASK", "expand": count(0, -MOST, MOST), "tapered_corners": ("BOOLEAN", True)}, ["MASK"]),
    "ThresholdMask": ({"mask": "MASK", "value": number(0.5, 0.0, 1.0)}, ["MASK"]),
    "MaskToImage": ({"mask": "MASK"}, ["IMAGE"]),
    "ImageToMask": ({"image": "IMAGE", "channel": ["red", "green", "blue", "alpha"]}, ["MASK"]),
    "ImageColorToMask": ({"image": "IMAGE", "color": COLOUR}, ["MASK"]),
    "MaskPreview": ({"mask": "MASK"}, []),
}  # fmt: skip
