"""The loop that every training here shares: steps, learning rate, average weights, exact checkpoints, a loss log.

All randomness of a step comes from (seed, step), so a checkpoint needs no generator state
and a resumed run repeats the uninterrupted one bit for bit.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from .loss_plot import write_loss_plot

LossOfStep = Callable[["Randomness"], Tensor]
AtTrainingCheckpoint = Callable[["Training"], None]
AtStep = Callable[[int, float], None]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn.

    Args:
        steps: Optimiser steps in all.
        rate: The highest learning rate of the first parameter group; others keep their ratio to it.
        warmup: Steps over which the rate rises from zero.
        floor: The share of the highest rate that is left at the end of the cosine.
        average: Decay of the exponential moving average of the weights; 0 keeps none.
        clip: Largest gradient norm.
        seed: What all randomness grows from.
        every: Steps between checkpoints.
        batches: How many batches of each process make one step; their gradients are averaged.
    """

    steps: int
    rate: float = 1e-3
    warmup: int = 100
    floor: float = 0.02
    average: float = 0.0
    clip: float = 1.0
    seed: int = 0
    every: int = 500
    batches: int = 1

    def factor(self, step: int) -> float:
        """Gives the share of the highest rate that holds at a step (from 0)."""
        rising = min(1.0, (step + 1) / max(1, self.warmup))
        done = min(1.0, step / max(1, self.steps))
        return rising * (self.floor + (1 - self.floor) * (1 + math.cos(math.pi * done)) / 2)

    def decay(self, step: int) -> float:
        """Gives the moving average's decay at a step: short at first, `average` later."""
        return min(self.average, (1 + step) / (10 + step))


@dataclass(frozen=True)
class Randomness:
    """The random numbers of one step, for NumPy and for torch (on the CPU)."""

    numpy: np.random.Generator
    torch: torch.Generator

    @staticmethod
    def of(seed: int, step: int, process: int = 0) -> Randomness:
        """Grows both generators from a seed, a step and the number of the process."""
        numpy = np.random.default_rng([seed, step, process])
        return Randomness(numpy, torch.Generator().manual_seed(int(numpy.integers(2**63))))

    def normal(self, *shape: int) -> Tensor:
        """Draws standard normal float32 numbers of a shape."""
        return torch.randn(shape, generator=self.torch)


def one_device(precision: str = "bf16") -> Accelerator:
    """Gives the device to train on: a GPU if there is one, else the CPU.

    Under `torchrun` or `accelerate launch` the processes share the work; on a busy CPU two processes
    of one thread each outrun one process of two threads.

    Args:
        precision: What networks compute in: "bf16" where torch thinks it safe, or "float32" throughout.
    """
    return Accelerator(cpu=not torch.cuda.is_available(), mixed_precision="no" if precision == "float32" else precision)


class Training:
    """Modules, their optimiser and where they stand.

    Args:
        modules: What learns, by name; the names are those in the checkpoint.
        groups: Parameter groups for AdamW; a group's `lr` is relative to the schedule's rate.
        schedule: How long and how fast.
        folder: Where `checkpoint.safetensors`, `losses.jsonl` and `losses.png` lie; resumed from if they are there.
        accelerator: The device, and the processes that share the work.

    Attributes:
        step: How many steps are done.
        began: How many of them a run before this one did.
    """

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        groups: list[dict[str, object]],
        schedule: Schedule,
        folder: Path,
        accelerator: Accelerator,
    ) -> None:
        self.modules, self.schedule, self.folder, self.step = dict(modules), schedule, folder, 0
        self.accelerator = accelerator
        for module in self.modules.values():
            module.to(accelerator.device)
        self._shares = [float(group.get("lr", 1.0)) for group in groups]  # type: ignore[arg-type]
        self.optimizer = torch.optim.AdamW(groups, lr=schedule.rate, weight_decay=0.01, betas=(0.9, 0.99), fused=True)
        self.averages = {name: _copy_of(module) for name, module in self.modules.items()} if schedule.average else {}
        folder.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.exists():
            self._restore()
        self.began = self.step
        if accelerator.is_main_process:
            self._forget_later_losses()

    @property
    def checkpoint(self) -> Path:
        """The file that a later run resumes from."""
        return self.folder / "checkpoint.safetensors"

    def run(
        self,
        loss_of: LossOfStep,
        at_checkpoint: AtTrainingCheckpoint = lambda training: None,
        at_step: AtStep = lambda step, loss: None,
        until: int | None = None,
    ) -> None:
        """Takes steps until the schedule, or an earlier step, is reached.

        Args:
            loss_of: Computes the loss of one of a step's batches; draws further of that step's random numbers.
            at_checkpoint: Called after each checkpoint, with this training.
            at_step: Called after each step, with the steps done and the loss.
            until: Stops here, with a checkpoint, although the schedule goes on.
        """
        last = min(self.schedule.steps, self.schedule.steps if until is None else until)
        while self.step < last:
            began = time.monotonic()
            loss = self._advance(loss_of)
            if not self.accelerator.is_main_process:
                continue
            self._log(loss, time.monotonic() - began)
            at_step(self.step, loss)
            if self.step % self.schedule.every == 0 or self.step == last:
                self.save()
                write_loss_plot(self.folder)
                at_checkpoint(self)

    def _advance(self, loss_of: LossOfStep) -> float:
        for group, share in zip(self.optimizer.param_groups, self._shares, strict=True):
            group["lr"] = self.schedule.rate * share * self.schedule.factor(self.step)
        loss = self._learn(loss_of)
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self._agree([p.grad for p in parameters if p.grad is not None])
        nn.utils.clip_grad_norm_(parameters, self.schedule.clip)
        self.optimizer.step()
        self._average()
        self.step += 1
        return loss

    def _learn(self, loss_of: LossOfStep) -> float:
        """Computes the gradients of a step, averaged over its batches, and returns the loss, averaged likewise."""
        random = Randomness.of(self.schedule.seed, self.step, self.accelerator.process_index)
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for _ in range(self.schedule.batches):
            loss = loss_of(random) / self.schedule.batches
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.item()
        return total

    def _agree(self, gradients: list[Tensor]) -> None:
        """Averages the gradients over all processes."""
        if self.accelerator.num_processes == 1:
            return
        together = self.accelerator.reduce(torch.cat([gradient.flatten() for gradient in gradients]), "mean")
        parts = together.split([gradient.numel() for gradient in gradients])
        torch._foreach_copy_(gradients, [part.view_as(g) for part, g in zip(parts, gradients, strict=True)])

    @torch.no_grad()
    def _average(self) -> None:
        weight = 1 - self.schedule.decay(self.step)
        for name, average in self.averages.items():
            now = self.modules[name].state_dict()
            pairs = [(value, now[key]) for key, value in average.items() if value.is_floating_point()]
            torch._foreach_lerp_([a for a, _ in pairs], [b for _, b in pairs], weight)

    def _log(self, loss: float, seconds: float) -> None:
        line = json.dumps({"step": self.step, "loss": round(loss, 6), "seconds": round(seconds, 4)})
        with (self.folder / "losses.jsonl").open("a") as log:
            log.write(line + "\n")

    def save(self) -> None:
        """Writes the checkpoint, all of it or nothing."""
        tensors = {f"module/{n}/{k}": v for n, m in self.modules.items() for k, v in m.state_dict().items()}
        tensors |= {f"average/{n}/{k}": v for n, a in self.averages.items() for k, v in a.items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{key}": value for key, value in state.items()}
        unwritten = self.checkpoint.with_suffix(".part")
        save_file({k: v.detach().clone().contiguous() for k, v in tensors.items()}, unwritten, {"step": str(self.step)})
        unwritten.replace(self.checkpoint)

    def _forget_later_losses(self) -> None:
        """Takes those steps out of the log that came after the checkpoint and are now repeated."""
        log = self.folder / "losses.jsonl"
        if log.exists():
            lines = log.read_text().splitlines(keepends=True)
            log.write_text("".join(line for line in lines if json.loads(line)["step"] <= self.step))

    def _restore(self) -> None:
        with safe_open(self.checkpoint, "pt") as file:
            self.step = int(file.metadata()["step"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        for name, module in self.modules.items():
            module.load_state_dict(_under(tensors, f"module/{name}/"))
        self.averages = {name: _under(tensors, f"average/{name}/") for name in self.averages}
        states: dict[int, dict[str, Tensor]] = {}
        for key, value in _under(tensors, "optimizer/").items():
            index, _, name = key.partition("/")
            states.setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": states})

    def averaged(self, name: str) -> dict[str, Tensor]:
        """Gives a module's average weights, or its present ones where no average is kept."""
        return self.averages.get(name) or self.modules[name].state_dict()


def _copy_of(module: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in module.state_dict().items()}


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
