"""A pack with apples: toy nodes to try the command line with."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from graph_runtime import SILENT, Choices, Folders, NodeError, Progress, Range, Seed, Shown, ShownFile, Text, node

HERE = Folders()


@dataclass(frozen=True)
class Apples:
    """Some apples of one kind."""

    kind: str
    count: int


@node("Pick Apples", category="orchard")
def pick_apples(kind: Literal["russet", "gala", "fuji"] = "gala", count: Annotated[int, Range(1, 1000)] = 3) -> Apples:
    """Pick some apples.

    Args:
        kind: What grows on the tree.
        count: How many to pick.

    Returns:
        apples: They are fresh.
    """
    return Apples(kind, count)


@node("Wash Apples", category="kitchen")
def wash_apples(
    apples: Apples, steps: Annotated[int, Range(0, 10000)] = 3, seconds: float = 0.0, progress: Progress = SILENT
) -> Apples:
    """Wash apples, one step after the other.

    Args:
        apples: What to wash.
        steps: How often.
        seconds: How long each step takes.

    Returns:
        clean: The same apples.
    """
    for _ in progress.track(range(steps)):
        time.sleep(seconds)
    return apples


@node("Mix Apples", category="kitchen")
def mix_apples(first: Apples, second: Apples | None = None) -> Apples:
    """Put apples together.

    Args:
        first: Gives the kind.
        second: More of them.

    Returns:
        mixed: All of them.
    """
    return Apples(first.kind, first.count + (second.count if second else 0))


@node("Drop Apples", category="kitchen")
def drop_apples(
    apples: Apples,
    how: Literal["softly", "foreseen", "unforeseen", "forever"] = "softly",
    progress: Progress = SILENT,
) -> Apples:
    """Drop apples, which may go wrong."""
    if how == "foreseen":
        raise NodeError("found a hole in the basket, needs a whole one.", input="apples", nearest="a bucket")
    if how == "unforeseen":
        raise ValueError("the floor is \x1b[31mlava")
    if how == "forever":
        progress.say("waiting for the ground")
        threading.Event().wait()
    progress.say("that went well")
    return apples


@node("Label", category="kitchen/paper")
def label(text: Annotated[str, Text()] = "fresh", seed: Seed = 0, bold: bool = False) -> str:
    """Write a label.

    Args:
        text: What stands on it.
        seed: Chooses the pen.
        bold: Whether it is thick.

    Returns:
        label: The text.
    """
    return text.upper() if bold else text


def _recipes(folders: Folders) -> list[str]:
    return sorted(path.name for path in folders.input.glob("*.txt"))


def _digest(recipe: str, folders: Folders) -> str:
    path = folders.input / recipe
    if not path.is_file():
        raise NodeError(f"there is no recipe {recipe} in {folders.input}.", input="recipe")
    return sha256(path.read_bytes()).hexdigest()


@node("Read Recipe", category="kitchen/paper", fingerprint=_digest)
def read_recipe(recipe: Annotated[str, Choices(_recipes, open=True)], folders: Folders = HERE) -> str:
    """Read a recipe from the input folder.

    Args:
        recipe: The name of the file.

    Returns:
        text: What it says.
    """
    return (folders.input / recipe).read_text()


@node("Weather", category="orchard", cached=False)
def weather() -> str:
    """Look at the sky, which is another one each time.

    Returns:
        sky: What it looks like.
    """
    return f"{time.time()}"


@node("Serve Apples", category="table")
def serve_apples(apples: Apples, label: str = "", name: str = "plate", folders: Folders = HERE) -> Shown:
    """Serve apples on a plate in the output folder.

    Args:
        apples: What to serve.
        label: What stands on the plate.
        name: The name of the file.
    """
    folders.output.mkdir(parents=True, exist_ok=True)
    path = folders.output / f"{name}.txt"
    path.write_text(f"{apples.count} {apples.kind} {label}".strip())
    return Shown((ShownFile(Path(path), media="text/plain"),), (f"{apples.count} {apples.kind}",))
