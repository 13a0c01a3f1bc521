"""Values as trees with blobs: everything comes back as it was, and nothing from a file is ever run."""

import json
import math
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass, make_dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_runtime.cache.classes import name_of
from graph_runtime.cache.codec import Stale, decode, encode
from graph_runtime.cache.tensors import Unstorable
from graph_runtime.results import Shown, ShownFile
from tests.engine.cache.values import CLASSES, Pair, Ripeness, Seedling, Taste, Tree

KNOWN: dict[str, type] = {name_of(kind): kind for kind in (*CLASSES, Shown, ShownFile)}


def again(value: object, classes: Mapping[str, type] = KNOWN) -> object:
    """Write a value as text and read it."""
    tree, blobs = encode(value, KNOWN)
    return decode(json.loads(json.dumps(tree)), lambda index: blobs[index].joined(), classes)


def same(left: object, right: object) -> bool:
    """Compare bit by bit: NaN is itself, 0.0 is not -0.0, 1 is not True."""
    return pickle.dumps(left) == pickle.dumps(right) or repr(left) == repr(right)


TEXTS = st.text(st.characters(codec=None, categories=["L", "N", "Cs", "Cc", "So"]))
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.binary()
    | st.sampled_from([*Ripeness, *Taste, Path("a/b"), Path("/"), PureWindowsPath("c:\\x"), PurePosixPath("é")])
    | st.builds(Seedling, TEXTS, st.floats())
)  # fmt: skip
NAMES = st.none() | st.booleans() | st.integers() | TEXTS | st.tuples(TEXTS, st.integers())
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(NAMES, inner) | st.builds(Pair, inner, inner)
    ),
    max_leaves=20,
)


@given(VALUES)
@settings(deadline=None)
def test_every_value_comes_back_as_it_was(value: object) -> None:
    """Types, order, signs of zero, lone surrogates and keys that are no texts included."""
    assert same(again(value), value)


@pytest.mark.parametrize(
    "value",
    [
        10**4000, -(10**5000), 2**63, -(2**63), 2**63 - 1, math.nan, math.inf, -math.inf, -0.0, 5e-324,
        "\ud83d\ude00", "😀", "\ud83d", "\x00", "", {1: "a", True is None: "b"}, {(): []}, ((),), [[]], {"tuple": [1]},
    ],
    ids=lambda value: repr(value)[:20] if not isinstance(value, int) else f"{value.bit_length()} bits",
)  # fmt: skip
def test_awkward_values_come_back(value: object) -> None:
    """What JSON alone would lose or refuse."""
    assert type(again(value)) is type(value)
    assert again(value) == value or same(again(value), value)


def test_two_lone_surrogates_do_not_become_one_character() -> None:
    """JSON's escapes would join them."""
    assert again("\ud83d\ude00") != "😀"
    assert len(str(again("\ud83d\ude00"))) == 2


def test_dataclasses_come_back_with_what_they_compute() -> None:
    """A cached property is left out and computed again."""
    tree = Tree((Seedling("a", 1.5), Seedling("b")), Ripeness.RED)
    assert tree.tallest == 1.5
    found = again(tree)
    assert isinstance(found, Tree)
    assert found == tree and "tallest" not in vars(found) and found.tallest == 1.5


def test_what_a_sink_showed_comes_back() -> None:
    """The runtime's own results are among the known classes."""
    shown: Shown[None] = Shown((ShownFile(Path("out/a.png"), digest="ab"),), ("saved",), None, {"seed": 3})
    assert again(shown) == shown


class Text(str):
    """A text with more to it."""


@dataclass(frozen=True)
class Stranger:
    """A dataclass that nobody declared."""

    name: str = ""


class Slotted:
    """A class with a place that is no field."""

    __slots__ = ("hidden",)


@dataclass(frozen=True)
class Hiding(Slotted):
    """A dataclass that inherits more than fields."""

    name: str = ""


def _hiding() -> Hiding:
    hiding = Hiding()
    object.__setattr__(hiding, "hidden", 1)
    return hiding


class LabelledPair(Pair):
    """A named tuple that may hold more."""


def _labelled() -> LabelledPair:
    pair = LabelledPair(1)
    pair.label = "x"  # type: ignore[attr-defined]
    return pair


def _with_more() -> Tree:
    tree = Tree(())
    object.__setattr__(tree, "note", "no field")
    return tree


@pytest.mark.parametrize(
    "value",
    [object(), Text("a"), Stranger(), {1, 2}, lambda: 0, SimpleNamespace(), sys, int, bytearray(b"a"), 1j, iter([]),
     Taste.SWEET | Taste.SOUR, _with_more(), _hiding(), _labelled(), type("Sub", (dict,), {})(), open],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_values_without_a_form_are_refused(value: object) -> None:
    """Nothing is written that would come back as something else."""
    classes = KNOWN | {name_of(kind): kind for kind in (Hiding, LabelledPair)}
    for nested in (value, [value], {"a": (value,)}, Pair(value)):
        with pytest.raises(Unstorable):
            encode(nested, classes)


def test_data_nested_without_end_is_refused_at_once() -> None:
    """A deep nest, a ring, and a nest that doubles at each level."""
    nest: list[object] = []
    for _ in range(100_000):
        nest = [nest]
    ring: list[object] = []
    ring.append(ring)
    doubling: list[object] = []
    for _ in range(60):
        doubling = [doubling, doubling]
    for value in (nest, ring, doubling):
        with pytest.raises(Unstorable):
            encode(value, KNOWN)


def test_a_class_that_is_not_known_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file names a module that would leave a mark when imported."""
    (tmp_path / "trap.py").write_text("from pathlib import Path\nPath('sprung').touch()\nclass Trap: pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for tree in ({"data": ["trap:Trap", {}]}, {"named": ["trap:Trap", {}]}, {"enum": ["trap:Trap", "A"]}):
        with pytest.raises(Stale):
            decode(tree, lambda index: b"", KNOWN)  # type: ignore[arg-type]  # an inferred dict is narrower
    assert "trap" not in sys.modules and not (tmp_path / "sprung").exists()


def test_reading_a_dataclass_does_not_run_its_code() -> None:
    """Its fields are restored as they were."""

    def spring(self: object) -> None:
        raise AssertionError("it ran")

    kind = make_dataclass("Seedling", ["name", "height"], frozen=True, namespace={"__post_init__": spring})
    found = again(Seedling("a"), KNOWN | {name_of(Seedling): kind})
    assert (found.name, found.height) == ("a", 0.5)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "fields", [["name"], ["name", "height", "colour"], ["name", "width"], ["height", "name"], []], ids=str
)
def test_a_class_whose_fields_have_changed_is_a_miss(fields: list[str]) -> None:
    """The result would not be what a fresh run gives."""
    kind = make_dataclass("Seedling", fields, frozen=True)
    with pytest.raises(Stale):
        again(Seedling("a"), KNOWN | {name_of(Seedling): kind})


@pytest.mark.parametrize(
    "tree",
    [{}, {"x": 1}, {"tuple": 1}, {"bytes": 7}, {"tensor": [0, 1]}, {"path": ["system", "x"]}, {"float": "x"},
     {"int": "x"}, {"dict": [[[], 1]]}, {"dict": [1]}, {"text": "zz"}, {"enum": [name_of(Ripeness), "BLUE"]},
     {"enum": [name_of(Seedling), "name"]}, {"data": [name_of(Ripeness), {}]}, {"named": [name_of(Tree), {}]},
     {"tensor": [0, ["system", [1], [0], "cpu"]]}, {"array": [0, ["O", [1], [0], ""]]},
     {"tensor": [0, ["float32", [1], [0], "cpu"]]}, {"array": [0, ["<f4", [1 << 60], [0], ""]]},
     {"tensor": [0, ["float32", [-1], [0], "cpu"]]}],
    ids=str,
)  # fmt: skip
def test_a_tree_that_means_nothing_is_a_miss(tree: object) -> None:
    """Whatever a file says, reading it ends in a value or in `Stale`."""
    with pytest.raises(Stale):
        decode(tree, lambda index: [b"abcd"][index], KNOWN)  # type: ignore[arg-type]  # that is the point
