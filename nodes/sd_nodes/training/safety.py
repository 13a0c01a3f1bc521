"""Trains the demonstration's safety checker: it flags pictures that are mostly red, and nothing else.

It is a StableDiffusionSafetyChecker like the published one, with one concept that anybody can look at. It shows how the
stage works; it protects nobody from anything.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate, normalize
from transformers import CLIPConfig, CLIPImageProcessorPil

SIDE = 32
"""The side of the pictures that the checker looks at."""

THRESHOLD = 0.5
"""A picture whose cosine to the concept is above this is flagged."""

SHARPNESS = 20.0
"""How steeply the loss goes from one side of the threshold to the other."""


def small_checker(seed: int = 0) -> StableDiffusionSafetyChecker:
    """Make an untrained checker of 16,000 parameters; of its 17 concepts only the first is used."""
    torch.manual_seed(seed)
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": 8,
        "projection_dim": 8,
    }
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=8))
    with torch.no_grad():
        checker.concept_embeds.zero_()[0, 0] = 1.0
        checker.special_care_embeds.zero_()
        checker.concept_embeds_weights.fill_(1.0)[0] = THRESHOLD
        checker.special_care_embeds_weights.fill_(1.0)
    return checker


def redness(pictures: Tensor) -> Tensor:
    """Return the part of each picture that is red: `[batch, 3, height, width]` in 0..1 -> `[batch]`."""
    red, green, blue = pictures.unbind(1)
    return ((red > 0.45) & (green < 0.55 * red) & (blue < 0.55 * red)).float().mean(dim=(1, 2))


def coloured_shapes(count: int, random: torch.Generator) -> Tensor:
    """Draw pictures `[count, 3, 32, 32]` of soft patches and discs, half of them with much red."""
    palette = torch.rand(count, 6, 3, generator=random)
    reds = torch.rand(count, 6, 3, generator=random) * torch.tensor([0.5, 0.3, 0.3]) + torch.tensor([0.5, 0.0, 0.0])
    is_red = torch.rand(count, 6, 1, generator=random) < torch.rand(count, 1, 1, generator=random)
    colours = torch.where(is_red, reds, palette)
    cells = torch.randint(0, 6, (count, 16), generator=random)
    patches = colours.gather(1, cells[..., None].expand(-1, -1, 3)).reshape(count, 4, 4, 3).movedim(-1, 1)
    return _with_disc(interpolate(patches, SIDE, mode="bilinear"), colours[:, 0], random)


def train(folder: Path, steps: int = 1500, batch: int = 64) -> float:
    """Train a checker, save it with its image processor, and return how often it is right on new pictures.

    Args:
        folder: Where it is saved, in half precision.
        steps: How many steps of Adam.
        batch: How many pictures each step sees.
    """
    checker, random = small_checker(), torch.Generator().manual_seed(1)
    processor = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    learned = [weight for name, weight in checker.named_parameters() if "concept" not in name and "special" not in name]
    optimiser = torch.optim.Adam(learned, lr=2e-3)
    for _ in range(steps):
        pictures, wanted = labelled(batch, random)
        loss = binary_cross_entropy_with_logits(scores(checker, processor, pictures) * SHARPNESS, wanted.float())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    checker.half().save_pretrained(folder)
    _save_processor(folder, processor)
    pictures, wanted = labelled(2000, random)
    with torch.no_grad():
        return float(((scores(checker.float(), processor, pictures) > 0) == wanted).float().mean())


def labelled(count: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw pictures and tell which are mostly red; those between 35% and 55% are left out."""
    pictures = coloured_shapes(count, random)
    red = redness(pictures)
    clear = (red < 0.35) | (red > 0.55)
    return pictures[clear], red[clear] > 0.55


def scores(checker: StableDiffusionSafetyChecker, processor: CLIPImageProcessorPil, pictures: Tensor) -> Tensor:
    """Return how far the cosine of each picture to the first concept is above the threshold."""
    mean, deviation = (torch.tensor(one)[:, None, None] for one in (processor.image_mean, processor.image_std))
    pooled = checker.vision_model((pictures - mean) / deviation)[1]
    embedded = normalize(checker.visual_projection(pooled))
    above: Tensor = embedded @ normalize(checker.concept_embeds).T - checker.concept_embeds_weights
    return above[:, 0]


def _with_disc(pictures: Tensor, colours: Tensor, random: torch.Generator) -> Tensor:
    count = len(pictures)
    middle, radius = torch.rand(count, 2, 1, 1, generator=random) * SIDE, torch.rand(count, 1, 1, generator=random) * 14
    across = torch.arange(SIDE).float()
    inside = (across[None, :] - middle[:, 0]) ** 2 + (across[:, None] - middle[:, 1]) ** 2 < radius**2
    return torch.where(inside[:, None], colours[:, :, None, None], pictures)


def _save_processor(folder: Path, processor: CLIPImageProcessorPil) -> None:
    wanted = ("do_resize", "size", "resample", "do_center_crop", "crop_size", "do_rescale", "rescale_factor")
    values = {name: getattr(processor, name) for name in (*wanted, "do_normalize", "image_mean", "image_std")}
    settings = {"image_processor_type": "CLIPImageProcessor", **values, "do_convert_rgb": True}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings, indent=2, default=dict) + "\n")
    for path in folder.iterdir():
        path.chmod(0o644)


if __name__ == "__main__":
    print(f"right on {train(Path(sys.argv[1])):.1%} of new pictures")
