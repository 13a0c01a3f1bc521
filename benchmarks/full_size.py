"""Networks of Stable Diffusion 1.5's full size on this machine's CPU: our loop against diffusers' pipeline.

Takes minutes and 5 GB; so it runs only when it is named: `python -m benchmarks full_size`. With `full` in the
environment's CONTROLGRAPH_BENCH pictures are twice as wide and high, and each is drawn more often.
"""

from __future__ import annotations

import os

import torch

from benchmarks.accounting import peak_bytes
from benchmarks.subject import FULL, Subject
from benchmarks.table import Table, median_pair
from sd_nodes.diffusion import footprint
from sd_nodes.diffusion.footprint import Latents

STEPS = 2
SIDE, RUNS = (256, 3) if os.environ.get("CONTROLGRAPH_BENCH") == "full" else (128, 1)


def measure() -> list[Table]:
    """Measure time and memory, and compare both with what is told of the memory before a run."""
    subject = Subject.of(FULL, "cpu", torch.bfloat16).smaller(SIDE, STEPS)
    ours, theirs = subject.ours(1), subject.theirs(1)
    same = "bit-equal" if torch.equal(ours()[0], theirs()[0]) else "NOT equal"
    mine, other, ratio = median_pair(ours, theirs, runs=RUNS)
    latents = Latents(2, SIDE // 8, SIDE // 8)
    step = footprint.unet(subject.unet.config, latents, controls=1)
    decoding = footprint.decoder(subject.vae.config, Latents(1, SIDE // 8, SIDE // 8))
    told = 2 * max(step, decoding)
    rows = [
        ["ours", f"{mine:.1f} s", f"{ratio:.2f}", f"{peak_bytes(ours) / 1e6:.0f} MB"],
        ["diffusers' StableDiffusionControlNetPipeline", f"{other:.1f} s", "1", f"{peak_bytes(theirs) / 1e6:.0f} MB"],
    ]
    note = (
        f"Random weights in bfloat16, {SIDE} x {SIDE}, one ControlNet, {STEPS} UniPC steps, guidance, decoding; the "
        f"latents are {same}. Memory beside the weights, by tensors counted; told before the run: {told / 1e6:.0f} MB."
    )
    return [Table("Stable Diffusion 1.5's full size on the CPU", ["", "time", "ratio", "most memory"], rows, note)]
