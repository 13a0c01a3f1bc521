"""The sampling nodes, called as plain functions, against diffusers' own pipelines on the same weights."""

import json
import shutil

import diffusers
import pytest
import torch
from PIL import Image as Pillow

from graph_runtime import Folders, Interrupted, NodeError, Preview, Progress
from graph_runtime.injected import Tick
from sd_nodes.arrays import bytes_of
from sd_nodes.controlnet import controlnet_apply, controlnet_apply_advanced
from sd_nodes.diffusion.scheduler_names import resolve
from sd_nodes.guidance_methods import auto_guidance
from sd_nodes.images import image_scale
from sd_nodes.latents import empty_latent_image, vae_decode, vae_encode
from sd_nodes.loaders import BaseModel, controlnet_loader, load_base_model
from sd_nodes.sampling import sampler
from sd_nodes.schedulers import swap_scheduler
from sd_nodes.settings import attention_backend, model_dtype
from sd_nodes.text import clip_text_encode
from sd_nodes.types import Conditioning, Image
from sd_nodes.weights import WeightStore

PROMPT, NEGATIVE = "a cat on a mat", "blurred"


@pytest.fixture
def base(small_folders: Folders) -> BaseModel:
    return load_base_model("small", small_folders)


def told(base: BaseModel, store: WeightStore) -> tuple[Conditioning, Conditioning]:
    return clip_text_encode(PROMPT, base.clip, store=store), clip_text_encode(NEGATIVE, base.clip, store=store)


def picture(seed: int = 0) -> Image:
    """A picture whose values are whole in 8 bits, as from a file."""
    return Image(torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(seed)).mul(255).round().div(255))


def reference(kind: str, base: BaseModel, folders: Folders, dtype: torch.dtype, *nets: str, **call: object) -> Image:
    """The same picture by a pipeline of diffusers over the same files."""
    root = folders.models[0]
    more = {}
    if nets:
        loaded = [diffusers.ControlNetModel.from_pretrained(root / f"controlnet/{n}", dtype=dtype) for n in nets]
        more = {"controlnet": loaded[0] if len(nets) == 1 else loaded}
    pipe = getattr(diffusers, kind).from_pretrained(
        root / "diffusers/small", dtype=dtype, safety_checker=None, requires_safety_checker=False, **more
    )
    kind = resolve(str(call.pop("scheduler", "unipc"))).scheduler
    pipe.scheduler = getattr(diffusers, kind).from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    asked = {"negative_prompt": NEGATIVE, "num_inference_steps": 5, "guidance_scale": 6.0, "output_type": "np"}
    drawn = pipe(PROMPT, **{**asked, "generator": torch.Generator().manual_seed(3), **call}).images
    return Image(torch.from_numpy(drawn))


def as_pillow(image: Image) -> Pillow.Image:
    return Pillow.fromarray(bytes_of(image)[0])


def channels_first(image: Image) -> torch.Tensor:
    return image.permute(0, 3, 1, 2).contiguous()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_from_text_it_is_diffusers_to_the_bit(base, small_folders, small_store, dtype):
    model, clip, vae = (model_dtype(part, dtype) for part in base[:3])
    positive, negative = told(base._replace(clip=clip), small_store)
    latent = empty_latent_image(64, 64)
    model = swap_scheduler(model, "unipc")
    latents = sampler(model, positive, negative, latent, 3, 5, 6.0, store=small_store)
    ours = vae_decode(latents, vae, store=small_store)
    kind = getattr(torch, dtype)
    theirs = reference("StableDiffusionPipeline", base, small_folders, kind, height=64, width=64)
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("nets", [("small-canny",), ("small-canny", "small-depth")])
def test_with_controlnets_it_is_diffusers_to_the_bit(base, small_folders, small_store, nets):
    positive, negative = told(base, small_store)
    for seed, name in enumerate(nets):
        net = controlnet_loader(name, small_folders)
        positive, negative = controlnet_apply_advanced(positive, negative, net, picture(seed), 0.8, 0.0, 0.5 + seed / 4)
    model = swap_scheduler(base.model, "unipc")
    latents = sampler(model, positive, negative, empty_latent_image(64, 64), 3, 5, 6.0, store=small_store)
    ours = vae_decode(latents, base.vae, store=small_store)
    pictures = [as_pillow(picture(seed)) for seed in range(len(nets))]
    one = len(nets) == 1
    theirs = reference(
        "StableDiffusionControlNetPipeline", base, small_folders, torch.float32, *nets,
        image=pictures[0] if one else pictures,
        controlnet_conditioning_scale=0.8 if one else [0.8, 0.8],
        control_guidance_start=0.0 if one else [0.0, 0.0],
        control_guidance_end=0.5 if one else [0.5, 0.75],
    )  # fmt: skip
    assert torch.equal(ours, theirs)


def test_from_a_picture_it_is_diffusers_to_the_bit(base, small_folders, small_store):
    positive, negative = told(base, small_store)
    latent = vae_encode(picture(), base.vae, store=small_store)
    model = swap_scheduler(base.model, "unipc")
    latents = sampler(model, positive, negative, latent, 3, 5, 6.0, 0.6, store=small_store)
    ours = vae_decode(latents, base.vae, store=small_store)
    theirs = reference(
        "StableDiffusionImg2ImgPipeline",
        base,
        small_folders,
        torch.float32,
        image=channels_first(picture()),
        strength=0.6,
    )
    assert torch.equal(ours, theirs)


def test_from_a_picture_with_two_controlnets_it_is_diffusers_to_the_bit(base, small_folders, small_store):
    positive, negative = told(base, small_store)
    for seed, name in enumerate(["small-canny", "small-depth"]):
        net = controlnet_loader(name, small_folders)
        positive, negative = controlnet_apply_advanced(positive, negative, net, picture(seed + 1), 0.7)
    latent = vae_encode(picture(), base.vae, store=small_store)
    model = swap_scheduler(base.model, "unipc")
    latents = sampler(model, positive, negative, latent, 3, 5, 6.0, 0.6, store=small_store)
    ours = vae_decode(latents, base.vae, store=small_store)
    theirs = reference(
        "StableDiffusionControlNetImg2ImgPipeline", base, small_folders, torch.float32, "small-canny", "small-depth",
        image=channels_first(picture()), control_image=[as_pillow(picture(1)), as_pillow(picture(2))], strength=0.6,
        controlnet_conditioning_scale=[0.7, 0.7],
    )  # fmt: skip
    assert torch.equal(ours, theirs)


def test_one_seed_for_a_batch_is_diffusers_with_one_generator(base, small_folders, small_store):
    model, latent = swap_scheduler(base.model, "unipc"), empty_latent_image(64, 64, 3)
    latents = sampler(model, *told(base, small_store), latent, 3, 5, 6.0, store=small_store)
    theirs = reference(
        "StableDiffusionPipeline", base, small_folders, torch.float32, height=64, width=64, num_images_per_prompt=3
    )
    assert torch.equal(vae_decode(latents, base.vae, store=small_store), theirs)


@pytest.mark.parametrize("scheduler", ["unipc", "euler_ancestral"])
def test_a_seed_for_each_picture_is_diffusers_with_a_list_of_generators(base, small_folders, small_store, scheduler):
    model, latent = swap_scheduler(base.model, scheduler), empty_latent_image(64, 64, 3)
    pair = told(base, small_store)
    latents = sampler(model, *pair, latent, 3, 5, 6.0, seeds="each", store=small_store)
    generators = [torch.Generator().manual_seed(3 + place) for place in range(3)]
    theirs = reference(
        "StableDiffusionPipeline", base, small_folders, torch.float32, height=64, width=64, num_images_per_prompt=3,
        generator=generators, scheduler=model.scheduler.name,
    )  # fmt: skip
    assert torch.equal(vae_decode(latents, base.vae, store=small_store), theirs)
    alone = sampler(model, *pair, empty_latent_image(64, 64), 5, 5, 6.0, seeds="each", store=small_store)
    torch.testing.assert_close(latents["samples"][2:], alone["samples"], atol=1e-4, rtol=1e-4)


def test_a_denoise_of_nothing_leaves_the_latents(base, small_store):
    positive, negative = told(base, small_store)
    latent = vae_encode(picture(), base.vae, store=small_store)
    drawn = sampler(base.model, positive, negative, latent, 3, 5, 6.0, 0.0, store=small_store)
    assert torch.equal(drawn["samples"], latent["samples"])


def test_nothing_that_is_handed_in_is_changed(base, small_folders, small_store):
    positive, negative = told(base, small_store)
    edges = picture(1)
    positive, negative = controlnet_apply_advanced(
        positive, negative, controlnet_loader("small-canny", small_folders), edges
    )
    latent = vae_encode(picture(), base.vae, store=small_store)
    before = [t.clone() for t in (latent["samples"], latent["deviation"], positive.conditions[0].embedding, edges)]
    sampler(base.model, positive, negative, latent, 3, 2, 6.0, 0.5, store=small_store)
    after = (latent["samples"], latent["deviation"], positive.conditions[0].embedding, edges)
    assert all(map(torch.equal, before, after))


def test_each_step_is_told_with_a_preview(base, small_store):
    ticks: list[Tick] = []
    positive, negative = told(base, small_store)
    progress = Progress(ticks.append, previews=True)
    latent = empty_latent_image(64, 64)
    sampler(base.model, positive, negative, latent, 3, 4, 6.0, store=small_store, progress=progress)
    steps = [tick for tick in ticks if not tick.text]
    assert [tick.done for tick in steps] == list(range(1, steps[-1].total + 1))
    preview = steps[-1].preview
    assert isinstance(preview, Preview) and preview.format == "image/jpeg" and preview.data[:2] == b"\xff\xd8"


def test_no_preview_is_drawn_when_nobody_looks(base, small_store):
    ticks: list[Tick] = []
    positive, negative = told(base, small_store)
    latent = empty_latent_image(64, 64)
    sampler(base.model, positive, negative, latent, 3, 2, 6.0, store=small_store, progress=Progress(ticks.append))
    assert ticks and all(tick.preview is None for tick in ticks)


def test_cancelling_takes_effect_within_a_step(base, small_store):
    done: list[int] = []
    positive, negative = told(base, small_store)
    progress = Progress(lambda tick: done.append(tick.done), cancelled=lambda: len(done) == 2)
    with pytest.raises(Interrupted):
        sampler(
            base.model, positive, negative, empty_latent_image(64, 64), 3, 50, 6.0, store=small_store, progress=progress
        )
    assert len(done) == 2


def test_a_control_picture_of_another_size_is_scaled_and_told(base, small_folders, small_store):
    ticks: list[Tick] = []
    positive, negative = told(base, small_store)
    net = controlnet_loader("small-canny", small_folders)
    large = image_scale(picture(), "nearest-exact", 96, 80)
    positive, negative = controlnet_apply_advanced(positive, negative, net, large)
    latent = empty_latent_image(64, 64)
    sampler(base.model, positive, negative, latent, 3, 2, 6.0, store=small_store, progress=Progress(ticks.append))
    assert "the control picture is scaled from 96 x 80 to 64 x 64" in [tick.text for tick in ticks]


def test_other_controlnets_on_the_negative_side_are_refused(base, small_folders, small_store):
    positive, negative = told(base, small_store)
    canny, depth = (controlnet_loader(name, small_folders) for name in ("small-canny", "small-depth"))
    with pytest.raises(NodeError, match="others than those of the positive"):
        sampler(
            base.model,
            controlnet_apply(positive, canny, picture()),
            controlnet_apply(negative, depth, picture()),
            empty_latent_image(64, 64),
            store=small_store,
        )


def test_controlnets_on_the_positive_side_steer_both_halves(base, small_folders, small_store):
    positive, negative = told(base, small_store)
    net = controlnet_loader("small-canny", small_folders)
    both = controlnet_apply_advanced(positive, negative, net, picture())
    latent = empty_latent_image(64, 64)
    simple = sampler(
        base.model, controlnet_apply(positive, net, picture()), negative, latent, 1, 2, 5.0, store=small_store
    )
    advanced = sampler(base.model, *both, latent, 1, 2, 5.0, store=small_store)
    assert torch.equal(simple["samples"], advanced["samples"])


def test_a_long_prompt_is_not_cut_and_told(base, small_store):
    ticks: list[Tick] = []
    encoded = clip_text_encode("abc " * 60, base.clip, store=small_store, progress=Progress(ticks.append))
    assert encoded.conditions[0].embedding.shape == (1, 3 * 77, 32)
    assert [tick.text for tick in ticks] == ["the prompt is long: it is encoded in 3 parts"]


def test_float16_on_a_cpu_is_told(base, small_store):
    ticks: list[Tick] = []
    clip_text_encode("a", model_dtype(base.clip, "float16"), store=small_store, progress=Progress(ticks.append))
    assert any("float16 is very slow on a CPU" in tick.text for tick in ticks) or torch.cuda.is_available()


def test_a_picture_is_cut_to_what_the_autoencoder_takes(base, small_store):
    ticks: list[Tick] = []
    odd = Image(torch.rand(1, 70, 61, 3))
    latent = vae_encode(odd, base.vae, store=small_store, progress=Progress(ticks.append))
    assert latent["samples"].shape == (1, 4, 8, 7)
    assert [tick.text for tick in ticks] == ["the picture is cut from 61 x 70 to 56 x 64"]


def test_odd_sides_of_empty_latents_are_rounded_down():
    assert empty_latent_image(70, 64)["samples"].shape == (1, 4, 8, 8)


def test_the_scale_of_latents_is_that_of_the_model(small_folders, tmp_path):
    """The same weights beside an autoencoder with another scaling factor: latents differ by it alone."""
    copy = tmp_path / "models/diffusers/scaled"
    shutil.copytree(small_folders.models[0] / "diffusers/small", copy)
    config = json.loads((copy / "vae/config.json").read_text())
    (copy / "vae/config.json").write_text(json.dumps(config | {"scaling_factor": 0.5}))
    folders = Folders(models=(*small_folders.models, tmp_path / "models"))
    store = WeightStore(folders)
    drawn = []
    for name in ("small", "scaled"):
        base = load_base_model(name, folders)
        latent = empty_latent_image(64, 64)
        drawn.append(sampler(base.model, *told(base, store), latent, 3, 2, 6.0, store=store)["samples"])
    torch.testing.assert_close(drawn[1] * 0.5, drawn[0] * config["scaling_factor"])


def test_the_notes_of_a_weaker_model_are_told(base, small_store):
    """What is done otherwise than its settings ask for counts, not only what is done with the model's."""
    ticks: list[Tick] = []
    weaker = attention_backend(model_dtype(base.model, storage="float8_e4m3fn"), compilation="regional")
    sampler(
        base.model, *told(base, small_store), empty_latent_image(64, 64), 3, 2, method=auto_guidance(weaker),
        store=small_store, progress=Progress(ticks.append),
    )  # fmt: skip
    assert [tick.text for tick in ticks if tick.text] == ["weights that are kept as float8 are not compiled"]
