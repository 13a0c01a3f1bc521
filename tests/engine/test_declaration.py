"""What is read from a function, what flows into what, and which functions cannot be nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NewType

import pytest

from graph_runtime import (
    Builder,
    DeclarationError,
    Expand,
    Given,
    Library,
    Progress,
    Range,
    Seed,
    WorkflowError,
    discover,
    node,
)
from graph_runtime.signature import declare
from graph_runtime.sockets import SEED_LIMIT, compatible, describe, socket
from tests.engine import apples
from tests.engine.apples import LIBRARY, Apple, RedApple, cut, loop, pick
from tests.engine.runs import graph, run

GreenApple = NewType("GreenApple", Apple)
TinyRedApple = NewType("TinyRedApple", RedApple)


class Fruit:
    pass


class Pear(Fruit):
    pass


def test_a_node_is_read_from_its_function() -> None:
    found = declare(pick)
    assert (found.id, found.title, found.category) == ("Pick", "Pick Apple", "apples")
    assert found.docs.summary == "Pick an apple."
    assert [(one.name, one.docs, one.default) for one in found.inputs.values()] == [
        ("kind", "Which apple.", "red"),
        ("seed", "Which tree.", 0),
    ]
    assert found.inputs["kind"].socket.literals == ("red", "green", "russet")
    assert (found.inputs["seed"].socket.bounds, found.inputs["seed"].socket.fresh) == (Range(0, SEED_LIMIT), True)
    assert [(one.name, one.docs, one.socket.type) for one in found.outputs] == [("apple", "A whole apple.", Apple)]


def test_named_outputs_are_the_fields_of_a_tuple() -> None:
    found = LIBRARY["Halve"]
    assert [(one.name, one.docs) for one in found.outputs] == [
        ("small", "The smaller part."),
        ("large", "The larger part."),
    ]


def test_what_is_handed_in_is_no_socket() -> None:
    assert list(LIBRARY["Ripen"].inputs) == ["days"]
    assert LIBRARY["Ripen"].injected == {"progress": Progress}


def test_sinks_and_expansions_are_told_from_the_return_annotation() -> None:
    assert LIBRARY["Tell"].sink
    assert LIBRARY["Tell"].outputs == ()
    assert LIBRARY["TellAndPass"].sink
    assert [one.name for one in LIBRARY["TellAndPass"].outputs] == ["int"]
    assert not LIBRARY["Loop"].sink
    assert LIBRARY["Loop"].outputs[0].socket.type is int


def test_a_node_can_be_called_as_the_function_it_is() -> None:
    assert cut(pick(), 3) == Apple("red", 3)
    assert isinstance(loop(2), Expand)
    assert apples.ripen(2) == 2


FLOWS = [
    (int, int, True),
    (int, float, True),
    (float, int, False),
    (bool, int, False),
    (bool, float, False),
    (bool, bool, True),
    (int, str, False),
    (int, object, True),
    (object, int, True),
    (Pear, Fruit, True),
    (Fruit, Pear, False),
    (RedApple, Apple, True),
    (Apple, RedApple, False),
    (RedApple, GreenApple, False),
    (TinyRedApple, Apple, True),
    (TinyRedApple, RedApple, True),
    (int, int | str, True),
    (int | str, int, False),
    (int | str, int | str | float, True),
    (float, int | str, False),
    (Literal["a"], str, True),
    (str, Literal["a"], True),
    (int, Literal["a"], False),
    (Literal["a"], Literal["a", "b"], True),
    (Literal["a", "b"], Literal["a"], False),
    (Literal[1], float, True),
    (Apple, apples.T, True),
    (apples.T, Apple, True),
    (RedApple, Apple | None, True),
]


@pytest.mark.parametrize(("source", "target", "flows"), FLOWS)
def test_values_flow_in_one_direction(source: object, target: object, flows: bool) -> None:
    assert compatible(source, target) is flows


def test_types_are_named_as_people_name_them() -> None:
    names = [describe(kind) for kind in (int, float, bool, str, object, Apple, RedApple, Literal["a", "b"], int | str)]
    assert names == [
        "integer",
        "number",
        "true or false",
        "text",
        "anything",
        "Apple",
        "RedApple",
        "one of a, b",
        "integer or text",
    ]
    assert str(socket(list[int])) == "list of integer"


def _yields() -> Iterator[int]:
    yield 1


def _bare(n) -> int:  # type: ignore[no-untyped-def]
    return 1


def _any(n: Any) -> int:
    return 1


def _many(*n: int) -> int:
    return 1


def _named(**n: int) -> int:
    return 1


def _nothing(n: int) -> None:
    pass


def _unknown(n: Missing) -> int:  # type: ignore[name-defined]  # noqa: F821
    return 1


def _static_progress(progress: Progress) -> int:
    return 1


async def _static_async(n: int) -> int:
    return 1


@pytest.mark.parametrize(
    ("function", "static", "message"),
    [
        (_yields, False, "it yields; a node returns its values, all at once"),
        (_bare, False, "parameter n needs an annotation"),
        (_any, False, "n: Any says nothing about a socket"),
        (_many, False, "parameter n: a node's inputs are named one by one"),
        (_named, False, "parameter n: a node's inputs are named one by one"),
        (_nothing, False, "it returns nothing; a node returns values, and a sink Shown"),
        (_unknown, False, "its annotations cannot be read: name 'Missing' is not defined"),
        (_static_progress, True, "a static node is computed before the run, but progress is known only in a run"),
        (_static_async, True, "a static node is computed before the run, but it is an `async def`"),
    ],
)
def test_functions_that_cannot_be_nodes(function: Callable[..., object], static: bool, message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        len(Library.of("pears", node(static=static)(function)))
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"tests.engine.test_declaration.{function.__name__}: ")


def test_two_nodes_of_one_pack_cannot_share_an_id() -> None:
    with pytest.raises(DeclarationError, match="pack pears: two nodes have the id Pick"):
        len(Library.of("pears", pick, pick))


def test_the_first_pack_counts_where_two_have_a_node() -> None:
    @node(id="Pick")
    def other(seed: Seed = 0) -> int:
        return 1

    assert (LIBRARY + Library.of("pears", other))["Pick"].function is pick
    assert (Library.of("pears", other) + LIBRARY)["Pick"].function is other


def test_packs_are_found_in_folders_and_broken_ones_told(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(
        "from graph_runtime import node\n@node()\ndef plum(n: int = 1) -> int:\n    return n\n"
    )
    pack = tmp_path / "with-hyphen"
    pack.mkdir()
    (pack / "__init__.py").write_text(
        "from graph_runtime import Library\nfrom .inner import fig\nLIBRARY = Library.of('figs', fig)\n"
    )
    (pack / "inner.py").write_text("from graph_runtime import node\n@node()\ndef fig() -> int:\n    return 3\n")
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "_hidden.py").write_text("1 / 0\n")
    library = discover([tmp_path, tmp_path / "nowhere"])
    assert {"Plum", "Fig"} <= set(library)
    reasons = {Path(failure.name).name: failure.reason for failure in library.failures}
    assert reasons["broken"] == "ZeroDivisionError: division by zero"
    assert reasons["leaves"] == "SystemExit: 3"
    assert reasons["empty"] == "it holds no node and no LIBRARY."
    assert reasons["nowhere"] == "there is no such folder."
    assert run(graph({"f": ("Fig", {})}, "f", library=library)).value("f") == 3


def test_a_builder_links_names_and_wraps() -> None:
    builder = Builder()
    half = builder.add("Halve", n=9)
    end = builder.add("Multiply", a=half["large"], b=half[0], title="product")
    builder.add(cut, apple=Apple("green"), pieces=2, id="c")
    told = run(builder, "product", "c")
    assert told.value(end.node) == 20
    assert told.value("c") == Apple("green", 2)
    with pytest.raises(DeclarationError, match="the id c is taken"):
        builder.add("Number", id="c")
    with pytest.raises(DeclarationError, match="is no node: decorate it with @node"):
        builder.add(len)


def test_given_values_stand_where_no_json_could() -> None:
    builder = Builder()
    builder.add("Reroute", value=Given(Apple("red")), id="r")
    builder.add("Cut", apple=builder.add("Reroute", value=Given(Apple("green"))), id="c")
    assert run(builder, "c").value("c") == Apple("green", 2)


def test_a_reroute_carries_the_type_of_what_it_carries() -> None:
    nodes = {"p": ("Pick", {}), "r": ("Reroute", {"value": ["p", 0]}), "s": ("Reroute", {"value": ["r", 0]})}
    assert run(nodes | {"c": ("Cut", {"apple": ["s", 0]})}, "c").value("c") == Apple("red", 2)
    with pytest.raises(WorkflowError, match="found Apple from node s"):
        graph(nodes | {"b": ("Bump", {"n": ["s", 0]})}, "b")


def test_unions_take_the_member_that_fits_best() -> None:
    nodes = {str(i): ("NumberOrWord", {"value": value}) for i, value in enumerate([5, "5", "five", 5.0])}
    told = run(nodes, *nodes)
    assert [told.value(id) for id in nodes] == ["5", "'5'", "'five'", "5"]


def test_a_socket_for_anything_takes_anything() -> None:
    nodes = {str(i): ("Anything", {"value": value}) for i, value in enumerate([1, 1.5, "a", True, None, {"a": [1]}])}
    told = run(nodes, *nodes)
    assert [told.value(id) for id in nodes] == ["1", "1.5", "'a'", "True", "None", "{'a': [1]}"]


def test_checks_of_a_pack_see_the_whole_graph() -> None:
    from graph_runtime import Problem

    library = LIBRARY + Library.of(
        "rules",
        checks=[lambda steps, _: [Problem("refused", "too many apples.", id) for id in steps if len(steps) > 1]],
    )
    with pytest.raises(WorkflowError, match="node b: too many apples"):
        graph({"a": ("Number", {}), "b": ("Number", {})}, "b", library=library)
