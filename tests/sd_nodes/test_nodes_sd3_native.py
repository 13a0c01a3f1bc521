"""SD3 through the native sampler, against diffusers' own pipelines on the same weights."""

from dataclasses import replace
from pathlib import Path

import diffusers
import pytest
import torch
from PIL import Image as Pillow

from graph_runtime import Folders, NodeError
from sd_nodes.controlnet import controlnet_apply_masked, controlnet_apply_sd3
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.mmdit import as_unet, identity
from sd_nodes.flow_tweaks import model_sampling_sd3, skip_layer_guidance_sd3
from sd_nodes.guidance_methods import skip_layer_guidance, smoothed_energy_guidance
from sd_nodes.inpainting import inpaint_model_conditioning
from sd_nodes.latents import empty_latent_image, empty_sd3_latent_image, vae_decode, vae_encode
from sd_nodes.loaders import BaseModel, controlnet_loader, load_base_model
from sd_nodes.sampling import sampler
from sd_nodes.schedulers import swap_scheduler
from sd_nodes.sd3_prompts import clip_text_encode_sd3
from sd_nodes.settings import model_dtype
from sd_nodes.text import clip_text_encode
from sd_nodes.types import Conditioning, Image, Latent, Mask
from sd_nodes.weights import WeightStore
from tests.sd_nodes import saved_models
from tests.sd_nodes import saved_sd3_folder as saved
from tests.sd_nodes.test_nodes_sampling import NEGATIVE, PROMPT, as_pillow, channels_first, picture

STEPS = 4
CALL = {"negative_prompt": NEGATIVE, "num_inference_steps": STEPS, "guidance_scale": 6.0, "output_type": "np"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("sd3")
    saved.save(root / "diffusers/three")
    saved.save(root / "diffusers/two", third=False)
    saved.save(root / "diffusers/told", channels=33)
    saved.controlnet().save_pretrained(root / "controlnet/joint-canny")
    saved.controlnet(37, force_zeros_for_pooled_projection=False).save_pretrained(root / "controlnet/joint-depth")
    saved_models.save_controlnet(root / "controlnet/small-canny")
    return Folders(models=(root,))


@pytest.fixture(scope="module")
def store(folders: Folders) -> WeightStore:
    return WeightStore(folders)


@pytest.fixture(scope="module")
def base(folders: Folders) -> BaseModel:
    return load_base_model("three", folders)


def told(base: BaseModel, store: WeightStore) -> tuple[Conditioning, Conditioning]:
    return clip_text_encode(PROMPT, base.clip, store=store), clip_text_encode(NEGATIVE, base.clip, store=store)


def pipeline(kind: str, folders: Folders, name: str = "three", scheduler: str = "", **more: object):
    options = dict(more.pop("options", {}))
    missing = {"text_encoder_3": None, "tokenizer_3": None} if name == "two" else {}
    pipe = getattr(diffusers, kind).from_pretrained(folders.models[0] / "diffusers" / name, **missing, **more)
    if scheduler:
        pipe.scheduler = getattr(diffusers, scheduler).from_config(pipe.scheduler.config, **options)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def theirs(pipe, **call: object) -> Image:
    given = {"generator": torch.Generator().manual_seed(3), **CALL, **call}
    return Image(torch.from_numpy(pipe(PROMPT, **given).images))


def ours(base: BaseModel, store: WeightStore, latent: Latent, *settings: float, pair=None, **more: object) -> Image:
    pair = pair or told(base, store)
    drawn = sampler(base.model, *pair, latent, 3, STEPS, 6.0, *settings, **more, store=store)
    return vae_decode(drawn, base.vae, store=store)


@pytest.mark.parametrize("name", ["three", "two"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_from_text_it_is_diffusers_to_the_bit(folders, store, name, dtype):
    """With T5, and with zeros where it is left out."""
    loaded = load_base_model(name, folders)
    base = loaded._replace(**{part: model_dtype(getattr(loaded, part), dtype) for part in ("model", "clip", "vae")})
    if name == "two":
        # Zeros are as wide as the published T5; this transformer takes fewer.
        pair = tuple(
            one.map(lambda each: replace(each, embedding=each.embedding[..., : saved.TEXT]))
            for one in told(base, store)
        )
    else:
        pair = told(base, store)
    assert pair[0].conditions[0].embedding.shape == (1, 77 + 256, saved.TEXT)
    pipe = pipeline("StableDiffusion3Pipeline", folders, name, dtype=getattr(torch, dtype))
    reference = theirs(pipe, height=64, width=64)
    assert reference.std() > 0.01
    assert torch.equal(ours(base, store, empty_sd3_latent_image(64, 64), pair=pair), reference)


SCHEDULERS = [
    ("flow_euler", {}, "FlowMatchEulerDiscreteScheduler", {}),
    ("flow_euler", {"shift": 1.5}, "FlowMatchEulerDiscreteScheduler", {"shift": 1.5}),
    ("flow_euler", {"sigmas": "karras"}, "FlowMatchEulerDiscreteScheduler", {"use_karras_sigmas": True}),
    ("flow_euler", {"sigmas": "beta"}, "FlowMatchEulerDiscreteScheduler", {"use_beta_sigmas": True}),
    (
        "flow_euler", {"more": '{"use_dynamic_shifting": true, "base_shift": 0.4}'}, "FlowMatchEulerDiscreteScheduler",
        {"use_dynamic_shifting": True, "base_shift": 0.4},
    ),
    ("flow_heun", {}, "FlowMatchHeunDiscreteScheduler", {}),
    ("unipc", {}, "UniPCMultistepScheduler", {}),
    ("unipc", {"shift": 1.5}, "UniPCMultistepScheduler", {"flow_shift": 1.5}),
    ("unipc", {"solver_order": 3}, "UniPCMultistepScheduler", {"solver_order": 3}),
    ("unipc", {"sigmas": "karras"}, "UniPCMultistepScheduler", {"use_karras_sigmas": True}),
    ("dpmpp_2m", {}, "DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    ("dpmpp_2s", {}, "DPMSolverSinglestepScheduler", {"algorithm_type": "dpmsolver++"}),
    ("deis", {}, "DEISMultistepScheduler", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings", "scheduler", "options"), SCHEDULERS)
def test_each_scheduler_of_flows_is_diffusers_to_the_bit(base, folders, store, name, settings, scheduler, options):
    if not scheduler.startswith("Flow"):
        options = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": 3.0, **options}
    pipe = pipeline("StableDiffusion3Pipeline", folders, scheduler=scheduler, options=options)
    swapped = base._replace(model=swap_scheduler(base.model, name, **settings))
    drawn = ours(swapped, store, empty_sd3_latent_image(64, 64))
    assert torch.equal(drawn, theirs(pipe, height=64, width=64))


@pytest.mark.parametrize("name", ["flow_lcm", "sa_solver", "dpmpp_2m_sde"])
def test_schedulers_that_add_noise_draw_it_from_the_seed(base, store, name):
    """Diffusers' pipelines of SD3 hand their schedulers no generator: those draw from the global one."""
    swapped = base._replace(model=swap_scheduler(base.model, name))
    first, again = (ours(swapped, store, empty_sd3_latent_image(64, 64)) for _ in range(2))
    assert first.isfinite().all() and torch.equal(first, again)


def test_a_shift_of_the_model_counts(base, store):
    """The node that sets it for KSampler sets it here too."""
    shifted = base._replace(model=model_sampling_sd3(base.model, 1.5))
    latent = empty_sd3_latent_image(64, 64)
    same = ours(base._replace(model=swap_scheduler(base.model, "flow_euler", shift=1.5)), store, latent)
    assert torch.equal(ours(shifted, store, latent), same)


@pytest.mark.parametrize(("strength", "steps"), [(0.6, 4), (0.5, 5), (1.0, 4)])
def test_from_a_picture_it_is_diffusers_to_the_bit(base, folders, store, strength, steps):
    latent = vae_encode(picture(), base.vae, store=store)
    drawn = sampler(base.model, *told(base, store), latent, 3, steps, 6.0, strength, store=store)
    pipe = pipeline("StableDiffusion3Img2ImgPipeline", folders)
    call = {"image": channels_first(picture()), "strength": strength, "num_inference_steps": steps}
    assert torch.equal(vae_decode(drawn, base.vae, store=store), theirs(pipe, height=64, width=64, **call))


def hole() -> Mask:
    mask = torch.zeros(1, 64, 64)
    mask[:, 16:48, 8:40] = 1.0
    return Mask(mask)


def as_mask() -> Pillow.Image:
    return Pillow.fromarray((hole()[0] * 255).byte().numpy(), "L")


def latents(base: BaseModel, drawn: Latent) -> torch.Tensor:
    return (drawn["samples"] - saved.SHIFT) * saved.SCALE


@pytest.mark.parametrize("strength", [0.7, 1.0])
@pytest.mark.parametrize("scheduler", ["FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler"])
def test_a_hole_is_filled_as_diffusers_does_to_the_bit(base, folders, store, strength, scheduler):
    """Compared as latents: diffusers' pipeline forgets the shift of the autoencoder when it decodes."""
    latent = {**vae_encode(picture(), base.vae, store=store), "noise_mask": hole()}
    model = swap_scheduler(base.model, scheduler)
    drawn = sampler(model, *told(base, store), latent, 3, STEPS, 6.0, strength, store=store)
    pipe = pipeline("StableDiffusion3InpaintPipeline", folders, scheduler=scheduler)
    pipe.image_processor.postprocess = lambda image, **_: image
    call = {
        **CALL,
        "image": channels_first(picture()),
        "mask_image": as_mask(),
        "strength": strength,
        "output_type": "latent",
    }
    reference = pipe(PROMPT, height=64, width=64, generator=torch.Generator().manual_seed(3), **call).images
    assert torch.equal(drawn["samples"], reference / saved.SCALE + saved.SHIFT)


@pytest.mark.parametrize("strength", [0.7, 1.0])
def test_a_model_for_inpainting_is_diffusers_to_the_bit(folders, store, strength):
    base = load_base_model("told", folders)
    positive, negative, latent = inpaint_model_conditioning(
        *told(base, store), base.vae, picture(), hole(), store=store
    )
    drawn = sampler(base.model, positive, negative, latent, 3, STEPS, 6.0, strength, store=store)
    pipe = pipeline("StableDiffusion3InpaintPipeline", folders, "told")
    pipe.image_processor.postprocess = lambda image, **_: image
    call = {
        **CALL,
        "image": channels_first(picture()),
        "mask_image": as_mask(),
        "strength": strength,
        "output_type": "latent",
    }
    reference = pipe(PROMPT, height=64, width=64, generator=torch.Generator().manual_seed(3), **call).images
    assert torch.equal(drawn["samples"], reference / saved.SCALE + saved.SHIFT)


@pytest.mark.parametrize("names", [("joint-canny",), ("joint-depth",), ("joint-canny", "joint-canny")])
def test_with_controlnets_it_is_diffusers_to_the_bit(base, folders, store, names):
    """Diffusers draws the latents of control pictures from the global generator, one picture after the other."""
    positive, negative = told(base, store)
    for seed, name in enumerate(names):
        net = controlnet_loader(name, folders)
        shown = picture(seed + 1)
        positive, negative = controlnet_apply_sd3(positive, negative, net, base.vae, shown, 0.8, 0.0, 0.5 + seed / 4)
    drawn = ours(base, store, empty_sd3_latent_image(64, 64), pair=(positive, negative))
    nets = [diffusers.SD3ControlNetModel.from_pretrained(folders.models[0] / "controlnet" / name) for name in names]
    several = len(nets) > 1
    pipe = pipeline(
        "StableDiffusion3ControlNetPipeline",
        folders,
        controlnet=diffusers.SD3MultiControlNetModel(nets) if several else nets[0],
    )
    pictures = [as_pillow(picture(seed + 1)) for seed in range(len(names))]
    torch.manual_seed(3)
    reference = theirs(
        pipe, height=64, width=64, control_image=pictures if several else pictures[0],
        controlnet_conditioning_scale=[0.8, 0.8] if several else 0.8,
        control_guidance_end=[0.5, 0.75] if several else 0.5,
    )  # fmt: skip
    assert torch.equal(drawn, reference)
    assert not torch.equal(drawn, ours(base, store, empty_sd3_latent_image(64, 64)))


def test_skipped_layers_lead_as_in_diffusers_to_the_bit(base, folders, store):
    method = skip_layer_guidance(2.8, layers="1, 2", start=0.01, end=0.6)
    drawn = ours(base, store, empty_sd3_latent_image(64, 64), method=method)
    layers = {"skip_guidance_layers": [1, 2], "skip_layer_guidance_stop": 0.6, "skip_layer_guidance_start": 0.01}
    reference = theirs(pipeline("StableDiffusion3Pipeline", folders), height=64, width=64, **layers)
    assert torch.equal(drawn, reference)
    assert not torch.equal(drawn, ours(base, store, empty_sd3_latent_image(64, 64)))


def test_so_do_those_that_the_model_itself_is_told_to_skip(base, store):
    latent = empty_sd3_latent_image(64, 64)
    skipping = base._replace(model=skip_layer_guidance_sd3(base.model, "1, 2", 2.8, 0.01, 0.6))
    method = skip_layer_guidance(2.8, layers="1, 2", start=0.01, end=0.6)
    assert torch.equal(ours(skipping, store, latent), ours(base, store, latent, method=method))
    with pytest.raises(NodeError, match="already, by the model's own skip-layer guidance"):
        ours(skipping, store, latent, method=method)


@pytest.mark.parametrize(
    ("layers", "words"), [("", "layers to skip are none"), ("1, 3", r"are 1, 3; this model has 0 to 2")]
)
def test_layers_that_are_not_there_are_told(base, store, layers, words):
    with pytest.raises(SettingError, match=words):
        ours(base, store, empty_sd3_latent_image(64, 64), method=skip_layer_guidance(layers=layers))


def test_a_transformer_has_no_middle_to_disturb(base, store):
    with pytest.raises(SettingError, match="no middle block to disturb"):
        ours(base, store, empty_sd3_latent_image(64, 64), method=smoothed_energy_guidance())


def test_three_prompts_are_read_by_three_encoders_to_the_bit(base, folders, store):
    positive = clip_text_encode_sd3(base.clip, PROMPT, "a dog", "a mouse", store=store)
    negative = clip_text_encode(NEGATIVE, base.clip, store=store)
    drawn = ours(base, store, empty_sd3_latent_image(64, 64), pair=(positive, negative))
    pipe = pipeline("StableDiffusion3Pipeline", folders)
    assert torch.equal(drawn, theirs(pipe, height=64, width=64, prompt_2="a dog", prompt_3="a mouse"))


def test_a_batch_and_a_seed_for_each_picture_are_diffusers_to_the_bit(base, folders, store):
    pipe = pipeline("StableDiffusion3Pipeline", folders)
    for seeds in ("one", "each"):
        generators = [torch.Generator().manual_seed(3 + place) for place in range(3)]
        call = {"generator": generators} if seeds == "each" else {}
        reference = theirs(pipe, height=64, width=64, num_images_per_prompt=3, **call)
        assert torch.equal(ours(base, store, empty_sd3_latent_image(64, 64, 3), seeds=seeds), reference)


def test_empty_latents_of_four_channels_will_do(base, store):
    one, other = (ours(base, store, empty(64, 64)) for empty in (empty_latent_image, empty_sd3_latent_image))
    assert torch.equal(one, other)


def test_a_controlnet_of_another_family_is_told(base, folders, store):
    net = controlnet_loader("small-canny", folders)
    pair = controlnet_apply_masked(*told(base, store), net, picture())
    with pytest.raises(SettingError, match="another kind of network than the model: they belong to other families"):
        ours(base, store, empty_sd3_latent_image(64, 64), pair=pair)


def test_a_scheduler_for_noise_is_refused_before_anything_loads(base):
    with pytest.raises(NodeError, match=r"EulerDiscreteScheduler does not fit a model that follows flows.*flow_euler"):
        swap_scheduler(base.model, "euler")
    with pytest.raises(NodeError, match="use_karras_sigmas is for models that predict noise"):
        swap_scheduler(base.model, "dpmpp_2m_karras")


def test_a_folder_is_told_as_sd3(folders: Folders) -> None:
    base = load_base_model("three", folders)
    assert {base.model.family, base.clip.family, base.vae.family} == {"sd3"}
    assert Path(folders.models[0] / "diffusers/three/transformer").is_dir()


def test_a_run_in_two_parts_is_the_whole_to_the_bit(base, store):
    """What one sampler leaves of the noise, another one takes away; this scheduler remembers no earlier steps."""
    model, pair, latent = base.model, told(base, store), empty_sd3_latent_image(64, 64)
    left = sampler(model, *pair, latent, 3, STEPS, 6.0, end=0.4, store=store)
    parts = sampler(model, *pair, left, 3, STEPS, 6.0, start=0.4, store=store)
    assert torch.equal(parts["samples"], sampler(model, *pair, latent, 3, STEPS, 6.0, store=store)["samples"])
    assert not torch.equal(left["samples"].float(), parts["samples"])


def test_recordings_are_known_by_the_weights_and_not_by_what_calls_them() -> None:
    """Each run calls the transformer anew: a recording of one must not be taken for that of another."""
    one, other = saved.transformer(), saved.transformer()
    assert identity(as_unet(one)) == identity(as_unet(one)) != identity(as_unet(other))
