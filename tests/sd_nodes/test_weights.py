"""The weight store: what it loads, shares, bounds and lets go of."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
import torch
from safetensors.torch import load_file, save_file

from graph_runtime import Folders, NodeError, sized
from sd_nodes import sources
from sd_nodes.types import Scheduler, Settings
from sd_nodes.weights import WeightStore
from tests.sd_nodes import models, saved_models
from tests.sd_nodes import original_checkpoints as original


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder: diffusers folders, and the same kinds as single files of both layouts."""
    root = tmp_path_factory.mktemp("models")
    saved_models.save_base(root / "diffusers/small", safety=True)
    saved_models.save_base(root / "diffusers/half", variant="fp16")
    saved_models.save_controlnet(root / "controlnet/small-canny")
    original.write(root / "checkpoints/single.safetensors", original.unet(), original.vae(), original.text_encoder())
    original.write(root / "controlnet/control_depth.safetensors", original.controlnet())
    return root


@pytest.fixture
def folders(shelf: Path, tmp_path: Path) -> Folders:
    """The model folder with a state folder of its own."""
    return Folders(models=(shelf,), state=tmp_path)


@pytest.fixture
def store(folders: Folders) -> WeightStore:
    """An empty store."""
    return WeightStore.open(folders)


def same(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    """Tell whether two modules hold the same tensors under the same names."""
    mine, others = first.state_dict(), second.state_dict()
    return mine.keys() == others.keys() and all(torch.equal(mine[name], others[name]) for name in mine)


def test_a_diffusers_folder_is_loaded_for_inference(store: WeightStore, folders: Folders) -> None:
    """Every part has the saved weights, in eval mode and without gradients."""
    made = sources.checkpoint("small", folders)
    net = sources.controlnet("small-canny", folders)
    expected = models.small_models()
    with (
        store.unet(made.model) as unet,
        store.vae(made.vae) as vae,
        store.text_encoder(made.clip) as (tokenizer, encoder),
        store.controlnet(net) as controlnet,
    ):
        assert same(unet, expected.unet)
        assert same(vae, expected.vae)
        assert same(encoder, expected.text_encoder)
        assert same(controlnet, models.controlnet())
        assert tokenizer("a cat").input_ids == expected.tokenizer("a cat").input_ids
        loaded = (unet, vae, encoder, controlnet)
        assert not any(each.training for each in loaded)
        assert not any(weight.requires_grad for each in loaded for weight in each.parameters())


def test_the_safety_checker_comes_with_its_processor(store: WeightStore, folders: Folders) -> None:
    """The processor has the sizes that were saved beside it."""
    checker = sources.safety_checker("small", folders)
    with store.safety(checker) as (processor, module):
        assert same(module, models.safety_checker())
        assert processor.size["shortest_edge"] == 32


def test_a_folder_in_half_precision_only_is_loaded(store: WeightStore, folders: Folders) -> None:
    """The fp16 variant stands in where there is no other."""
    with store.unet(sources.checkpoint("half", folders).model) as unet:
        assert same(unet, models.unet())


def test_a_single_file_is_loaded_with_every_tensor_in_place(store: WeightStore, folders: Folders, shelf: Path) -> None:
    """Each tensor of the file is in the modules, which compute."""
    made = sources.checkpoint("single", folders)
    with store.unet(made.model) as unet, store.vae(made.vae) as vae, store.text_encoder(made.clip) as (words, encoder):
        sums = [tensor.double().sum() for part in (unet, vae, encoder) for tensor in part.state_dict().values()]
        stored = load_file(shelf / "checkpoints/single.safetensors")
        expected = [tensor.double().sum() for name, tensor in stored.items() if not name.endswith("position_ids")]
        assert sorted(map(float, sums)) == pytest.approx(sorted(map(float, expected)))
        assert unet.config.attention_head_dim == 8
        assert vae.config.scaling_factor == 0.18215
        latents = torch.zeros(1, 4, 8, 8)
        states = encoder(torch.tensor([words("a cat").input_ids])).last_hidden_state
        assert states.isfinite().all()
        assert unet(latents, 5, torch.zeros(1, 7, 768)).sample.isfinite().all()
        assert vae.decode(latents).sample.shape == (1, 3, 16, 16)


def test_a_controlnet_in_the_original_layout_drives_a_unet(store: WeightStore, folders: Folders) -> None:
    """Its residuals have the shapes that the UNet of the same layout takes."""
    net = sources.controlnet("control_depth", folders)
    states, latents = torch.zeros(1, 7, 768), torch.zeros(1, 4, 8, 8)
    with store.controlnet(net) as controlnet, store.unet(sources.checkpoint("single", folders).model) as unet:
        down, middle = controlnet(latents, 5, states, torch.zeros(1, 3, 64, 64), return_dict=False)
        steered = unet(
            latents, 5, states, down_block_additional_residuals=down, mid_block_additional_residual=middle
        ).sample
        assert not torch.equal(steered, unet(latents, 5, states).sample)


def test_a_file_in_diffusers_layout_is_loaded(store: WeightStore, folders: Folders, tmp_path: Path) -> None:
    """A component's own file by itself is as good as the same weights in the original layout."""
    with store.vae(sources.vae("single", folders)) as vae:
        (tmp_path / "vae").mkdir()
        save_file(vae.state_dict(), tmp_path / "vae/mine.safetensors")
    here = Folders(models=(tmp_path,))
    with WeightStore.open(here).vae(sources.vae("mine", here)) as again:
        assert same(vae, again)


def test_shapes_that_no_family_has_are_told(tmp_path: Path) -> None:
    """The normalisation of every published VAE has 32 groups: 16 channels make none."""
    (tmp_path / "vae").mkdir()
    save_file(models.vae().state_dict(), tmp_path / "vae/narrow.safetensors")
    here = Folders(models=(tmp_path,))
    with (
        pytest.raises(NodeError, match="its shapes make no vae"),
        WeightStore.open(here).vae(sources.vae("narrow", here)),
    ):
        pass


def test_a_recipe_is_loaded_once_for_all_threads(store: WeightStore, folders: Folders) -> None:
    """Eight nodes that ask at the same moment get the same module."""
    recipe, barrier = sources.checkpoint("small", folders).model, Barrier(8)

    def ask(_: int) -> int:
        barrier.wait()
        with store.unet(recipe) as unet:
            return id(unet)

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(8)))) == 1
    assert store.bytes == sum(weight.nbytes for weight in models.unet().parameters())


def test_scheduler_and_clip_skip_do_not_make_another_copy(store: WeightStore, folders: Folders) -> None:
    """What does not change the weights shares them; another dtype does not."""
    made = sources.checkpoint("small", folders)
    other = replace(made.model, scheduler=Scheduler("euler"))
    half = replace(made.model, settings=Settings("bfloat16"))
    with store.unet(made.model) as first, store.unet(other) as second, store.unet(half) as third:
        assert first is second is not third
        assert third.dtype == torch.bfloat16


def test_the_least_recently_used_goes_first(folders: Folders) -> None:
    """Over budget, what was used last stays; what is in use stays whatever the budget."""
    made = sources.checkpoint("small", folders)
    store = WeightStore(folders, budget=0)
    with store.vae(made.vae) as vae:
        with store.unet(made.model) as unet:
            assert store.bytes == sum(weight.nbytes for part in (vae, unet) for weight in part.parameters())
        assert store.bytes == sum(weight.nbytes for weight in vae.parameters())
    assert store.bytes == 0

    store = WeightStore(folders, budget=sources.estimate(made[:3], folders).bytes - 1)
    with store.unet(made.model) as unet, store.vae(made.vae) as vae:
        pass
    for lend in (store.unet(made.model), store.text_encoder(made.clip)):
        with lend:
            pass
    with store.unet(made.model) as again, store.vae(made.vae) as reloaded:
        assert again is unet
        assert reloaded is not vae


def test_closing_lets_go_of_everything(store: WeightStore, folders: Folders) -> None:
    """Nothing is held afterwards."""
    with store.vae(sources.checkpoint("small", folders).vae):
        pass
    assert store.bytes > 0
    store.close()
    assert store.bytes == 0


def test_a_failed_load_leaves_nothing_and_can_be_tried_again(shelf: Path, tmp_path: Path) -> None:
    """A missing tensor is named; once the file is whole, the recipe loads."""
    path = tmp_path / "checkpoints/single.safetensors"
    whole = original.unet()
    broken = {name: tensor for name, tensor in whole.items() if "middle_block.2.in_layers.2" not in name}
    here = Folders(models=(tmp_path,))
    store = WeightStore.open(here)
    parts = (original.vae(), original.text_encoder())
    original.write(path, broken, *parts)
    with (
        pytest.raises(NodeError, match=r"lacks 2 tensors of its unet \(2 in mid_block\)"),
        store.unet(sources.checkpoint("single", here).model),
    ):
        pass
    assert store.bytes == 0
    path.unlink()
    original.write(path, whole, *parts)
    with store.unet(sources.checkpoint("single", here).model) as unet:
        assert unet.config.block_out_channels == [32, 64]


def test_modules_loaded_in_inference_mode_work_outside_of_it(store: WeightStore, folders: Folders) -> None:
    """A node that runs in inference mode does not spoil the module for others."""
    recipe = sources.checkpoint("small", folders).vae
    with torch.inference_mode(), store.vae(recipe) as vae:
        pass
    pixels = torch.zeros(1, 3, 64, 64, requires_grad=True)
    vae.encode(pixels).latent_dist.mean.sum().backward()
    assert pixels.grad is not None


def test_float16_on_a_cpu_is_told(store: WeightStore, folders: Folders) -> None:
    """The note says what is computed instead; offloading without a GPU is told too."""
    settings = Settings(dtype="float16", offload="model", device="cpu")
    recipe = replace(sources.checkpoint("small", folders).vae, settings=settings)
    first, second = store.notes(recipe)
    assert "float16 is very slow on a CPU" in first
    assert "offloading does nothing" in second
    with store.vae(recipe) as vae:
        assert vae.dtype in {torch.bfloat16, torch.float32}
    assert store.notes(sources.checkpoint("small", folders).vae) == ()


def test_a_model_larger_than_all_may_be_is_told(folders: Folders) -> None:
    """It is lent all the same; within the budget there is nothing to say."""
    recipe = sources.checkpoint("small", folders).vae
    store = WeightStore(folders, budget=1000)
    with store.vae(recipe) as vae:
        (note,) = store.notes(recipe)
    size = sum(each.nbytes for each in vae.parameters())
    assert note.startswith(f"the VAE “small” alone takes {sized(size)}, more than the 1 kB for models")
    with (roomy := WeightStore(folders, budget=2 * size)).vae(recipe):
        assert roomy.notes(recipe) == ()


def test_an_attention_backend_that_is_not_usable_is_told(store: WeightStore, folders: Folders) -> None:
    """The module computes with torch's own and the note says why."""
    settings = Settings(attention="xformers", device="cpu")
    recipe = replace(sources.checkpoint("small", folders).model, settings=settings)
    with store.unet(recipe):
        (note,) = store.notes(recipe)
        assert "xformers needs a CUDA GPU" in note


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_device_that_is_not_there_is_told(store: WeightStore, folders: Folders) -> None:
    """The message says what this machine has."""
    recipe = replace(sources.checkpoint("small", folders).vae, settings=Settings(device="cuda"))
    with pytest.raises(NodeError, match=r"cuda is not there\. This machine has: cpu"), store.vae(recipe):
        pass


def test_the_models_own_scheduler_is_known(store: WeightStore, folders: Folders, shelf: Path) -> None:
    """From its folder, or for a single file from its family."""
    own = store.scheduler_config(sources.checkpoint("small", folders).model)
    stock = store.scheduler_config(sources.checkpoint("single", folders).model)
    for name, value in models.SCHEDULER_CONFIG.items():
        assert own[name] == stock[name] == value


def test_another_file_under_the_same_name_is_not_used(shelf: Path, tmp_path: Path) -> None:
    """A recipe loads its own content or nothing."""
    shutil.copytree(shelf / "controlnet/small-canny", tmp_path / "controlnet/net")
    here = Folders(models=(tmp_path,))
    recipe = sources.controlnet("net", here)
    shutil.rmtree(tmp_path / "controlnet/net")
    saved_models.save_controlnet(tmp_path / "controlnet/net", seed=9)
    with pytest.raises(NodeError, match="have changed"), WeightStore.open(here).controlnet(recipe):
        pass
