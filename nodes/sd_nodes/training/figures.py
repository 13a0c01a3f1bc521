"""The figures of a demonstration model: what the prompt, the ControlNets and the schedulers do to held-out pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from diffusers import ControlNetModel, PNDMScheduler, SchedulerMixin
from numpy.typing import NDArray
from torch import Tensor

from .augment import Bytes
from .drawing import draw
from .evaluation import Pairs, background_is_named, edge_f1, inside_error, overlap, silhouette
from .hints import edges, raw_edges
from .model import LatentDiffusion

BATCH = 16


@dataclass(frozen=True)
class Scores:
    """How well pictures match held-out pairs; means over all pairs.

    Args:
        edges: F1 of the pictures' edges against the pairs' within two pixels, 0..1.
        raw: The same for edges traced without smoothing.
        overlap: Intersection over union of the silhouettes, 0..1.
        inside: Distance in Lab inside the silhouettes; 0 is the same colours.
        background: Share of pictures whose border has the colour that the pair's caption names.
    """

    edges: float
    raw: float
    overlap: float
    inside: float
    background: float

    @staticmethod
    def of(pictures: Bytes, pairs: Pairs) -> Scores:
        """Compares pictures, `[count, size, size, 3]`, with the pairs they were drawn for."""
        rows = [
            (
                edge_f1(edges(picture), wanted),
                edge_f1(raw_edges(picture), raw_edges(rgb)),
                overlap(silhouette(picture), alpha > 127),
                inside_error(picture, rgb, alpha),
                background_is_named(picture, caption),
            )
            for picture, wanted, alpha, rgb, caption in zip(
                pictures, pairs.edges, pairs.alpha, pairs.rgb, pairs.captions, strict=True
            )
        ]
        return Scores(*(float(mean) for mean in np.mean(np.array(rows, dtype=float), axis=0)))


def as_hints(control: Bytes) -> Tensor:
    """Turns grey bytes `[batch, height, width]` into control pictures `[batch, 3, height, width]`, 0..1."""
    return torch.from_numpy(control)[:, None].float().div(255).expand(-1, 3, -1, -1).contiguous()


def as_bytes(pictures: Tensor) -> Bytes:
    """Turns pictures `[batch, 3, height, width]`, 0..1, into bytes `[batch, height, width, 3]`."""
    made: NDArray[np.uint8] = pictures.mul(255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return made


def measure(
    model: LatentDiffusion, canny: ControlNetModel, depth: ControlNetModel, pairs: Pairs, compared: int = 24
) -> dict[str, Scores]:
    """Draws the held-out pairs in every way that is compared, from the same seeds.

    Args:
        model: Draws.
        canny: Follows the pairs' edges.
        depth: Follows the pairs' height maps.
        pairs: What is drawn.
        compared: How many of the pairs the slow scheduler draws.

    Returns:
        Scores by name: `prompt` has no ControlNet, `canny` and `depth` have one, `shuffled` has the Canny
        ControlNet with each pair's prompt exchanged for the next one's. `unipc` and `pndm` are the first
        pairs, in 20 steps of UniPC and 50 of PNDM, with the Canny ControlNet.
    """
    traced, heights = as_hints(pairs.edges), as_hints(pairs.heights)
    exchanged = replace(pairs, captions=(*pairs.captions[1:], pairs.captions[0]))
    first = pairs.first(compared)
    pndm = PNDMScheduler.from_config(model.scheduler.config, skip_prk_steps=True)
    followed = _drawn(model, pairs, canny, traced)
    return {
        "prompt": Scores.of(_drawn(model, pairs), pairs),
        "canny": Scores.of(followed, pairs),
        "shuffled": Scores.of(_drawn(model, exchanged, canny, traced), pairs),
        "depth": Scores.of(_drawn(model, pairs, depth, heights), pairs),
        "unipc": Scores.of(followed[:compared], first),
        "pndm": Scores.of(_drawn(model, first, canny, traced[:compared], steps=50, scheduler=pndm), first),
    }


def _drawn(
    model: LatentDiffusion,
    pairs: Pairs,
    controlnet: ControlNetModel | None = None,
    hints: Tensor | None = None,
    steps: int = 20,
    scheduler: SchedulerMixin | None = None,
) -> Bytes:
    parts = []
    for start in range(0, len(pairs.captions), BATCH):
        part = slice(start, start + BATCH)
        control = None if hints is None else hints[part]
        seeds = range(len(pairs.captions))[part]
        parts.append(draw(model, pairs.captions[part], seeds, controlnet, control, steps, scheduler=scheduler))
    return as_bytes(torch.cat(parts))
