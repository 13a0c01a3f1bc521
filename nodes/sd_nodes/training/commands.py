"""`controlgraph train`: ControlNets for any base, and the demonstration model stage by stage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graph_runtime import GraphError
from graph_runtime.commands.options import MODELS

from .options import (
    Together,
    base_model,
    controlnet_folder,
    examples,
    exported_models,
    models_folder,
    multiple_of_eight,
    training_folder,
    writable,
)

if TYPE_CHECKING:
    from .workshop import Workshop

FOLDER = click.Path(file_okay=False, path_type=Path)
EXISTING = click.Path(exists=True, file_okay=False, path_type=Path)
STAGES = ("data", "autoencoder", "latents", "text-to-image", "canny", "depth", "decoder", "export", "measure")


@click.group()
def train() -> None:
    """Train ControlNets, or the demonstration model."""


@train.command(cls=Together)
@click.option(
    "--base",
    required=True,
    callback=base_model,
    metavar="MODEL",
    help="The model to steer: a diffusers directory, a .safetensors file, or a name as workflows have it.",
)
@MODELS
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    callback=examples,
    help="Pictures, control pictures and captions: a folder, or a dataset of the Hub as owner/name.",
)
@click.option(
    "--out", type=FOLDER, required=True, callback=training_folder, help="Where the ControlNet, checkpoint and log go."
)
@click.option(
    "--from",
    "start",
    type=EXISTING,
    callback=controlnet_folder,
    help="A ControlNet to go on from instead of a copy of the base.",
)
@click.option("--steps", type=click.IntRange(1), default=10_000, show_default=True)
@click.option("--batch", type=click.IntRange(1), default=4, show_default=True, help="Pictures computed at once.")
@click.option(
    "--batches",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Batches in a step, whose gradients are averaged (gradient accumulation).",
)
@click.option(
    "--size",
    type=click.IntRange(32),
    default=512,
    show_default=True,
    callback=multiple_of_eight,
    help="Edge in pixels; 8 divides it.",
)
@click.option("--rate", type=click.FloatRange(0, min_open=True), default=1e-5, show_default=True, help="Learning rate.")
@click.option("--every", type=click.IntRange(1), default=500, show_default=True, help="Steps between checkpoints.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--precision",
    type=click.Choice(["bf16", "float32"]),
    default="bf16",
    show_default=True,
    help="What networks compute in; the weights that learn are float32.",
)
@click.option(
    "--gradient-checkpointing",
    "frugal",
    is_flag=True,
    help="Compute activations again instead of keeping them: less memory, a third more time.",
)
@click.option(
    "--prompt", "prompts", multiple=True, help="A caption to draw at every checkpoint, with the first control."
)
def controlnet(steps: int, rate: float, every: int, seed: int, batches: int, models: Any, **given: Any) -> None:
    """Train a ControlNet on your own pictures; a run that was interrupted goes on where it stopped.

    The data folder holds a captions.jsonl with lines {"picture": ..., "control": ..., "caption": ...},
    or anything that the `datasets` library opens, with columns picture, control, caption
    or image, conditioning_image, text. Several processes share the work under `torchrun`.
    Bases are Stable Diffusion 1, 2 and XL.
    """
    from .loop import Schedule
    from .own_data import Order, train_on_own_data
    from .progress import watching

    schedule = Schedule(
        steps=steps, rate=rate, warmup=min(500, steps // 10 + 1), seed=seed, every=every, batches=batches
    )
    order = Order(**given)
    problems = order.problems(schedule)
    if problems:
        raise click.UsageError("\n".join(problems))
    try:
        with watching(steps) as watch:
            train_on_own_data(order, schedule, watch)
    except (ValueError, GraphError) as error:
        raise click.ClickException(str(error)) from error


@train.command(cls=Together)
@click.argument("stage", type=click.Choice(STAGES), is_eager=True)
@click.option(
    "--folder",
    type=FOLDER,
    default=Path("emoji-training"),
    show_default=True,
    callback=writable,
    help="The working folder.",
)
@click.option(
    "--out",
    type=FOLDER,
    default=Path("emoji-models"),
    show_default=True,
    callback=models_folder,
    help="Where `export` writes and `measure` reads.",
)
@click.option(
    "--start-from",
    "start",
    type=EXISTING,
    callback=exported_models,
    help="Exported models to go on from, instead of from nothing.",
)
@click.option("--steps", type=click.IntRange(1), help="Another length than the recipe's.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads of each process.")
def demo(stage: str, folder: Path, out: Path, start: Path | None, steps: int | None, threads: int) -> None:
    """Train the demonstration model: one stage after the other, each resumable."""
    try:
        if start is not None:
            from .workshop import keep_start

            keep_start(folder, start)
        _run(stage, folder, out, steps, threads)
    except FileNotFoundError as error:
        order = ", ".join(STAGES)
        raise click.ClickException(
            f"{error.filename or error} is not there; run the stages in order: {order}"
        ) from error
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _run(stage: str, folder: Path, out: Path, steps: int | None, threads: int) -> None:
    import torch

    from . import dataset, demo
    from .loop import one_device
    from .workshop import Workshop

    torch.set_num_threads(threads)
    if stage == "data":
        click.echo(f"{dataset.build(folder / 'data', folder / 'archives')} pictures")
        return
    shop = Workshop.open(folder, one_device())
    if stage == "latents":
        demo.compute_latents(shop)
    elif stage == "export":
        demo.export(shop, out)
    elif stage == "measure":
        for name, scores in demo.measure_exported(shop, out).items():
            click.echo(f"{name}: {scores}")
    else:
        _train_stage(shop, stage, steps)


def _train_stage(shop: Workshop, stage: str, steps: int | None) -> None:
    from . import demo
    from .progress import watching

    schedule = demo.schedule_of(stage, steps)
    with watching(schedule.steps) as watch:
        demo.run_stage(replace(shop, at_step=watch.step), stage, schedule)
