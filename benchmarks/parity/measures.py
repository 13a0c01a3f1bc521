"""How far pictures and latents lie apart."""

from __future__ import annotations

import math

import numpy as np

EQUAL = 99.0
"""What stands for the ratio of two pictures that are equal, in dB."""


def signal_to_noise(found: np.ndarray, wanted: np.ndarray) -> float:
    """Returns the peak signal-to-noise ratio of 8-bit pictures in dB; -1 if their shapes differ."""
    if found.shape != wanted.shape:
        return -1.0
    error = float(np.square(found.astype(np.float64) - wanted).mean())
    return EQUAL if error == 0 else 10 * math.log10(255**2 / error)


def relative_error(found: np.ndarray, wanted: np.ndarray) -> float:
    """Returns the length of the difference of two arrays by that of the wanted one; infinite if their shapes differ."""
    if found.shape != wanted.shape:
        return math.inf
    difference, whole = (float(np.linalg.norm(each.astype(np.float64))) for each in (found - wanted, wanted))
    return difference / max(whole, 1e-12)
