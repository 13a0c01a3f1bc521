"""A stock workflow against our own sampler and diffusers' pipeline on the same weights: time, memory, re-runs.

`python -m benchmarks.stock NAME` does the work of that name and prints the most memory that its process held.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from benchmarks.table import Table, median_pair, median_seconds
from graph_runtime import Executor, Graph, discover, join
from graph_runtime.api_format import from_json
from graph_runtime.cache import MemoryCache

PROMPT, SEED, STEPS, SCALE, SIDE = "a 3d render of a frog on a yellow background", 1, 20, 7.0, 128
STOCK, NATIVE, DIFFUSERS = "KSampler on our engine", "Sampler on our engine", "diffusers' StableDiffusionPipeline"
NAMES = {"stock": STOCK, "native": NATIVE, "diffusers": DIFFUSERS}
PICTURE, SAMPLED = "picture", "sampled"
AGAIN = 10
"""How often a workflow runs again before the memory of re-runs is taken."""

Work = Callable[[], object]


def measure() -> list[Table]:
    """Measure a first run and re-runs."""
    return [_against_others(), _again()]


def _graph(native: bool = False, seed: int = SEED) -> Graph:
    """Twenty Euler steps with guidance on the demonstration model, from the prompt to the picture."""
    told = {"positive": ["positive", 0], "negative": ["negative", 0]}
    asked = {"steps": STEPS, "seed": seed, **told}
    sampler = {"model": ["swapped", 0], "guidance": SCALE, "latent": ["empty", 0], **asked}
    stock = {"model": ["base", 0], "cfg": SCALE, "sampler_name": "euler", "scheduler": "normal", **asked}
    stock |= {"latent_image": ["empty", 0], "denoise": 1.0}
    nodes: dict[str, tuple[str, dict[str, object]]] = {
        "base": ("LoadBaseModel", {"name": "emoji"}),
        "swapped": ("SwapScheduler", {"model": ["base", 0], "scheduler": "euler"}),
        "positive": ("CLIPTextEncode", {"text": PROMPT, "clip": ["base", 1]}),
        "negative": ("CLIPTextEncode", {"text": "", "clip": ["base", 1]}),
        "empty": ("EmptyLatentImage", {"width": SIDE, "height": SIDE, "batch_size": 1}),
        SAMPLED: ("Sampler", sampler) if native else ("KSampler", stock),
        PICTURE: ("VAEDecode", {"samples": [SAMPLED, 0], "vae": ["base", 2]}),
    }
    prompt = {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in nodes.items()}
    return join(from_json(prompt), discover(), targets=[PICTURE])


def _runs(graph: Graph, executor: Executor) -> Work:
    def run() -> None:
        outcome = asyncio.run(executor.run(graph))
        assert outcome.state == "succeeded", outcome.failures

    return run


def _pipeline() -> Work:
    import torch
    from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline

    import sd_nodes

    folder = Path(sd_nodes.__file__).parent / "embedded/emoji"
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, dtype=torch.float32)
    pipeline.scheduler = EulerDiscreteScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)

    def run() -> object:
        return pipeline(
            PROMPT,
            negative_prompt="",
            height=SIDE,
            width=SIDE,
            num_inference_steps=STEPS,
            guidance_scale=SCALE,
            generator=torch.Generator().manual_seed(SEED),
        )

    return run


def _against_others() -> Table:
    """Everything is loaded before the clock starts."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(Executor()) for _ in range(2))
        stock, native = _runs(_graph(), first), _runs(_graph(native=True), second)
        diffusers = _pipeline()
        ours, own, against_own = median_pair(stock, native)
        _, theirs, against_theirs = median_pair(stock, diffusers)
    memory = {name: _megabytes(name) for name in NAMES}
    rows = [
        [STOCK, f"{ours:.2f} s", "1", f"{memory['stock']:.0f} MB"],
        [NATIVE, f"{own:.2f} s", f"{1 / against_own:.2f}", f"{memory['native']:.0f} MB"],
        [DIFFUSERS, f"{theirs:.2f} s", f"{1 / against_theirs:.2f}", f"{memory['diffusers']:.0f} MB"],
    ]
    note = (
        f"The demonstration model, {SIDE} x {SIDE}, {STEPS} Euler steps, guidance; ratios of runs in turn. Memory is "
        "the most that a whole process held that did this once, Python and torch included."
    )
    return Table("A stock workflow", ["", "time", "ratio", "memory"], rows, note)


def _again() -> Table:
    """The same workflow again in one process, and with another seed."""
    with Executor(cache=MemoryCache(1 << 30)) as executor, Executor() as forgetful:
        first = median_seconds(_runs(_graph(), forgetful))
        same = median_seconds(_runs(_graph(), executor))
        other = median_seconds(_reseeded(executor))
    theirs = median_seconds(_pipeline())
    rows = [
        ["nothing kept", f"{first:.2f} s", "1", f"{_megabytes('stock'):.0f} MB"],
        [
            "another seed: prompts kept, the graph joined anew", f"{other:.2f} s", f"{other / first:.2f}",
            f"{_megabytes('seeds'):.0f} MB",
        ],
        ["nothing changed", f"{1000 * same:.1f} ms", f"{same / first:.4f}", f"{_megabytes('same'):.0f} MB"],
        [
            f"{DIFFUSERS}, which keeps nothing", f"{theirs:.2f} s", f"{theirs / first:.2f}",
            f"{_megabytes('pipeline'):.0f} MB",
        ],
    ]  # fmt: skip
    note = f"Memory is the most that a whole process held: that ran once, and {AGAIN} times more in the rows below."
    return Table("The stock workflow again, in one process", ["", "time", "ratio", "memory"], rows, note)


def _reseeded(executor: Executor) -> Work:
    """The workflow with another seed each time."""
    graphs = (_graph(seed=seed) for seed in count(100))
    return lambda: _runs(next(graphs), executor)()


def _megabytes(name: str) -> float:
    """The most memory that a process held that did a piece of work, in megabytes."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.stock", name], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    """Do a piece of work, and print the most memory that the process held, in megabytes."""
    (name,) = sys.argv[1:]
    with Executor(cache=MemoryCache(1 << 30)) as executor, Executor() as forgetful:
        made: dict[str, Callable[[], Work]] = {
            "diffusers": _pipeline,
            "pipeline": _pipeline,
            "native": lambda: _runs(_graph(native=True), forgetful),
            "stock": lambda: _runs(_graph(), forgetful),
            "same": lambda: _runs(_graph(), executor),
            "seeds": lambda: _reseeded(executor),
        }
        work = made[name]()
        for _ in range(1 + AGAIN if name in ("pipeline", "same", "seeds") else 1):
            work()
    print(_peak() / 10**6)


def _peak() -> int:
    """The most bytes that this process held; what the system counts for children begins with their parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    kilo = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilo


if __name__ == "__main__":
    main()
