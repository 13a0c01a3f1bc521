"""What a model's recipe says of how its network is read and steered, beside its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

Kind = Literal["eps", "v_prediction", "lcm", "x0", "edm"]
"""What a network can predict; `lcm` is a consistency model."""


@final
@dataclass(frozen=True)
class Prediction:
    """What a network was trained to predict, where it is not what the model itself says.

    Args:
        kind: What it predicts.
        zero_snr: Whether its last noise level is pure noise (arXiv:2305.08891).
        levels: The lowest and the highest noise level of a network that is told the logarithm of the noise level; None
            for one that is told numbered timesteps.
    """

    kind: Kind
    zero_snr: bool = False
    levels: tuple[float, float] | None = None


@final
@dataclass(frozen=True)
class FreeUScales:
    """How the decoder of a network is rebalanced (arXiv:2309.11497).

    Args:
        backbone: What the decoder's own features are multiplied by: those four times as wide as the first layer's, and
            those twice as wide.
        skip: What the lowest frequencies of the skip connections are multiplied by, likewise.
        by_mean: Scales each place by how strong the features are there.
    """

    backbone: tuple[float, float]
    skip: tuple[float, float]
    by_mean: bool = False


@final
@dataclass(frozen=True)
class Tweaks:
    """Changes to how a model is sampled; its weights stay as they are.

    Args:
        prediction: What the network predicts, where it is not what the model says.
        freeu: How its decoder is rebalanced, one after the other.
        rescale: How far guided predictions are brought back to the deviation of unguided ones, 0 to 1.
        perturbed: How far samples are led away from what the network predicts without attention in its middle block.
        gradual: Places under a soft noise mask begin the later, the darker they are; how much this counts, 0 to 1.
    """

    prediction: Prediction | None = None
    freeu: tuple[FreeUScales, ...] = ()
    rescale: float | None = None
    perturbed: float = 0.0
    gradual: float | None = None
