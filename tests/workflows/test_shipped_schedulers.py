"""The model that ships, sampled by other schedulers than its own."""

import asyncio
from pathlib import Path

import pytest
import torch

from graph_runtime import Builder, Executor, Folders, join
from sd_nodes import LIBRARY


def drawn(scheduler: str, tmp_path: Path) -> torch.Tensor:
    builder = Builder()
    base = builder.add("LoadBaseModel", name="emoji")
    model = builder.add("SwapScheduler", model=base, scheduler=scheduler)
    red = builder.add("CLIPTextEncode", text="a flat icon of a red apple on a yellow background", clip=base["clip"])
    empty = builder.add("CLIPTextEncode", text="", clip=base["clip"])
    size = builder.add("EmptyLatentImage", width=128, height=128)
    sampled = builder.add("Sampler", model=model, positive=red, negative=empty, latent=size, guidance=3.0, seed=1)
    picture = builder.add("VAEDecode", samples=sampled, vae=base["vae"], id="picture")
    folders = Folders(output=tmp_path, temp=tmp_path)
    with Executor(folders) as executor:
        graph = join(builder.workflow(), LIBRARY, folders, [picture.node])
        result = asyncio.run(executor.run(graph)).results["picture"].outputs[0]
    assert isinstance(result, torch.Tensor)
    return result


@pytest.mark.parametrize("scheduler", ["ddim", "ddim_parallel", "euler", "dpmpp_2m"])
def test_deterministic_schedulers_draw_the_same_picture(scheduler: str, tmp_path: Path) -> None:
    """They solve one equation: a scheduler that clips latents, or takes other betas, draws something else."""
    difference = (drawn(scheduler, tmp_path) - drawn("unipc", tmp_path)).abs().mean()
    assert difference < 0.04
