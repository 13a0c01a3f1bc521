"""UniPC (arXiv:2302.04867) as diffusers computes it, with its coefficients computed on the host once a run.

Diffusers computes them in each step on the device of the latents, and brings noise levels there one by one: on a GPU
that waits 8 times a step and starts 152 small kernels. Here they are computed on the CPU before the first step and
brought over together. For orders 1 and 2 what comes out is the same to the bit; higher orders are left to diffusers.
"""

from dataclasses import dataclass
from typing import Any

import diffusers
import torch
from torch import Tensor

HIGHEST = 2
"""The highest order whose coefficients are computed here."""


@dataclass(frozen=True)
class _Coefficients:
    """Those of one update, from one noise level to the next: x' = kept x - data m0 - step (sum of differences).

    Args:
        kept: Of the latents.
        data: Of the latest prediction.
        step: Of the differences of predictions.
        ratio: What the difference to the prediction before is divided by; of no use in order 1.
        before: The weight of that difference.
        latest: The weight of the difference to the prediction that corrects.
    """

    kept: Tensor
    data: Tensor
    step: Tensor
    ratio: Tensor
    before: Tensor
    latest: Tensor


class UniPCMultistepScheduler(diffusers.UniPCMultistepScheduler):  # type: ignore[misc]
    """Diffusers' scheduler of the same name, for latents on any device."""

    _rows: list[_Coefficients] | None = None

    def set_timesteps(self, *given: Any, **named: Any) -> None:
        """Sets a run; see diffusers."""
        super().set_timesteps(*given, **named)
        self._rows = None

    def multistep_uni_p_bh_update(self, model_output: Tensor, *given: Any, **named: Any) -> Tensor:
        """Predicts the latents at the next noise level; see diffusers."""
        order, latents = named["order"], named["sample"]
        if order > HIGHEST or self.solver_p:
            moved: Tensor = super().multistep_uni_p_bh_update(model_output, *given, **named)
            return moved
        latest = self.model_outputs[-1]
        row = self._row(self.step_index, latents)
        base = row.kept * latents - row.data * latest
        if order == 1:
            return self._moved(base, row, 0, latents)
        change = (self.model_outputs[-2] - latest) / row.ratio
        return self._moved(base, row, latents.new_full((), 0.5) * change, latents)

    def multistep_uni_c_bh_update(self, this_model_output: Tensor, *given: Any, **named: Any) -> Tensor:
        """Corrects the latents at the noise level that was reached; see diffusers."""
        order, latents, reached = named["order"], named["last_sample"], named["this_sample"]
        if order > HIGHEST:
            moved: Tensor = super().multistep_uni_c_bh_update(this_model_output, *given, **named)
            return moved
        latest = self.model_outputs[-1]
        row = self._row(self.step_index - 1, reached)
        base = row.kept * latents - row.data * latest
        newest = this_model_output - latest
        if order == 1:
            return self._moved(base, row, latents.new_full((), 0.5) * newest, latents)
        change = (self.model_outputs[-2] - latest) / row.ratio
        mixed = row.before.to(latents.dtype) * change + row.latest.to(latents.dtype) * newest
        return self._moved(base, row, mixed, latents)

    def _moved(self, base: Tensor, row: _Coefficients, change: Tensor | int, latents: Tensor) -> Tensor:
        return (base - row.step * change).to(latents.dtype)

    def _row(self, index: int, latents: Tensor) -> _Coefficients:
        """The coefficients from one noise level, counted from 0, to the next."""
        if self._rows is None:
            table = torch.stack([self._numbers(each) for each in range(len(self.sigmas) - 1)]).to(latents.device)
            self._rows = [_Coefficients(*row.unbind()) for row in table]
        return self._rows[index]

    def _numbers(self, index: int) -> Tensor:
        """One row, computed as diffusers does."""
        alpha, sigma = self._sigma_to_alpha_sigma_t(self.sigmas[index + 1])
        alpha_from, sigma_from = self._sigma_to_alpha_sigma_t(self.sigmas[index])
        level_from = torch.log(alpha_from) - torch.log(sigma_from)
        h = torch.log(alpha) - torch.log(sigma) - level_from
        ratio = torch.ones(())
        if index > 0:
            alpha_before, sigma_before = self._sigma_to_alpha_sigma_t(self.sigmas[index - 1])
            ratio = (torch.log(alpha_before) - torch.log(sigma_before) - level_from) / h
        signed = -h if self.predict_x0 else h
        phi = torch.expm1(signed)
        bh = signed if self.config.solver_type == "bh1" else phi
        kept, data = (sigma / sigma_from, alpha) if self.predict_x0 else (alpha / alpha_from, sigma)
        return torch.stack([kept, data * phi, data * bh, ratio, *_weights(ratio, signed, phi, bh)])


def _weights(ratio: Tensor, signed: Tensor, phi: Tensor, bh: Tensor) -> tuple[Tensor, Tensor]:
    """The weights of both differences in the corrector of order 2: they make two moments exact."""
    both = torch.stack([ratio, torch.ones(())])
    matrix = torch.stack([torch.pow(both, 0), torch.pow(both, 1)])
    first = phi / signed - 1
    second = first / signed - 1 / 2
    sides = torch.stack([first * 1 / bh, second * 2 / bh])
    # Rows that no step uses may have no solution; `solve` would refuse those.
    before, latest = torch.linalg.solve_ex(matrix, sides).result.unbind()
    return before, latest
