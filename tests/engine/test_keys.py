"""Keys: what shares one and what does not."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_runtime import Builder, Given, Library, node
from graph_runtime.api_format import from_json, parse
from graph_runtime.keys import Unkeyable, canonical, key
from graph_runtime.plan import Names
from tests.engine.runs import graph


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    ONE = 1


class Pair(NamedTuple):
    a: int
    b: int


@dataclass(frozen=True)
class Recipe:
    kind: str


@dataclass(frozen=True)
class Other:
    kind: str


class Weight(float):
    pass


DIFFERENT = [
    1, 1.0, "1", True, 0, 0.0, -0.0, False, None, "", "None", float("inf"), float("nan"), "inf", [], {}, (), [1], (1,),
    [1, 2], (1, 2), Pair(1, 2), [[1], 2], {"a": 1}, {"a": 1.0}, [["a", 1]], "red", Colour.RED, Level.ONE,
    Recipe("red"), Other("red"), {"kind": "red"}, b"red", PurePosixPath("red"), Weight(1.0), 10**5000, 10**5000 + 1,
    {"1": 1}, {1: 1}, {"a": 1, "b": 2}, "\ud800", "�",
]  # fmt: skip


def test_values_that_differ_have_different_keys() -> None:
    keys = [key({"value": canonical(value)}) for value in DIFFERENT]
    assert len(set(keys)) == len(DIFFERENT)


def test_equal_values_share_a_key() -> None:
    for value in DIFFERENT:
        assert key({"value": canonical(value)}) == key({"value": canonical(value)})
    assert canonical(Recipe("red")) == canonical(Recipe("red"))


def test_values_without_plain_data_have_none() -> None:
    endless: list[object] = []
    endless.append(endless)
    for value in (object(), {1, 2}, lambda: 1, [object()], endless):
        with pytest.raises(Unkeyable):
            canonical(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_whatever_json_holds_can_be_a_key(value: object) -> None:
    assert len(key({"value": canonical(value)})) == 64


def keys(nodes: object, *targets: str, library: Library | None = None) -> dict[str, str]:
    made = graph(nodes, *targets) if library is None else graph(nodes, *targets, library=library)  # type: ignore[arg-type]
    names = Names(made.steps, made.library, "fresh")
    names.name(made.targets)
    return names.keys


@pytest.mark.parametrize(
    ("kind", "name", "spellings"),
    [
        ("Number", "value", [1, 1.0, "1", " 1 ", {"__value__": 1}]),
        ("RealNumber", "value", [1, 1.0, "1", "1.0", "1e0"]),
        ("Truth", "value", [True, "true", "True", 1]),
        ("Word", "text", ["5", 5]),
        ("Weigh", "crate", [3, [3], [3.0], {"__value__": [3]}]),
        ("Pick", "kind", ["red", {"__value__": "red"}]),
    ],
)
def test_spellings_of_one_value_share_a_key(kind: str, name: str, spellings: list[object]) -> None:
    kind = {"RealNumber": "Real"}.get(kind, kind)
    nodes = {str(i): (kind, {name: spelling}) for i, spelling in enumerate(spellings)}
    assert len(set(keys(nodes, *nodes).values())) == 1


def test_a_default_and_the_same_value_written_out_share_a_key() -> None:
    found = keys(
        {"a": ("Pick", {}), "b": ("Pick", {"kind": "red", "seed": 0}), "c": ("Pick", {"seed": 0})}, "a", "b", "c"
    )
    assert len(set(found.values())) == 1


def test_objects_share_a_key_however_they_were_read() -> None:
    nodes = '{"s": {"class_type": "SpoilData", "inputs": {"data": {"a": {"b": 1}}}}}'
    read = keys(parse(nodes), "s")
    made = keys(from_json({"s": {"class_type": "SpoilData", "inputs": {"data": {"a": {"b": 1}}}}}), "s")
    builder = Builder()
    builder.add("SpoilData", data={"a": {"b": 1}}, id="s")
    assert read == made == keys(builder, "s")


def test_ids_titles_and_order_are_not_part_of_a_key() -> None:
    one = keys({"a": ("Number", {"value": 2}), "b": ("Bump", {"n": ["a", 0], "by": 3})}, "b")
    bump = {"_meta": {"title": "T"}, "inputs": {"by": 3, "n": ["x", "int"]}, "class_type": "Bump"}
    other = keys(from_json({"y": bump, "x": {"class_type": "Number", "inputs": {"value": 2}}}), "y")
    assert (one["a"], one["b"]) == (other["x"], other["y"])


def test_each_output_of_a_node_makes_another_key() -> None:
    nodes = {"h": ("Halve", {"n": 5}), "a": ("Bump", {"n": ["h", 0]}), "b": ("Bump", {"n": ["h", 1]})}
    found = keys(nodes, "a", "b")
    assert found["a"] != found["b"]


def test_version_environment_and_fingerprint_are_part_of_a_key() -> None:
    def found(version: int = 1, environment: str = "1", fingerprint: str = "1") -> str:
        @node(id="N", version=version, fingerprint=lambda: fingerprint)
        def n() -> int:
            return 1

        library = Library.of("n", n, environment=lambda: {"torch": environment})
        return keys({"n": ("N", {})}, "n", library=library)["n"]

    assert len({found(), found(version=2), found(environment="2"), found(fingerprint="2")}) == 4
    assert found() == found()


def test_given_values_go_by_their_name_or_their_content() -> None:
    def found(value: object, name: str = "") -> str:
        builder = Builder()
        builder.add("Anything", value=Given(value, name), id="a")
        return keys(builder, "a")["a"]

    assert found(Recipe("x")) == found(Recipe("x"))
    assert found(object(), "tree") == found(object(), "tree")
    assert found(object(), "tree") != found(object(), "bush")
    assert found(Recipe("x")) != found(Other("x"))


def test_keys_stay_what_they_are_from_release_to_release() -> None:
    nodes = {
        "v": ("Variety", {"kind": "green"}),
        "c": ("Cut", {"apple": ["v", 0], "pieces": 3}),
        "d": ("SpoilData", {"data": {"a": [1, 2.5, None, True, "ä"]}}),
        "t": ("Tell", {"value": ["c", 0]}),
    }
    assert {id: text[:16] for id, text in keys(nodes, "c", "d", "t").items()} == {
        "v": "18ec582396930f68",
        "c": "8db48843e3f6b795",
        "d": "73ac1cc41cb79bb0",
        "t": "5feaa5750eaf7f8b",
    }
