import pytest
from transformers import CLIPTokenizer

from sd_nodes.training.vocabulary import learn_merges, learn_tokenizer

CAPTIONS = ["a red cat", "a red cap", "a blue dog's hat, 3d"]


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    return learn_tokenizer(CAPTIONS, 1000, 12)


def test_the_most_frequent_neighbours_are_joined_first_and_equals_by_the_alphabet() -> None:
    assert learn_merges(["ab ab ac", "xy"], 2) == [("a", "b</w>"), ("a", "c</w>")]


def test_learned_words_are_one_token_each(tokenizer: CLIPTokenizer) -> None:
    tokens = tokenizer.convert_ids_to_tokens(tokenizer("A red cat").input_ids)
    assert tokens == ["<|startoftext|>", "a</w>", "red</w>", "cat</w>", "<|endoftext|>"]


def test_unknown_words_are_spelled(tokenizer: CLIPTokenizer) -> None:
    assert tokenizer.decode(tokenizer("zebra ü 7").input_ids, skip_special_tokens=True).strip() == "zebra ü 7"


def test_punctuation_and_digits_are_words_of_their_own(tokenizer: CLIPTokenizer) -> None:
    assert tokenizer.tokenize("dog's hat, 3d") == ["dog</w>", "'s</w>", "hat</w>", ",</w>", "3</w>", "d</w>"]


def test_a_full_vocabulary_stops_the_joining() -> None:
    assert len(learn_tokenizer(CAPTIONS, 520, 12)) == 520


def test_learning_twice_gives_the_same_tokens() -> None:
    assert learn_tokenizer(CAPTIONS, 600, 12).get_vocab() == learn_tokenizer(CAPTIONS, 600, 12).get_vocab()
