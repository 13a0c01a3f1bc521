"""Ways of drawing on a GPU: diffusers' pipeline, our loop as it is, with CUDA graphs, compiled; and how near the floor.

Without a GPU the same is done at toy size on the CPU, to show that it runs; its times say nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.accounting import peak_bytes
from benchmarks.subject import FULL, TOY, Shape, Subject
from benchmarks.table import Table, median_seconds
from sd_nodes.diffusion.compiling import compile_blocks
from sd_nodes.diffusion.replaying import Recordings, on_cuda

FLOOR = 0.059
"""Seconds that the arithmetic of one picture takes at the least: 20 steps of 2.17 and a decoder of 2.5 TFLOP, at the
790 TFLOP/s of bfloat16 matrix products that were measured on an H200."""

BATCHES = (1, 8)
SYNC = "called a synchronizing CUDA operation"
Draw = Callable[[], tuple[Tensor, Tensor]]


def measure() -> list[Table]:
    """Measure all ways, one table for each size of a batch."""
    if torch.cuda.is_available():
        return [_table(FULL, "cuda", torch.bfloat16, batch) for batch in BATCHES]
    return [_table(TOY, "cpu", torch.float32, batch) for batch in BATCHES]


def _table(shape: Shape, device: str, dtype: torch.dtype, batch: int) -> Table:
    subject = Subject.of(shape, device, dtype)
    theirs = subject.theirs(batch)
    reference = theirs()[0]
    rows = [_row("diffusers' StableDiffusionControlNetPipeline", theirs, reference, device, batch)]
    rows.append(_row("ours, as it is", subject.ours(batch), reference, device, batch))
    recorded = Recordings(on_cuda if device == "cuda" else _again)
    graphs = "ours, CUDA graphs" if device == "cuda" else "ours, recorded steps (no CUDA graphs here)"
    rows.append(_row(graphs, subject.ours(batch, recorded), reference, device, batch))
    recorded.clear()
    reasons = [compile_blocks(module, torch.device(device)) for module in (subject.unet, subject.net, subject.vae)]
    name = "ours, compiled" if not any(reasons) else f"ours, not compiled: {reasons[0]}"
    rows.append(_row(name, subject.ours(batch), reference, device, batch, counted=False))
    columns = ["", "time", "times the floor", "most memory", "host syncs", "latents"]
    return Table(f"One call, batch {batch}, {shape.name}", columns, rows, _note(shape, device, dtype))


def _note(shape: Shape, device: str, dtype: torch.dtype) -> str:
    here = "No GPU is here: a test on the CPU that all of it runs"
    where = torch.cuda.get_device_name() if device == "cuda" else here
    what = f"{shape.side} x {shape.side}, one ControlNet, {shape.steps} UniPC steps, guidance, decoding"
    kind = str(dtype).removeprefix("torch.")
    floor = f" The floor is {1000 * FLOOR:.0f} ms a picture." if device == "cuda" else ""
    return f"{where}. Random weights, {kind}; {what}; memory beside the weights; medians.{floor}"


def _row(name: str, draw: Draw, reference: Tensor, device: str, batch: int, counted: bool = True) -> list[str]:
    latents = draw()[0]  # kernels are chosen, compiled and recorded here
    same = "bit-equal" if torch.equal(latents, reference) else f"apart by {_apart(latents, reference):.1e}"
    if device == "cpu":
        memory = f"{peak_bytes(draw) / 1e6:.1f} MB" if counted else "-"  # kernels take theirs unseen
        return [name, f"{1000 * median_seconds(draw, runs=3):.0f} ms", "-", memory, "-", same]
    seconds = median_seconds(lambda: (draw(), torch.cuda.synchronize()), runs=7, warmups=2)
    over = f"{seconds / (batch * FLOOR):.2f}"
    return [name, f"{1000 * seconds:.0f} ms", over, f"{_memory(draw) / 1e9:.2f} GB", str(_syncs(draw)), same]


def _apart(latents: Tensor, reference: Tensor) -> float:
    """How far latents lie apart, as a part of their length."""
    return float((latents.float() - reference.float()).norm() / reference.float().norm())


def _memory(draw: Draw) -> int:
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    draw()
    return torch.cuda.max_memory_allocated() - before


def _syncs(draw: Draw) -> int:
    """How often the host waited for the GPU."""
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            draw()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum(SYNC in str(each.message) for each in seen)


def _again(function: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
    """Stands for a CUDA graph on the CPU: computes the same tensors anew."""
    result = function()

    def again() -> None:
        result.copy_(function())

    return result, again
