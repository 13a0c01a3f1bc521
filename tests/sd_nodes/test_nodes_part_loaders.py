"""Parts of models that lie by themselves: what they are is told by their weights, not by their names."""

import pytest
import torch
from safetensors.torch import save_file

from graph_runtime import Folders, NodeError
from sd_nodes.loaders import checkpoint_loader_simple, controlnet_loader
from sd_nodes.part_loaders import (
    clip_loader,
    diff_controlnet_loader,
    diffusers_loader,
    dual_clip_loader,
    unet_loader,
)
from sd_nodes.text import clip_text_encode
from sd_nodes.weights import WeightStore
from tests.sd_nodes import original_checkpoints as original
from tests.sd_nodes import saved_models

Tensors = dict[str, torch.Tensor]


def bare(tensors: Tensors, prefix: str) -> Tensors:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("parts")
    first = original.text_encoder("text_model.", layers=2)
    second = original.open_clip("", layers=32)
    original.write(root / "diffusion_models/one.safetensors", original.unet())
    original.write(root / "unet/bare.safetensors", bare(original.unet(), "model.diffusion_model."))
    original.write(root / "text_encoders/l.safetensors", first)
    original.write(root / "clip/g.safetensors", second)
    whole = original.unet(context=2048, told=2816), original.vae()
    encoders = (
        original.text_encoder("conditioner.embedders.0.transformer.text_model.", layers=2),
        original.open_clip("conditioner.embedders.1.model.", layers=32),
    )
    original.write(root / "checkpoints/xl.safetensors", *whole, *encoders)
    original.write(root / "checkpoints/one.safetensors", original.unet(), original.vae(), original.text_encoder())
    original.write(root / "controlnet/whole.safetensors", original.controlnet())
    save_file(differences(), root / "controlnet/difference.safetensors")
    saved_models.save_base(root / "diffusers/small")
    return Folders(models=(root,))


def differences() -> Tensors:
    """A ControlNet that stores how its weights differ from those of the denoising network."""
    base = bare({name: tensor.half() for name, tensor in original.unet().items()}, "model.diffusion_model.")
    net = {name: tensor.half() for name, tensor in original.controlnet().items()}
    stored = {
        name: tensor.float() - base[plain].float() if (plain := name.removeprefix("control_model.")) in base else tensor
        for name, tensor in net.items()
    }
    return {**stored, "difference": torch.zeros(0)}


@pytest.fixture(scope="module")
def store(folders: Folders) -> WeightStore:
    return WeightStore(folders)


def weights(module: torch.nn.Module) -> Tensors:
    return dict(module.state_dict())


@pytest.mark.parametrize("name", ["one.safetensors", "bare.safetensors"])
def test_a_network_by_itself_is_the_one_of_the_checkpoint(name: str, folders: Folders, store: WeightStore) -> None:
    with store.unet(unet_loader(name, folders=folders)) as alone:
        with store.unet(checkpoint_loader_simple("one", folders).MODEL) as whole:
            theirs = weights(whole)
        assert all(torch.equal(tensor, theirs[key]) for key, tensor in weights(alone).items())


def test_weights_may_wait_in_eight_bits(folders: Folders, store: WeightStore) -> None:
    """Each weight is rounded to the nearest of 8 bits, and no further than a sixteenth of itself."""
    model = unet_loader("one.safetensors", "fp8_e4m3fn", folders=folders)
    assert model.settings.storage == "float8_e4m3fn"
    with store.unet(model) as rounded, store.unet(unet_loader("one.safetensors", folders=folders)) as whole:
        name = "down_blocks.0.resnets.0.conv1.weight"
        found, expected = (weights(one)[name].float() for one in (rounded, whole))
    assert not torch.equal(found, expected)
    torch.testing.assert_close(found, expected, rtol=1 / 16, atol=2**-9)


def test_two_encoders_in_any_order_read_as_those_of_the_checkpoint(folders: Folders, store: WeightStore) -> None:
    whole = checkpoint_loader_simple("xl", folders).CLIP
    expected = clip_text_encode("a cat", whole, store=store).conditions[0]
    for pair in (("l", "g"), ("g", "l")):
        found = clip_text_encode("a cat", dual_clip_loader(*pair, folders=folders), store=store)
        assert found.family == "sdxl"
        assert torch.equal(found.conditions[0].embedding, expected.embedding)
        assert torch.equal(found.conditions[0].pooled, expected.pooled)


def test_one_encoder_reads_as_that_of_the_checkpoint(folders: Folders, store: WeightStore) -> None:
    """A lone encoder of 64 is of no published family; its states are still the same."""
    clip = clip_loader("l", device="cpu", folders=folders)
    assert clip.settings.device == "cpu"
    found = clip_text_encode("a (cat:1.2)", clip, store=store).conditions[0].embedding
    assert found.shape == (1, 77, 64) and found.isfinite().all()


def test_encoders_that_are_not_carried_are_told(folders: Folders) -> None:
    with pytest.raises(NodeError, match="text encoders of wan are not read here"):
        clip_loader("l", "wan", folders=folders)
    with pytest.raises(NodeError, match="“l” and “l” are text encoders of the same kind"):
        dual_clip_loader("l", "l", folders=folders)
    with pytest.raises(NodeError, match=r"whole.safetensors” holds no text encoder: it holds controlnet"):
        clip_loader(str(folders.models[0] / "controlnet/whole.safetensors"), folders=folders)


def test_a_diffusers_folder_is_a_checkpoint(folders: Folders) -> None:
    assert diffusers_loader("small", folders) == checkpoint_loader_simple("small", folders)


def test_differences_are_added_to_the_network_that_they_are_from(folders: Folders, store: WeightStore) -> None:
    base = checkpoint_loader_simple("one", folders).MODEL
    with store.controlnet(controlnet_loader("whole", folders)) as whole:
        expected = weights(whole)
    for name in ("difference", "whole"):
        with store.controlnet(diff_controlnet_loader(base, name, folders)) as net:
            for key, tensor in weights(net).items():
                torch.testing.assert_close(tensor, expected[key], rtol=1e-5, atol=1e-6)
