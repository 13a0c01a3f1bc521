"""Runs cases as the workflows they are, through nodes and engine, and compares what they save."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

from benchmarks.parity.cases import Case, Rule
from benchmarks.parity.measures import EQUAL, relative_error, signal_to_noise
from graph_runtime import Executor, Folders, GraphError, Library, Outcome, ShownFile, discover, join
from graph_runtime.api_format import from_json
from graph_runtime.cache import MemoryCache
from sd_nodes.seeding import VARIABLE

KEPT = 200_000_000
"""Bytes of results that are kept between cases: mostly texts and pictures that several cases begin with."""

CLOSE, NEAR = 60.0, 1e-3
"""What a case has to reach: the ratio of its pictures in dB, and the relative error of its latents."""


@dataclass(frozen=True)
class Found:
    """What became of a case.

    Attributes:
        case: The case.
        ratio: The peak signal-to-noise ratio of its pictures in dB; nothing if it has none.
        error: The relative error of its latents; nothing if it has none.
        seconds: How long it took.
        reason: Why it gave nothing to compare, or "".
    """

    case: Case
    ratio: float | None
    error: float | None
    seconds: float
    reason: str = ""

    @property
    def met(self) -> bool:
        """Whether the pictures and latents are those that were wanted."""
        ratio = EQUAL if self.ratio is None else self.ratio
        return not self.reason and ratio >= CLOSE and (self.error or 0.0) <= NEAR


def run(cases: Iterable[Case], models: Path, work: Path) -> Iterator[Found]:
    """Runs cases one after the other, those of one rule for noise together.

    Args:
        cases: The cases.
        models: A folder with `checkpoints`, `controlnet`, `loras`, `embeddings`, and `input` for pictures.
        work: A folder for what the workflows save.
    """
    folders = Folders(models / "input", work / "output", (models,), work / "temp", work / "state")
    for rule, group in groupby(cases, lambda case: case.rule):
        with _seeded(rule), Executor(folders, MemoryCache(KEPT)) as executor:
            library = discover()
            for case in group:
                yield _found(case, library, executor)


@contextmanager
def _seeded(rule: Rule) -> Iterator[None]:
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = rule
    try:
        yield
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before


def _found(case: Case, library: Library, executor: Executor) -> Found:
    started = time.perf_counter()
    try:
        targets = tuple(case.outputs[name] for name in case.goldens)
        graph = join(from_json(case.nodes), library, executor.folders, targets)
    except GraphError as refused:
        return Found(case, None, None, time.perf_counter() - started, " ".join(str(refused).split()))
    outcome = asyncio.run(executor.run(graph))
    seconds = time.perf_counter() - started
    if outcome.failures:
        reasons = "; ".join(str(each.problem) for each in outcome.failures.values())
        return Found(case, None, None, seconds, reasons)
    pairs = [(_saved(outcome, case.outputs[name]), golden) for name, golden in case.goldens.items()]
    ratios = [signal_to_noise(*pair) for pair in pairs if pair[1].dtype == np.uint8]
    errors = [relative_error(*pair) for pair in pairs if pair[1].dtype != np.uint8]
    return Found(case, min(ratios, default=None), max(errors, default=None), seconds)


def _saved(outcome: Outcome, sink: str) -> np.ndarray:
    shown = outcome.results[sink].shown
    files = shown.files if shown else ()
    return np.concatenate([_read(file) for file in files])


def _read(file: ShownFile) -> np.ndarray:
    """Read a saved picture `[1, height, width, channel]`, or saved latents."""
    if file.path.suffix == ".latent":
        return load_file(file.path)["latent_tensor"].astype(np.float32)
    with Image.open(file.path) as picture:
        return np.asarray(picture.convert("RGB"))[None]
