"""The recipe of the demonstration model, from the packages to the finished directories.

Every stage reads what the one before left in the working folder, resumes if it was interrupted,
and leaves a sheet of pictures at each checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor

from . import autoencoder, controlnet, decoder, text_to_image
from .augment import Bytes
from .controlnet import Batch, Lessons, Source, strengthened
from .drawing import draw
from .evaluation import Pairs, held_out_pairs
from .export import export_controlnet, export_model
from .figures import Scores, as_hints, measure
from .hints import CONTROLS
from .loop import AtTrainingCheckpoint, Randomness, Schedule, Training
from .model import LatentDiffusion
from .progress import watching
from .sheet import sheet
from .showing import held_out_sheet, prompts_sheet
from .variation import encode_all, vary
from .workshop import Workshop

TURNS, WATCHED = 10, 12
STRENGTHS = {"canny": 1.5, "depth": 1.0}
"""What export multiplies the ControlNets' outputs by, chosen on held-out drawings that `measure` does not use."""

HINT_CHANNELS = (16, 32, 64, 128)
PROMPTS = (
    "a 3d render of a cat face on a teal background",
    "a 3d render of a frog",
    "a flat icon of a red apple",
    "a cartoon drawing of a dog face on a yellow background",
    "a 3d render of an automobile on a blue background",
    "a flat icon of a cactus",
    "a cartoon drawing of a hamburger on a purple background",
    "a 3d render of a hot beverage",
    "a flat icon of a fox on a navy background",
    "a 3d render of a robot on a pink background",
    "a cartoon drawing of a sunflower",
    "a 3d render of a grinning face on a green background",
)
SCHEDULES = {
    "autoencoder": Schedule(steps=2800, rate=1.5e-3, warmup=100, every=400),
    "decoder": Schedule(steps=1200, rate=7e-4, warmup=50, average=0.998, every=200),
    "text-to-image": Schedule(steps=7000, rate=1.2e-3, warmup=200, floor=0.0, average=0.9995, every=500),
    "canny": Schedule(steps=4000, rate=8e-4, warmup=100, floor=0.0, average=0.997, every=500),
    "depth": Schedule(steps=700, rate=8e-4, warmup=100, floor=0.0, average=0.995, every=500),
}


def train_autoencoder(shop: Workshop, schedule: Schedule = SCHEDULES["autoencoder"]) -> None:
    """Trains encoder and decoder together."""
    torch.manual_seed(schedule.seed)
    vae = autoencoder.new_autoencoder()
    folder, drawings = shop.folder / "autoencoder", np.asarray(shop.drawings)[shop.learned]
    look = _reconstructions(shop, vae)
    autoencoder.train(vae, drawings, shop.batch("autoencoder"), schedule, folder, shop.accelerator, look, shop.at_step)


def train_decoder(shop: Workshop, schedule: Schedule = SCHEDULES["decoder"]) -> None:
    """Sharpens the decoder."""
    vae = shop.autoencoder()
    folder, drawings = shop.folder / "decoder", np.asarray(shop.drawings)[shop.learned]
    look = _reconstructions(shop, vae)
    decoder.train(vae, drawings, shop.batch("decoder"), schedule, folder, shop.accelerator, look, shop.at_step)


def _reconstructions(shop: Workshop, vae: AutoencoderKL) -> AtTrainingCheckpoint:
    pairs = held_out_pairs(shop.pictures, shop.drawings, WATCHED)
    shown = autoencoder.as_tensor(pairs.rgb).to(shop.accelerator.device)

    def look(training: Training) -> None:
        with torch.inference_mode(), shop.accelerator.autocast():
            made = vae.decode(vae.encode(shown).latent_dist.mean).sample.float()
        sheet([shown / 2 + 0.5, made / 2 + 0.5]).save(training.folder / f"sheet-{training.step:06d}.png")

    return look


def compute_latents(shop: Workshop) -> None:
    """Encodes the variations once, and sets the scaling factor so that latents have unit deviation."""
    vae = shop.autoencoder().to(shop.accelerator.device)
    with watching(len(shop.pictures), "Encoding") as watch:
        latents = encode_all(vae, shop.pictures, shop.drawings, TURNS, shop.folder / "latents.npy", watch.step)
    captions = [
        [vary(picture, shop.drawings[index], index, turn).caption for turn in range(TURNS)]
        for index, picture in enumerate(shop.pictures)
    ]
    (shop.folder / "captions.json").write_text(json.dumps(captions))
    scaling = vae.config.scaling_factor if shop.start else 1 / float(latents.astype(np.float32).std())
    (shop.folder / "scaling.json").write_text(json.dumps(scaling))


def train_text_to_image(shop: Workshop, schedule: Schedule = SCHEDULES["text-to-image"]) -> None:
    """Trains the text encoder and the UNet."""
    made = shop.untrained_model(schedule.seed)
    with_plain_attention(made.unet)
    made.vae.to(shop.accelerator.device).requires_grad_(False)

    def look(training: Training) -> None:
        with averaged(training):
            half = len(PROMPTS) // 2
            rows = [draw(made, PROMPTS[:half], range(half)), draw(made, PROMPTS[half:], range(half, 2 * half))]
        sheet(rows).save(training.folder / f"sheet-{training.step:06d}.png")

    folder = shop.folder / "text-to-image"
    batch, lesson = shop.batch("text-to-image"), shop.lesson()
    text_to_image.train(made, lesson, batch, schedule, folder, shop.accelerator, look, shop.at_step)


def train_controlnet(shop: Workshop, kind: str, schedule: Schedule | None = None) -> None:
    """Trains a ControlNet, "canny" or "depth", on the text-to-image model as far as it is."""
    model, schedule = shop.model(), schedule or SCHEDULES[kind]
    torch.manual_seed(schedule.seed)
    net = _untrained_controlnet(shop, kind, model)
    with_plain_attention(model.unet)
    with_plain_attention(net)
    pairs = held_out_pairs(shop.pictures, shop.drawings, WATCHED)
    hints = as_hints(control_pictures(pairs, kind))
    truth = torch.from_numpy(pairs.rgb).permute(0, 3, 1, 2) / 255

    def look(training: Training) -> None:
        with averaged(training):
            made = draw(model, pairs.captions, range(WATCHED), net, hints)
        sheet([truth, hints, made.cpu()]).save(training.folder / f"sheet-{training.step:06d}.png")

    source = source_of(shop, kind, shop.batch(kind), model.vae.config.scaling_factor)
    lessons, folder = Lessons(fresh_share=2.0), shop.folder / kind
    controlnet.train(model, net, source, schedule, folder, shop.accelerator, lessons, look, shop.at_step)


def _untrained_controlnet(shop: Workshop, kind: str, model: LatentDiffusion) -> ControlNetModel:
    """Goes on from the start; else depth begins with the Canny ControlNet, which already knows how to steer."""
    started = shop.started_controlnet(kind)
    if started is not None:
        return started
    net = controlnet.new_controlnet(model.unet, HINT_CHANNELS)
    learned = shop.weights("canny", "controlnet") if kind == "depth" else None
    if learned:
        net.load_state_dict(learned)
    return net


def with_plain_attention(module: UNet2DConditionModel | ControlNetModel) -> None:
    """Computes attention by matrix products: a quarter faster to train on a CPU, for maps of 64 cells."""
    module.set_attn_processor(AttnProcessor())


def source_of(shop: Workshop, kind: str, batch: int, scaling: float) -> Source:
    """Gives batches of latents computed beforehand, with control pictures made on the way."""
    latents, learned = np.load(shop.folder / "latents.npy", mmap_mode="r"), shop.learned
    hint = CONTROLS[kind]

    def draw_batch(random: Randomness) -> Batch:
        chosen = random.numpy.choice(learned, batch)
        turns = random.numpy.integers(TURNS, size=batch)
        shown = [
            vary(shop.pictures[index], shop.drawings[index], index, turn)
            for index, turn in zip(chosen, turns, strict=True)
        ]
        others = [*shown[1:], shown[0]]
        hints = [hint(random.numpy, one, other) for one, other in zip(shown, others, strict=True)]
        clean = torch.from_numpy(latents[chosen, turns].astype(np.float32)) * scaling
        return Batch(clean, as_hints(np.stack(hints)), [one.caption for one in shown])

    return draw_batch


def control_pictures(pairs: Pairs, kind: str) -> Bytes:
    """Gives the control pictures of held-out pairs, `[count, height, width]`."""
    return pairs.edges if kind == "canny" else pairs.heights


@contextmanager
def averaged(training: Training) -> Iterator[None]:
    """Lends the modules their average weights."""
    present = {
        name: {k: v.clone() for k, v in module.state_dict().items()} for name, module in training.modules.items()
    }
    for name, module in training.modules.items():
        module.load_state_dict(training.averaged(name))
    yield
    for name, module in training.modules.items():
        module.load_state_dict(present[name])


def export(shop: Workshop, target: Path, kinds: Sequence[str] = tuple(CONTROLS)) -> None:
    """Writes `emoji`, `emoji-canny` and `emoji-depth` for diffusers, as far as they are trained."""
    model = shop.model()
    export_model(model, target / "emoji")
    for kind in kinds:
        net = controlnet.new_controlnet(model.unet, HINT_CHANNELS)
        weights = shop.weights(kind, "controlnet")
        if weights:
            net.load_state_dict(weights)
        export_controlnet(strengthened(net, STRENGTHS[kind]), target / f"emoji-{kind}")


def measure_exported(shop: Workshop, target: Path, count: int = 64) -> dict[str, Scores]:
    """Measures what `export` wrote on held-out pairs, and leaves them and the card's pictures in the working folder."""
    pairs = held_out_pairs(shop.pictures, shop.drawings, count)
    pairs.save(shop.folder / "held_out_pairs.npz")
    canny, depth = (
        ControlNetModel.from_pretrained(target / f"emoji-{kind}", torch_dtype=torch.float32, use_safetensors=True)
        for kind in ("canny", "depth")
    )
    model = LatentDiffusion.open(target / "emoji").locked(torch.device("cpu"))
    prompts_sheet(model).save(shop.folder / "prompts.png")
    held_out_sheet(model, canny, pairs, count // 2, count * 3 // 4).save(shop.folder / "held_out.png")
    return measure(model, canny, depth, pairs)


def schedule_of(stage: str, steps: int | None = None) -> Schedule:
    """Gives a training stage's schedule, with another length if asked for."""
    return SCHEDULES[stage] if steps is None else replace(SCHEDULES[stage], steps=steps)


def run_stage(shop: Workshop, stage: str, schedule: Schedule) -> None:
    """Runs, or resumes, one training stage by its name."""
    match stage:
        case "autoencoder":
            train_autoencoder(shop, schedule)
        case "decoder":
            train_decoder(shop, schedule)
        case "text-to-image":
            train_text_to_image(shop, schedule)
        case kind:
            train_controlnet(shop, kind, schedule)
