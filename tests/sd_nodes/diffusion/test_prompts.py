"""Weights in prompts, against the rules written once more as a recursion."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sd_nodes.diffusion.prompts import segments


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("", []),
        ("a cat", [("a cat", 1.0)]),
        ("a (cat)", [("a ", 1.0), ("cat", 1.1)]),
        ("((cat))", [("cat", 1.21)]),
        ("(cat:1.3) sat", [("cat", 1.3), (" sat", 1.0)]),
        ("(a (b:0.5) c:2)", [("a ", 2.0), ("b", 0.5), (" c", 2.0)]),
        ("(a (b) c:2)", [("a ", 2.0), ("b", 2.2), (" c", 2.0)]),
        ("(cat:-1)", [("cat", -1.0)]),
        ("(at 10:30)", [("at 10", 30.0)]),
        ("(a: b)", [("a: b", 1.1)]),
        ("(a:b:1.5)", [("a:b", 1.5)]),
        ("(:1.5)", [(":1.5", 1.1)]),
        ("(a:nan)", [("a:nan", 1.1)]),
        ("[cat]", [("[cat]", 1.0)]),
        (r"\(cat\)", [("(cat)", 1.0)]),
        (r"(\(cat\):1.2)", [("(cat)", 1.2)]),
        ("()", []),
        ("(cat", [("(cat", 1.0)]),
        ("cat) (dog)", [("cat) (dog)", 1.0)]),
        ("((cat)", [("(cat", 1.1)]),
        (")((a)", [(")(", 1.0), ("a", 1.1)]),
    ],
)
def test_examples(prompt: str, expected: list[tuple[str, float]]) -> None:
    found = segments(prompt)
    assert [text for text, _ in found] == [text for text, _ in expected]
    assert [weight for _, weight in found] == pytest.approx([weight for _, weight in expected])


def outermost(text: str) -> list[str]:
    """Cuts text at parentheses that close what was opened at depth zero."""
    pieces, current, depth = [], "", 0
    for letter in text:
        if letter == "(" and depth == 0:
            pieces.append(current)
            current = ""
        depth += {"(": 1, ")": -1}.get(letter, 0)
        current += letter
        if letter == ")" and depth == 0:
            pieces.append(current)
            current = ""
    return [piece for piece in (*pieces, current) if piece]


def by_recursion(text: str, weight: float = 1.0) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for piece in outermost(text):
        if len(piece) < 2 or piece[0] != "(" or piece[-1] != ")":
            found.append((piece, weight))
            continue
        inside, own = piece[1:-1], weight * 1.1
        before, colon, number = inside.rpartition(":")
        if colon and before:
            with suppress(ValueError):
                own, inside = float(number), before
        found += by_recursion(inside, own)
    return found


@given(st.text(st.sampled_from("()a:1. "), max_size=24))
@example("((a)b:1.1)")
def test_every_text_is_parsed_by_the_rules(text: str) -> None:
    found, expected = segments(text), by_recursion(text)
    assert [one.text for one in found] == [piece for piece, _ in expected]
    assert [one.weight for one in found] == pytest.approx([weight for _, weight in expected])


@given(st.text(st.characters(exclude_characters="()\\\0\1"), min_size=1), st.floats(-5, 5))
def test_a_weight_is_read_back(text: str, weight: float) -> None:
    assert segments(f"({text}:{weight!r})") == [(text, weight)]


def test_deep_nesting_is_no_matter() -> None:
    deep = 20_000
    found = segments("(" * deep + "a:1.5" + ")" * deep)
    assert [one.text for one in found] == ["a"]
    assert found[0].weight == 1.5
    assert segments("(" * deep)[0].text == "(" * deep
