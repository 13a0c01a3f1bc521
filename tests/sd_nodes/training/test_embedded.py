"""What the demonstration model that ships with the pack must show, on held-out pairs it has never seen."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline

import sd_nodes
from sd_nodes.training.evaluation import Pairs
from sd_nodes.training.figures import Scores, measure
from sd_nodes.training.model import LatentDiffusion

EMBEDDED = Path(sd_nodes.__file__).parent / "embedded"
PAIRS = Path(__file__).parents[2] / "data" / "held_out_pairs.npz"
MEGABYTE = 1_000_000


def controlnet(kind: str) -> ControlNetModel:
    folder = EMBEDDED / f"emoji-{kind}"
    return ControlNetModel.from_pretrained(folder, torch_dtype=torch.float32, use_safetensors=True).eval()


@pytest.fixture(scope="module")
def scores() -> dict[str, Scores]:
    model = LatentDiffusion.open(EMBEDDED / "emoji").locked(torch.device("cpu"))
    return measure(model, controlnet("canny"), controlnet("depth"), Pairs.load(PAIRS))


def test_there_are_enough_pairs() -> None:
    pairs = Pairs.load(PAIRS)
    assert len(pairs.captions) == len(pairs.rgb) >= 64
    assert len(set(pairs.captions)) == len(pairs.captions)
    assert pairs.edges.any(axis=(1, 2)).all()


def test_the_models_fit_their_size() -> None:
    assert sum(path.stat().st_size for path in EMBEDDED.rglob("*") if path.is_file()) <= 40 * MEGABYTE
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in EMBEDDED.rglob("*.safetensors"))


def test_the_edges_are_followed_with_the_controlnet_and_not_without(scores: dict[str, Scores]) -> None:
    assert scores["canny"].edges >= 0.75
    assert scores["prompt"].edges <= 0.45


def test_the_prompt_decides_colours_and_background(scores: dict[str, Scores]) -> None:
    assert scores["canny"].inside < 0.8 * scores["shuffled"].inside
    assert scores["canny"].background > scores["shuffled"].background + 0.5


def test_the_depth_map_moves_the_silhouette(scores: dict[str, Scores]) -> None:
    assert scores["depth"].overlap > scores["prompt"].overlap + 0.2


def test_twenty_steps_of_unipc_are_as_good_as_fifty_of_pndm(scores: dict[str, Scores]) -> None:
    assert scores["unipc"].edges > scores["pndm"].edges - 0.02
    assert scores["unipc"].inside < scores["pndm"].inside + 1
    assert scores["unipc"].background > scores["pndm"].background - 0.05


def test_diffusers_own_pipeline_opens_the_models() -> None:
    pipeline = StableDiffusionControlNetPipeline.from_pretrained(
        EMBEDDED / "emoji",
        controlnet=controlnet("canny"),
        safety_checker=None,
        torch_dtype=torch.float32,
        use_safetensors=True,
    )
    pipeline.set_progress_bar_config(disable=True)
    hint = torch.zeros(1, 3, 128, 128)
    made = pipeline("a 3d render of a frog", hint, num_inference_steps=2, output_type="np").images
    assert made.shape == (1, 128, 128, 3)
    assert np.isfinite(made).all()
