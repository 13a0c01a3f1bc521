"""CLIP's vocabulary as it follows from the merges."""

from sd_nodes.vocabulary import SIZE, clip_tokenizer, vocabulary


def test_the_vocabulary_has_its_published_size_and_ends() -> None:
    """The marks of beginning and end are the last two."""
    tokens, merges = vocabulary()
    assert len(tokens) == SIZE
    assert len(merges) == 48894
    assert (tokens["<|startoftext|>"], tokens["<|endoftext|>"]) == (49406, 49407)


def test_the_tokenizer_gives_the_published_numbers() -> None:
    """The numbers of well-known prompts."""
    tokenizer = clip_tokenizer(77)
    assert tokenizer("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    padded = tokenizer("", padding="max_length").input_ids
    assert padded == [49406] + 76 * [49407]
