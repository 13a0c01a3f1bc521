"""What makes sampling faster and changes the picture: by how much, on the demonstration model and at full size.

The demonstration model draws the same prompts and seeds each way; full size has random weights, so what its latents
differ by says little, and its times count. `full` in the environment's CONTROLGRAPH_BENCH measures full size, too.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from benchmarks.subject import FULL, TOY, Subject
from benchmarks.table import Table
from graph_runtime import Folders
from sd_nodes import sources
from sd_nodes.diffusion.reusing import Reuse
from sd_nodes.latents import empty_latent_image, vae_decode
from sd_nodes.network_tweaks import reuse_features
from sd_nodes.sampling import sampler
from sd_nodes.sampling_types import CFG, GuidanceMethod
from sd_nodes.text import clip_text_encode
from sd_nodes.types import Conditioning, Model
from sd_nodes.weights import WeightStore

K = TypeVar("K")
T = TypeVar("T")

PROMPTS = ("a cat face", "a red heart")
PICTURES, STEPS, REPEATS = 2, 20, 2
BATCHES = (1, 2, 4, 8)


@dataclass(frozen=True)
class Way:
    """One way to sample.

    Attributes:
        name: What is done.
        every: Every so many steps all of the UNet is computed.
        depth: The layers that are computed in the steps between.
        method: When there is guidance.
        steps: How many steps are done.
    """

    name: str
    every: int = 1
    depth: int = 1
    method: GuidanceMethod = CFG
    steps: int = STEPS


HALF = replace(CFG, end=0.5)
WAYS = (
    Way("as it is"),
    Way("guidance in the first half of the steps", method=HALF),
    Way("guidance in the second half", method=replace(CFG, start=0.5)),
    Way("guidance from 0.2 to 0.8", method=replace(CFG, start=0.2, end=0.8)),
    *(
        Way(f"Reuse Features, every {every} steps, depth {depth}", every, depth)
        for depth in (1, 2)
        for every in (2, 3, 5)
    ),
    Way("Reuse Features every 3, guidance in the first half", 3, 1, HALF),
    Way(f"{STEPS // 2} steps instead of {STEPS}", steps=STEPS // 2),
    Way("7 steps", steps=7),
)
"""Fewer steps stand beside them: what takes as long must come nearer to count."""


def measure() -> list[Table]:
    """Measure all ways and batches with the demonstration model, and at full size where that is asked for."""
    with tempfile.TemporaryDirectory() as state:
        folders = Folders(state=Path(state))
        store = WeightStore(folders)
        with torch.inference_mode():
            tables = [_ways(folders, store), _batches(folders, store)]
    full = os.environ.get("CONTROLGRAPH_BENCH") == "full"
    return [*tables, _size(Subject.of(FULL, "cpu", torch.bfloat16).smaller(256, 6) if full else _toy())]


def _ways(folders: Folders, store: WeightStore) -> Table:
    base = sources.checkpoint("emoji", folders)
    nothing = clip_text_encode("", base.clip, store=store)
    words = [(clip_text_encode(prompt, base.clip, store=store), nothing) for prompt in PROMPTS]

    def drawn(way: Way) -> Tensor:
        model = reuse_features(base.model, way.every, way.depth)
        return torch.cat([_sampled(model, each, way, store) for each in words])

    costs, results = _timed({way: partial(drawn, way) for way in WAYS})
    pictures = {way: vae_decode({"samples": found}, base.vae, store=store) for way, found in results.items()}
    plain, usual = pictures[WAYS[0]], costs[WAYS[0]]
    rows = []
    for way, picture in pictures.items():
        apart = 255 * (picture - plain).abs()
        changed = "-" if way == WAYS[0] else f"{apart.mean():.1f} (most {apart.mean(dim=(1, 2, 3)).max():.1f})"
        rows.append([way.name, f"{costs[way] / usual:.2f}", f"{usual / costs[way]:.2f}", changed])
    columns = ["", "processor time", "times as fast", "change in grey levels of 255: mean (of the picture with most)"]
    note = (
        f"The demonstration model, {len(PROMPTS)} prompts with {PICTURES} seeds each, {STEPS} steps of its scheduler, "
        f"guidance 7.5, one thread; the less of {REPEATS}, taken in turn. Decoding is not in the times."
    )
    return Table("Levers that change the picture", columns, rows, note)


def _sampled(model: Model, words: tuple[Conditioning, Conditioning], way: Way, store: WeightStore) -> Tensor:
    latent = empty_latent_image(128, 128, PICTURES)
    return sampler(
        model, *words, latent, seed=1, steps=way.steps, method=way.method, seeds="each", store=store
    )["samples"]  # fmt: skip


def _batches(folders: Folders, store: WeightStore) -> Table:
    """The same eight pictures in batches of each size; each has a seed of its own."""
    base = sources.checkpoint("emoji", folders)
    words = clip_text_encode(PROMPTS[0], base.clip, store=store), clip_text_encode("", base.clip, store=store)
    count = max(BATCHES)

    def drawn(size: int) -> Tensor:
        parts = range(1, count + 1, size)
        latent = empty_latent_image(128, 128, size)
        found = [sampler(base.model, *words, latent, seed=seed, seeds="each", store=store)["samples"] for seed in parts]
        return torch.cat(found)

    costs, results = _timed({size: partial(drawn, size) for size in BATCHES})
    alone = results[1]
    rows = []
    for size, found in results.items():
        apart = float((found - alone).abs().max())
        equal = "-" if size == 1 else "bit-equal" if apart == 0 else f"{apart:.0e}"
        rows.append([str(size), f"{count / costs[size]:.1f}", f"{costs[1] / costs[size]:.2f}", equal])
    columns = [
        "batch",
        "pictures a second of one core",
        "times as fast",
        "latents apart from those of one by one, most",
    ]
    note = (
        f"{count} seeds of one prompt (`seeds` is `each`), {STEPS} steps, 128 x 128, one thread; the less of {REPEATS}."
    )
    return Table("Batches", columns, rows, note)


def _toy() -> Subject:
    return Subject.of(
        replace(TOY, name="toy size (CONTROLGRAPH_BENCH=full measures full size)", steps=6), "cpu", torch.float32
    )


def _size(subject: Subject) -> Table:
    """Steps with a ControlNet and guidance: all of it, and with features that are used again."""
    reuses = (None, Reuse(2), Reuse(3), Reuse(3, 2), Reuse(3, 3), Reuse(6))
    costs, drawn = _timed({reuse: subject.ours(1, reuse=reuse, decoded=False) for reuse in reuses})
    results = {reuse: latents.float() for reuse, (latents, _) in drawn.items()}
    rows = []
    for reuse, found in results.items():
        name = "as it is" if reuse is None else f"all of it every {reuse.every} steps, depth {reuse.depth}"
        apart = float((found - results[None]).norm() / results[None].norm())
        seconds = costs[reuse]
        rows.append(
            [name, f"{seconds:.1f} s", f"{costs[None] / seconds:.2f}", f"{100 * apart:.1f} %" if reuse else "-"]
        )
    shape = subject.shape
    note = (
        f"Random weights, {shape.side} x {shape.side}, one ControlNet, {shape.steps} UniPC steps, guidance; one thread."
    )
    columns = ["", "processor time", "times as fast", "latents apart, of their length"]
    return Table(f"Reuse Features, {shape.name}", columns, rows, note)


def _timed(works: Mapping[K, Callable[[], T]]) -> tuple[dict[K, float], dict[K, T]]:
    """The least processor time of each of several pieces of work, taken in turn, and what they gave."""
    taken: dict[K, list[float]] = {key: [] for key in works}
    results: dict[K, T] = {}
    for _ in range(REPEATS):
        for key, work in works.items():
            started = time.process_time()
            results[key] = work()
            taken[key].append(time.process_time() - started)
    return {key: min(times) for key, times in taken.items()}, results
