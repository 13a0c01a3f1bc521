"""ControlNets of SD3.5: read from their original layout, and added behind the transformer's blocks."""

from typing import cast

import pytest
import torch
from diffusers import SD3ControlNetModel

from graph_runtime import Folders, NodeError
from sd_nodes.controlnet import controlnet_apply_advanced, controlnet_apply_sd3
from sd_nodes.custom_sampling import sampler_custom
from sd_nodes.diffusion.vae import encode
from sd_nodes.loaders import Checkpoint, checkpoint_loader_simple, controlnet_loader
from sd_nodes.sampling_types import Sampler, Sigmas
from sd_nodes.types import Condition, Conditioning, Image
from sd_nodes.weights import WeightStore
from tests.sd_nodes import original_checkpoints as original
from tests.sd_nodes import saved_sd3 as saved

PICTURE = Image(torch.rand(1, 8, 8, 3, generator=torch.Generator().manual_seed(2)))
SCALE, SHIFT = 1.5305, 0.0609


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("sd3_control")
    original.write(root / "checkpoints/three.safetensors", saved.transformer(), saved.vae(), saved.text_encoders())
    for name, kind in (("blur", 0.0), ("canny", 1.0), ("depth", 2.0)):
        original.write(
            root / f"controlnet/{name}.safetensors", saved.controlnet(), {"control_type": torch.tensor(kind)}
        )
    return Folders(models=(root,))


@pytest.fixture(scope="module")
def store(folders: Folders) -> WeightStore:
    return WeightStore(folders)


@pytest.fixture(scope="module")
def parts(folders: Folders) -> Checkpoint:
    return checkpoint_loader_simple("three", folders)


def prompt() -> Conditioning:
    generator = torch.Generator().manual_seed(5)
    states, pooled = torch.randn(1, 7, saved.TEXT, generator=generator), torch.randn(1, 112, generator=generator)
    return Conditioning((Condition(states, pooled),), "sd3")


def test_the_original_layout_is_read(folders: Folders, store: WeightStore) -> None:
    tensors = {name: tensor.half().float() for name, tensor in saved.controlnet().items()}
    net = controlnet_loader("canny", folders)
    assert (net.family, net.kind) == ("sd3", "canny")
    with store.controlnet(net) as module:
        found = module.state_dict()
        assert isinstance(module, SD3ControlNetModel) and module.pos_embed is None
    block = "transformer_blocks.1"
    joined = torch.cat([found[f"{block}.attn.to_{each}.weight"] for each in "qkv"])
    assert torch.equal(joined, tensors[f"{block}.attn.qkv.weight"])
    assert torch.equal(found[f"{block}.norm1.linear.bias"], tensors[f"{block}.adaLN_modulation.1.bias"])
    assert torch.equal(found[f"{block}.ff.net.2.weight"], tensors[f"{block}.mlp.fc2.weight"])


def one_step(positive: Conditioning, parts: Checkpoint, store: WeightStore) -> torch.Tensor:
    """Denoise noise all the way in one step, without guidance."""
    return sampler_custom(
        parts.MODEL, noise_seed=4, cfg=1.0, positive=positive, negative=positive, sampler=Sampler("euler"),
        sigmas=Sigmas(torch.tensor([1.0, 0.0])), latent_image={"samples": torch.zeros(1, 16, 4, 4)}, store=store,
    ).output["samples"]  # fmt: skip


@pytest.mark.parametrize("kind", ["blur", "canny", "depth"])
def test_a_step_is_what_both_networks_make(kind: str, parts: Checkpoint, folders: Folders, store: WeightStore) -> None:
    """The picture goes through the autoencoder, in the range that its kind was trained on."""
    net = controlnet_loader(kind, folders)
    steered, _ = controlnet_apply_sd3(prompt(), prompt(), net, parts.VAE, PICTURE, 0.7)
    found = one_step(steered, parts, store)
    condition = prompt().conditions[0]
    noise = torch.randn(1, 16, 4, 4, generator=torch.Generator().manual_seed(4))
    ranged = {"blur": PICTURE, "canny": PICTURE * 255 * 0.5 + 0.5, "depth": 1 - PICTURE}[kind]
    timestep = torch.full((1,), 1000.0)
    with store.unet(parts.MODEL) as transformer, store.controlnet(net) as module, store.vae(parts.VAE) as vae:
        hint = (encode(ranged, vae) - SHIFT) * SCALE
        assert hint.shape == noise.shape
        module = cast("SD3ControlNetModel", module)
        added = module(
            transformer.pos_embed(noise), hint, 0.7, pooled_projections=condition.pooled, timestep=timestep,
            return_dict=False,
        )[0]  # fmt: skip
        velocity = transformer(
            noise, condition.embedding, condition.pooled, timestep, block_controlnet_hidden_states=added,
            return_dict=False,
        )[0]  # fmt: skip
    expected = (noise - velocity) / SCALE + SHIFT
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(found, one_step(prompt(), parts, store), atol=1e-3)


def test_without_an_autoencoder_it_is_told(parts: Checkpoint, folders: Folders, store: WeightStore) -> None:
    steered, _ = controlnet_apply_advanced(prompt(), prompt(), controlnet_loader("canny", folders), PICTURE)
    with pytest.raises(NodeError, match="“canny” sees latents: wire the VAE into its node too"):
        one_step(steered, parts, store)
