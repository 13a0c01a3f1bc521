"""A scheduler set for one run: which timesteps it visits, and how it goes from one to the next."""

import inspect
import warnings
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace

import diffusers
import torch
from diffusers import SchedulerMixin
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.scheduler_checks import kind_of
from sd_nodes.diffusion.schedulers import Scheduler, sentence, takes_shift

Generators = torch.Generator | list[torch.Generator]
"""One generator for a whole batch, or one for each of its latents."""


@dataclass(frozen=True)
class Schedule:
    """A scheduler set for one run.

    Args:
        solver: This run's own copy of the scheduler.
        timesteps: The timesteps to visit, [n], falling; on the CPU, so that no scheduler has to wait for a GPU to
            look one up.
        step_options: What each step is given beside the prediction, the timestep and the latents.
        whole: How many steps there would be if it did not end early; 0 where it does not.
    """

    solver: SchedulerMixin
    timesteps: Tensor
    step_options: Mapping[str, object]
    whole: int = 0

    @property
    def steps(self) -> int:
        """How many steps parts of the run are counted by: all of them, with those after an early end."""
        return self.whole or len(self.timesteps)

    @property
    def highest(self) -> float | Tensor:
        """What noise is multiplied by before the first step; flows begin with noise as it is drawn."""
        found: float | Tensor = getattr(self.solver, "init_noise_sigma", 1.0)
        return found

    def scale(self, latents: Tensor, timestep: Tensor) -> Tensor:
        """Scales latents to what the UNet was trained on at this timestep; those of flows stay as they are."""
        if not hasattr(self.solver, "scale_model_input"):
            return latents
        scaled: Tensor = self.solver.scale_model_input(latents, timestep)
        return scaled

    def step(self, prediction: Tensor, timestep: Tensor, latents: Tensor) -> Tensor:
        """Goes from the latents at this timestep to those at the next."""
        stepped: Tensor = self.solver.step(prediction, timestep, latents, **self.step_options, return_dict=False)[0]
        return stepped

    def noised(self, latents: Tensor, noise: Tensor, index: int = 0) -> Tensor:
        """Brings clean latents to the noise level of a timestep, counted from 0."""
        timesteps = self.timesteps[index : index + 1].repeat(len(latents))
        if hasattr(self.solver, "scale_noise"):
            mixed: Tensor = self.solver.scale_noise(latents, timesteps, noise)
            return mixed
        noised: Tensor = self.solver.add_noise(latents, noise, timesteps)
        return noised


def full_schedule(
    scheduler: Scheduler, steps: int, generator: Generators, device: torch.device, tokens: int = 0
) -> Schedule:
    """Sets a scheduler for a run from pure noise.

    Args:
        scheduler: The scheduler; it is copied.
        steps: How many steps, from 1.
        generator: Where schedulers that add noise on the way draw it from.
        device: Where the latents are.
        tokens: How many tokens a picture is for the model, by which some schedulers of flows shift their noise levels.

    Raises:
        SettingError: The scheduler cannot make so many steps.
    """
    if steps < 1:
        raise SettingError(f"{steps} steps are asked for, needed is at least 1.")
    solver = deepcopy(scheduler.solver)
    if isinstance(solver, diffusers.DPMSolverSDEScheduler):
        _repeatable(solver, generator)
    try:
        solver.set_timesteps(steps, device=device, **_shift(solver, tokens))
    except (ValueError, NotImplementedError) as refused:
        raise SettingError(f"{type(solver).__name__} cannot make {steps} steps: {sentence(refused)}") from refused
    solver.timesteps = solver.timesteps.cpu()
    _begun(solver)
    takes = inspect.signature(solver.step).parameters
    drawn = {"generator": generator} if "generator" in takes else {}
    eta = {"eta": 0.0} if "eta" in takes else {}
    return Schedule(solver, solver.timesteps, {**eta, **scheduler.step_options, **drawn})


def _begun(solver: SchedulerMixin) -> None:
    """Tells a scheduler where it begins if its first timestep stands twice, as levels crowded at the start make it.

    Looking the timestep up, it would begin at the second of them and find no level after the last.
    """
    first = solver.timesteps[:2].tolist()
    if len(first) == 2 and first[0] == first[1] and hasattr(solver, "set_begin_index"):
        solver.set_begin_index(0)


def _shift(solver: SchedulerMixin, tokens: int) -> dict[str, float]:
    """How far noise levels are shifted that depend on the size of the picture: on a line through two sizes."""
    config = solver.config
    if not config.get("use_dynamic_shifting") or not takes_shift(type(solver)):
        return {}
    fewest, most = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    least, greatest = config.get("base_shift", 0.5), config.get("max_shift", 1.16)
    slope = (greatest - least) / (most - fewest)
    return {"mu": tokens * slope + (least - slope * fewest)}


def last_part(schedule: Schedule, steps: int, strength: float) -> Schedule:
    """Keeps the last part of a schedule, for a run from a picture.

    Args:
        schedule: A full schedule.
        steps: How many steps it was set for.
        strength: Which part of the steps is kept, 0 to 1: at 1 all of them, at 0 none.
    """
    begin = _skipped(schedule, steps, strength) * schedule.solver.order
    if hasattr(schedule.solver, "set_begin_index"):
        schedule.solver.set_begin_index(begin)
    return Schedule(schedule.solver, schedule.timesteps[begin:], schedule.step_options)


def _skipped(schedule: Schedule, steps: int, strength: float) -> int:
    """How many steps are left out: diffusers' pipelines for flows round their number down, the others that of the
    steps that are kept."""
    if flows(schedule.solver):
        return int(max(steps - min(steps * strength, steps), 0))
    return steps - min(int(steps * strength), steps)


def flows(solver: SchedulerMixin) -> bool:
    """Tells whether a scheduler is set to sample flows."""
    return kind_of({"_class_name": type(solver).__name__, **solver.config}) == "flow"


def resumed(schedule: Schedule, start: float) -> Schedule:
    """Keeps what comes after a place in the noise, as diffusers' `denoising_start` does.

    Args:
        schedule: A full schedule.
        start: The part of the noise that is gone already, 0 to 1.
    """
    if start <= 0.0:
        return schedule
    count = int((schedule.timesteps < _cutoff(schedule, start)).sum())
    if schedule.solver.order == 2 and count % 2 == 0:
        count += 1  # a step of second order has two timesteps, all but the first step of a schedule
    begin = len(schedule.timesteps) - count
    if hasattr(schedule.solver, "set_begin_index"):
        schedule.solver.set_begin_index(begin)
    return replace(schedule, timesteps=schedule.timesteps[begin:])


def ended(schedule: Schedule, end: float) -> Schedule:
    """Keeps what comes before a place in the noise, as diffusers' `denoising_end` does: the rest of it stays.

    Args:
        schedule: A schedule.
        end: The part of the noise that is gone then, 0 to 1.
    """
    if end >= 1.0:
        return schedule
    count = int((schedule.timesteps >= _cutoff(schedule, end)).sum())
    return replace(schedule, timesteps=schedule.timesteps[:count], whole=len(schedule.timesteps))


def _cutoff(schedule: Schedule, gone: float) -> int:
    table = int(schedule.solver.config.num_train_timesteps)
    return round(table - gone * table)


def _repeatable(solver: diffusers.DPMSolverSDEScheduler, generator: Generators) -> None:
    """Seeds the Brownian noise, which does not come from the generator."""
    first = generator[0] if isinstance(generator, list) else generator
    if solver.noise_sampler_seed is None:
        solver.noise_sampler_seed = first.initial_seed()
    # The ends of the Brownian path are rounded: asking 1e-7 beyond them is meant.
    warnings.filterwarnings("ignore", message="Should have t[ab]", category=UserWarning)
