"""Learned words and weights in prompts."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from graph_runtime import Folders, NodeError, Progress
from graph_runtime.injected import Tick
from sd_nodes.embeddings import listing
from sd_nodes.loaders import BaseModel, load_base_model
from sd_nodes.text import clip_text_encode
from sd_nodes.types import Conditioning
from sd_nodes.weights import WeightStore
from tests.sd_nodes import saved_sdxl
from tests.sd_nodes.models import WIDTH


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Learned words of two vectors each, for one text encoder and for two."""
    root = tmp_path_factory.mktemp("words")
    (root / "embeddings").mkdir()
    save_file({"emb_params": torch.randn(2, WIDTH)}, root / "embeddings/style.safetensors")
    save_file({"emb_params": torch.randn(2, 768)}, root / "embeddings/stranger.safetensors")
    save_file({"clip_l": torch.randn(2, WIDTH), "clip_g": torch.randn(2, 40)}, root / "embeddings/both.safetensors")
    saved_sdxl.save_base(root / "diffusers/xl")
    return root


@pytest.fixture
def folders(small_folders: Folders, words: Path) -> Folders:
    return Folders(models=(*small_folders.models, words))


@pytest.fixture
def store(folders: Folders) -> WeightStore:
    return WeightStore(folders)


@pytest.fixture
def base(folders: Folders) -> BaseModel:
    return load_base_model("small", folders)


def encoded(text: str, base: BaseModel, store: WeightStore, said: list[Tick] | None = None) -> Conditioning:
    progress = Progress((said if said is not None else []).append)
    return clip_text_encode(text, base.clip, store=store, progress=progress)


def states(conditioning: Conditioning) -> torch.Tensor:
    return conditioning.conditions[0].embedding


def test_a_learned_word_stands_where_it_is_named(base, store):
    plain, learned = encoded("a b c", base, store), encoded("a embedding:style c", base, store)
    assert torch.equal(states(plain)[:, :2], states(learned)[:, :2])
    assert not torch.allclose(states(plain)[:, 2:5], states(learned)[:, 2:5])


def test_a_word_that_is_not_there_is_told_and_left_out(base, store):
    said: list[Tick] = []
    found = encoded("a embedding:stile", base, store, said)
    assert [tick.text for tick in said] == ["there is no embedding “stile”: it is left out of the prompt"]
    assert torch.equal(states(found), states(encoded("a", base, store)))


def test_a_word_of_another_family_is_told_with_both_names(base, store):
    with pytest.raises(NodeError, match=r"“stranger” is 768 wide, of the family sd1; .*“small” is 32 wide"):
        encoded("(embedding:stranger:1.2)", base, store)
    assert store.bytes == 0


def test_each_text_encoder_takes_its_own_vectors(folders, store):
    base = load_base_model("xl", folders)
    first, both, plain = (encoded(f"a {word}", base, store) for word in ("embedding:style", "embedding:both", "b"))
    assert states(first).shape == states(both).shape == states(plain).shape
    assert not torch.allclose(states(both)[..., WIDTH:], states(first)[..., WIDTH:])


def test_weights_move_words_and_one_is_nothing(base, store):
    plain, heavy = encoded("a cat", base, store), encoded("a (cat:1.5)", base, store)
    assert torch.equal(states(plain), states(encoded("a (cat:1.0)", base, store)))
    empty = states(encoded("", base, store))
    moved = empty + (states(plain) - empty) * 1.5
    torch.testing.assert_close(states(heavy)[:, 2:5], moved[:, 2:5])
    assert torch.equal(states(heavy)[:, :2], states(plain)[:, :2])


def test_new_words_change_the_fingerprint(folders, words, tmp_path):
    before = listing(folders)
    more = Folders(models=(*folders.models, tmp_path))
    (tmp_path / "embeddings").mkdir()
    assert listing(more) == before
    save_file({"emb_params": torch.randn(1, WIDTH)}, tmp_path / "embeddings/new.safetensors")
    assert listing(more) != before
    assert listing(Folders()) == ""
