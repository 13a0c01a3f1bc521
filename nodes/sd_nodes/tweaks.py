"""What a model's recipe says of how its network is read and steered, beside its weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, final

Kind = Literal["eps", "v_prediction", "lcm", "x0", "edm", "flow", "img_to_img"]
"""What a network can predict; `lcm` is a consistency model."""


@final
@dataclass(frozen=True)
class Prediction:
    """What a network was trained to predict, where it is not what the model itself says.

    Args:
        kind: What it predicts.
        zero_snr: Whether its last noise level is pure noise (arXiv:2305.08891).
        shift: How far the noise levels of a flow model are shifted towards noise; None for other models.
        levels: The lowest and the highest noise level of a network that is told the logarithm of the noise level; None
            for one that is told numbered timesteps.
        by_channel: Whether its latents are scaled channel by channel, as those of Playground 2.5 are.
    """

    kind: Kind
    zero_snr: bool = False
    levels: tuple[float, float] | None = None
    shift: float | None = None
    by_channel: bool = False


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
class Shrinking:
    """How a network's inner features are made smaller during a part of the sampling (Deep Shrink).

    Args:
        block: The input block behind which this happens, from 1.
        factor: By how much.
        start: The fraction of the noise table before which it is off.
        end: The fraction of the noise table after which it is off.
        after_skip: The skip connection of that block keeps its size.
        down: How features are made smaller.
        up: How they are brought back.
    """

    block: int
    factor: float
    start: float = 0.0
    end: float = 1.0
    after_skip: bool = True
    down: str = "bicubic"
    up: str = "bicubic"


@final
@dataclass(frozen=True)
class SkippedLayers:
    """How samples are led away from what a transformer predicts without some of its blocks (skip-layer guidance).

    Args:
        layers: The numbers of the blocks, from 0.
        scale: How far.
        start: The fraction of the sampling before which it is off.
        end: The fraction of the sampling after which it is off.
    """

    layers: tuple[int, ...]
    scale: float
    start: float = 0.0
    end: float = 1.0


@final
@dataclass(frozen=True)
class Away:
    """How samples are led away from what a network predicts without attention in its middle block (arXiv:2403.17377).

    Args:
        scale: How far.
    """

    scale: float


@final
@dataclass(frozen=True)
class Blurred:
    """How samples are led away from what a network predicts where it looks most, seen blurred (arXiv:2210.00939).

    Args:
        scale: How far.
        sigma: How wide the blur is, in latent pixels.
    """

    scale: float
    sigma: float


@final
@dataclass(frozen=True)
class Reused:
    """How often all of a network is computed; in the steps between, its deep features are used again (DeepCache).

    Args:
        every: Every so many steps.
        depth: How many of the decoder's last layers are computed in the steps between.
    """

    every: int
    depth: int


Rule = Literal["zero star", "norm", "towards prompt", "less noise"]
"""What needs nothing but the predictions: arXiv:2503.18886, no longer than the prompt's, along the prompt's,
arXiv:2308.15321."""


@final
@dataclass(frozen=True)
class Ruled:
    """A rule for guided predictions.

    Args:
        rule: The rule.
        amount: Its number, where it has one.
    """

    rule: Rule
    amount: float = 1.0


@final
@dataclass(frozen=True)
class Tweaks:
    """Changes to how a model is sampled; its weights stay as they are.

    Args:
        prediction: What the network predicts, where it is not what the model says.
        freeu: How its decoder is rebalanced, one after the other.
        rescale: How far guided predictions are brought back to the deviation of unguided ones, 0 to 1.
        corrections: What is done to guided predictions, one thing after the other.
        damped: Leaves out of negative predictions what they do not share with the prompt's (arXiv:2503.18137).
        gradual: Places under a soft noise mask begin the later, the darker they are; how much this counts, 0 to 1.
        shrinking: How its inner features are made smaller.
        skipped: How samples are led away from what a transformer predicts without some of its blocks.
        merged: Which part of the tokens is merged where it attends to itself, 0 to 1 (arXiv:2303.17604).
        reused: How often all of it is computed.
    """

    prediction: Prediction | None = None
    freeu: tuple[FreeUScales, ...] = ()
    rescale: float | None = None
    corrections: tuple[Away | Blurred | Ruled, ...] = ()
    damped: bool = False
    gradual: float | None = None
    shrinking: Shrinking | None = None
    skipped: SkippedLayers | None = None
    merged: float = 0.0
    reused: Reused | None = None

    @property
    def perturbed(self) -> float:
        """How far samples are led away from what the network predicts without attention in its middle block."""
        return sum(one.scale for one in self.corrections if isinstance(one, Away))

    @property
    def unperturbed(self) -> Tweaks:
        """The changes without that."""
        return replace(self, corrections=tuple(one for one in self.corrections if not isinstance(one, Away)))
