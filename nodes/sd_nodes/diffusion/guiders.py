"""Diffusers' guiders that are mathematics on two predictions, by short names."""

import inspect
from collections.abc import Mapping

from diffusers.utils import logging
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError, did_you_mean

Value = float | int | bool | None

NAMES = {
    "adaptive projected": "AdaptiveProjectedGuidance",
    "adaptive projected mix": "AdaptiveProjectedMixGuidance",
    "zero star": "ClassifierFreeZeroStarGuidance",
    "tangential": "TangentialClassifierFreeGuidance",
    "magnitude aware": "MagnitudeAwareGuidance",
}
"""Diffusers' class of each guider. Those that change the network itself, and those that need packages, are not here."""

FLAT = ("magnitude aware",)
"""Guiders that take norms of whole pictures with a function that refuses more than two dimensions."""

OURS = ("guidance_scale", "guidance_rescale", "start", "stop", "enabled")
"""What every guider takes, and is set here by names of its own."""


class Guider:
    """A guider of diffusers at work in one run.

    Args:
        name: Its short name.
        scale: The guidance scale.
        window: The parts of the steps between which it guides, 0 to 1.
        options: Its other options, by diffusers' names.

    Raises:
        SettingError: There is no such guider or option, or the options are refused.
    """

    def __init__(self, name: str, scale: float, window: tuple[float, float], options: Mapping[str, Value]) -> None:
        if name not in NAMES:
            near = did_you_mean(name, NAMES)
            raise SettingError(f"There is no guidance {name!r}; there is {', '.join(NAMES)}.{near}")
        kind = _class(NAMES[name])
        known = [one for one in inspect.signature(kind).parameters if one not in OURS]
        if unknown := [one for one in options if one not in known]:
            raise SettingError(f"{NAMES[name]} has no option {', '.join(unknown)}; it has {', '.join(known)}.")
        try:
            self._guider = kind(guidance_scale=scale, start=window[0], stop=window[1], **options)
        except (ValueError, TypeError) as refused:
            raise SettingError(f"{NAMES[name]} refuses these options: {refused}") from refused
        self._flat = name in FLAT
        # Steps whose prediction is set to zero need none for the negative prompt.
        self._idle = int(options.get("zero_init_steps") or 0) if name == "zero star" else 0

    def guided(self, step: int, steps: int) -> bool:
        """Tells whether a step needs a prediction for the negative prompt."""
        self._guider.set_state(step, steps, None)
        return bool(self._guider.num_conditions > 1) and step >= self._idle

    def mixed(self, step: int, steps: int, negative: Tensor | None, positive: Tensor) -> Tensor:
        """Mixes the predictions of a step; what it remembers of earlier ones begins anew at the first."""
        self._guider.set_state(step, steps, None)
        self._guider.prepare_inputs({})
        given = [one if one is None or not self._flat else one.flatten(1) for one in (positive, negative)]
        found: Tensor = self._guider.forward(*given).pred
        return found.reshape(positive.shape)


def _class(name: str) -> type:
    # Each guider says on being made that its interface may change: that is for programmers.
    logging.get_logger("diffusers.guiders.guider_utils").setLevel(logging.ERROR)
    from diffusers import guiders

    found: type = getattr(guiders, name)
    return found
