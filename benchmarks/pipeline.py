"""Our run of the Canny workflow against diffusers' own pipeline on the same weights; first run, re-run, new process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.table import Table, median_pair, median_seconds
from graph_runtime import Executor, Folders, Graph, discover, join
from graph_runtime.api_format import read
from graph_runtime.cache import MemoryCache

if TYPE_CHECKING:
    import torch
    from diffusers import StableDiffusionControlNetPipeline

ROOT = Path(__file__).parent.parent
WORKFLOW = ROOT / "workflows/canny_controlnet.json"
PICTURES = ROOT / "workflows/input"


def measure() -> list[Table]:
    """Measure against the pipeline, and what is reused."""
    with tempfile.TemporaryDirectory() as folder:
        return [_against_pipeline(Path(folder)), _reuse(Path(folder))]


def _graph(folder: Path) -> tuple[Graph, Folders]:
    folders = Folders(input=PICTURES, output=folder / "output", temp=folder / "temp")
    return join(read(WORKFLOW), discover(), folders), folders


def _against_pipeline(folder: Path) -> Table:
    """Everything is loaded before the clock starts; both draw the picture from the same edges and prompt."""
    graph, folders = _graph(folder)
    pipeline, equal = _pipeline(graph, folders)
    with Executor(folders) as executor:

        def ours() -> None:
            assert asyncio.run(executor.run(graph)).state == "succeeded"

        seconds, theirs, ratio = median_pair(ours, pipeline, runs=7)
    rows = [
        ["the workflow on our engine, nothing kept", f"{seconds:.2f} s", f"{ratio:.2f}"],
        ["diffusers' StableDiffusionControlNetPipeline", f"{theirs:.2f} s", "1"],
    ]
    same = "bit-identical" if equal else "NOT identical"
    note = f"The demonstration model, 128 x 128, 20 UniPC steps, guidance; the two latents are {same}."
    return Table("One Canny picture", ["", "time", "ratio"], rows, note)


def _pipeline(graph: Graph, folders: Folders) -> tuple[Callable[[], object], bool]:
    """Set up diffusers' pipeline with what the graph says, and compare its latents with the sampler's."""
    import torch

    pipeline = _theirs()
    values = next(step.values for step in graph.steps.values() if step.node.id == "Sampler")
    prompt = next(step.values["text"] for step in graph.steps.values() if step.node.id == "CLIPTextEncode")
    edges, ours = _ours(graph, folders)

    def run(output: str = "pil") -> torch.Tensor:
        found = pipeline(
            prompt,
            image=edges.permute(0, 3, 1, 2).contiguous(),
            negative_prompt="",
            num_inference_steps=values["steps"],
            guidance_scale=values["guidance"],
            generator=torch.Generator("cpu").manual_seed(values["seed"]),
            output_type=output,
        )
        return found.images

    theirs = run("latent") / pipeline.vae.config.scaling_factor
    return run, torch.equal(ours, theirs)


def _theirs() -> StableDiffusionControlNetPipeline:
    """Diffusers' pipeline with the embedded demonstration model and its Canny ControlNet."""
    import torch
    from diffusers import ControlNetModel, StableDiffusionControlNetPipeline, UniPCMultistepScheduler
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    import sd_nodes

    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    models = Path(sd_nodes.__file__).parent / "embedded"
    net = ControlNetModel.from_pretrained(models / "emoji-canny", dtype=torch.float32)
    pipeline = StableDiffusionControlNetPipeline.from_pretrained(
        models / "emoji", controlnet=net, safety_checker=None, dtype=torch.float32
    )
    pipeline.scheduler = UniPCMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _ours(graph: Graph, folders: Folders) -> tuple[torch.Tensor, torch.Tensor]:
    """The edges, `[batch, height, width, channel]`, and the latents of a run of the graph."""
    names = ("CannyEdges", "Sampler")
    edges, sampler = (next(id for id, step in graph.steps.items() if step.node.id == name) for name in names)
    targets = join(graph.workflow, graph.library, folders, [edges, sampler])
    with Executor(folders, MemoryCache(1 << 30)) as executor:
        results = asyncio.run(executor.run(targets)).results
    return results[edges].outputs[0], results[sampler].outputs[0]["samples"]


def _reuse(folder: Path) -> Table:
    """The same workflow again in one process, and in new processes that share a state folder."""
    graph, folders = _graph(folder / "reuse")
    with Executor(folders, MemoryCache(1 << 30)) as executor:

        def again() -> None:
            asyncio.run(executor.run(graph))

        rerun = median_seconds(again, runs=7)
    state = folder / "state"
    cold = median_seconds(lambda: _process(folder, state, "--no-cache"), runs=3, warmups=0)
    _process(folder, state)
    restarted = median_seconds(lambda: _process(folder, state), runs=5, warmups=0)
    rows = [
        ["`controlgraph run`, nothing kept", f"{cold:.2f} s", "1"],
        ["the same in a new process, results kept on disk", f"{restarted:.2f} s", f"{restarted / cold:.3f}"],
        ["the same again inside one process", f"{1000 * rerun:.1f} ms", f"{rerun / cold:.4f}"],
    ]
    return Table(
        "The Canny workflow again",
        ["", "time", "ratio"],
        rows,
        "Whole processes, loading of Python and torch included.",
    )


def _process(folder: Path, state: Path, *more: str) -> None:
    program = str(Path(sys.executable).with_name("controlgraph"))
    command = [program, "run", str(WORKFLOW), "--input", str(PICTURES)]
    command += ["--out", str(folder / "out"), "--state", str(state), *more]
    subprocess.run(command, check=True, capture_output=True)
