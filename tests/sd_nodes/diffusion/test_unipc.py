"""UniPC with coefficients from the host, against diffusers' own, to the bit."""

import diffusers
import pytest
import torch

from sd_nodes.diffusion.schedulers import make_scheduler
from sd_nodes.diffusion.unipc import UniPCMultistepScheduler
from tests.sd_nodes.models import SCHEDULER_CONFIG

OPTIONS = [
    {},
    {"solver_order": 1},
    {"solver_order": 3},
    {"solver_type": "bh1", "final_sigmas_type": "sigma_min"},
    {"predict_x0": False, "final_sigmas_type": "sigma_min"},
    {"use_karras_sigmas": True},
    {"prediction_type": "v_prediction", "timestep_spacing": "trailing", "rescale_betas_zero_snr": True},
    {"disable_corrector": [0, 2]},
]


def walked(scheduler: diffusers.UniPCMultistepScheduler, dtype: torch.dtype, begin: int) -> torch.Tensor:
    """Latents after a run whose predictions are random."""
    generator = torch.Generator().manual_seed(1)
    scheduler.set_timesteps(9)
    if begin:
        scheduler.set_begin_index(begin)
    latents = torch.randn(2, 4, 8, 8, generator=generator).to(dtype)
    for timestep in scheduler.timesteps[begin:]:
        predicted = torch.randn(latents.shape, generator=generator).to(dtype)
        latents = scheduler.step(predicted, timestep, latents, return_dict=False)[0]
    return latents


@pytest.mark.parametrize("begin", [0, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_it_is_diffusers_own(options: dict[str, object], dtype: torch.dtype, begin: int) -> None:
    theirs = diffusers.UniPCMultistepScheduler.from_config(SCHEDULER_CONFIG, **options)
    ours = UniPCMultistepScheduler.from_config(SCHEDULER_CONFIG, **options)
    expected = walked(theirs, dtype, begin)
    assert expected.isfinite().all()
    assert torch.equal(walked(ours, dtype, begin), expected)
    assert torch.equal(walked(ours, dtype, 0), walked(theirs, dtype, 0))


def test_it_is_what_is_made_by_name() -> None:
    assert type(make_scheduler("unipc", SCHEDULER_CONFIG).solver) is UniPCMultistepScheduler
    assert make_scheduler("unipc", SCHEDULER_CONFIG).solver.config["solver_order"] == 2
