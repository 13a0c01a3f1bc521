"""What of a drawing is ink and what is the ground it is drawn on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST = 0.1
"""A drawing whose tones differ less than this has no ink."""


def inked(grey: NDArray[np.float32], ink: Literal["auto", "dark", "light"], threshold: float) -> NDArray[np.bool_]:
    """Tell where a drawing is drawn on.

    Args:
        grey: `[height, width]`, 0..1.
        ink: Whether ink is darker or lighter than the ground; `auto` takes what covers less.
        threshold: How far from the tone of the ground, 0, to that of the ink, 1, ink begins.

    Returns:
        `[height, width]`; nothing is drawn where all is of one tone.
    """
    low, high = float(grey.min()), float(grey.max())
    if high - low < LEAST:
        return np.zeros(grey.shape, np.bool_)
    light = (grey - low) / (high - low)
    dark_ink = ink == "dark" or (ink == "auto" and float(np.median(light)) > 0.5)
    return np.asarray((1 - light if dark_ink else light) > threshold, np.bool_)
