"""Options of training commands: all checked before a run starts, and all that is wrong told at once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import iter_params_for_processing

from graph_runtime import Folders, GraphError, NodeError, Problem
from graph_runtime.commands.options import model_places

OWN_FILES = ("checkpoint.safetensors", "losses.jsonl", "order.json")
MODELS = ("emoji", "emoji-canny", "emoji-depth")
STARTED = ("emoji/tokenizer", "emoji/text_encoder", "emoji/unet", "emoji/vae")
NAMED = 4


class Together(click.Command):
    """A command that tells every wrong option, not the first alone."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses the command line.

        Raises:
            click.UsageError: If options are wrong; names each of them.
        """
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter:
            raise click.UsageError("\n".join(self._wrong(ctx, given)), ctx) from None

    def _wrong(self, ctx: click.Context, args: list[str]) -> Iterator[str]:
        values, rest, order = self.make_parser(ctx).parse_args(args)
        for param in iter_params_for_processing(order, self.get_params(ctx)):
            try:
                param.handle_parse_result(ctx, values, rest)
            except click.BadParameter as error:
                yield error.format_message()


def multiple_of_eight(ctx: click.Context, param: click.Parameter, value: int) -> int:
    """Refuses an edge that the latents cannot have, with the nearest that they can."""
    if value % 8:
        raise click.BadParameter(f"{value} is no multiple of 8; the nearest is {round(value / 8) * 8}", ctx, param)
    return value


def base_model(ctx: click.Context, param: click.Parameter, value: str) -> Path:
    """Finds the model that a path or a name leads to; refuses one that lacks a part."""
    from sd_nodes.places import BASE, find

    from .model import check_parts

    name = str(Path(value).absolute()) if Path(value).exists() else value
    try:
        place = find(name, BASE, Folders(models=model_places(ctx.params.get("models") or ())))
        check_parts(place)
    except NodeError as error:
        raise click.BadParameter(Problem("refused", error.message, nearest=error.nearest).told, ctx, param) from None
    except GraphError as error:
        raise click.BadParameter(str(error), ctx, param) from None
    return place


def controlnet_folder(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """Refuses a folder without a ControlNet."""
    if value is None:
        return None
    try:
        kind = json.loads((value / "config.json").read_text()).get("_class_name")
    except (OSError, ValueError, AttributeError):
        kind = None
    if kind != "ControlNetModel":
        found = f"a {kind}" if kind else "no model"
        raise click.BadParameter(f"{value} holds {found}; needed is a diffusers directory of a ControlNet", ctx, param)
    return value


def examples(ctx: click.Context, param: click.Parameter, value: Path) -> Path:
    """Refuses a folder whose examples are wrong; names every wrong line. A dataset of the Hub is opened by the run."""
    from .triples import is_hub_name, read_triples

    if is_hub_name(value):
        return value
    if not value.is_dir():
        raise click.BadParameter(f"{value} is no folder, and no name of a dataset as owner/name", ctx, param)
    try:
        read_triples(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None
    return value


def training_folder(ctx: click.Context, param: click.Parameter, value: Path) -> Path:
    """Refuses a folder that cannot be written, or holds something else than an earlier training."""
    problem = unwritable(value) or not_ours(value, OWN_FILES)
    if problem:
        raise click.BadParameter(problem, ctx, param)
    return value


def writable(ctx: click.Context, param: click.Parameter, value: Path) -> Path:
    """Refuses a folder that cannot be written."""
    problem = unwritable(value)
    if problem:
        raise click.BadParameter(problem, ctx, param)
    return value


def models_folder(ctx: click.Context, param: click.Parameter, value: Path) -> Path:
    """Refuses, for the stages that use it, a folder that cannot be written, holds something else, or has no models."""
    stage = ctx.params.get("stage")
    problem = (unwritable(value) or not_ours(value, MODELS)) if stage == "export" else None
    missing = [name for name in MODELS if not (value / name).is_dir()] if stage == "measure" else []
    if missing:
        problem = f"{value} holds no exported models: it has no {', no '.join(missing)}"
    if problem:
        raise click.BadParameter(problem, ctx, param)
    return value


def exported_models(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """Refuses a folder that `export` did not write."""
    missing = [name for name in STARTED if not (value / name).is_dir()] if value else []
    if missing:
        raise click.BadParameter(f"{value} holds no exported model: it has no {', no '.join(missing)}", ctx, param)
    return value


def unwritable(folder: Path) -> str | None:
    """Tells why nothing can be written into a folder that is there or shall be made; None if it can."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        return f"{folder} cannot be made: {there} is a file"
    if not os.access(there, os.W_OK | os.X_OK):
        return f"{folder} cannot be written: you may not write into {there}"
    return None


def not_ours(folder: Path, signs: Sequence[str]) -> str | None:
    """Tells what a folder holds if that was not left by a training; None if it is empty, not there, or one of ours."""
    found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if not found or any(sign in found for sign in signs):
        return None
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return (
        f"{folder} holds other things ({', '.join(found[:NAMED])}{more}); "
        "give a new folder, or one that a training left, to go on with it"
    )


def changed_since(folder: Path, order: dict[str, Any]) -> list[str]:
    """Tells how an order differs from the one that a training in a folder began with, a sentence for each part."""
    kept = folder / "order.json"
    if not kept.exists():
        return []
    before = json.loads(kept.read_text())
    return [
        f"--{name} was {before[name]} when the training in {folder} began, and is {value} now"
        for name, value in order.items()
        if name in before and before[name] != value
    ]
