"""T2I adapters: their files in every layout, what they add to a UNet, and how they steer a run."""

from pathlib import Path

import pytest
import torch
from diffusers import T2IAdapter, UNet2DConditionModel
from safetensors.torch import save_file
from torch.nn.functional import avg_pool2d, pad

from graph_runtime import Folders, NodeError
from sd_nodes.controlnet import controlnet_apply, controlnet_apply_advanced, controlnet_apply_masked
from sd_nodes.custom_sampling import sampler_custom
from sd_nodes.diffusion.adapter import Adapted, adapter_of, adapter_problem, as_trained
from sd_nodes.diffusion.footprint import Latents
from sd_nodes.loaders import controlnet_loader, load_base_model
from sd_nodes.needs import stage
from sd_nodes.network_tweaks import patch_model_add_downscale
from sd_nodes.sampling import sampler
from sd_nodes.sampling_types import Sampler, Sigmas
from sd_nodes.sources import locate
from sd_nodes.types import Condition, Conditioning, Image, Model
from sd_nodes.weights import WeightStore
from tests.sd_nodes import models
from tests.sd_nodes.test_nodes_gligen import timestep

KINDS = {"full": ("full_adapter", 8, [32, 64]), "light": ("light_adapter", 8, [32, 64]),
         "xl": ("full_adapter_xl", 16, [32, 64, 64, 64])}  # fmt: skip


def adapter(kind: str, seed: int = 5) -> T2IAdapter:
    name, fold, channels = KINDS[kind]
    torch.manual_seed(seed)
    net = T2IAdapter(3, channels, 2, fold, name)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return models.ready(net)


def original(net: T2IAdapter) -> dict[str, torch.Tensor]:
    """The tensors as the adapters' own code names them."""
    light = net.config.adapter_type == "light_adapter"
    found = {}
    for name, tensor in net.state_dict().items():
        words = name.removeprefix("adapter.").split(".")
        if words[0] == "body" and not light:
            block = 2 * int(words[1]) + (int(words[3]) if words[2] == "resnets" else 0)
            words = ["body", str(block), *(words[4:] if words[2] == "resnets" else words[2:])]
        found[".".join(words).replace("resnets", "body")] = tensor
    return found


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("adapters")
    (root / "t2i_adapter").mkdir()
    for kind in KINDS:
        net = adapter(kind)
        save_file(original(net), root / f"t2i_adapter/{kind}.safetensors")
        save_file(net.state_dict(), root / f"t2i_adapter/{kind}_diffusers.safetensors")
        net.save_pretrained(root / f"diffusers/{kind}_folder")
    return Folders(models=(root,))


@pytest.fixture(scope="module")
def store(folders: Folders) -> WeightStore:
    return WeightStore(folders)


@pytest.mark.parametrize("layout", ["", "_diffusers", "_folder"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_an_adapter_is_read_in_every_layout(kind: str, layout: str, folders: Folders, store: WeightStore) -> None:
    net = controlnet_loader(f"{kind}{layout}", folders)
    assert net.family == ("sdxl" if kind == "xl" else "sd1") and net.source.part == "t2i_adapter"
    assert locate(net.source, folders).part == "t2i_adapter"
    picture = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with store.controlnet(net) as found, torch.no_grad():
        assert found.config.adapter_type == KINDS[kind][0]
        for one, wanted in zip(found(picture), adapter(kind)(picture), strict=True):
            torch.testing.assert_close(one, wanted)


def test_sides_of_odd_length_are_halved_with_zeros_at_both_ends() -> None:
    """The adapters' own code frames them so; diffusers' pooling takes a smaller window at the end instead."""
    net, theirs = as_trained(adapter("full")), adapter("full")
    picture = torch.rand(1, 3, 40, 64, generator=torch.Generator().manual_seed(2))
    first, second = net(picture)
    torch.testing.assert_close(first, theirs(picture)[0])
    block = theirs.adapter.body[1]
    halved = avg_pool2d(pad(first, (0, 0, 1, 1)), 2, 2)
    torch.testing.assert_close(second, block.resnets(block.in_conv(halved)))
    assert not torch.allclose(second, theirs(picture)[1], atol=1e-3)


def told(seed: int) -> Conditioning:
    return Conditioning((Condition(torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(seed))),), "")


@pytest.fixture(scope="module")
def picture() -> Image:
    return Image(torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(3)))


@pytest.mark.parametrize("strengths", [(0.7,), (0.7, -0.4)])
def test_a_step_is_that_of_diffusers(
    strengths: tuple[float, ...], folders: Folders, small_shelf: Path, picture: Image
) -> None:
    """Its pipeline multiplies the features, adds those of several adapters, and gives them to both halves alike."""
    both = Folders(models=(*folders.models, small_shelf))
    store, base, sigma = WeightStore(both), load_base_model("small", both), 2.0
    positive, negative = told(1), told(2)
    for strength in strengths:
        net = controlnet_loader("full", both)
        positive, negative = controlnet_apply_advanced(positive, negative, net, picture, strength)
    found = sampler_custom(
        base.model, noise_seed=4, cfg=3.0, positive=positive, negative=negative, sampler=Sampler("euler"),
        sigmas=Sigmas(torch.tensor([sigma, 0.0])), latent_image={"samples": torch.zeros(2, 4, 8, 8)}, store=store,
    ).output["samples"]  # fmt: skip
    noise = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(4)) * sigma
    unet = UNet2DConditionModel.from_pretrained(small_shelf / "diffusers/small/unet")
    features = adapter("full")(picture.movedim(-1, 1))
    inner = [sum(strength * one for strength in strengths) for one in features]
    halves = []
    with torch.no_grad():
        for text in (negative, positive):
            states = text.conditions[0].embedding.expand(2, -1, -1)
            at = torch.tensor(timestep(sigma))
            given = {"down_intrablock_additional_residuals": [one.clone() for one in inner]}
            halves.append(unet(noise / (sigma**2 + 1) ** 0.5, at, states, **given).sample)
    expected = (noise - sigma * (halves[0] + 3.0 * (halves[1] - halves[0]))) / 0.18215
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_an_adapter_may_be_shared_with_the_negative_prompt_and_has_a_window(
    folders: Folders, small_shelf: Path, picture: Image
) -> None:
    both = Folders(models=(*folders.models, small_shelf))
    store, base, net = WeightStore(both), load_base_model("small", both), controlnet_loader("full", both)

    def drawn(positive: Conditioning, negative: Conditioning) -> torch.Tensor:
        return sampler_custom(
            base.model, noise_seed=4, cfg=3.0, positive=positive, negative=negative, sampler=Sampler("euler"),
            sigmas=Sigmas(torch.tensor([2.0, 0.0])), latent_image={"samples": torch.zeros(1, 4, 8, 8)}, store=store,
        ).output["samples"]  # fmt: skip

    advanced = drawn(*controlnet_apply_advanced(told(1), told(2), net, picture, 0.5))
    assert torch.equal(drawn(controlnet_apply(told(1), net, picture, 0.5), told(2)), advanced)
    late = controlnet_apply_advanced(told(1), told(2), net, picture, 0.5, 0.95, 1.0)
    assert torch.equal(drawn(*late), drawn(told(1), told(2))) and not torch.equal(drawn(*late), advanced)


def test_a_picture_is_brought_to_what_is_folded_and_to_its_channels() -> None:
    """Three latents of 8 pixels make two of 16; a grey adapter sees the mean of the colours."""
    grey = models.ready(T2IAdapter(1, [8, 8, 8, 8], 1, 16, "full_adapter_xl"))
    picture = torch.rand(1, 32, 32, 3, generator=torch.Generator().manual_seed(3))
    found = Adapted(grey, picture, 2.0).prepared(torch.Size((4, 4, 3, 4)), 2)
    assert [tuple(one.shape[2:]) for one in found.levels] == [(2, 2), (2, 2), (1, 1), (1, 1)]
    wanted = grey(picture.mean(3)[:, None])
    torch.testing.assert_close(found.levels[0], 2.0 * wanted[0])


def test_what_an_adapter_cannot_do_is_told(folders: Folders, small_shelf: Path, picture: Image) -> None:
    both = Folders(models=(*folders.models, small_shelf))
    store, base = WeightStore(both), load_base_model("small", both)
    latents = {"samples": torch.zeros(1, 4, 8, 8)}

    def drawn(model: Model, pair: tuple[Conditioning, Conditioning]) -> None:
        sampler_custom(
            model, positive=pair[0], negative=pair[1], sampler=Sampler("euler"), store=store,
            sigmas=Sigmas(torch.tensor([2.0, 0.0])), latent_image=latents,
        )  # fmt: skip

    full, large = (controlnet_loader(name, both) for name in ("full", "xl"))
    with pytest.raises(NodeError, match="it belongs to another family"):
        drawn(base.model, controlnet_apply_advanced(told(1), told(2), large, picture))
    with pytest.raises(NodeError, match="neither masks nor guess mode"):
        drawn(base.model, controlnet_apply_masked(told(1), told(2), full, picture, guess=True))
    pair = controlnet_apply_advanced(told(1), told(2), full, picture)
    with pytest.raises(NodeError, match="leave PatchModelAddDownscale out"):
        drawn(patch_model_add_downscale(base.model, 1), pair)
    with pytest.raises(NodeError, match="followed by KSampler"):
        sampler(base.model, *pair, latents, steps=1, store=store)


def test_light_adapters_have_a_last_level_as_wide_as_the_one_before() -> None:
    """Diffusers does not name it in the configuration."""
    assert adapter_problem(adapter("light"), [32, 64, 64]) is None
    assert adapter_problem(adapter("xl"), [32, 64, 64]) is None
    assert adapter_problem(adapter("full"), [32, 64]) is None
    shapes = {name: tuple(tensor.shape) for name, tensor in adapter("light").state_dict().items()}
    assert list(adapter_of(shapes).config.channels) == [32, 64]


def test_the_weights_of_an_adapter_are_told_before_a_run(folders: Folders) -> None:
    """What it computes is not; nothing is known of it but its weights."""
    part = stage("x", [controlnet_loader("light", folders)], folders, Latents(2, 64, 64, True)).parts[0]
    assert part.parameters == sum(each.numel() for each in adapter("light").parameters()) and part.numbers == 0
