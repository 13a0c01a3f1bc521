"""What a scheduler's option may be set to; named as diffusers names it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan

from sd_nodes.diffusion.errors import did_you_mean

Value = bool | int | float | str | None | tuple[int, ...] | list[int]
"""What an option can hold."""


@dataclass(frozen=True)
class Option:
    """The values that fit an option.

    Args:
        kind: bool, int, float, str, or list (of step numbers).
        choices: The words that fit; empty for anything but words.
        low: The least number that fits.
        high: The greatest number that fits.
        none: Whether "not set" fits.
    """

    kind: type
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    none: bool = False

    def problem(self, value: Value) -> str | None:
        """Says why the value does not fit; None where it fits."""
        if value is None:
            return None if self.none else f"nothing is given, needed is {self.needed}."
        if not self._is_kind(value):
            return f"{value!r} is given, needed is {self.needed}."
        if isinstance(value, str) and value not in self.choices:
            return f"'{value}' is given, needed is {self.needed}.{did_you_mean(value, self.choices)}"
        if isinstance(value, int | float) and not self._in_range(value):
            return f"{value!r} is given, needed is {self.needed}."
        return None

    @property
    def needed(self) -> str:
        """What fits, in words."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        low = "" if self.low is None else f" from {self.low:g}"
        high = "" if self.high is None else f" to {self.high:g}"
        return _WORDS[self.kind] + low + high

    def _is_kind(self, value: Value) -> bool:
        if self.kind is list:
            return isinstance(value, list | tuple) and all(type(step) is int and step >= 0 for step in value)
        if self.kind is float:
            return type(value) in (int, float)
        return type(value) is self.kind

    def _in_range(self, value: float) -> bool:
        above = self.low is None or value >= self.low
        below = self.high is None or value <= self.high
        return above and below and not isnan(value)


_WORDS = {bool: "true or false", int: "a whole number", float: "a number", list: "a list of step numbers"}

Options = Mapping[str, Option]


def boolean() -> Option:
    """An option that is on or off."""
    return Option(bool)


def choice(*words: str, none: bool = False) -> Option:
    """An option that is one of a few words."""
    return Option(str, choices=words, none=none)


def integer(low: int | None = None, high: int | None = None) -> Option:
    """An option that is a whole number."""
    return Option(int, low=low, high=high)


def number(low: float | None = None, high: float | None = None, none: bool = False) -> Option:
    """An option that is a number."""
    return Option(float, low=low, high=high, none=none)


def flag_list() -> Option:
    """An option that lists the steps it holds for."""
    return Option(list)


TRAINING: Options = {
    "num_train_timesteps": integer(1),
    "beta_start": number(0.0, 1.0),
    "beta_end": number(0.0, 1.0),
    "beta_schedule": choice("linear", "scaled_linear", "squaredcos_cap_v2"),
    "prediction_type": choice("epsilon", "sample", "v_prediction"),
}
"""The noise schedule a model was trained on."""

SPACING: Options = {"timestep_spacing": choice("linspace", "leading", "trailing"), "steps_offset": integer(0)}
"""Which timesteps are visited."""

SIGMAS: Options = {
    "use_karras_sigmas": boolean(),
    "use_exponential_sigmas": boolean(),
    "use_beta_sigmas": boolean(),
}
"""Other spacings of the noise levels; at most one of them."""

THRESHOLD: Options = {
    "thresholding": boolean(),
    "dynamic_thresholding_ratio": number(0.0, 1.0),
    "sample_max_value": number(0.0),
}
"""Dynamic thresholding (Imagen, arXiv:2205.11487)."""

CLIP: Options = {"clip_sample": boolean(), "clip_sample_range": number(0.0)}
"""Clipping of the predicted sample."""

ZERO_SNR: Options = {"rescale_betas_zero_snr": boolean()}
"""A last timestep of pure noise (arXiv:2305.08891)."""

LOWER: Options = {"lower_order_final": boolean()}
"""Lower orders in the last steps."""

ETA: Options = {"eta": number(0.0, 1.0), "use_clipped_model_output": boolean()}
"""The share of fresh noise in a DDIM step (arXiv:2010.02502)."""

CHURN: Options = {"s_churn": number(0.0), "s_tmin": number(0.0), "s_tmax": number(0.0), "s_noise": number(0.0)}
"""Noise put back while sampling (arXiv:2206.00364, algorithm 2)."""

FLOW: Options = {"num_train_timesteps": integer(1), "shift": number(0.0)}
"""The noise levels of flow models, shifted towards noise (arXiv:2403.03206, section 5.3.2)."""

RESOLUTION: Options = {
    "use_dynamic_shifting": boolean(),
    "base_shift": number(),
    "max_shift": number(),
    "base_image_seq_len": integer(1),
    "max_image_seq_len": integer(1),
    "shift_terminal": number(0.0, 1.0, none=True),
    "time_shift_type": choice("exponential", "linear"),
}
"""Shifting that grows with the size of the picture, counted in the tokens of the transformer."""
