"""KSampler on models of every family against the field's formulas, written out with diffusers' networks and scheduler.

With four steps of the schedule `normal` the timesteps are 999, 666, 333 and 0, at which diffusers' levels are ours.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import ControlNetModel, EulerDiscreteScheduler, UNet2DConditionModel
from torch.nn.functional import interpolate

from graph_runtime import Folders
from sd_nodes.controlnet import controlnet_apply_advanced
from sd_nodes.diffusion.k.parameterization import Parameterization
from sd_nodes.diffusion.latents import GREY
from sd_nodes.inpainting import inpaint_model_conditioning, instruct_pix_to_pix_conditioning
from sd_nodes.k_samplers import ksampler_advanced
from sd_nodes.k_sampling import parameterization
from sd_nodes.latents import vae_encode
from sd_nodes.loaders import BaseModel, controlnet_loader, load_base_model
from sd_nodes.text import clip_text_encode
from sd_nodes.types import Conditioning, Latent, Mask
from sd_nodes.weights import WeightStore
from tests.sd_nodes import models, saved_sdxl
from tests.sd_nodes.test_nodes_sampling import picture

FLOW = "FlowMatchEulerDiscreteScheduler"
SCALE, GUIDANCE = 0.18215, 5.0
Predict = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
LATENT: Latent = {"samples": 10 * torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))}


def drawn(base: BaseModel, store: WeightStore, pair: tuple[Conditioning, Conditioning]) -> torch.Tensor:
    """Four Euler steps on latents that bear their noise."""
    return ksampler_advanced(
        base.model, add_noise="disable", steps=4, cfg=GUIDANCE, sampler_name="euler", scheduler="normal",
        positive=pair[0], negative=pair[1], latent_image=LATENT, store=store,
    )["samples"]  # fmt: skip


@torch.no_grad()
def expected(predict: Predict, kind: str = "epsilon") -> torch.Tensor:
    """The same steps by diffusers' scheduler, with both halves of guidance in one batch, the negative one first."""
    config = {**models.SCHEDULER_CONFIG, "timestep_spacing": "linspace", "prediction_type": kind}
    scheduler = EulerDiscreteScheduler.from_config(config)
    scheduler.set_timesteps(4)
    x = LATENT["samples"] * SCALE
    for timestep in scheduler.timesteps:
        seen = scheduler.scale_model_input(x, timestep).repeat(2, 1, 1, 1)
        negative, positive = predict(seen, timestep).chunk(2)
        x = scheduler.step(negative + GUIDANCE * (positive - negative), timestep, x).prev_sample
    return x / SCALE


def told(base: BaseModel, store: WeightStore) -> tuple[Conditioning, Conditioning]:
    return clip_text_encode("a cat", base.clip, store=store), clip_text_encode("blurred", base.clip, store=store)


def states(pair: tuple[Conditioning, Conditioning]) -> torch.Tensor:
    return torch.cat([one.conditions[0].embedding for one in reversed(pair)])


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    assert float((found - wanted).norm() / wanted.norm()) < 1e-4


def shelf(small_shelf: Path, root: Path) -> Path:
    shutil.copytree(small_shelf / "diffusers/small", root / "diffusers/small")
    return root / "diffusers/small"


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_what_a_model_predicts_is_read_as_diffusers_reads_it(small_shelf: Path, tmp_path: Path, kind: str) -> None:
    """Stable Diffusion 2 predicts velocities, and says so in the configuration of its scheduler."""
    folder = shelf(small_shelf, tmp_path)
    config = folder / "scheduler/scheduler_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "prediction_type": kind}))
    folders = Folders(models=(tmp_path,))
    base, store = load_base_model("small", folders), WeightStore(folders)
    pair = told(base, store)
    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    close(drawn(base, store, pair), expected(lambda x, t: unet(x, t, states(pair)).sample, kind))


@pytest.mark.parametrize(("name", "shift"), [("UniPCMultistepScheduler", "flow_shift"), (FLOW, "shift")])
def test_a_folder_saved_with_any_scheduler_of_flows_follows_flows(
    name: str, shift: str, small_shelf: Path, tmp_path: Path
) -> None:
    config = {"_class_name": name, "prediction_type": "flow_prediction", "use_flow_sigmas": True, shift: 3.0}
    (shelf(small_shelf, tmp_path) / "scheduler/scheduler_config.json").write_text(json.dumps(config))
    folders = Folders(models=(tmp_path,))
    form = parameterization(load_base_model("small", folders).model, WeightStore(folders))
    assert form.kind == "flow" and torch.equal(form.levels.sigmas, Parameterization.flow(3.0).levels.sigmas)


@pytest.fixture
def nine(small_shelf: Path, tmp_path: Path) -> Folders:
    """A model that sees nine channels."""
    folder = shelf(small_shelf, tmp_path)
    shutil.rmtree(folder / "unet")
    models.ready(models.unet(in_channels=9)).save_pretrained(folder / "unet")
    return Folders(models=(tmp_path,))


def beside(
    folders: Folders, pair: tuple[Conditioning, Conditioning], mask: torch.Tensor, around: torch.Tensor
) -> Predict:
    unet = UNet2DConditionModel.from_pretrained(folders.models[0] / "diffusers/small/unet")
    more = torch.cat([mask, around], dim=1).repeat(2, 1, 1, 1)
    return lambda x, timestep: unet(torch.cat([x, more], dim=1), timestep, states(pair)).sample


def test_an_inpainting_model_sees_the_mask_and_the_picture_around_it(nine: Folders) -> None:
    base, store = load_base_model("small", nine), WeightStore(nine)
    hole = torch.zeros(1, 64, 64)
    hole[:, 16:40, 24:56] = 1.0
    image = picture()
    *pair, _ = inpaint_model_conditioning(*told(base, store), base.vae, image, Mask(hole), False, store=store)
    grey = torch.where(hole[..., None] == 1, 0.5, image)
    around = vae_encode(grey, base.vae, store=store)["samples"] * SCALE
    seen = beside(nine, tuple(pair), hole[:, None, ::8, ::8], around)
    close(drawn(base, store, tuple(pair)), expected(seen))


def test_an_inpainting_model_sees_a_picture_of_another_size_scaled_to_the_latents(nine: Folders) -> None:
    """As when latents are enlarged after the picture was told: both are cut to the latents' proportion and scaled."""
    base, store = load_base_model("small", nine), WeightStore(nine)
    hole = torch.zeros(1, 64, 32)
    hole[:, 16:40, 8:24] = 1.0
    *pair, _ = inpaint_model_conditioning(
        *told(base, store), base.vae, picture()[:, :, :32], Mask(hole), False, store=store
    )
    around = pair[0].conditions[0].hole.around["samples"] * SCALE
    mask = interpolate(hole[:, None, 16:48], (8, 8), mode="bilinear").round()
    scaled = interpolate(around[:, :, 2:6], (8, 8), mode="bilinear")
    close(drawn(base, store, tuple(pair)), expected(beside(nine, tuple(pair), mask, scaled)))


def test_a_model_that_follows_instructions_sees_the_picture_unscaled(small_shelf: Path, tmp_path: Path) -> None:
    """InstructPix2Pix (arXiv:2211.09800): the latents of the picture stand beside its own, as the autoencoder gave."""
    folder = shelf(small_shelf, tmp_path)
    shutil.rmtree(folder / "unet")
    models.ready(models.unet(in_channels=8)).save_pretrained(folder / "unet")
    folders = Folders(models=(tmp_path,))
    base, store = load_base_model("small", folders), WeightStore(folders)
    *pair, latent = instruct_pix_to_pix_conditioning(*told(base, store), base.vae, picture(), store=store)
    assert latent["samples"].shape == (1, 4, 8, 8) and not latent["samples"].any()
    around = vae_encode(picture(), base.vae, store=store)["samples"]
    unet = UNet2DConditionModel.from_pretrained(folder / "unet")

    def predict(x: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        return unet(torch.cat([x, around.repeat(2, 1, 1, 1)], dim=1), timestep, states(tuple(pair))).sample

    close(drawn(base, store, tuple(pair)), expected(predict))


def test_an_inpainting_model_without_a_picture_sees_a_grey_one(nine: Folders) -> None:
    base, store = load_base_model("small", nine), WeightStore(nine)
    pair = told(base, store)
    grey = torch.tensor(GREY).reshape(1, 4, 1, 1).expand(1, 4, 8, 8)
    close(drawn(base, store, pair), expected(beside(nine, pair, torch.ones(1, 1, 8, 8), grey)))


def test_sdxl_with_a_controlnet(tmp_path: Path) -> None:
    """Both networks are told the pooled prompt and the sizes; the ControlNet is off after its window."""
    saved_sdxl.save_base(tmp_path / "diffusers/xl")
    saved_sdxl.save_controlnet(tmp_path / "controlnet/xl-canny")
    folders = Folders(models=(tmp_path,))
    base, store, edges = load_base_model("xl", folders), WeightStore(folders), picture(1)
    plain = told(base, store)
    pair = controlnet_apply_advanced(*plain, controlnet_loader("xl-canny", folders), edges, 0.8, 0.0, 0.5)
    unet = UNet2DConditionModel.from_pretrained(tmp_path / "diffusers/xl/unet")
    net = ControlNetModel.from_pretrained(tmp_path / "controlnet/xl-canny")
    pooled = torch.cat([one.conditions[0].pooled for one in reversed(plain)])
    more = {"text_embeds": pooled, "time_ids": torch.tensor([[64.0, 64, 0, 0, 64, 64]]).repeat(2, 1)}
    hint = edges.permute(0, 3, 1, 2).repeat(2, 1, 1, 1)

    def predict(x: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        extra = {"encoder_hidden_states": states(plain), "added_cond_kwargs": more}
        if timestep >= 0.5 * 999:
            down, middle = net(x, timestep, controlnet_cond=hint, conditioning_scale=0.8, return_dict=False, **extra)
            extra |= {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}
        return unet(x, timestep, **extra).sample

    close(drawn(base, store, pair), expected(predict))
    assert not torch.allclose(drawn(base, store, plain), drawn(base, store, pair), rtol=1e-2)
