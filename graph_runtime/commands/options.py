"""The options that several commands share, and what they come to."""

from __future__ import annotations

import functools
import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

import click
from click.core import ParameterSource

from ..errors import GraphError
from ..injected import Folders
from ..metadata import Metadata
from ..model_folders import is_paths_file, problems_in, read_paths
from .terminal import clean, complain

R = TypeVar("R")

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


@dataclass(frozen=True, slots=True)
class Places:
    """Where a command looks and writes.

    Attributes:
        input: Where pictures named by a workflow lie.
        models: Where model files lie: folders, and files in the form of ComfyUI's `extra_model_paths.yaml`.
        nodes: Folders with more packs, and packs.
        state: Where results and records are kept.
    """

    input: Path
    models: tuple[Path, ...]
    nodes: tuple[Path, ...]
    state: Path

    def folders(self, output: Path = Path("output"), fetch: bool = False, memory: int | None = None) -> Folders:
        """The folders of a run that saves into `output`, whether it may fetch, and the bytes for its models."""
        return Folders(self.input, output, self.models, self.state / "temp", self.state, fetch, memory)


class Size(click.ParamType[int]):
    """A number of bytes: 500MB, 2GB, 1.5GiB, 0."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a size; k, M, G, T are powers of 1000, Ki, Mi, Gi, Ti of 1024; a number alone is refused as a slip."""
        if isinstance(value, int):
            return value
        text = str(value).strip().casefold()
        found = re.fullmatch(r"(\d{1,15}(?:\.\d{0,9})?)\s*([kmgt]i?)?b?", text)
        if found is None or (text == found[1] and float(text) > 0):
            self.fail(f'found "{value}", needs a size such as 500MB, 2GB or 1.5GiB.', param, ctx)
        return int(float(found[1]) * _UNITS[found[2] or ""])


def folder(**attributes: object) -> click.Path:
    """A folder; it need not be there."""
    return click.Path(file_okay=False, path_type=Path, **attributes)  # type: ignore[arg-type]


def state_folder() -> Path:
    """The platform's folder for what can be made again."""
    if sys.platform == "win32":
        kept = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        kept = Path.home() / "Library" / "Caches"
    else:
        kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return kept / "controlgraph"


def pack_folder() -> Path:
    """The platform's folder for what a user installs: packs lie there that were put there by hand."""
    if sys.platform == "win32":
        kept = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        kept = Path.home() / "Library" / "Application Support"
    else:
        kept = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return kept / "controlgraph" / "packs"


STATE = click.option(
    "--state", type=folder(), metavar="DIR",
    help="Where results and records are kept.  [default: controlgraph in $XDG_CACHE_HOME or ~/.cache]",
)  # fmt: skip
NODES = click.option(
    "--nodes",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR",
    help="A folder with more packs, or a pack; naming it is trusting it. Repeatable.",
)
MODELS = click.option(
    "--models",
    type=click.Path(path_type=Path),
    multiple=True,
    is_eager=True,  # so that options which name models find where those lie
    metavar="DIR",
    help="Where model files lie: a folder laid out as ComfyUI's, or an extra_model_paths.yaml. Repeatable.  "
    "[default: models]",
)
_PLACES = (
    click.option(
        "--input",
        type=folder(),
        default=Path("input"),
        show_default=True,
        metavar="DIR",
        help="Where the pictures lie that a workflow names.",
    ),
    MODELS,
    NODES,
    STATE,
)


def places(function: Callable[..., R]) -> Callable[..., R]:
    """Give a command the options that say where it looks; it takes them as one `places`."""

    @functools.wraps(function)
    def wrapped(
        *, input: Path, models: tuple[Path, ...], nodes: tuple[Path, ...], state: Path | None, **rest: object
    ) -> R:
        found = Places(input.expanduser(), model_places(models), nodes, state or state_folder())
        return function(places=found, **rest)

    for option in reversed(_PLACES):
        wrapped = option(wrapped)
    return wrapped


def model_places(given: Sequence[Path]) -> tuple[Path, ...]:
    """Look at the places for models that the user names; without any it is the folder `models`.

    Raises:
        GraphError: One is a file that lists no folders; names each of them.
    """
    found = tuple(place.expanduser() for place in given) or (Path("models"),)
    wrong = [
        read_paths(place).problem if is_paths_file(place) else f"{place} is a file, needs a folder or a YAML file."
        for place in found
        if is_paths_file(place) or place.is_file()
    ]
    if problems := [problem for problem in wrong if problem]:
        raise GraphError("\n".join(f"--models {clean(problem)}" for problem in problems))
    for problem in problems_in(found):
        complain(f"warning: {clean(problem)}")
    return found


def refuse_unwritable(**named: Path) -> None:
    """Look at folders that will be written to; nothing is made for it.

    Args:
        named: Each folder, by the name of its option; those that no option names are left to whoever writes.

    Raises:
        GraphError: One cannot be written; names each of them.
    """
    chosen = click.get_current_context().get_parameter_source
    given = {name: place for name, place in named.items() if chosen(name) is ParameterSource.COMMANDLINE}
    wrong = [
        f"--{name} {clean(str(place))}: cannot be written: {reason}."
        for name, place in given.items()
        if (reason := _reason_against(place))
    ]
    if wrong:
        raise GraphError("\n".join(wrong))


def _reason_against(place: Path) -> str:
    """Why no file can be made in a folder, or in the nearest one above it that is there; "" where one can."""
    try:
        there = next(one for one in (place.absolute(), *place.absolute().parents) if one.exists())
        with tempfile.TemporaryFile(dir=there):
            return ""
    except OSError as error:
        return error.strerror or str(error)


FILES = click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
FILE = click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
SETTINGS = click.option(
    "--set", "settings", multiple=True, metavar="NODE.INPUT=VALUE",
    help="Give an input another value; the node by id or title, the value as JSON or text. Repeatable.",
)  # fmt: skip
SWEEPS = click.option(
    "--each", "sweeps", multiple=True, metavar="NODE.INPUT=VALUES",
    help="Run once for each value: 1,2,3 or 1..8 for numbers, a pattern such as *.png for files, @FILE with a line for "
    'each, or ["a", "b"]. Repeatable: every value of one with every value of the others.',
)  # fmt: skip
TARGETS = click.option(
    "--to", "targets", multiple=True, metavar="NODE", help="Only what this node needs, by id or title. Repeatable."
)
OUT = click.option(
    "--out", type=folder(), default=Path("output"), show_default=True, metavar="DIR", help="Where results are saved."
)
MEMORY = click.option(
    "--cache-memory",
    "memory",
    type=Size(),
    default="2GB",
    show_default=True,
    metavar="SIZE",
    help="How much memory kept results may take.",
)
MODEL_MEMORY = click.option(
    "--memory",
    "model_memory",
    type=Size(),
    metavar="SIZE",
    help="How much memory models may take up on each device; those not in use are let go to stay within it.  "
    "[default: half of main memory, three quarters of a GPU's]",
)
METADATA = click.option(
    "--metadata",
    type=click.Choice(get_args(Metadata)),
    default="full",
    show_default=True,
    help="What saved pictures carry: the whole workflow, only the nodes that made them, or nothing.",
)
NO_CACHE = click.option("--no-cache", is_flag=True, help="Compute everything, and keep nothing.")
