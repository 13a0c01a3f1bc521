"""Workflows become documents that the editor opens, and come back the same."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_runtime import Library, Link, NodeCall, Workflow, WorkflowError, join
from graph_runtime.comfy.formats.drafting import to_document
from graph_runtime.comfy.formats.editing import with_document
from graph_runtime.comfy.formats.editor import from_document
from graph_runtime.comfy.formats.reading import from_data, read_any
from graph_runtime.comfy.formats.writing import as_api, as_editor
from tests.comfy.formats.toys import LIBRARY, canvas, item, slot, subgraph

FILES = Path(__file__).parent / "files"
NOTHING = Library()

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
literals = plain.map(lambda value: {"__value__": value} if isinstance(value, list) else value)
input_names = st.text(min_size=1, max_size=8).filter(lambda name: name != "control_after_generate")


@st.composite
def unknown_workflows(draw: st.DrawFn) -> Workflow:
    """Acyclic graphs of nodes that no pack declares."""
    ids = draw(
        st.lists(st.integers(1, 999).map(str) | st.text(min_size=1, max_size=5), min_size=1, max_size=8, unique=True)
    )
    nodes: dict[str, NodeCall] = {}
    for place, id in enumerate(ids):
        values = literals if not place else literals | st.builds(Link, st.sampled_from(ids[:place]), st.integers(0, 3))
        inputs = draw(st.dictionaries(input_names, values, max_size=4))
        title = draw(st.sampled_from(["", "Mine"]))
        nodes[id] = NodeCall(
            draw(st.sampled_from(["Far", "Away"])), inputs, title, draw(st.sampled_from(["", "a-pack", "a/pack"]))
        )
    return Workflow(nodes)


@settings(max_examples=150, deadline=None)
@given(unknown_workflows())
def test_any_graph_comes_back_from_the_editor(workflow: Workflow) -> None:
    document = json.loads(json.dumps(to_document(workflow, NOTHING)))
    assert from_document(document, NOTHING).nodes == workflow.nodes


@st.composite
def toy_workflows(draw: st.DrawFn) -> Workflow:
    """Graphs of toy nodes that can run."""
    nodes = {
        "1": NodeCall("LoadCheckpoint", {}, "Base"),
        "2": NodeCall("Empty", draw(st.fixed_dictionaries({}, optional={"width": st.integers(8, 4096)}))),
    }
    nodes["3"] = NodeCall(
        "Encode", {"text": draw(st.text(max_size=9)), "clip": Link("1", draw(st.sampled_from([1, "clip"])))}
    )
    pictures = ["2"]
    for id in map(str, range(4, 4 + draw(st.integers(0, 6)))):
        image = Link(draw(st.sampled_from(pictures)))
        kind = draw(st.sampled_from(["Trace", "Blend", "DrawSteps"]))
        inputs: dict[str, object] = {"image": image}
        if kind == "Blend":
            inputs = {"first": image} | draw(
                st.fixed_dictionaries({}, optional={"second": st.just(image), "factor": st.floats(0, 1)})
            )
        if kind == "DrawSteps":
            inputs |= {"model": Link("1"), "positive": Link("3"), "negative": Link("3")}
            inputs |= draw(
                st.fixed_dictionaries(
                    {}, optional={"seed": st.integers(0, 2**64 - 1), "sampler_name": st.sampled_from(["heun", "fixed"])}
                )
            )
        nodes[id] = NodeCall(kind, inputs, draw(st.sampled_from(["", "Mine"])))
        pictures.append(id)
    nodes["99"] = NodeCall(
        "Save", {"image": Link(pictures[-1])} | draw(st.fixed_dictionaries({}, optional={"note": st.text()}))
    )
    return Workflow(nodes)


@settings(max_examples=100, deadline=None)
@given(toy_workflows())
def test_a_graph_of_known_nodes_computes_the_same(workflow: Workflow) -> None:
    back = from_document(json.loads(json.dumps(to_document(workflow, LIBRARY))), LIBRARY)
    before, after = join(workflow, LIBRARY).steps, join(back, LIBRARY).steps
    assert before.keys() == after.keys()
    for id, step in before.items():
        assert (step.node, step.values, step.wires) == (after[id].node, after[id].values, after[id].wires)


def test_a_document_holds_what_the_editor_needs() -> None:
    workflow = Workflow(
        {
            "1": NodeCall("Empty", {"width": 64}),
            "2": NodeCall("Trace", {"image": Link("1")}, "Find edges"),
            "s": NodeCall("DrawSteps", {"seed": 5, "image": Link("2", "edge_map")}),
        }
    )
    document = to_document(workflow, LIBRARY)
    empty, trace, sampler = document["nodes"]  # type: ignore[misc]
    assert (empty["id"], trace["id"], sampler["id"]) == (1, 2, "s")
    assert document["last_node_id"] == 2
    assert document["links"] == [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, "s", 3, "EDGE_MAP,IMAGE"]]
    assert empty["outputs"] == [{"name": "image", "type": "IMAGE", "links": [1]}]
    assert [slot["link"] for slot in sampler["inputs"]] == [None, None, None, 2, *[None] * 5]
    assert sampler["inputs"][4] == {"name": "seed", "type": "INT", "widget": {"name": "seed"}, "link": None}
    assert sampler["widgets_values"] == [5, "fixed", 20, 8.0, "euler", 1.0]
    assert trace["title"] == "Find edges"
    assert "title" not in empty
    boxes = [(*node["pos"], *node["size"]) for node in (empty, trace, sampler)]
    assert boxes[0][0] + boxes[0][2] < boxes[1][0] and boxes[1][0] + boxes[1][2] < boxes[2][0]


def test_values_that_no_widget_shows_stay() -> None:
    calls = {
        "1": NodeCall("Empty"),
        "2": NodeCall("Grade", {"image": Link("1"), "curve": [1, 2], "options": {"a": 1}, "levels": None}),
        "3": NodeCall("Save", {"image": Link("2")}),
    }
    back = from_document(to_document(Workflow(calls), LIBRARY), LIBRARY)
    assert join(back, LIBRARY).steps["2"].values == join(Workflow(calls), LIBRARY).steps["2"].values


def test_links_that_lead_nowhere_are_told() -> None:
    calls = {
        "1": NodeCall("Save", {"image": Link("7")}),
        "2": NodeCall("Empty"),
        "3": NodeCall("Save", {"image": Link("2", 4)}),
    }
    with pytest.raises(WorkflowError) as error:
        to_document(Workflow(calls), LIBRARY)
    assert [str(problem) for problem in error.value.problems] == [
        'node 1 (Save), input image: is linked to node "7", which is not in the workflow.',
        'node 3 (Save), input image: is linked to output 4 of node "2", which has image.',
    ]


def test_numbers_that_json_does_not_know_are_told() -> None:
    workflow = Workflow({"1": NodeCall("Far", {"x": float("nan")})})
    for write in (as_api, lambda one: as_editor(one, NOTHING)):
        with pytest.raises(WorkflowError, match="holds NaN or an infinite number"):
            write(workflow)


def test_half_a_character_is_written_as_an_escape() -> None:
    workflow = Workflow({"1": NodeCall("Far", {"x": "\ud800 ✓"})})
    assert from_data(json.loads(as_api(workflow).encode()), NOTHING) == workflow


class TestChanges:
    def changed(self, document: dict[str, object], id: str, name: str, value: object) -> dict[str, object]:
        before = from_document(document, LIBRARY)
        call = before.nodes[id]
        after = Workflow(
            {**before.nodes, id: NodeCall(call.class_type, {**call.inputs, name: value}, call.title, call.pack)},
            "",
            before.document,
        )
        made = with_document(before, after, LIBRARY)
        assert from_document(made.document, LIBRARY).nodes == after.nodes
        return dict(made.document)

    @pytest.mark.parametrize("name", ["classic", "modern"])
    def test_nothing_changes_without_a_change(self, name: str) -> None:
        text = (FILES / f"{name}.json").read_text(encoding="utf-8")
        written = as_editor(read_any(FILES / f"{name}.json", LIBRARY), LIBRARY)
        assert json.dumps(json.loads(text)) == json.dumps(json.loads(written))

    def test_one_widget_changes(self) -> None:
        text = (FILES / "classic.json").read_text(encoding="utf-8")
        made = self.changed(json.loads(text), "3", "steps", 33)
        assert json.dumps(made) == json.dumps(json.loads(text)).replace('"randomize", 20,', '"randomize", 33,')

    def test_a_value_of_a_primitive(self) -> None:
        text = (FILES / "classic.json").read_text(encoding="utf-8")
        made = self.changed(json.loads(text), "7", "text", "dull")
        assert json.dumps(made) == json.dumps(json.loads(text)).replace('"blurry"', '"dull"')

    def test_values_by_name_change_with_those_by_position(self) -> None:
        made = self.changed(json.loads((FILES / "modern.json").read_text()), "1", "width", 128)
        assert made["nodes"][0]["widgets_values"] == [128, 32]  # type: ignore[index]
        assert made["nodes"][0]["widgets_values_named"] == {"width": 128, "height": 32}  # type: ignore[index]

    @pytest.mark.parametrize(("id", "name", "place"), [("2:21", "low", 0), ("2:22", "factor", 1)])
    def test_a_value_that_an_instance_shows(self, id: str, name: str, place: int) -> None:
        made = self.changed(json.loads((FILES / "modern.json").read_text()), id, name, 9)
        assert made["nodes"][1]["widgets_values"][place] == 9  # type: ignore[index]

    def shared(self, count: int) -> dict[str, object]:
        inner = subgraph("t", item(7, "Trace", [slot("image")], [50]), links=[], inputs=[], outputs=[])
        return canvas(*(item(id, "t") for id in range(1, count + 1)), links=[], definitions={"subgraphs": [inner]})

    def test_a_value_inside_the_only_instance(self) -> None:
        made = self.changed(self.shared(1), "1:7", "low", 9)
        assert made["definitions"]["subgraphs"][0]["nodes"][0]["widgets_values"] == [9]  # type: ignore[index]

    def test_a_value_that_instances_share_is_told(self) -> None:
        with pytest.raises(WorkflowError, match='its value belongs to the sub-graph "T", which stands there 2 times'):
            self.changed(self.shared(2), "1:7", "low", 9)

    def test_a_value_that_the_file_does_not_keep_is_told(self) -> None:
        with pytest.raises(WorkflowError, match="keeps no value for it"):
            self.changed(canvas(item(1, "Empty", values=[64]), links=[]), "1", "height", 9)
