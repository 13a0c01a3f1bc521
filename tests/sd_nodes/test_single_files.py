"""Single files of Stable Diffusion 2 and SDXL: read without a network, as their families want it."""

from pathlib import Path

import pytest
import torch

from graph_runtime import Folders
from sd_nodes.sources import Checkpoint, checkpoint
from sd_nodes.text import clip_text_encode
from sd_nodes.weights import WeightStore
from tests.sd_nodes import original_checkpoints as original

Tensors = dict[str, torch.Tensor]


def sd2() -> tuple[Tensors, ...]:
    return original.unet(context=1024), original.vae(), original.open_clip("cond_stage_model.model.", layers=3)


def sdxl() -> tuple[Tensors, ...]:
    first = original.text_encoder("conditioner.embedders.0.transformer.text_model.", layers=2)
    return (
        original.unet(context=2048, told=2816),
        original.vae(),
        first,
        original.open_clip("conditioner.embedders.1.model."),
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("single")
    original.write(root / "checkpoints/two.safetensors", *sd2())
    original.write(root / "checkpoints/velocities.safetensors", *sdxl(), {"v_pred": torch.zeros(0)})
    original.write(root / "checkpoints/xl.safetensors", *sdxl())
    return Folders(models=(root,))


@pytest.fixture(scope="module")
def store(folders: Folders) -> WeightStore:
    return WeightStore(folders)


def recipes(name: str, folders: Folders) -> Checkpoint:
    return checkpoint(name, folders)


@pytest.mark.parametrize(("name", "family", "skip"), [("two", "sd2", 1), ("xl", "sdxl", 1)])
def test_the_header_tells_the_family(name: str, family: str, skip: int, folders: Folders) -> None:
    """Both families leave out the last layer of their text encoders."""
    found = recipes(name, folders)
    assert (found.model.family, found.clip.family, found.clip.skip) == (family, family, skip)
    assert len(found.clip.encoders) == (2 if family == "sdxl" else 1)


def test_the_second_generation_is_read_before_its_last_layer(folders: Folders, store: WeightStore) -> None:
    """The last layer but one, then the final norm; windows are filled with token 0."""
    clip = recipes("two", folders).clip
    with store.text_encoder(clip) as (tokenizer, encoder):
        assert (encoder.config.hidden_act, tokenizer.pad_token_id, encoder.config.num_attention_heads) == ("gelu", 0, 1)
        ids = tokenizer("a cat", padding="max_length", return_tensors="pt").input_ids
        hidden = encoder(ids, output_hidden_states=True).hidden_states[-2]
        expected = getattr(encoder, "text_model", encoder).final_layer_norm(hidden)
    condition = clip_text_encode("a cat", clip, store=store).conditions[0]
    assert torch.equal(condition.embedding, expected)
    assert condition.pooled is None


def test_both_text_encoders_of_sdxl_are_read(folders: Folders, store: WeightStore) -> None:
    """64 of each side by side, and the projection of the second to 48."""
    condition = clip_text_encode("a cat", recipes("xl", folders).clip, store=store).conditions[0]
    assert condition.embedding.shape == (1, 77, 128)
    assert condition.pooled is not None
    assert condition.pooled.shape == (1, 48)


def test_each_family_has_its_heads_and_its_scale(folders: Folders, store: WeightStore) -> None:
    """Heads are 64 wide; latents of SDXL are scaled otherwise."""
    two, xl = recipes("two", folders), recipes("xl", folders)
    with store.unet(xl.model) as unet:
        assert unet.config.attention_head_dim == [1, 1]
        assert unet.config.projection_class_embeddings_input_dim == 2816
    assert (store.latent_scale(two.model), store.latent_scale(xl.model)) == (0.18215, 0.13025)


def test_a_file_tells_what_its_model_predicts(folders: Folders, store: WeightStore) -> None:
    """A mark in the file says that it was trained on velocities."""
    kinds = [store.scheduler_config(recipes(name, folders).model)["prediction_type"] for name in ("xl", "velocities")]
    assert kinds == ["epsilon", "v_prediction"]


@pytest.mark.parametrize(
    ("context", "channels", "spread", "kind"),
    [
        (1024, 4, 0.2, "v_prediction"), (1024, 4, 0.02, "epsilon"), (1024, 9, 0.2, "epsilon"), (768, 4, 0.2, "epsilon"),
    ],
)  # fmt: skip
def test_the_second_generation_tells_it_by_its_weights(
    context: int, channels: int, spread: float, kind: str, tmp_path: Path
) -> None:
    """The last level's norms have a larger bias in models that were trained on velocities.

    The first generation knows none, nor do the second's models for inpainting, whatever their weights are like.
    """
    path = tmp_path / "checkpoints/deep.safetensors"
    bias = torch.randn(320, generator=torch.Generator().manual_seed(0)) * spread
    telling = {"model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias": bias}
    original.write(path, original.unet(context=context, channels=channels), *sd2()[1:], telling)
    folders = Folders(models=(tmp_path,))
    config = WeightStore(folders).scheduler_config(checkpoint("deep", folders).model)
    assert config["prediction_type"] == kind
