"""Words in boxes: the layers are where diffusers has them, and do what its own gated attention does."""

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import GatedSelfAttentionDense

from graph_runtime import Folders, NodeError
from sd_nodes.boxes import gligen_loader, gligen_text_box_apply
from sd_nodes.conditionings import conditioning_combine
from sd_nodes.custom_sampling import sampler_custom
from sd_nodes.diffusion.gligen import Box, told_boxes, with_boxes
from sd_nodes.loaders import Checkpoint, checkpoint_loader_simple
from sd_nodes.prompting import sharing_boxes
from sd_nodes.regions import conditioning_set_area
from sd_nodes.sampling_types import Sampler, Sigmas
from sd_nodes.types import Condition, Conditioning
from sd_nodes.weights import WeightStore
from tests.sd_nodes import original_checkpoints as original

PLACES = {"input_blocks.1.1": 32, "middle_block.1": 64, "output_blocks.2.1": 32, "output_blocks.3.1": 32}
DIFFUSERS = (
    "down_blocks.0.attentions.0",
    "mid_block.attentions.0",
    "up_blocks.1.attentions.0",
    "up_blocks.1.attentions.1",
)


def layers() -> dict[str, torch.Tensor]:
    """The layers of GLIGEN for the small UNet, pruned of all else."""
    names = original.Names("", seed=21)
    for place, width in PLACES.items():
        stem = f"{place}.transformer_blocks.0.fuser"
        names.add(f"{stem}.linear", width, 768)
        for projection in ("to_q", "to_k", "to_v"):
            names.add(f"{stem}.attn.{projection}", width, width, bias=False)
        names.add(f"{stem}.attn.to_out.0", width, width)
        names.add(f"{stem}.ff.net.0.proj", 8 * width, width)
        names.add(f"{stem}.ff.net.2", width, 4 * width)
        names.add(f"{stem}.norm1", width)
        names.add(f"{stem}.norm2", width)
        names.tensors |= {f"{stem}.alpha_attn": torch.tensor(0.7), f"{stem}.alpha_dense": torch.tensor(-0.4)}
    for number, (into, out) in enumerate(((64 + 64, 512), (512, 512), (512, 768))):
        names.add(f"position_net.linears.{2 * number}", out, into)
    for name in ("positive", "position"):
        names.tensors[f"position_net.null_{name}_feature"] = torch.randn(64, generator=names.generator)
    return names.tensors


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("gligen")
    original.write(root / "gligen/boxes.safetensors", layers())
    original.write(root / "checkpoints/one.safetensors", original.unet(), original.vae(), original.text_encoder())
    two = (original.unet(context=1024), original.vae(), original.open_clip("cond_stage_model.model."))
    original.write(root / "checkpoints/two.safetensors", *two)
    return Folders(models=(root,))


@pytest.fixture(scope="module")
def store(folders: Folders) -> WeightStore:
    return WeightStore(folders)


@pytest.fixture(scope="module")
def parts(folders: Folders) -> Checkpoint:
    return checkpoint_loader_simple("one", folders)


def reference(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """The same UNet as diffusers builds it with gated attention, with the layers' weights put in by hand."""
    told = {name: value for name, value in unet.config.items() if not name.startswith("_")}
    gated = UNet2DConditionModel(**{**told, "attention_type": "gated"})
    gated.load_state_dict(unet.state_dict(), strict=False)
    tensors = {name: tensor.half().float() for name, tensor in layers().items()}
    for theirs, place in zip(PLACES, DIFFUSERS, strict=True):
        stem, width = f"{theirs}.transformer_blocks.0.fuser.", PLACES[theirs]
        fuser = GatedSelfAttentionDense(width, 768, 8, width // 8)
        fuser.load_state_dict({name.removeprefix(stem): t for name, t in tensors.items() if name.startswith(stem)})
        gated.get_submodule(f"{place}.transformer_blocks.0").fuser = fuser
    gated.position_net = type(gated.position_net)(64, 768)
    prefix = "position_net."
    gated.position_net.load_state_dict(
        {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    )
    return gated.eval().requires_grad_(False)


def boxes() -> list[Box]:
    pooled = torch.randn(2, 1, 64, generator=torch.Generator().manual_seed(3))
    return [Box(pooled[0], 0.25, 0.5, 0.75, 1.0), Box(pooled[1], 0.0, 0.0, 0.5, 0.5)]


def test_the_layers_do_what_those_of_diffusers_do(parts: Checkpoint, folders: Folders, store: WeightStore) -> None:
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    states = torch.randn(1, 5, 768, generator=torch.Generator().manual_seed(1))
    told = told_boxes(boxes(), 64)
    model = gligen_loader("boxes", folders)
    assert model.family == "sd1"
    with store.unet(parts.MODEL) as unet, store.module(model) as gligen:
        given = {"cross_attention_kwargs": {"gligen": dict(told)}}
        found = with_boxes(unet, gligen)(latents, torch.tensor(500), states, **given).sample
        expected = reference(unet)(latents, torch.tensor(500), states, **given).sample
        plain = unet(latents, torch.tensor(500), states).sample
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found, plain, atol=1e-4)


def prompt(seed: int = 1) -> Conditioning:
    return Conditioning((Condition(torch.randn(1, 5, 768, generator=torch.Generator().manual_seed(seed))),), "sd1")


def test_boxes_are_told_in_parts_of_the_picture(parts: Checkpoint, folders: Folders, store: WeightStore) -> None:
    """A step of a run over 64 x 64 pixels, and the same step by hand; the negative prompt is told the same places."""
    model = gligen_loader("boxes", folders)
    boxed, unwanted = prompt(), prompt(2)
    for text, *place in (("a", 32, 32, 16, 32), ("b", 32, 32, 0, 0)):
        boxed = gligen_text_box_apply(boxed, parts.CLIP, model, text, *place, store=store)
    pooled = [one.pooled for one in boxed.conditions[0].boxes]
    assert pooled[0].shape == (1, 64) and not torch.equal(*pooled)
    sigma = 2.0
    found = sampler_custom(
        parts.MODEL, noise_seed=4, cfg=3.0, positive=boxed, negative=unwanted, sampler=Sampler("euler"),
        sigmas=Sigmas(torch.tensor([sigma, 0.0])), latent_image={"samples": torch.zeros(1, 4, 8, 8)}, store=store,
    ).output["samples"]  # fmt: skip
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(4)) * sigma
    told = told_boxes([Box(pooled[0], 0.25, 0.5, 0.75, 1.0), Box(pooled[1], 0.0, 0.0, 0.5, 0.5)], 64)
    states = prompt().conditions[0].embedding
    with store.unet(parts.MODEL) as unet:
        gated = reference(unet)
        step = torch.tensor(float(timestep(sigma)))
        first, second = (
            gated(noise / (sigma**2 + 1) ** 0.5, step, text, cross_attention_kwargs={"gligen": dict(told)}).sample
            for text in (states, unwanted.conditions[0].embedding)
        )
    expected = (noise - sigma * (second + (first - second) * 3.0)) / 0.18215
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def timestep(sigma: float) -> int:
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    alphas = (1 - betas).cumprod(0)
    levels = ((1 - alphas) / alphas).sqrt().log()
    return int((levels - torch.tensor(sigma).log()).abs().argmin())


def test_layers_of_another_family_are_told(folders: Folders, store: WeightStore) -> None:
    clip = checkpoint_loader_simple("two", folders).CLIP
    with pytest.raises(NodeError, match="found layers for sd1, needs those for sd2"):
        gligen_text_box_apply(prompt(), clip, gligen_loader("boxes", folders), "a", store=store)


def test_boxes_are_shared_in_turn_with_prompts_for_the_whole_picture_that_have_none(
    parts: Checkpoint, folders: Folders, store: WeightStore
) -> None:
    boxed = gligen_text_box_apply(prompt(), parts.CLIP, gligen_loader("boxes", folders), "a", store=store)
    cornered = conditioning_set_area(prompt())
    shared = sharing_boxes(boxed, conditioning_combine(cornered, prompt()))
    assert shared is not None
    assert [one.boxes for one in shared.conditions] == [(), boxed.conditions[0].boxes]
    other = gligen_text_box_apply(prompt(), parts.CLIP, gligen_loader("boxes", folders), "b", store=store)
    assert sharing_boxes(boxed, other) is other
