"""Control-LoRAs, and ControlNets that say one thing of the whole picture: told by their files, and completed."""

from dataclasses import replace

import pytest
import torch
from diffusers import ControlNetModel

from graph_runtime import Folders, NodeError
from sd_nodes.control_loras import on_model
from sd_nodes.controlnet import controlnet_apply_advanced
from sd_nodes.custom_sampling import sampler_custom
from sd_nodes.diffusion.footprint import Latents
from sd_nodes.loaders import Checkpoint, checkpoint_loader_simple, controlnet_loader
from sd_nodes.loras import lora_loader_model_only
from sd_nodes.needs import stage
from sd_nodes.sampling import sampler
from sd_nodes.sampling_types import Sampler, Sigmas
from sd_nodes.types import Condition, Conditioning, Control, Image, Latent
from sd_nodes.weights import WeightStore
from tests.sd_nodes import original_checkpoints as original

TO_K = "input_blocks.1.1.transformer_blocks.0.attn2.to_k"
CONV = "input_blocks.1.0.in_layers.2"
RANK = 2


def drawn(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 0.1


def control_lora() -> dict[str, torch.Tensor]:
    """Low-rank differences for two layers, a bias and a norm of its own, and what only ControlNets have."""
    own = {name: tensor for name, tensor in original.controlnet(prefix="").items() if not name.startswith(UNETS)}
    pairs = {TO_K: (32, 768), CONV: (32, 32 * 9)}
    for number, (name, (out, into)) in enumerate(pairs.items()):
        down = drawn(RANK, into, seed=10 + number)
        own[f"{name}.down"] = down.reshape(RANK, 32, 3, 3) if name == CONV else down
        own[f"{name}.up"] = drawn(out, RANK, seed=20 + number)
    own |= {f"{CONV}.bias": drawn(32, seed=30), "input_blocks.1.0.in_layers.0.weight": drawn(32, seed=31)}
    return {**own, "lora_controlnet": torch.zeros(0)}


UNETS = ("time_embed", "input_blocks", "middle_block.", "label_emb")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("control")
    original.write(root / "checkpoints/one.safetensors", original.unet(), original.vae(), original.text_encoder())
    two = (original.unet(context=1024), original.vae(), original.open_clip("cond_stage_model.model."))
    original.write(root / "checkpoints/two.safetensors", *two)
    original.write(root / "controlnet/low.safetensors", control_lora())
    for name in ("net", "net_shuffle"):
        original.write(root / f"controlnet/{name}.safetensors", original.controlnet(prefix=""))
    stem = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    halves = {f"{stem}.lora_down.weight": drawn(RANK, 768), f"{stem}.lora_up.weight": drawn(32, RANK)}
    original.write(root / "loras/some.safetensors", halves)
    return Folders(models=(root,))


@pytest.fixture(scope="module")
def store(folders: Folders) -> WeightStore:
    return WeightStore(folders)


@pytest.fixture(scope="module")
def parts(folders: Folders) -> Checkpoint:
    return checkpoint_loader_simple("one", folders)


def of_model(parts: Checkpoint, folders: Folders) -> Control:
    return on_model(Control(controlnet_loader("low", folders), Image(torch.zeros(1, 64, 64, 3))), parts.MODEL)


def test_a_control_lora_is_told_by_its_header(folders: Folders) -> None:
    net = controlnet_loader("low", folders)
    assert (net.family, net.source.part, net.base) == ("sd1", "control_lora", None)


def test_it_is_completed_by_the_encoder_of_the_model(parts: Checkpoint, folders: Folders, store: WeightStore) -> None:
    own = {name: tensor.half().float() for name, tensor in control_lora().items()}
    with store.controlnet(of_model(parts, folders).net) as net, store.unet(parts.MODEL) as unet:
        assert isinstance(net, ControlNetModel)
        ours, theirs = net.state_dict(), unet.state_dict()
    layer = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"
    torch.testing.assert_close(ours[layer], theirs[layer] + own[f"{TO_K}.up"] @ own[f"{TO_K}.down"])
    layer = "down_blocks.0.resnets.0.conv1.weight"
    change = torch.einsum("or,rihw->oihw", own[f"{CONV}.up"], own[f"{CONV}.down"])
    torch.testing.assert_close(ours[layer], theirs[layer] + change)
    assert ours["down_blocks.0.resnets.0.conv1.bias"].equal(own[f"{CONV}.bias"])
    assert ours["down_blocks.0.resnets.0.norm1.weight"].equal(own["input_blocks.1.0.in_layers.0.weight"])
    assert ours["mid_block.resnets.0.conv1.weight"].equal(theirs["mid_block.resnets.0.conv1.weight"])
    assert ours["controlnet_down_blocks.0.weight"].equal(own["zero_convs.0.0.weight"])
    assert ours["controlnet_cond_embedding.conv_in.weight"].equal(own["input_hint_block.0.weight"])


def test_loras_on_the_model_count_too(parts: Checkpoint, folders: Folders, store: WeightStore) -> None:
    patched = parts._replace(MODEL=lora_loader_model_only(parts.MODEL, "some", 0.5, folders=folders))
    layer = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
    with (
        store.controlnet(of_model(parts, folders).net) as plain,
        store.controlnet(of_model(patched, folders).net) as net,
    ):
        change = net.get_submodule(layer).weight - plain.get_submodule(layer).weight
    added = 0.5 * drawn(32, RANK).half().float() @ drawn(RANK, 768).half().float()
    torch.testing.assert_close(change, added, rtol=1e-3, atol=1e-5)


def test_its_weights_are_counted_with_those_that_complete_it(
    parts: Checkpoint, folders: Folders, store: WeightStore
) -> None:
    net, told = controlnet_loader("low", folders), Latents(2, 64, 64, True)
    with store.controlnet(of_model(parts, folders).net) as module:
        whole = sum(each.numel() for each in module.parameters())
    assert stage("x", [parts.MODEL, net], folders, told).parts[1].parameters == whole
    assert stage("x", [of_model(parts, folders).net], folders, told).parts[0].parameters == whole


def test_a_transformer_completes_none(parts: Checkpoint, folders: Folders) -> None:
    transformer = replace(parts.MODEL, source=replace(parts.MODEL.source, part="transformer"), family="sd3")
    with pytest.raises(NodeError, match="is a transformer; the control-LoRA “low” was made for a UNet"):
        of_model(parts._replace(MODEL=transformer), folders)


def conditioning(seed: int, width: int = 768) -> Conditioning:
    return Conditioning((Condition(drawn(1, 5, width, seed=seed)),), "")


LATENTS: Latent = {"samples": torch.zeros(1, 4, 8, 8)}
PICTURE = Image(torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(3)))


def test_both_samplers_complete_it(parts: Checkpoint, folders: Folders, store: WeightStore) -> None:
    plain = conditioning(1), conditioning(2)
    pair = controlnet_apply_advanced(*plain, controlnet_loader("low", folders), PICTURE)

    def one_step(both: tuple[Conditioning, Conditioning]) -> torch.Tensor:
        return sampler_custom(
            parts.MODEL, cfg=3.0, positive=both[0], negative=both[1], sampler=Sampler("euler"), store=store,
            sigmas=Sigmas(torch.tensor([2.0, 0.0])), latent_image=LATENTS,
        ).output["samples"]  # fmt: skip

    assert not torch.allclose(one_step(pair), one_step(plain), atol=1e-3)
    steered, free = (sampler(parts.MODEL, *both, LATENTS, steps=1, store=store)["samples"] for both in (pair, plain))
    assert not torch.equal(steered, free)


def test_one_of_another_model_is_told(folders: Folders, store: WeightStore) -> None:
    parts = checkpoint_loader_simple("two", folders)
    pair = controlnet_apply_advanced(
        conditioning(1, 1024), conditioning(2, 1024), controlnet_loader("low", folders), PICTURE
    )
    with pytest.raises(NodeError, match="made for another base model"):
        sampler(parts.MODEL, *pair, LATENTS, steps=1, store=store)
    with (
        pytest.raises(NodeError, match="is completed by the model"),
        store.controlnet(controlnet_loader("low", folders)),
    ):
        pass


def test_a_file_named_after_shuffling_says_one_thing_of_the_whole_picture(folders: Folders, store: WeightStore) -> None:
    """Nothing in the file tells: the name does, as in ComfyUI, for two files of one content in one store, too."""
    with store.controlnet(controlnet_loader("net", folders)) as net:
        assert not net.config.global_pool_conditions
        found = net(drawn(1, 4, 8, 8), torch.tensor(500), drawn(1, 5, 768), PICTURE.movedim(-1, 1)).mid_block_res_sample
    with store.controlnet(controlnet_loader("net_shuffle", folders)) as net:
        mean = net(drawn(1, 4, 8, 8), torch.tensor(500), drawn(1, 5, 768), PICTURE.movedim(-1, 1)).mid_block_res_sample
    assert mean.shape[2:] == (1, 1)
    torch.testing.assert_close(mean, found.mean((2, 3), keepdim=True))
