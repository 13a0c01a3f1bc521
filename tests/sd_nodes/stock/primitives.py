"""The stock nodes of plain values, as ComfyUI has them."""

from tests.sd_nodes.stock.specs import Nodes, count, number

NODES: Nodes = {
    "PrimitiveInt": ({"value": count(0, 1 - 2**63, 2**63 - 1)}, ["INT"]),
    "PrimitiveFloat": ({"value": number(0.0, 1 - 2**63, 2**63 - 1)}, ["FLOAT"]),
    "PrimitiveString": ({"value": ("STRING", "")}, ["STRING"]),
    "PrimitiveStringMultiline": ({"value": ("STRING", "")}, ["STRING"]),
    "PrimitiveBoolean": ({"value": ("BOOLEAN", False)}, ["BOOLEAN"]),
}  # fmt: skip
