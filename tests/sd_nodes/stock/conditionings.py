"""The stock nodes of conditionings, as ComfyUI has them."""

from tests.sd_nodes.stock.specs import SHARE, STRENGTH, Nodes, count, number, place, side

FRACTION = 0.001

NODES: Nodes = {
    "CLIPSetLastLayer": ({"clip": "CLIP", "stop_at_clip_layer": count(-1, -24, -1)}, ["CLIP"]),
    "ConditioningCombine": ({"conditioning_1": "CONDITIONING", "conditioning_2": "CONDITIONING"}, ["CONDITIONING"]),
    "ConditioningConcat": ({"conditioning_to": "CONDITIONING", "conditioning_from": "CONDITIONING"}, ["CONDITIONING"]),
    "ConditioningAverage": (
        {"conditioning_to": "CONDITIONING", "conditioning_from": "CONDITIONING", "conditioning_to_strength": SHARE},
        ["CONDITIONING"],
    ),
    "ConditioningSetArea": (
        {
            "conditioning": "CONDITIONING", "width": side(64, 64, 8), "height": side(64, 64, 8), "x": place(8),
            "y": place(8), "strength": STRENGTH,
        },
        ["CONDITIONING"],
    ),
    "ConditioningSetAreaPercentage": (
        {
            "conditioning": "CONDITIONING", "width": SHARE, "height": SHARE, "x": number(0.0, 0.0, 1.0),
            "y": number(0.0, 0.0, 1.0), "strength": STRENGTH,
        },
        ["CONDITIONING"],
    ),
    "ConditioningSetAreaStrength": ({"conditioning": "CONDITIONING", "strength": STRENGTH}, ["CONDITIONING"]),
    "ConditioningSetMask": (
        {
            "conditioning": "CONDITIONING", "mask": "MASK", "strength": STRENGTH,
            "set_cond_area": ["default", "mask bounds"],
        },
        ["CONDITIONING"],
    ),
    "ConditioningSetTimestepRange": (
        {
            "conditioning": "CONDITIONING", "start": number(0.0, 0.0, 1.0, FRACTION),
            "end": number(1.0, 0.0, 1.0, FRACTION),
        },
        ["CONDITIONING"],
    ),
    "ConditioningZeroOut": ({"conditioning": "CONDITIONING"}, ["CONDITIONING"]),
}  # fmt: skip
