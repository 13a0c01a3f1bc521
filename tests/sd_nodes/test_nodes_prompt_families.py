"""Weights, long prompts and learned words for the families with several text encoders."""

from pathlib import Path

import diffusers
import pytest
import torch
from safetensors.torch import save_file

from graph_runtime import Folders, Progress
from graph_runtime.injected import Tick
from sd_nodes.loaders import BaseModel, load_base_model
from sd_nodes.text import clip_text_encode
from sd_nodes.types import Condition
from sd_nodes.weights import WeightStore
from tests.sd_nodes import models, saved_sdxl
from tests.sd_nodes import saved_sd3_folder as saved

VECTORS = 3
FAMILIES = ("xl", "three")
WIDTHS = {"xl": (models.WIDTH, 40), "three": (24, 40)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("prompt_families")
    saved_sdxl.save_base(found / "diffusers/xl")
    saved.save(found / "diffusers/three")
    (found / "embeddings").mkdir()
    for family in FAMILIES:
        save_file(learned(family), found / f"embeddings/{family}-word.safetensors")
    return found


def learned(family: str) -> dict[str, torch.Tensor]:
    """Vectors for both encoders of CLIP."""
    generator, (first, second) = torch.Generator().manual_seed(8), WIDTHS[family]
    return {
        "clip_l": torch.randn(VECTORS, first, generator=generator),
        "clip_g": torch.randn(VECTORS, second, generator=generator),
    }


@pytest.fixture(scope="module")
def store(root: Path) -> WeightStore:
    return WeightStore(Folders(models=(root,)))


def base(family: str, store: WeightStore) -> BaseModel:
    return load_base_model(family, store.folders)


def encoded(text: str, family: str, store: WeightStore, said: list[Tick] | None = None) -> Condition:
    progress = Progress((said if said is not None else []).append)
    return clip_text_encode(text, base(family, store).clip, store=store, progress=progress).conditions[0]


@torch.no_grad()
def test_learned_words_of_sdxl_are_those_of_diffusers_to_the_bit(root, store):
    pipe = diffusers.StableDiffusionXLPipeline.from_pretrained(root / "diffusers/xl", add_watermarker=False)
    vectors = learned("xl")
    for name, encoder, tokenizer in (
        ("clip_l", pipe.text_encoder, pipe.tokenizer),
        ("clip_g", pipe.text_encoder_2, pipe.tokenizer_2),
    ):
        pipe.load_textual_inversion(vectors[name], token="<word>", text_encoder=encoder, tokenizer=tokenizer)
    states, _, pooled, _ = pipe.encode_prompt("a <word> cat", do_classifier_free_guidance=False)
    found = encoded("a embedding:xl-word cat", "xl", store)
    assert torch.equal(found.embedding, states) and torch.equal(found.pooled, pooled)


@torch.no_grad()
def test_learned_words_of_sd3_stand_in_both_texts_of_clip_and_not_in_that_of_t5(root, store):
    """Diffusers' pipeline of SD3 loads no learned words: its encoders are taught them by hand."""
    pipe = diffusers.StableDiffusion3Pipeline.from_pretrained(root / "diffusers/three")
    for name, encoder, tokenizer in (
        ("clip_l", pipe.text_encoder, pipe.tokenizer),
        ("clip_g", pipe.text_encoder_2, pipe.tokenizer_2),
    ):
        tokenizer.add_tokens([f"<{number}>" for number in range(VECTORS)])
        before = encoder.get_input_embeddings().weight.detach()
        table = torch.nn.Embedding.from_pretrained(torch.cat([before, learned("three")[name]]))
        encoder.set_input_embeddings(table)
    taught = "a " + " ".join(f"<{number}>" for number in range(VECTORS)) + " cat"
    # Its tokenizer here has no spaces: what stands around the word is "a" and "cat".
    states, _, pooled, _ = pipe.encode_prompt(taught, taught, "acat", do_classifier_free_guidance=False)
    found = encoded("a embedding:three-word cat", "three", store)
    torch.testing.assert_close(found.embedding, states, rtol=0, atol=0)
    torch.testing.assert_close(found.pooled, pooled, rtol=0, atol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_word_that_is_not_there_is_told_once_and_left_out(store, family):
    said: list[Tick] = []
    found = encoded("a embedding:nothing", family, store, said)
    assert [tick.text for tick in said] == ["there is no embedding “nothing”: it is left out of the prompt"]
    assert torch.equal(found.embedding, encoded("a", family, store).embedding)


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_move_the_states_of_each_encoder_away_from_nothing(store, family):
    """The tokens of the word in each of the texts; what the prompt says as a whole is not weighted."""
    plain, heavy, empty = (encoded(text, family, store) for text in ("a cat", "a (cat:1.5)", ""))
    moved = empty.embedding + (plain.embedding - empty.embedding) * 1.5
    torch.testing.assert_close(heavy.embedding[:, 2:5], moved[:, 2:5])
    assert torch.equal(heavy.embedding[:, :2], plain.embedding[:, :2])
    assert torch.equal(heavy.pooled, plain.pooled)
    if family == "three":
        torch.testing.assert_close(heavy.embedding[:, 79:82], moved[:, 79:82])
        assert torch.equal(heavy.embedding[:, 77:79], plain.embedding[:, 77:79])


@pytest.mark.parametrize(("family", "tokens"), [("xl", 3 * 77), ("three", 3 * 77 + 256)])
def test_a_long_prompt_is_not_cut(store, family, tokens):
    long, short = "abcde " * 40, "abcde " * 15
    assert encoded(long, family, store).embedding.shape[1] == tokens
    assert torch.equal(encoded(long, family, store).embedding[:, :77], encoded(short, family, store).embedding[:, :77])


def test_t5_reads_more_than_it_is_filled_up_to(store):
    assert encoded("abcde " * 60, "three", store).embedding.shape[1] == 4 * 77 + 6 * 60 + 1
