"""Sub-graphs and group nodes become the nodes that are in them."""

from typing import ClassVar

import pytest

from graph_runtime import Link, NodeCall, WorkflowError
from graph_runtime.comfy.formats.editor import from_document
from tests.comfy.formats.toys import LIBRARY, Json, canvas, item, slot, subgraph


def nodes(document: Json) -> dict[str, NodeCall]:
    return dict(from_document(document, LIBRARY).nodes)


def inputs(document: Json, id: str) -> dict[str, object]:
    return dict(nodes(document)[id].inputs)


class TestSubgraphs:
    PORT = {"name": "picture", "type": "IMAGE"}
    OUT = {"name": "out", "type": "IMAGE"}

    def nested(self, depth: int) -> dict[str, object]:
        """Empty 1 -> an instance 2 of a sub-graph in a sub-graph ... around a Trace 7 -> Save 3."""
        inner = subgraph(
            "level 0", item(7, "Trace", [slot("image", link=1)], [50]),
            links=[(1, -10, 0, 7, 0), (2, 7, 0, -20, 0)], inputs=[self.PORT], outputs=[self.OUT],
        )  # fmt: skip
        levels = [inner]
        for level in range(1, depth):
            instance = item(7, f"level {level - 1}", [slot("picture", link=1)], outputs=[self.OUT])
            links = [(1, -10, 0, 7, 0), (2, 7, 0, -20, 0)]
            levels.append(subgraph(f"level {level}", instance, links=links, inputs=[self.PORT], outputs=[self.OUT]))
        return canvas(
            item(1, "Empty", values=[64, 64]),
            item(2, f"level {depth - 1}", [slot("picture", link=1)], outputs=[self.OUT]),
            item(3, "Save", [slot("image", link=2)]),
            links=[[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"]],
            definitions={"subgraphs": levels},
        )

    def test_five_deep(self) -> None:
        found = nodes(self.nested(5))
        assert found.keys() == {"1", "3", "2:7:7:7:7:7"}
        assert found["2:7:7:7:7:7"].inputs == {"low": 50, "image": Link("1")}
        assert found["3"].inputs["image"] == Link("2:7:7:7:7:7")

    def test_too_deep_is_told(self) -> None:
        with pytest.raises(WorkflowError, match="more than 64 deep"):
            nodes(self.nested(100))

    def test_a_muted_instance_brings_nothing(self) -> None:
        document = self.nested(2)
        document["nodes"][1]["mode"] = 2  # type: ignore[index]
        assert nodes(document).keys() == {"1", "3"}
        assert "image" not in inputs(document, "3")

    def test_a_bypassed_instance_hands_on_its_input(self) -> None:
        document = self.nested(2)
        document["nodes"][1]["mode"] = 4  # type: ignore[index]
        assert inputs(document, "3")["image"] == Link("1")

    def test_one_that_holds_itself_is_told(self) -> None:
        loop = subgraph("loop", item(7, "loop"), links=[], inputs=[], outputs=[self.OUT])
        with pytest.raises(WorkflowError, match='the sub-graph "Loop" holds itself'):
            nodes(canvas(item(1, "loop"), links=[], definitions={"subgraphs": [loop]}))

    def test_nodes_beyond_reason_are_told(self) -> None:
        levels = [subgraph("s0", item(1, "Save"), links=[], inputs=[], outputs=[])]
        for level in range(1, 10):
            many = [item(id, f"s{level - 1}") for id in range(10)]
            levels.append(subgraph(f"s{level}", *many, links=[], inputs=[], outputs=[]))
        with pytest.raises(WorkflowError, match="more than 100000 nodes"):
            nodes(canvas(item(1, "s9"), links=[], definitions={"subgraphs": levels}))

    def two(self, *instances: dict[str, object], **more: object) -> dict[str, object]:
        """Instances of a sub-graph that shows the `low` of its Trace."""
        trace = subgraph(
            "t", item(7, "Trace", [slot("image", link=1), slot("low", "INT", 3, True)], [50]),
            links=[(1, -10, 0, 7, 0), (2, 7, 0, -20, 0), (3, -10, 1, 7, 1)],
            inputs=[self.PORT, {"name": "low", "type": "INT"}], outputs=[self.OUT],
        )  # fmt: skip
        return canvas(*instances, links=more.get("links", []), definitions={"subgraphs": [trace]})  # type: ignore[arg-type]

    def test_each_instance_has_its_own_values(self) -> None:
        found = nodes(self.two(item(1, "t", values=[10]), item(2, "t", values=[20]), item(3, "t")))
        assert [found[f"{id}:7"].inputs["low"] for id in (1, 2, 3)] == [10, 20, 50]

    def test_a_widget_of_an_instance_may_be_linked(self) -> None:
        document = self.two(
            item(1, "t", [slot("picture"), slot("low", "INT", 1, True)], [10]),
            item(2, "Number", outputs=[{"name": "INT", "type": "INT"}]),
            links=[[1, 2, 0, 1, 1, "INT"]],
        )
        assert inputs(document, "1:7")["low"] == Link("2")

    def test_an_instance_lists_only_its_linked_widgets(self) -> None:
        slots = [slot("low", "INT", 1, True)]
        document = self.two(
            item(1, "t", slots), item(2, "PrimitiveNode", values=[33]), links=[[1, 2, 0, 1, 0, "INT"]]
        )  # fmt: skip
        assert inputs(document, "1:7")["low"] == 33

    def test_a_widget_that_is_shown_two_levels_up(self) -> None:
        inner = subgraph(
            "inner", item(7, "Trace", [slot("image"), slot("low", "INT", 1, True)], [50]),
            links=[(1, -10, 0, 7, 1), (2, 7, 0, -20, 0)], inputs=[{"name": "low", "type": "INT"}], outputs=[self.OUT],
        )  # fmt: skip
        outer = subgraph(
            "outer", item(5, "inner", [slot("low", "INT", 1, True)], [60]),
            links=[(1, -10, 0, 5, 0), (2, 5, 0, -20, 0)], inputs=[{"name": "low", "type": "INT"}], outputs=[self.OUT],
        )  # fmt: skip
        document = canvas(item(1, "outer", values=[70]), links=[], definitions={"subgraphs": [inner, outer]})
        assert inputs(document, "1:5:7")["low"] == 70

    def test_a_widget_that_is_shown_without_a_port(self) -> None:
        shown = item(1, "t", values=[5, 0.75], properties={"proxyWidgets": [["-1", "low"], ["7", "other"]]})
        assert inputs(self.two(shown), "1:7") == {"low": 5, "other": 0.75}


class TestGroups:
    """A group of a PrimitiveNode 0, a DrawSteps 1 and a Trace 2; the primitive sets the steps, the edges leave."""

    GROUP: ClassVar[Json] = {
        "nodes": [
            {
                "type": "PrimitiveNode", "pos": [0, 0], "outputs": [{"name": "INT", "type": "INT"}],
                "widgets_values": [20, "fixed"],
            },
            {
                "type": "DrawSteps", "pos": [0, 0],
                "inputs": [
                    slot("model", "MODEL"), slot("positive", "CONDITIONING"), slot("negative", "CONDITIONING"),
                    slot("image"), slot("steps", "INT", 1, True), slot("cfg", "FLOAT", None, True),
                ],
                "outputs": [{"name": "IMAGE", "type": "IMAGE"}],
                "widgets_values": [1, "randomize", 20, 8.0, "euler", 1.0],
            },
            {
                "type": "Trace", "pos": [0, 0], "inputs": [slot("image")], "outputs": [{"name": "E", "type": "IMAGE"}],
                "widgets_values": [5],
            },
            {"type": "Note", "pos": [0, 0], "widgets_values": ["words"]},
        ],
        "links": [[0, 0, 1, 4, 7, "INT"], [1, 0, 2, 0, 8, "IMAGE"], [None, 0, 1, 0, 9, "MODEL"]],
        "external": [],
    }  # fmt: skip

    def document(self, **group: object) -> Json:
        inputs = [
            slot("model", "MODEL", 1),
            slot("positive"),
            slot("negative"),
            slot("image"),
            slot("cfg", "FLOAT", 2, True),
        ]
        return canvas(
            item(1, "workflow/Edges", inputs, [30, "fixed", 77, "increment", "heun", 0.5, 60]),
            item(2, "LoadCheckpoint"),
            item(3, "Save", [slot("image", link=3)]),
            item(4, "PrimitiveNode", values=[6.5]),
            links=[[1, 2, 0, 1, 0, "MODEL"], [3, 1, 0, 3, 0, "IMAGE"], [2, 4, 0, 1, 4, "FLOAT"]],
            extra={"groupNodes": {"Edges": self.GROUP | group}},
        )

    def test_an_instance_is_what_is_in_the_group(self) -> None:
        found = nodes(self.document())
        assert found.keys() == {"1:1", "1:2", "2", "3"}
        assert found["1:1"].inputs == {
            "seed": 77, "steps": 30, "cfg": 6.5, "sampler_name": "heun", "denoise": 0.5, "model": Link("2"),
        }  # fmt: skip
        assert found["1:2"].inputs == {"low": 60, "image": Link("1:1")}
        assert found["3"].inputs == {"image": Link("1:2")}

    def test_outputs_that_are_taken_outside_too(self) -> None:
        assert inputs(self.document(external=[[1, 0, "IMAGE"]]), "3") == {"image": Link("1:1")}

    def test_outputs_and_inputs_that_are_shown_or_hidden(self) -> None:
        config = {"1": {"output": {"0": {"visible": True}}, "input": {"positive": {"visible": False}}}}
        assert inputs(self.document(config=config), "3") == {"image": Link("1:1")}

    @pytest.mark.parametrize("odd", [None, 5, [], [5], {}, [[]], [[0, 0, 99, 0]], [[0, 99, 1, 0]]])
    @pytest.mark.parametrize("key", ["nodes", "links", "external", "config"])
    def test_odd_groups_stop_nothing(self, key: str, odd: object) -> None:
        try:
            assert "3" in nodes(self.document(**{key: odd}))
        except WorkflowError as error:
            assert 'in the sub-graph "Edges", the node at place 0' in str(error)
