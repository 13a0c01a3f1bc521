import numpy as np
import torch

from sd_nodes.training.controlnet import new_controlnet
from sd_nodes.training.evaluation import Pairs
from sd_nodes.training.favourites import FAVOURITES
from sd_nodes.training.showing import SHOWN, held_out_sheet

from .tiny import tiny_model


def test_each_chosen_pair_has_its_drawing_its_edges_and_its_picture() -> None:
    model = tiny_model().locked(torch.device("cpu"))
    rgb = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    pairs = Pairs(("a red cat",) * 4, rgb, np.full((4, 32, 32), 255, np.uint8))
    shown = np.asarray(held_out_sheet(model, new_controlnet(model.unet, (4, 4, 8, 8)), pairs, 2, 4))
    assert shown.shape == (3 * 32 + 2 * 2, 2 * 32 + 2, 3)
    assert (shown[:32, :32] == rgb[2]).all()
    assert (shown[34:66, 34:, 0] == pairs.edges[3]).all()


def test_the_prompts_that_are_shown_are_of_things_that_are_learned_most() -> None:
    subjects = [prompt.partition(" of ")[2].partition(" on ")[0] for prompt in SHOWN]
    assert set(subjects) <= FAVOURITES
    assert len(SHOWN) == 18
