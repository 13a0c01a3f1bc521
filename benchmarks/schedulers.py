"""Quality against steps for every scheduler that fits, by the demonstration model's own measures.

`PAIRS` in the environment says how many held-out pairs are drawn (16), and `STEPS` in how many steps (5,10,20,50).
What is drawn is noted in `benchmarks/results/schedulers.jsonl` at once, and taken from there by the next run, so that
one that was stopped goes on; remove the file to draw anew.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import ControlNetModel, SchedulerMixin
from rich.progress import track

import sd_nodes
from benchmarks.table import Table
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.scheduler_names import FITTING, SHORT
from sd_nodes.diffusion.schedulers import make_scheduler
from sd_nodes.schedulers import SPACINGS
from sd_nodes.training.drawing import draw
from sd_nodes.training.evaluation import Pairs
from sd_nodes.training.figures import Scores, as_bytes, as_hints
from sd_nodes.training.model import LatentDiffusion

EMBEDDED = Path(sd_nodes.__file__).parent / "embedded"
HELD_OUT = Path(__file__).parent.parent / "tests/data/held_out_pairs.npz"
NOTES = Path(__file__).parent / "results/schedulers.jsonl"
PAIRS = int(os.environ.get("PAIRS", "16"))
STEPS = tuple(int(steps) for steps in os.environ.get("STEPS", "5,10,20,50").split(","))
TWICE = {"HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "DPMSolverSDEScheduler"}
"""Schedulers that ask the model twice in each step but the last."""


@dataclass(frozen=True)
class Variant:
    """A scheduler by its short name, and the noise levels it visits; no spacing is its own."""

    name: str
    spacing: str = ""

    @property
    def options(self) -> Mapping[str, bool]:
        """The options that choose the noise levels: one of diffusers' switches is on, the others are off."""
        has = FITTING[SHORT[self.name].scheduler].options
        switches = {spacing: switch for spacing, switch in SPACINGS.items() if switch in has}
        return {switch: spacing == self.spacing for spacing, switch in switches.items()}


def variants() -> Iterator[Variant]:
    """Every scheduler that fits a model that predicts noise, with each way to space its noise levels."""
    for name, named in SHORT.items():
        fit = FITTING[named.scheduler]
        if "noise" not in fit.models or any(switch in named.preset for switch in SPACINGS.values()):
            continue
        yield Variant(name)
        yield from (Variant(name, spacing) for spacing, switch in SPACINGS.items() if switch in fit.options)


@dataclass(frozen=True)
class Bench:
    """What is drawn, and by what."""

    model: LatentDiffusion
    canny: ControlNetModel
    pairs: Pairs
    config: Mapping[str, object] = field(default_factory=dict)

    @staticmethod
    def ready() -> Bench:
        """Load the demonstration model, on the GPU if there is one."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        canny = ControlNetModel.from_pretrained(EMBEDDED / "emoji-canny", use_safetensors=True)
        config = json.loads((EMBEDDED / "emoji/scheduler/scheduler_config.json").read_text())
        model = LatentDiffusion.open(EMBEDDED / "emoji").locked(device)
        return Bench(model, canny.to(device).eval().requires_grad_(False), Pairs.load(HELD_OUT).first(PAIRS), config)

    def scores(self, variant: Variant, steps: int) -> Scores | None:
        """Draw the pairs with their edges; None where the scheduler cannot, or gives no numbers."""
        torch.manual_seed(0)
        try:
            pictures = self._drawn(make_scheduler(variant.name, self.config, variant.options).solver, steps)
        except (SettingError, ValueError, NotImplementedError, IndexError):
            return None
        return Scores.of(as_bytes(pictures), self.pairs) if pictures.isfinite().all() else None

    def _drawn(self, solver: SchedulerMixin, steps: int) -> torch.Tensor:
        count = len(self.pairs.captions)
        hints = as_hints(self.pairs.edges)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return draw(self.model, self.pairs.captions, range(count), self.canny, hints, steps, scheduler=solver)


def measure() -> list[Table]:
    """Draw the same held-out pairs with every scheduler, in few and in many steps."""
    bench = Bench.ready()
    rows = [_kept(bench, variant) for variant in track(list(variants()), "schedulers")]
    note = (
        f"{PAIRS} held-out pairs with the Canny ControlNet, guidance 3, one seed for each pair. In each cell: how well "
        "the edges are followed (F1 within two pixels; 1 is best) and how far the colours inside are off (distance in "
        "Lab; 0 is best). * asks the model twice a step. LCM and TCD are for models that were distilled for them, "
        "which this one is not. – : the scheduler cannot make so few steps, or diverges."
    )
    columns = ["scheduler", "noise levels", *(f"{steps} steps" for steps in STEPS)]
    return [Table("Quality against steps", columns, rows, note)]


def _kept(bench: Bench, variant: Variant) -> list[str]:
    """Take a variant's row from the notes of an earlier run, or draw it and note it."""
    what = [variant.name, variant.spacing, PAIRS, STEPS]
    lines = NOTES.read_text().splitlines() if NOTES.exists() else []
    known = {json.dumps(what): row for what, row in map(json.loads, lines)}
    if (row := known.get(json.dumps(what))) is None:
        row = _row(bench, variant)
        NOTES.parent.mkdir(exist_ok=True)
        with NOTES.open("a") as notes:
            notes.write(json.dumps([what, row]) + "\n")
    return row


def _row(bench: Bench, variant: Variant) -> list[str]:
    twice = " *" if SHORT[variant.name].scheduler in TWICE else ""
    return [f"`{variant.name}`{twice}", variant.spacing or "own", *(_cell(bench.scores(variant, s)) for s in STEPS)]


def _cell(scores: Scores | None) -> str:
    return "–" if scores is None else f"{scores.edges:.2f} / {scores.inside:.0f}"
