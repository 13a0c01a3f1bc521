"""Runs the official templates as they are, with models and pictures that stand in for theirs."""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.templates.stand_ins import write_models, write_pictures
from graph_runtime import Event, Executor, Folders, GraphError, Library, Outcome, ShownFile, Workflow, discover, join
from graph_runtime.comfy.formats.reading import read_any
from graph_runtime.events import NodeSaid

PACKAGE = "comfyui_workflow_templates"

NAMES = (
    "2_pass_pose_worship", "area_composition", "area_composition_square_area_for_subject", "controlnet_example",
    "default", "depth_controlnet", "depth_t2i_adapter", "embedding_example", "esrgan_example",
    "gligen_textbox_example", "hiresfix_esrgan_workflow", "hiresfix_latent_workflow", "image2image",
    "inpaint_example", "inpaint_model_outpainting", "latent_upscale_different_prompt_model", "lora", "lora_multiple",
    "mixing_controlnets", "sd3.5_large_blur", "sd3.5_large_canny_controlnet_example", "sd3.5_large_depth",
    "sd3.5_simple_example", "sdxl_refiner_prompt_example", "sdxl_revision_text_prompts",
    "sdxl_revision_zero_positive", "sdxl_simple_example", "sdxlturbo_example", "stable_zero123_example",
)  # fmt: skip
"""The templates of the Stable Diffusion family."""


@dataclass(frozen=True)
class Ran:
    """What became of a template.

    Attributes:
        name: Its name.
        nodes: How many nodes it has that run.
        validated: Whether it was found good before the run.
        sizes: The width and height of each picture that it saved or showed and that is not of one colour.
        seconds: How long the run took.
        reason: Why it gave no picture, or "".
        said: What it said that a user should know: warnings, what was left out.
    """

    name: str
    nodes: int = 0
    validated: bool = False
    sizes: tuple[tuple[int, int], ...] = ()
    seconds: float = 0.0
    reason: str = ""
    said: tuple[str, ...] = ()


def templates_folder() -> Path | None:
    """Where the package with the templates keeps them; None where it is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    return Path(found.origin).parent / "templates" if found is not None and found.origin else None


def run(names: Iterable[str], folder: Path, work: Path) -> Iterator[Ran]:
    """Run templates one after the other.

    Args:
        names: Their names.
        folder: Where they lie.
        work: An empty folder for stand-ins and results.
    """
    importlib.import_module("sd_nodes.loading")  # so that no template waits for the libraries
    library = discover()
    folders = Folders(work / "input", work / "output", (work / "models",), work / "temp", work / "state")
    with Executor(folders) as executor:
        for name in names:
            try:
                workflow = read_any(folder / f"{name}.json", library).sound()
            except GraphError as error:
                yield Ran(name, reason=str(error))
                continue
            prepare(workflow, folders)
            yield _run(Ran(name, len(workflow.nodes)), workflow, library, executor, folders)


def prepare(workflow: Workflow, folders: Folders) -> None:
    """Write what stands in for the models and pictures that a workflow names."""
    write_models(((origin.kind, origin.name) for origin in workflow.origins), folders.models[0])
    calls = (call.inputs.get("image") for call in workflow.nodes.values() if call.class_type == "LoadImage")
    write_pictures((name for name in calls if isinstance(name, str)), folders.input)


def _run(ran: Ran, workflow: Workflow, library: Library, executor: Executor, folders: Folders) -> Ran:
    try:
        graph = join(workflow, library, folders)
    except GraphError as error:
        return replace(ran, reason=" ".join(str(error).split()))
    events: list[Event] = []
    start = time.perf_counter()
    outcome = asyncio.run(executor.run(graph, events.append))
    ran = replace(ran, validated=True, seconds=time.perf_counter() - start)
    texts = [*map(str, graph.warnings), *(event.text for event in events if isinstance(event, NodeSaid))]
    ran = replace(ran, said=tuple(dict.fromkeys(texts)))
    if outcome.state != "succeeded":
        return replace(ran, reason="; ".join(str(failed.problem) for failed in outcome.failures.values()))
    sizes = tuple(filter(None, (_size(file.path) for file in _files(outcome))))
    return replace(ran, sizes=sizes, reason="" if sizes else "every picture is of one colour")


def _files(outcome: Outcome) -> Iterator[ShownFile]:
    for result in outcome.results.values():
        if result.shown is not None:
            yield from result.shown.files


def _size(path: Path) -> tuple[int, int] | None:
    """The width and height of a picture; None where it is of one colour."""
    with Image.open(path) as picture:
        return picture.size if float(np.asarray(picture.convert("RGB")).std()) > 1 else None
