# ruff: noqa: E501 - a message stands on one line, as users see it
"""Every problem a workflow can have, and the very words in which it is told."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_runtime import Folders, Library, Problem, WorkflowError, discover, join, node
from graph_runtime.api_format import from_json, parse, read
from tests.engine.apples import LIBRARY


def told(nodes: object, *targets: str, library: Library = LIBRARY) -> list[str]:
    """The problems of a workflow, as they are shown."""
    return [str(problem) for problem in problems(nodes, *targets, library=library)]


def problems(nodes: object, *targets: str, library: Library = LIBRARY) -> tuple[Problem, ...]:
    with pytest.raises(WorkflowError) as caught:
        workflow = parse(nodes) if isinstance(nodes, str | bytes) else from_json(nodes)
        join(workflow, library, Folders(Path("nowhere")), targets or None)
    return caught.value.problems


def one(kind: str, title: str = "", /, **inputs: object) -> dict[str, object]:
    call: dict[str, object] = {"class_type": kind, "inputs": inputs}
    return call | ({"_meta": {"title": title}} if title else {})


SOURCES = {
    "p": one("Pick"), "n": one("Number"), "h": one("Halve", "Half of it", n=4), "c": one("Crate"), "r": one("PickRed"),
    "w": one("Word"), "b": one("Truth"),
}  # fmt: skip

PLACES = [
    ("unknown kind", one("Bumb"), 'node x (Bumb): there is no node of the kind "Bumb" in the installed packs. Did you mean Bump?'),
    ("unknown kind in capitals", one("BUMP", n=1), 'node x (BUMP): there is no node of the kind "BUMP" in the installed packs. Did you mean Bump?'),
    ("unknown input", one("Bump", n=1, bye=2), "node x (Bump), input bye: there is no such input; Bump takes n, by. Did you mean by?"),
    ("unknown input of a node without", one("PickRed", n=1), "node x (PickRed), input n: there is no such input; PickRed takes none."),
    ("missing value", one("Bump"), "node x (Bump), input n: is missing; needs integer or a link."),
    ("missing link", one("Cut"), "node x (Cut), input apple: is missing; needs Apple from a link."),
    ("missing list", one("Weigh"), "node x (Weigh), input crate: is missing; needs list of integer or a link."),
    ("text for a number", one("Bump", "My bump", n="many"), 'node x (My bump), input n: found "many" (a text), needs a whole number.'),
    ("fraction for a whole number", one("Bump", n=1.5), "node x (Bump), input n: found 1.5, needs a whole number."),
    ("truth for a number", one("Bump", n=True), "node x (Bump), input n: found true (a truth value), needs a whole number."),
    ("null", one("Bump", n=None), "node x (Bump), input n: found nothing (null), needs a whole number."),
    ("object", one("Bump", n={"a": 1}), 'node x (Bump), input n: found {"a": 1} (an object), needs a whole number.'),
    ("list", one("Bump", n=[1, 2, 3]), "node x (Bump), input n: found [1, 2, 3] (a list), needs a whole number."),
    ("number for truth", one("Truth", value=2), "node x (Truth), input value: found 2, needs true or false."),
    ("object for text", one("Word", text={}), "node x (Word), input text: found {} (an object), needs a text."),
    ("text for an object", one("SpoilData", data="x"), 'node x (SpoilData), input data: found "x" (a text), needs an object.'),
    ("literal on a link-only input", one("Cut", apple="red"), 'node x (Cut), input apple: found "red", needs a link from a node that puts out Apple.'),
    ("one of a union", one("NumberOrWord", value=None), "node x (NumberOrWord), input value: found nothing (null), needs integer or text."),
    ("too small", one("Cut", apple=["p", 0], pieces=0), "node x (Cut), input pieces: found 0, needs 1 to 12."),
    ("too large", one("Cut", apple=["p", 0], pieces=13), "node x (Cut), input pieces: found 13, needs 1 to 12."),
    ("seed too large", one("Pick", seed=2**64), "node x (Pick), input seed: found 18446744073709551616, needs 0 to 18446744073709551615."),
    ("no choice", one("Pick", kind="gren"), 'node x (Pick), input kind: found "gren", needs one of red, green, russet. Did you mean green?'),
    ("choice of another type", one("Pick", kind=1), "node x (Pick), input kind: found 1, needs one of red, green, russet."),
    ("no file to choose from", one("ReadFile", name="a.txt"), 'node x (ReadFile), input name: found "a.txt", needs a name, but there is none to choose from.'),
    ("missing file", one("ReadAnyFile", name="a.txt"), "node x (ReadAnyFile), input name: there is no file a.txt."),
    ("static refusal", one("Variety", kind="russet"), "node x (Variety), input kind: there is no russet this year. Did you mean red?"),
    ("link to nowhere", one("Bump", n=["N", 0]), 'node x (Bump), input n: is linked to node "N", which is not in the workflow. Did you mean n?'),
    ("negative output", one("Bump", n=["h", -1]), "node x (Bump), input n: is linked to output -1 of node h (Half of it), which has 0 small, 1 large."),
    ("output too large", one("Bump", n=["h", 2]), "node x (Bump), input n: is linked to output 2 of node h (Half of it), which has 0 small, 1 large."),
    ("output too large by far", one("Bump", n=["h", 10**30]), f"node x (Bump), input n: is linked to output {10**30} of node h (Half of it), which has 0 small, 1 large."),
    ("unknown output name", one("Bump", n=["h", "lage"]), 'node x (Bump), input n: is linked to output "lage" of node h (Half of it), which has 0 small, 1 large. Did you mean large?'),
    ("truth as output", one("Bump", n=["h", True]), 'node x (Bump), input n: found ["h", true] (a list), needs a whole number.'),
    ("link from a pure sink", one("Bump", n=["t", 0]), "node x (Bump), input n: is linked to output 0 of node t (Tell), which has no outputs."),
    ("wrong type", one("Bump", n=["p", 0]), "node x (Bump), input n: found Apple from node p (Pick Apple), output apple; needs integer. Between them fits Count or AddPieces."),
    ("the other way round", one("Polish", apple=["p", 0]), "node x (Polish), input apple: found Apple from node p (Pick Apple), output apple; needs RedApple."),
    ("number into text", one("Word", text=["n", 0]), "node x (Word), input text: found integer from node n (Number), output int; needs text."),
    ("truth into number", one("Bump", n=["b", 0]), "node x (Bump), input n: found true or false from node b (Truth), output bool; needs integer."),
    ("itself", one("Bump", n=["x", 0]), "node x (Bump): the nodes feed each other in a circle: x (Bump) → x (Bump). One of these links has to go."),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), [case[1:] for case in PLACES], ids=[case[0] for case in PLACES])
def test_each_problem_is_told_in_full(call: object, message: str) -> None:
    assert told({**SOURCES, "t": one("Tell", value=1), "x": call}, "x") == [message]


WHOLE = [
    ("empty file", "", "is empty; needs a workflow."),
    ("cut off", '{"1": {\n  "class_type": "Pick', "ends too early, in line 2: it is cut off, or brackets are not closed."),
    ("not closed", '{"1": {"class_type": "Pick"}\n\n', "ends too early, in line 1: it is cut off, or brackets are not closed."),
    ("a comma too many", '{"1": {"class_type": "Pick",}}', "is no JSON: line 1, column 29: Expecting property name enclosed in double quotes."),
    ("no UTF-8", b'{"1": "\xff"}', "is no text in UTF-8 (byte 7), so it is no JSON; needs a workflow file."),
    ("picture", b"\x89PNG\r\n", "is no text in UTF-8 (byte 0), so it is no JSON; needs a workflow file."),
    ("list", "[]", "found a list, needs an object of nodes by id."),
    ("text", '"nodes"', 'found "nodes", needs an object of nodes by id.'),
    ("number", "NaN", "found NaN, needs an object of nodes by id."),
    ("null", "null", "found null, needs an object of nodes by id."),
    ("no nodes", "{}", "the workflow holds no nodes."),
    ("no nodes in a prompt", '{"prompt": {}}', "the workflow holds no nodes."),
    ("nested 100,000 deep", "[" * 100_000, "is JSON nested too deep to be a workflow."),
    ("nested 100,000 objects deep", '{"a":' * 100_000, "is JSON nested too deep to be a workflow."),
    ("10,000 digits", '{"1": {"class_type": "Number", "inputs": {"value": ' + "9" * 10_000 + "}}}", "holds a number with too many digits."),
    ("an id twice", '{"1": {"class_type": "Tell", "inputs": {"value": 1}}, "1": {"class_type": "Tell", "inputs": {"value": 1}}}', 'the id "1" stands there twice.'),
    ("an id twice in a prompt", '{"prompt": {"1": {"class_type": "Tell", "inputs": {"value": 1}}, "1": {"class_type": "Tell", "inputs": {"value": 1}}}}', 'the id "1" stands there twice.'),
    ("an input twice", '{"1": {"class_type": "Tell", "inputs": {"value": "a", "value": "b"}}}', "node 1 (Tell), input value: stands there twice."),
    ("a field twice", '{"1": {"class_type": "A", "class_type": "B"}}', 'node 1 (B): "class_type" stands there twice.'),
    ("a name twice in a value", '{"1": {"class_type": "Tell", "inputs": {"value": {"a": 1, "a": 2}}}}', 'node 1 (Tell), input value: holds "a" twice.'),
    ("a node that is none", '{"1": 5}', "node 1: found 5, needs an object with class_type and inputs."),
    ("no class_type", '{"1": {"inputs": {}, "_meta": {"title": "T"}}}', "node 1 (T): found no class_type, needs the name of a kind of node."),
    ("class_type is no text", '{"1": {"class_type": 7}}', "node 1: found the class_type 7, needs the name of a kind of node."),
    ("class_type is a list", '{"1": {"class_type": [1]}}', "node 1: found the class_type [1], needs the name of a kind of node."),
    ("inputs are a list", '{"1": {"class_type": "A", "inputs": [1]}}', "node 1 (A): found inputs [1], needs an object of inputs by name."),
    ("nothing is shown", '{"1": {"class_type": "Number"}}', "no node saves or shows anything, so there is nothing to do: add a node such as SaveImage, or name the nodes that are wanted."),
    ("prompts within prompts", '{"prompt":' * 300 + "{}" + "}" * 300, "node prompt: found no class_type, needs the name of a kind of node."),
    ("not a number", '{"t": {"class_type": "Add", "inputs": {"a": NaN}}, "s": {"class_type": "Tell", "inputs": {"value": ["t", 0]}}}', "node t (Add), input a: found nan, which is no number, needs a number."),
    ("infinity", '{"t": {"class_type": "Tell", "inputs": {"value": [1, -Infinity]}}}', "node t (Tell), input value: found -inf, which is no number, needs finite numbers only."),
    ("beyond all numbers", '{"t": {"class_type": "Tell", "inputs": {"value": 1e999}}}', "node t (Tell), input value: found inf, which is no number, needs finite numbers only."),
    ("control characters", '{"\\u001b[2J": {"class_type": "\\u0007"}}', 'node \\x1b[2J (\\x07): there is no node of the kind "\\x07" in the installed packs.'),
    ("a lone surrogate", '{"\\ud800": {"class_type": "\\udfff"}}', 'node \\ud800 (\\udfff): there is no node of the kind "\\udfff" in the installed packs.'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), [case[1:] for case in WHOLE], ids=[case[0] for case in WHOLE])
def test_a_file_that_is_no_workflow_is_told_in_full(text: str | bytes, message: str) -> None:
    assert told(text) == [message]


def test_a_list_of_two_texts_looks_like_a_link_and_can_be_told_from_one() -> None:
    assert told({"g": one("GrowApples", kinds=["red", "green"])}, "g") == [
        'node g (GrowApples), input kinds: is linked to node "red", which is not in the workflow. Should it be a list of two texts, write {"__value__": ["red", "green"]}.'
    ]


def test_a_byte_order_mark_is_no_problem() -> None:
    text = '{"1": {"class_type": "Tell", "inputs": {"value": "ä"}}}'
    assert parse(b"\xef\xbb\xbf" + text.encode()) == parse("\ufeff" + text) == parse(text)


def test_a_node_may_be_called_prompt() -> None:
    assert set(parse('{"prompt": {"class_type": "Number"}}').nodes) == {"prompt"}


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    nodes = {
        "1": one("Bump", n="x", by="y"),
        "2": one("Cut", apple=["1", 0], pieces=99),
        "3": one("Tell", value=["2", 0], more=1),
        "4": one("Nothing"),
        "5": one("Tell", value=["4", 0]),
    }
    assert [problem.partition(":")[0] for problem in told(nodes)] == [
        "node 1 (Bump), input n",
        "node 1 (Bump), input by",
        "node 2 (Cut), input apple",
        "node 2 (Cut), input pieces",
        "node 3 (Tell), input more",
        "node 4 (Nothing)",
    ]


def test_problems_of_nodes_that_nothing_needs_are_warnings() -> None:
    nodes = {"1": one("Tell", value=1), "2": one("Bump", n="x"), "3": one("Bump", n=["2", 0])}
    graph = join(from_json(nodes), LIBRARY)
    assert [problem.node for problem in graph.warnings] == ["2"]


def test_a_malformed_node_hides_no_other_problem() -> None:
    nodes = {
        "1": {"inputs": {}, "_meta": {"title": "T"}},
        "2": one("Bump", n=["1", 0], by="y"),
        "3": one("Tell", value=["2", 0], more=1),
        "4": 5,
        "5": {"class_type": "Pick", "inputs": [1]},
        "6": one("Tell", value=["5", 7]),
    }
    assert [problem.partition(":")[0] for problem in told(nodes)] == [
        "node 1 (T)",
        "node 4",
        "node 5 (Pick)",
        "node 2 (Bump), input by",
        "node 3 (Tell), input more",
    ]


def test_a_name_that_stands_twice_hides_no_other_problem_of_its_node() -> None:
    text = '{"1": {"class_type": "Tell", "inputs": {"value": 1, "value": 2, "more": 3}}}'
    assert [problem.partition(":")[0] for problem in told(text)] == [
        "node 1 (Tell), input value",
        "node 1 (Tell), input more",
    ]


def test_a_malformed_workflow_is_written_in_no_format() -> None:
    workflow = parse('{"1": {"class_type": "Tell", "inputs": {"value": 1}}, "2": 5}')
    assert set(workflow.nodes) == {"1", "2"}
    with pytest.raises(WorkflowError, match="node 2: found 5"):
        workflow.sound()


def test_fatal_problems_hide_no_problem_of_nodes_that_nothing_needs() -> None:
    nodes = {"1": one("Tell", value=1, more=2), "2": one("Bump", n="x")}
    with pytest.raises(WorkflowError) as caught:
        join(from_json(nodes), LIBRARY)
    assert [problem.node for problem in caught.value.problems] == ["1"]
    assert [problem.node for problem in caught.value.warnings] == ["2"]
    assert str(caught.value).splitlines()[0] == "1 problem"
    assert '  warning: node 2 (Bump), input n: found "x"' in str(caught.value)


def test_circles_are_drawn_and_long_ones_shortened() -> None:
    ring = {str(i): one("Bump", n=[str((i - 1) % 40), 0]) for i in range(40)}
    (problem,) = problems(ring, "3")
    assert problem.kind == "cycle"
    assert "0 (Bump) → 1 (Bump) → 2 (Bump)" in problem.message
    assert "… 29 more …" in problem.message
    assert dict(problem.details)["cycle"][0] == dict(problem.details)["cycle"][-1]  # type: ignore[index]


def test_each_of_several_circles_is_told() -> None:
    nodes = {"a": one("Bump", n=["b", 0]), "b": one("Bump", n=["a", 0]), "c": one("Bump", n=["c", 0])}
    nodes["end"] = one("Multiply", a=["a", 0], b=["c", 0])
    assert len(told(nodes, "end")) == 2


def test_a_target_that_is_not_there_is_told_with_the_nearest() -> None:
    nodes = {"1": one("Number", "Seed of all")}
    assert told(nodes, "Sed of all") == [
        'there is no node with the id or title "Sed of all". Did you mean Seed of all?'
    ]
    assert told({"1": one("Number", "See the edges"), "2": one("Number", "Edges of the photograph")}, "Edges") == [
        'there is no node with the id or title "Edges". Did you mean Edges of the photograph?'
    ]


def test_packs_that_could_not_be_loaded_are_named_with_unknown_nodes(tmp_path: Path) -> None:
    (tmp_path / "pears.py").write_text("raise ImportError('no pear tree')")
    library = LIBRARY + Library((), discover([tmp_path]).failures)
    assert told({"1": one("Pear")}, library=library) == [
        'node 1 (Pear): there is no node of the kind "Pear" in the installed packs. These packs could not be loaded: pears (ImportError: no pear tree).'
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "apples.json").write_text("{}")
    for name, message in [
        ("appels.json", f"is not there. Did you mean {tmp_path / 'apples.json'}?"),
        ("missing/apples.json", f"is not there: there is no folder {tmp_path / 'missing'}."),
        (".", "is a directory, needs a workflow file. In it: apples.json."),
    ]:
        with pytest.raises(WorkflowError) as caught:
            read(tmp_path / name)
        assert [problem.message for problem in caught.value.problems] == [message]


def test_a_pack_that_breaks_while_the_graph_is_checked_is_a_problem_of_its_node() -> None:
    @node("Moody", static=True)
    def moody(n: int = 0) -> int:
        return 1 // n

    library = LIBRARY + Library.of("moody", moody)
    assert told({"m": one("Moody")}, "m", library=library) == [
        "node m (Moody): ZeroDivisionError: integer division or modulo by zero"
    ]


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
links = st.tuples(
    st.sampled_from(["1", "2", "3", "9"]), st.integers(-2, 3) | st.sampled_from(["int", "small", ""])
).map(list)
kinds = st.sampled_from([*LIBRARY, "Nothing", ""])
names = st.sampled_from(sorted({name for node in LIBRARY.values() for name in node.inputs}))
calls = st.fixed_dictionaries(
    {"class_type": kinds | plain, "inputs": st.dictionaries(names, links | plain, max_size=4) | plain},
    optional={"_meta": st.fixed_dictionaries({"title": plain}) | plain},
)
workflows = st.dictionaries(st.sampled_from(["1", "2", "3", "4"]), calls | plain, max_size=4)


@settings(max_examples=300, deadline=2000)
@given(st.one_of(workflows, plain, workflows.map(lambda nodes: {"prompt": nodes})), st.booleans())
def test_whatever_comes_is_a_graph_or_a_clear_error(data: object, all_wanted: bool) -> None:
    text = json.dumps(data)
    try:
        workflow = parse(text)
        graph = join(workflow, LIBRARY, Folders(Path("nowhere")), list(workflow.nodes) if all_wanted else None)
    except WorkflowError as error:
        assert error.problems
        assert all(problem.message and str(problem).isprintable() for problem in error.problems)
    else:
        assert set(graph.targets) <= set(graph.steps)


@settings(max_examples=200, deadline=2000)
@given(st.binary(max_size=60) | st.text(max_size=60))
def test_whatever_bytes_come_are_a_workflow_or_a_clear_error(data: bytes | str) -> None:
    try:
        parse(data)
    except WorkflowError as error:
        assert error.problems


@pytest.mark.parametrize("inputs", [{"kind": "x"}, {"kind": ["nowhere", 0]}, {"knd": 1}, {"kind": 5}])
def test_twenty_thousand_problems_are_told_in_a_moment(inputs: dict[str, object]) -> None:
    nodes = {str(i): one("Pick", **inputs) for i in range(20_000)}
    started = time.perf_counter()
    assert len(problems(nodes, *nodes)) >= 20_000
    assert time.perf_counter() - started < 20


def test_twenty_thousand_unknown_kinds_and_repeated_names_are_told_in_a_moment() -> None:
    started = time.perf_counter()
    assert len(problems({str(i): one(f"Pic{i}") for i in range(20_000)})) == 20_000
    text = "{" + ", ".join(f'"{i}": 1' for i in [*range(20_000), *range(20_000)]) + "}"
    assert len(problems(text)) == 40_000
    assert time.perf_counter() - started < 20
