"""Runs the workflows that ship, as far as a machine without Stable Diffusion can; results are kept between runs."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Pillow

from graph_runtime import Executor, Folders, Workflow, WorkflowError, discover, join
from graph_runtime.api_format import read
from graph_runtime.cache import DiskCache, types_of
from graph_runtime.drawing import picture, png

ROOT = Path(__file__).parent.parent
WORKFLOWS = ROOT / "workflows"
KEPT = ROOT / "out/kept"
"""Where results are kept: what has not changed is not computed again."""

SHEETS = ("Save two by two", "Save side by side", "Show side by side", "Save")
"""The titles of the nodes whose picture tells most, the best first."""


@dataclass(frozen=True)
class Shown:
    """What a workflow shows of itself.

    Attributes:
        title: Its title.
        picture: What it drew; where it can draw nothing, its graph.
        remark: What the picture is, where that is not what the workflow draws.
        whole: Whether all of the workflow can run here.
    """

    title: str
    picture: Pillow.Image
    remark: str = ""
    whole: bool = True


def shown(name: str) -> Shown:
    """Run a workflow as far as its weights are here, and take the picture that tells most.

    Raises:
        RuntimeError: It could run and failed.
    """
    workflow = read(WORKFLOWS / f"{name}.json")
    whole, wanted = _fits(workflow), _node(workflow)
    if _fits(workflow, wanted):
        return Shown(workflow.title, _drawn(workflow, wanted), "" if whole else "its control maps", whole)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "graph.png"
        file.write_bytes(png(picture(workflow, discover())))
        return Shown(workflow.title, Pillow.open(file).convert("RGB"), "its graph; its models are not fetched", False)


def _node(workflow: Workflow) -> str:
    titles = {call.title: id for id, call in workflow.nodes.items()}
    return next(titles[title] for title in SHEETS if title in titles)


def _folders(out: Path = Path("out")) -> Folders:
    return Folders(WORKFLOWS / "input", out, (ROOT / "models",), out)


def _fits(workflow: Workflow, *wanted: str) -> bool:
    """Tell whether all that a workflow needs is here, for some of its nodes or all."""
    try:
        join(workflow, discover(), _folders(), list(wanted) or None)
    except WorkflowError:
        return False
    return True


def _drawn(workflow: Workflow, wanted: str) -> Pillow.Image:
    library = discover()
    with tempfile.TemporaryDirectory() as folder:
        folders = _folders(Path(folder))
        with Executor(folders, DiskCache(KEPT, 1 << 30, types_of(library))) as executor:
            outcome = asyncio.run(executor.run(join(workflow, library, folders, [wanted])))
        if outcome.state != "succeeded":
            raise RuntimeError(f"{workflow.source}: {outcome.failures}")
        files = outcome.results[wanted].shown
        assert files is not None
        with Pillow.open(files.files[0].path) as found:
            return found.convert("RGB")
