"""A ControlNet trained on somebody's own data, from the order to the finished directory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import ControlNetModel

from sd_nodes.components import components, read_json
from sd_nodes.sources import configuration

from .controlnet import Lessons, new_controlnet, train
from .drawing import draw
from .export import export_controlnet
from .loop import Schedule, Training, one_device
from .model import LatentDiffusion
from .options import changed_since
from .progress import Watch
from .sheet import sheet
from .single_file import export_single_file
from .triples import Triple, as_square, read_triples, source_of


@dataclass(frozen=True)
class Order:
    """What to train on what.

    Args:
        base: The diffusers directory, or the single file, of the model to steer.
        data: The folder of examples, or the name of a dataset of the Hub.
        out: Where the ControlNet, its checkpoint and its log go.
        start: A ControlNet to go on from; None starts from a copy of the base.
        batch: Examples in a step of one process.
        size: The pictures' edge in pixels.
        prompts: Captions to draw at every checkpoint, with the first control picture.
        precision: What networks compute in; see `one_device`.
        frugal: See `Lessons`.
    """

    base: Path
    data: Path
    out: Path
    start: Path | None
    batch: int
    size: int
    prompts: tuple[str, ...] = ()
    precision: str = "bf16"
    frugal: bool = False

    def settled(self, schedule: Schedule) -> dict[str, str | int | float | None]:
        """Gives what must stay the same for a resumed run to be the uninterrupted one, by the options' names."""
        paths = {"base": self.base, "data": self.data, "from": self.start}
        places = {
            name: str(path.resolve() if path.exists() else path) if path else None for name, path in paths.items()
        }
        numbers = {"batch": self.batch, "batches": schedule.batches, "size": self.size, "rate": schedule.rate}
        return {**places, **numbers, "seed": schedule.seed, "precision": self.precision}

    def problems(self, schedule: Schedule) -> list[str]:
        """Tells what speaks against the order: another one in the same folder, a ControlNet of another base."""
        problems = changed_since(self.out, self.settled(schedule))
        if self.start is not None:
            problems += misfits(self.start, self.base)
        return problems


def misfits(controlnet: Path, base: Path) -> list[str]:
    """Compares two configurations, and tells why a ControlNet cannot steer the UNet of a base."""
    one, other = read_json(controlnet / "config.json"), configuration(components(base)["unet"])
    return [
        f"the ControlNet in {controlnet} has {name} {one.get(name)}, the base {other.get(name)}: "
        "it was made for another base"
        for name in ("block_out_channels", "cross_attention_dim", "in_channels", "layers_per_block")
        if one.get(name) != other.get(name)
    ]


def train_on_own_data(order: Order, schedule: Schedule, watch: Watch) -> Training:
    """Trains, or resumes, and writes the ControlNet into the order's folder at every checkpoint.

    Raises:
        NodeError: If the base lacks a part.
        ValueError: If the examples are wrong.
    """
    triples, accelerator = read_triples(order.data), one_device(order.precision)
    model = LatentDiffusion.open(order.base)
    torch.manual_seed(schedule.seed)
    controlnet = _start(order, model)

    def at_checkpoint(training: Training) -> None:
        export_controlnet(controlnet, order.out)
        export_single_file(controlnet, order.out / f"{order.out.resolve().name}.safetensors")
        _look(order, model, controlnet, triples[0], training)
        watch.note(f"{training.step:,} of {schedule.steps:,} steps: checkpoint written to {order.out}")

    _keep(order, schedule)
    source, lessons = source_of(triples, model, order.batch, order.size), Lessons(frugal=order.frugal)
    training = train(model, controlnet, source, schedule, order.out, accelerator, lessons, at_checkpoint, watch.step)
    if training.began >= schedule.steps:
        watch.note(f"all {training.began:,} steps were done before; --steps with more goes on in {order.out}")
    return training


def _keep(order: Order, schedule: Schedule) -> None:
    order.out.mkdir(parents=True, exist_ok=True)
    (order.out / "order.json").write_text(json.dumps(order.settled(schedule), indent=2) + "\n")


def _start(order: Order, model: LatentDiffusion) -> ControlNetModel:
    if order.start is None:
        return new_controlnet(model.unet)
    return ControlNetModel.from_pretrained(order.start, torch_dtype=torch.float32, use_safetensors=True)


def _look(order: Order, model: LatentDiffusion, controlnet: ControlNetModel, first: Triple, training: Training) -> None:
    captions = order.prompts or (first.caption,)
    hint = as_square(first.control(), order.size).expand(len(captions), -1, -1, -1)
    made = draw(model, captions, range(len(captions)), controlnet, hint.to(training.accelerator.device))
    sheet([torch.cat([hint[:1], made.cpu()])]).save(order.out / f"sheet-{training.step:06d}.png")
