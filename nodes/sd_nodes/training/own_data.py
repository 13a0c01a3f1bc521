"""A ControlNet trained on somebody's own data, from the order to the finished directory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import ControlNetModel

from .controlnet import Lessons, new_controlnet, train
from .drawing import draw
from .export import export_controlnet
from .loop import Schedule, Training, one_device
from .model import LatentDiffusion
from .sheet import sheet
from .triples import Triple, as_square, read_triples, source_of


@dataclass(frozen=True)
class Order:
    """What to train on what.

    Args:
        base: The diffusers directory of the model to steer.
        data: The folder of examples.
        out: Where the ControlNet, its checkpoint and its log go.
        start: A ControlNet to go on from; None starts from a copy of the base.
        batch: Examples in a step of one process.
        size: The pictures' edge in pixels.
        prompts: Captions to draw at every checkpoint, with the first control picture.
    """

    base: Path
    data: Path
    out: Path
    start: Path | None
    batch: int
    size: int
    prompts: tuple[str, ...] = ()


def train_on_own_data(order: Order, schedule: Schedule, say: Callable[[str], None]) -> Training:
    """Trains, or resumes, and writes the ControlNet into the order's folder at every checkpoint.

    Raises:
        FileNotFoundError: If the base is no diffusers directory.
        ValueError: If the examples are wrong.
    """
    triples, accelerator = read_triples(order.data), one_device()
    model = LatentDiffusion.open(order.base)
    torch.manual_seed(schedule.seed)
    controlnet = _start(order, model)

    def at_checkpoint(training: Training) -> None:
        export_controlnet(controlnet, order.out)
        _look(order, model, controlnet, triples[0], training)
        say(f"{training.step} of {schedule.steps} steps: checkpoint written to {order.out}")

    def at_step(step: int, loss: float) -> None:
        if step == 1 or step % 10 == 0:
            say(f"step {step} of {schedule.steps}: loss {loss:.4f}")

    source = source_of(triples, model, order.batch, order.size)
    return train(model, controlnet, source, schedule, order.out, accelerator, Lessons(), at_checkpoint, at_step)


def _start(order: Order, model: LatentDiffusion) -> ControlNetModel:
    if order.start is None:
        return new_controlnet(model.unet)
    return ControlNetModel.from_pretrained(order.start, torch_dtype=torch.float32, use_safetensors=True)


def _look(order: Order, model: LatentDiffusion, controlnet: ControlNetModel, first: Triple, training: Training) -> None:
    captions = order.prompts or (first.caption,)
    hint = as_square(first.control(), order.size).expand(len(captions), -1, -1, -1)
    made = draw(model, captions, range(len(captions)), controlnet, hint.to(training.accelerator.device))
    sheet([torch.cat([hint[:1], made.cpu()])]).save(order.out / f"sheet-{training.step:06d}.png")
