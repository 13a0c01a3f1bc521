"""Where weights wait, by bytes counted on a toy accelerator that can run out of memory."""

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from graph_runtime import Folders, NodeError, OutOfMemory
from sd_nodes import sources
from sd_nodes.needs import guided, stage
from sd_nodes.sampling import sampler
from sd_nodes.types import Condition, Conditioning, Control, Image, Latent, Model, Settings
from sd_nodes.weights import WeightStore
from tests.sd_nodes import models, toy_device
from tests.sd_nodes.toy_device import limited, swapping

pytestmark = pytest.mark.skipif(not toy_device.available(), reason="this torch has no devices written in Python")

LATENTS, PROMPT = torch.randn(2, 4, 8, 8), torch.randn(2, 77, models.WIDTH)


def weight(module: torch.nn.Module) -> int:
    """The bytes of a module's weights."""
    return sum(one.nbytes for one in module.parameters())


def largest(module: torch.nn.Module) -> int:
    """The bytes of the weights of the layer that has most."""
    return max(weight(part) for part in module.modules() if not list(part.children()))


UNET, VAE = weight(models.unet()), weight(models.vae())


@pytest.fixture(autouse=True)
def swapped() -> Iterator[None]:
    with swapping():
        yield


@pytest.fixture
def store(small_folders: Folders) -> Iterator[WeightStore]:
    """A store with room for everything."""
    made = WeightStore(small_folders, budget=1 << 30)
    yield made
    made.close()


@pytest.fixture
def recipe(small_folders: Folders) -> Callable[..., Model]:
    """Makes the recipe of a UNet on the toy accelerator."""
    base = sources.checkpoint("small", small_folders).model
    return lambda **settings: replace(base, settings=Settings(dtype="float32", device="toy", **settings))


def step(store: WeightStore, model: Model) -> Tensor:
    """One prediction, inside of inference mode as nodes compute."""
    with torch.inference_mode(), store.unet(model) as unet:
        return unet(LATENTS.to("toy"), 7, PROMPT.to("toy")).sample.cpu()


@pytest.mark.parametrize("offload", ["model", "group", "sequential"])
def test_nothing_stays_on_the_device(store: WeightStore, recipe: Callable[..., Model], offload: str) -> None:
    """What is drawn is the same to the bit, and afterwards the device is as empty as before."""
    plain = step(store, recipe())
    store.close()
    with limited(None) as memory:
        before = memory.now
        assert torch.equal(step(store, recipe(offload=offload)), plain)
        assert torch.equal(step(store, recipe(offload=offload)), plain)
        assert memory.now - before < UNET / 100
    assert store.bytes == pytest.approx(UNET, rel=0.01)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("offload", ["model", "group", "sequential"])
def test_on_a_gpu_nothing_changes(store: WeightStore, small_folders: Folders, offload: str) -> None:
    """Three passes: groups come on a stream of their own from the second one on."""
    model = sources.checkpoint("small", small_folders).model
    found = []
    for how, passes in (("none", 1), (offload, 3)):
        settings = Settings(dtype="float32", device="cuda", offload=how)  # type: ignore[arg-type]
        for _ in range(passes):
            with torch.inference_mode(), store.unet(replace(model, settings=settings)) as unet:
                found.append(unet(LATENTS.to("cuda"), 7, PROMPT.to("cuda")).sample.cpu())
    assert all(torch.equal(one, found[0]) for one in found)


def test_each_offloading_takes_less_than_the_one_before(store: WeightStore, recipe: Callable[..., Model]) -> None:
    """Whole: all weights and the activations. In blocks: less. Layer by layer: the activations and a few layers."""
    peaks = {}
    for offload in ("none", "model", "group", "sequential"):
        with limited(None) as memory:
            before = memory.now
            step(store, recipe(offload=offload))
            peaks[offload] = memory.peak - before
        store.close()
    activations = peaks["none"] - UNET
    assert 0 < activations < UNET / 2
    assert peaks["model"] == pytest.approx(peaks["none"], rel=0.02)
    assert peaks["group"] < 0.8 * peaks["model"]
    assert peaks["sequential"] < activations + 3 * largest(models.unet())


def test_float8_takes_a_quarter(store: WeightStore, recipe: Callable[..., Model]) -> None:
    """A layer at a time is widened; one prediction of this small network moves by 12 percent."""
    plain = step(store, recipe())
    store.close()
    with limited(None) as memory:
        before = memory.now
        narrow = step(store, recipe(storage="float8_e4m3fn"))
        assert memory.now - before < 0.3 * UNET
    assert store.bytes < 0.3 * UNET
    apart = ((narrow - plain).norm() / plain.norm()).item()
    assert 0 < apart < 0.15


def test_float8_and_layer_by_layer_go_together(store: WeightStore, recipe: Callable[..., Model]) -> None:
    """The least memory of all; the same numbers as float8 alone."""
    narrow = step(store, recipe(storage="float8_e4m3fn"))
    store.close()
    for offload in ("model", "group", "sequential"):
        assert torch.equal(step(store, recipe(storage="float8_e4m3fn", offload=offload)), narrow)
        store.close()


def test_a_view_of_what_is_moved_is_a_view(store: WeightStore, recipe: Callable[..., Model]) -> None:
    """Hooks bind the forward pass of the module that they are on; a view with another part must not lose it."""
    from sd_nodes.diffusion.views import view_of

    class Nothing(torch.nn.Module):
        def forward(self, given: Tensor, *_: object) -> Tensor:
            return given * 0

    for offload in ("none", "group", "sequential"):
        with torch.inference_mode(), store.unet(recipe(offload=offload)) as unet:
            seen = view_of(unet, {"conv_out": Nothing()})(LATENTS.to("toy"), 7, PROMPT.to("toy")).sample
            assert not seen.cpu().any()


def test_the_budget_of_the_device_is_obeyed(small_folders: Folders, recipe: Callable[..., Model]) -> None:
    """A device with room for one: the other goes, before the next comes."""
    base = sources.checkpoint("small", small_folders)
    vae = replace(base.vae, settings=recipe().settings)
    store = WeightStore(small_folders, budget=UNET + VAE // 2)
    with limited(None) as memory:
        before = memory.now
        for lend in (store.unet(recipe()), store.vae(vae), store.unet(recipe())):
            with lend:
                assert memory.now - before <= store.budget * 1.01
        with store.unet(recipe(offload="model")), store.vae(vae):
            assert store.bytes == pytest.approx(UNET + VAE, rel=0.01)
        assert memory.now - before <= store.budget * 1.01
    store.close()


def test_too_little_memory_says_what_would_fit(store: WeightStore, recipe: Callable[..., Model]) -> None:
    """The sentence names what was in use; the setting that it names does fit."""
    limit = UNET // 2
    with limited(limit), pytest.raises(OutOfMemory, match=r"In use are the UNet “small” 3\.2 MB") as told:
        small = WeightStore(store.folders, budget=limit)
        step(small, recipe())
    assert "nothing more could be let go" in str(told.value)
    assert "Model Offload group" in str(told.value)
    del told  # its frames hold what was brought to the device before there was no more place
    gc.collect()
    with limited(limit):
        step(small, recipe(offload="sequential"))


def test_what_is_told_before_a_run_is_what_it_takes(store: WeightStore, small_folders: Folders) -> None:
    """Weights and activations of a UNet with a ControlNet, to a tenth."""
    base = sources.checkpoint("small", small_folders)
    settings = Settings(dtype="float32", device="toy")
    model = replace(base.model, settings=settings)
    net = replace(sources.controlnet("small-canny", small_folders), settings=settings)
    text = Condition(torch.randn(1, 77, models.WIDTH))
    condition = Conditioning(
        (replace(text, controls=(Control(net, Image(torch.rand(1, 256, 256, 3))),)),), model.family
    )
    latent: Latent = {"samples": torch.zeros(1, 4, 32, 32)}
    told = stage("", [model, net], small_folders, guided(latent["samples"]), lambda recipe: "toy")
    with limited(None) as memory, torch.inference_mode():
        before = memory.now
        sampler(model, condition, Conditioning((text,), model.family), latent, steps=2, store=store)
        assert memory.peak - before == pytest.approx(told.bytes, rel=0.1)


def test_what_is_missing_is_no_shortage(store: WeightStore, recipe: Callable[..., Model]) -> None:
    """Other errors pass as they are."""
    with pytest.raises(ZeroDivisionError), store.unet(recipe()):
        raise ZeroDivisionError
    with pytest.raises(NodeError, match="not there"):
        step(store, replace(recipe(), source=replace(recipe().source, digest="0" * 64)))
