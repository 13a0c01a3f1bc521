"""Prompts with weights and learned words, on a small text encoder whose tokens are letters."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from sd_nodes.diffusion.text import encode
from sd_nodes.diffusion.weighting import (
    Encoding,
    Frame,
    Token,
    Weighted,
    encode_weighted,
    framed,
    grouped,
    side_by_side,
)
from tests.sd_nodes.models import WIDTH, Models, small_models

LEARNED = {
    "ti": torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(1)),
    "one": torch.randn(WIDTH, generator=torch.Generator().manual_seed(2)),
}
FRAME = Frame(length=12, begin=-1, end=-2, padding=-3)


@pytest.fixture(scope="module", params=[77, 16])
def models(request: pytest.FixtureRequest) -> Models:
    return small_models(window=request.param)


def states(models: Models, prompt: str, **encoding: object) -> Tensor:
    how = Encoding(**encoding)  # type: ignore[arg-type]
    return encode_weighted(prompt, models.tokenizer, models.text_encoder, how, LEARNED.get).states


@pytest.mark.parametrize("prompt", ["", "a cat", "[a] cat", "abcdefghijklmnopqrstuvwxyz" * 4])
@pytest.mark.parametrize("skip", [0, 1])
def test_without_weights_it_is_the_plain_encoding(models: Models, prompt: str, skip: int) -> None:
    expected = encode(prompt, models.tokenizer, models.text_encoder, skip).states
    torch.testing.assert_close(states(models, prompt, skip=skip), expected, rtol=1e-4, atol=1e-5)


def test_weights_move_states_away_from_those_of_an_empty_prompt(models: Models) -> None:
    plain, empty = (encode(text, models.tokenizer, models.text_encoder).states for text in ("ab", ""))
    expected = plain.clone()
    expected[:, 2] = empty[:, 2] + 1.5 * (plain - empty)[:, 2]
    # Letters that end a word are other tokens than those within: both weighted texts end words.
    loud = states(models, "a(b:1.5)")
    alike = encode("a b", models.tokenizer, models.text_encoder).states
    torch.testing.assert_close(loud[:, 1], alike[:, 1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(loud[:, 2], empty[:, 2] + 1.5 * (alike - empty)[:, 2], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(states(models, "(ab:0)")[:, 1:3], empty[:, 1:3], rtol=1e-4, atol=1e-5)


def test_no_final_norm(models: Models) -> None:
    outputs: list[Tensor] = []
    layers: nn.ModuleList = models.text_encoder.encoder.layers
    hook = layers[0].register_forward_hook(lambda *given: outputs.append(given[2]))
    found = states(models, "ab", skip=1, normed=False)
    hook.remove()
    torch.testing.assert_close(found, outputs[0])


def test_what_a_prompt_says_as_a_whole_is_not_weighted(models: Models) -> None:
    loud, plain = (
        encode_weighted(text, models.tokenizer, models.text_encoder, Encoding(pooled=True)).pooled
        for text in ("(ab:1.7)", "ab")
    )
    assert loud is not None
    assert plain is not None
    assert loud.shape == (1, WIDTH)
    assert torch.equal(loud, plain)


def test_learned_words_stand_in_place_of_tokens(models: Models) -> None:
    """A learned word of a token's own vectors is that token."""
    table = models.text_encoder.embeddings.token_embedding.weight
    number = models.tokenizer("b", add_special_tokens=False).input_ids[0]
    found = encode_weighted(
        "a embedding:same c", models.tokenizer, models.text_encoder, find={"same": table[number]}.get
    )
    expected = encode("a b c", models.tokenizer, models.text_encoder).states
    torch.testing.assert_close(found.states, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(states(models, "a embedding:one c"), expected, atol=1e-3)


@pytest.mark.parametrize(
    ("prompt", "kinds", "unknown"),
    [
        ("embedding:ti", ["3 vectors"], []),
        ("embedding:one", ["1 vectors"], []),
        ("a embedding:ti, b", ["1 letters", "3 vectors", "2 letters"], []),
        ("a\nembedding:ti b", ["1 letters", "3 vectors", "1 letters"], []),
        ("(embedding:ti:0.6)", ["3 vectors"], []),
        ("embedding:gone", [], ["gone"]),
        ("embedding:gone, a", ["2 letters"], ["gone"]),
        ("embedding: gone", [], ["gone"]),
        ("embedding:", [], [""]),
        ("aembedding:ti", ["13 letters"], []),
    ],
)
def test_how_learned_words_are_found(prompt: str, kinds: list[str], unknown: list[str]) -> None:
    models = small_models()
    groups, missing = grouped(prompt, models.tokenizer, LEARNED.get)
    found = [f"{len(one)} {'vectors' if isinstance(one[0].value, Tensor) else 'letters'}" for one in groups if one]
    assert found == kinds
    assert missing == unknown


def test_weights_of_learned_words() -> None:
    groups, _ = grouped("(embedding:ti:0.6)", small_models().tokenizer, LEARNED.get)
    assert [token.weight for token in groups[0]] == [0.6] * 3


def row(windows: list[list[Token]]) -> list[list[object]]:
    return [[token.value for token in one] for one in windows]


def tokens(*numbers: int) -> list[Token]:
    return [Token(number) for number in numbers]


def test_short_groups_move_whole_and_long_ones_are_cut() -> None:
    seven, eight = range(7), range(10, 18)
    assert row(framed([tokens(*seven), tokens(*eight)], FRAME)) == [
        [-1, *range(7), 10, 11, 12, -2],
        [-1, *range(13, 18), -2, *[-3] * 5],
    ]
    assert row(framed([tokens(*eight), tokens(*seven)], FRAME)) == [
        [-1, *eight, -2, -3, -3],
        [-1, *seven, -2, *[-3] * 3],
    ]


def test_an_empty_prompt_is_one_window() -> None:
    assert row(framed([], FRAME)) == [[-1, -2, *[-3] * 10]]


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), max_size=8), st.integers(3, 14))
def test_no_token_is_lost(sizes: list[int], length: int) -> None:
    frame, counter = FRAME._replace(length=length), iter(range(1000))
    groups = [[Token(next(counter)) for _ in range(size)] for size in sizes]
    windows = row(framed(groups, frame))
    assert all(len(one) == length and one[0] == -1 and one.count(-2) == 1 for one in windows)
    assert [value for one in windows for value in one if value >= 0] == list(range(sum(sizes)))  # type: ignore[operator]


def test_two_encoders_side_by_side() -> None:
    one, other = (Weighted(torch.rand(1, 77, width), torch.rand(1, width), ("gone",)) for width in (3, 5))
    found = side_by_side(one, other)
    assert found.states.shape == (1, 77, 8)
    assert torch.equal(found.states[..., 3:], other.states)
    assert found.pooled is other.pooled
    assert found.unknown == ("gone",)


def test_a_short_prompt_is_filled_up_with_empty_windows(models: Models) -> None:
    short, empty = states(models, "a cat"), states(models, "")
    filled = states(models, "a cat", windows=3)
    assert torch.equal(filled, torch.cat([short, empty, empty], dim=1))


@pytest.mark.parametrize("skip", [2, 23])
def test_more_layers_than_there_are_leave_out_none(models: Models, skip: int) -> None:
    """The last layer is read then, and its norm follows, whatever the family."""
    assert torch.equal(states(models, "a (b:1.3)", skip=skip, normed=False), states(models, "a (b:1.3)"))
