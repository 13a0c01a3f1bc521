"""The pictures of the model card: held-out drawings beside what their edges became, and prompts alone."""

from __future__ import annotations

import torch
from diffusers import ControlNetModel
from PIL import Image

from .drawing import draw
from .evaluation import Pairs
from .figures import as_hints
from .model import LatentDiffusion
from .sheet import sheet

SHOWN = (
    "a 3d render of a cat face on a teal background",
    "a 3d render of a panda on a yellow background",
    "a 3d render of a robot on a pink background",
    "a 3d render of a frog",
    "a 3d render of a strawberry",
    "a 3d render of a hot beverage on a beige background",
    "a flat icon of a lion on a blue background",
    "a flat icon of a fox on a navy background",
    "a flat icon of a penguin on an orange background",
    "a flat icon of a red apple",
    "a flat icon of an automobile on a yellow background",
    "a flat icon of a house",
    "a cartoon drawing of a dog face on a yellow background",
    "a cartoon drawing of a koala on a green background",
    "a cartoon drawing of a ghost on a purple background",
    "a cartoon drawing of a doughnut",
    "a cartoon drawing of a hamburger",
    "a cartoon drawing of a butterfly on a pink background",
)
COLUMNS = 6


def prompts_sheet(model: LatentDiffusion) -> Image.Image:
    """Draws `SHOWN` without a ControlNet, six in a row; the first with seed 0, the next with 1, and so on."""
    rows = range(0, len(SHOWN), COLUMNS)
    return sheet([draw(model, SHOWN[row : row + COLUMNS], range(row, row + COLUMNS)) for row in rows])


def held_out_sheet(model: LatentDiffusion, canny: ControlNetModel, pairs: Pairs, first: int, last: int) -> Image.Image:
    """Draws some of the pairs by their edges, with the seeds they are measured with: drawings, edges, pictures."""
    some = slice(first, last)
    truth, hints = torch.from_numpy(pairs.rgb[some]).permute(0, 3, 1, 2) / 255, as_hints(pairs.edges[some])
    made = draw(model, pairs.captions[some], range(first, last), canny, hints)
    return sheet([truth, hints, made.cpu()])
