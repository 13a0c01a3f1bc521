"""The names of operations on pictures, apart from what computes them: nodes name them without loading torch."""

from __future__ import annotations

from typing import Literal

PorterDuff = Literal[
    "ADD", "CLEAR", "DARKEN", "DST", "DST_ATOP", "DST_IN", "DST_OUT", "DST_OVER", "LIGHTEN", "MULTIPLY", "OVERLAY",
    "SCREEN", "SRC", "SRC_ATOP", "SRC_IN", "SRC_OUT", "SRC_OVER", "XOR",
]  # fmt: skip
Operation = Literal["erode", "dilate", "open", "close", "gradient", "bottom_hat", "top_hat"]
