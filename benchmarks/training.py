"""Small Canny and depth ControlNets, retrained from scratch on the demonstration base: how soon and how well.

The drawings are those of `controlgraph train demo data`, which is run first where they are not there:
it needs npm, so this part runs only when it is named.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import sd_nodes
from benchmarks.table import Table
from sd_nodes.training import dataset
from sd_nodes.training.augment import Bytes
from sd_nodes.training.autoencoder import as_tensor
from sd_nodes.training.controlnet import Batch, Lessons, Source, new_controlnet, train
from sd_nodes.training.demo import HINT_CHANNELS, control_pictures, with_plain_attention
from sd_nodes.training.drawing import draw
from sd_nodes.training.evaluation import Pairs, held_out_pairs
from sd_nodes.training.figures import Scores, as_bytes, as_hints
from sd_nodes.training.hints import CONTROLS
from sd_nodes.training.loop import Randomness, Schedule, Training, one_device
from sd_nodes.training.model import LatentDiffusion
from sd_nodes.training.variation import Variation, vary

FOLDER = Path(__file__).parent.parent / "build/training"
BASE = Path(sd_nodes.__file__).parent / "embedded/emoji"
LEARNED, TURNS, COMPARED, BATCH = 600, (6, 7), 24, 16
SCHEDULE = Schedule(steps=300, rate=1.5e-3, warmup=30, every=100)

Example = tuple[Variation, torch.Tensor]


def measure() -> list[Table]:
    """Train both for a few minutes and compare what they draw with what the prompt alone draws."""
    if not (FOLDER / "data/pictures.json").exists():
        dataset.build(FOLDER / "data", FOLDER / "archives")
    pictures, drawings = dataset.load(FOLDER / "data")
    model = LatentDiffusion.open(BASE).locked(one_device().device)
    with_plain_attention(model.unet)
    pairs, examples = held_out_pairs(pictures, drawings, COMPARED), _examples(model, pictures, drawings)
    rows = [["prompt alone", "0", "", *_cells(Scores.of(as_bytes(_prompt_alone(model, pairs)), pairs))]]
    for kind in CONTROLS:
        rows += _trained(kind, model, pairs, examples)
    note = (
        f"{LEARNED} drawings, {BATCH} in a step; measured on {COMPARED} held-out pairs, as in the model card. "
        "Step 0 is the untrained ControlNet: it draws bit for bit what the prompt alone draws."
    )
    return [Table("ControlNets from scratch", ["", "steps", "time", "edges F1", "silhouette"], rows, note)]


def _examples(model: LatentDiffusion, pictures: list[dataset.Picture], drawings: Bytes) -> list[Example]:
    learned = [index for index, picture in enumerate(pictures) if not picture.held_out]
    chosen = np.random.default_rng(0).permutation(learned)[:LEARNED]
    found: list[Example] = []
    for index in chosen.tolist():
        shown = [vary(pictures[index], drawings[index], index, turn) for turn in TURNS]
        with torch.inference_mode():
            latents = model.vae.encode(as_tensor(np.stack([one.rgb for one in shown]))).latent_dist.mean
        found += zip(shown, latents.clone() * model.vae.config.scaling_factor, strict=True)
    return found


def _source(kind: str, examples: list[Example]) -> Source:
    hint = CONTROLS[kind]

    def draw_batch(random: Randomness) -> Batch:
        chosen = [examples[index] for index in random.numpy.integers(len(examples), size=BATCH)]
        others = [*chosen[1:], chosen[0]]
        hints = [hint(random.numpy, one, other) for (one, _), (other, _) in zip(chosen, others, strict=True)]
        latents = torch.stack([latent for _, latent in chosen])
        return Batch(latents, as_hints(np.stack(hints)), [one.caption for one, _ in chosen])

    return draw_batch


def _trained(kind: str, model: LatentDiffusion, pairs: Pairs, examples: list[Example]) -> list[list[str]]:
    torch.manual_seed(0)
    net = new_controlnet(model.unet, HINT_CHANNELS)
    with_plain_attention(net)
    hints = as_hints(control_pictures(pairs, kind))
    rows: list[list[str]] = []
    spent, began = 0.0, time.monotonic()

    def look(step: int, seconds: float) -> None:
        made = draw(model, pairs.captions, range(COMPARED), net, hints)
        if step == 0 and not torch.equal(made, _prompt_alone(model, pairs)):
            raise AssertionError("an untrained ControlNet changes the picture")
        rows.append([f"{kind} ControlNet", str(step), f"{seconds:.0f} s", *_cells(Scores.of(as_bytes(made), pairs))])

    def at_checkpoint(training: Training) -> None:
        nonlocal spent, began
        spent += time.monotonic() - began
        look(training.step, spent)
        began = time.monotonic()

    look(0, 0)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        lessons, source = Lessons(fresh_share=2.0), _source(kind, examples)
        train(model, net, source, SCHEDULE, Path(folder), one_device(), lessons, at_checkpoint)
    return rows


def _prompt_alone(model: LatentDiffusion, pairs: Pairs) -> torch.Tensor:
    return draw(model, pairs.captions, range(COMPARED))


def _cells(scores: Scores) -> list[str]:
    return [f"{scores.edges:.2f}", f"{scores.overlap:.2f}"]
