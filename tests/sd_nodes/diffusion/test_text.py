import pytest
import torch
from torch import Tensor, nn

from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.text import encode, same_length, window
from tests.sd_nodes.models import WIDTH, Models, small_models


@pytest.fixture(scope="module", params=[77, 16])
def models(request: pytest.FixtureRequest) -> Models:
    return small_models(window=request.param)


def framed(models: Models, text: str) -> Tensor:
    """The token numbers as the tokenizer itself frames and pads them."""
    length = models.tokenizer.model_max_length
    given = models.tokenizer(text, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    ids: Tensor = given.input_ids
    return ids


@pytest.mark.parametrize("prompt", ["", "a cat", "A  Cat!", "abcdefghijklmn"])
def test_a_short_prompt_is_one_window(models: Models, prompt: str) -> None:
    found = encode(prompt, models.tokenizer, models.text_encoder)
    assert torch.equal(found.states, models.text_encoder(framed(models, prompt)).last_hidden_state)
    assert found.states.shape == (1, window(models.tokenizer, models.text_encoder), WIDTH)
    assert found.chunks == 1


@pytest.mark.parametrize("more", [1, 14, 15, 200])
def test_a_long_prompt_is_never_cut(models: Models, more: int) -> None:
    content = models.tokenizer.model_max_length - 2
    letters = ("abcdefghij" * 40)[: content + more]
    found = encode(letters, models.tokenizer, models.text_encoder)
    runs = [letters[start : start + content] for start in range(0, len(letters), content)]
    # Only the last letter of a word has another token: these are the same letters in the midst of words.
    alone = [encode_midst(models, run, last=run is runs[-1]) for run in runs]
    assert found.tokens == len(letters)
    assert found.chunks == len(runs) == -(-len(letters) // content)
    assert torch.equal(found.states, torch.cat(alone, dim=1))


def encode_midst(models: Models, letters: str, last: bool) -> Tensor:
    tokenizer = models.tokenizer
    ids = [tokenizer.convert_tokens_to_ids(letter) for letter in letters]
    if last:
        ids[-1] = tokenizer.convert_tokens_to_ids(letters[-1] + "</w>")
    padding = [tokenizer.pad_token_id] * (tokenizer.model_max_length - 2 - len(ids))
    row = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id, *padding]
    states: Tensor = models.text_encoder(torch.tensor([row])).last_hidden_state
    return states


def test_skipped_layers(models: Models) -> None:
    outputs: list[Tensor] = []
    layers: nn.ModuleList = models.text_encoder.encoder.layers
    hook = layers[0].register_forward_hook(lambda *given: outputs.append(given[2]))
    found = encode("a cat", models.tokenizer, models.text_encoder, skip=1)
    hook.remove()
    assert torch.equal(found.states, models.text_encoder.final_layer_norm(outputs[0]))
    assert not torch.equal(found.states, encode("a cat", models.tokenizer, models.text_encoder).states)


@pytest.mark.parametrize("skip", [-1, 2, 12])
def test_layers_that_are_not_there(models: Models, skip: int) -> None:
    with pytest.raises(SettingError, match="2 layers"):
        encode("a cat", models.tokenizer, models.text_encoder, skip)


def test_prompts_of_different_lengths_are_repeated() -> None:
    short, long = torch.randn(1, 4, 8), torch.randn(1, 6, 8)
    first, second = same_length(short, long)
    assert first.shape == second.shape == (1, 12, 8)
    assert torch.equal(first, torch.cat([short] * 3, dim=1))
    query = torch.randn(1, 5, 8)
    attend = nn.functional.scaled_dot_product_attention
    torch.testing.assert_close(attend(query, first, first), attend(query, short, short))


def test_prompts_of_one_length_stay() -> None:
    states = [torch.randn(1, 4, 8), torch.randn(2, 4, 8)]
    assert all(after is before for after, before in zip(same_length(*states), states, strict=True))
