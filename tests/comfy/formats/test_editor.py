"""Documents of the editor become the workflows that the editor itself would send."""

import json
from pathlib import Path

import pytest

from graph_runtime import Library, Link, NodeCall, WorkflowError, join
from graph_runtime.comfy.formats.editor import from_document
from graph_runtime.comfy.formats.reading import read_any
from tests.comfy.formats.toys import LIBRARY, canvas, item, slot

FILES = Path(__file__).parent / "files"


def nodes(document: dict[str, object], library: Library = LIBRARY) -> dict[str, NodeCall]:
    return dict(from_document(document, library).sound().nodes)


def inputs(document: dict[str, object], id: str) -> dict[str, object]:
    return dict(nodes(document)[id].inputs)


@pytest.mark.parametrize("name", ["classic", "modern"])
def test_a_file_of_the_editor_equals_its_export(name: str) -> None:
    ours = read_any(FILES / f"{name}.json", LIBRARY)
    export = read_any(FILES / f"{name}.api.json", LIBRARY)
    assert ours.nodes == export.nodes
    assert ours.document == json.loads((FILES / f"{name}.json").read_text())


def test_a_classic_file_runs() -> None:
    graph = join(read_any(FILES / "classic.json", LIBRARY), LIBRARY)
    assert graph.targets == ("9",)
    assert "14" not in graph.steps


def test_a_missing_node_names_its_pack() -> None:
    with pytest.raises(WorkflowError) as error:
        join(read_any(FILES / "modern.json", LIBRARY), LIBRARY)
    assert 'node 3 (Video Combine): there is no node of the kind "Video Combine"' in str(error.value)
    assert 'in the pack "someone/video-pack"' in str(error.value)


class TestWidgets:
    def one(self, type: str, values: object, inputs: list[dict[str, object]] | None = None) -> dict[str, object]:
        found = nodes(canvas(item(1, type, inputs, values), links=[]))["1"]
        return dict(found.inputs)

    def test_by_position(self) -> None:
        assert self.one("Empty", [640, 480]) == {"width": 640, "height": 480}

    def test_by_name(self) -> None:
        assert self.one("Empty", {"height": 480, "width": 640, "ui": "x"}) == {"width": 640, "height": 480}

    def test_the_control_of_a_seed_is_passed(self) -> None:
        found = self.one("DrawSteps", [7, "increment", 30, 6.5, "fixed", 0.5])
        assert found == {"seed": 7, "steps": 30, "cfg": 6.5, "sampler_name": "fixed", "denoise": 0.5}

    def test_the_control_of_a_seed_was_once_a_switch(self) -> None:
        found = self.one("DrawSteps", [7, True, 30, 6.5, "fixed", 0.5])
        assert found == {"seed": 7, "steps": 30, "cfg": 6.5, "sampler_name": "fixed", "denoise": 0.5}

    def test_a_seed_without_a_control(self) -> None:
        found = self.one("DrawSteps", [7, 30, 6.5, "fixed", 0.5])
        assert found == {"seed": 7, "steps": 30, "cfg": 6.5, "sampler_name": "fixed", "denoise": 0.5}

    def test_the_file_knows_the_order_of_another_version(self) -> None:
        slots = [slot("height", "INT", widget=True), slot("new", "INT", widget=True), slot("width", "INT", widget=True)]
        assert self.one("Empty", [480, 5, 640], slots) == {"height": 480, "width": 640}

    def test_too_few_values_leave_the_defaults(self) -> None:
        assert self.one("Empty", [640]) == {"width": 640}

    def test_values_of_widgets_that_nobody_declares(self) -> None:
        assert self.one("Empty", [640, 480, "image", None]) == {"width": 640, "height": 480}

    def test_null_counts_only_where_it_may_stand(self) -> None:
        assert self.one("Empty", [None, 480]) == {"height": 480}
        assert self.one("Save", ["a", None]) == {"prefix": "a", "note": None}

    def test_an_unknown_node_names_its_widgets_itself(self) -> None:
        slots = [slot("image"), slot("seed", "INT", widget=True), slot("mode", "COMBO", widget=True)]
        assert self.one("Elsewhere", [3, "randomize", "soft"], slots) == {"seed": 3, "mode": "soft"}

    def test_a_control_behind_a_choice_has_a_filter(self) -> None:
        slots = [slot("file", "COMBO", widget=True), slot("size", "INT", widget=True)]
        assert self.one("Elsewhere", ["a.png", "increment-wrap", "", 5], slots) == {"file": "a.png", "size": 5}

    def test_a_list_is_wrapped(self) -> None:
        assert self.one("Elsewhere", [[1, 2]], [slot("curve", "CURVE", widget=True)]) == {
            "curve": {"__value__": [1, 2]}
        }

    def test_a_primitive_sets_what_it_is_linked_to(self) -> None:
        document = canvas(
            item(1, "PrimitiveNode", values=[128, "fixed"], outputs=[{"name": "INT", "type": "INT"}]),
            item(2, "Empty", [slot("width", "INT", 1, True), slot("height", "INT", 2, True)], [8, 9]),
            item(3, "Reroute", [slot("", "*", 3)]),
            links=[[1, 1, 0, 2, 0, "INT"], [2, 3, 0, 2, 1, "INT"], [3, 1, 0, 3, 0, "INT"]],
        )
        assert nodes(document).keys() == {"2"}
        assert inputs(document, "2") == {"width": 128, "height": 128}


class TestModes:
    def chain(self, mode: int, **more: object) -> dict[str, object]:
        """Empty 1 -> Trace 2 (in the mode) -> Save 3."""
        return canvas(
            item(1, "Empty", values=[64, 64]),
            item(2, "Trace", [slot("image", link=1)], [50], mode=mode, **more),
            item(3, "Save", [slot("image", link=2)], ["x"]),
            links=[[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"]],
        )

    def test_a_muted_node_feeds_nothing(self) -> None:
        found = nodes(self.chain(2))
        assert found.keys() == {"1", "3"}
        assert found["3"].inputs == {"prefix": "x"}

    def test_a_bypassed_node_hands_on_its_input(self) -> None:
        found = nodes(self.chain(4))
        assert found.keys() == {"1", "3"}
        assert found["3"].inputs["image"] == Link("1")

    def test_a_bypassed_node_without_a_fitting_input_feeds_nothing(self) -> None:
        document = self.chain(4)
        document["nodes"][1]["inputs"][0]["type"] = "MODEL"  # type: ignore[index]
        assert "image" not in inputs(document, "3")

    def test_a_mode_that_is_none_runs(self) -> None:
        assert nodes(self.chain(0)).keys() == {"1", "2", "3"}

    @pytest.mark.parametrize(
        ("types", "outputs", "slot_", "wanted", "chosen"),
        [
            (["IMAGE", "MASK"], ["MASK", "IMAGE"], 0, "MASK", "1"),
            (["IMAGE", "MASK"], ["MASK", "IMAGE"], 1, "IMAGE", "0"),
            (["A", "IMAGE", "IMAGE"], ["A", "B", "IMAGE"], 2, "IMAGE", "2"),
            (["A", "*"], ["IMAGE"], 0, "IMAGE", "1"),
            (["A", "image"], ["IMAGE"], 0, "IMAGE", "1"),
            (["A", "B,IMAGE"], ["EDGE_MAP,IMAGE"], 0, "IMAGE", "1"),
            (["A", "B"], ["IMAGE"], 0, "*", "0"),
            (["A", "B"], ["IMAGE"], 0, "IMAGE", None),
        ],
    )
    def test_which_input_a_bypassed_node_hands_on(
        self, types: list[str], outputs: list[str], slot_: int, wanted: str, chosen: str | None
    ) -> None:
        sources = [
            item(10 + place, "Source", outputs=[{"name": "o", "type": type}]) for place, type in enumerate(types)
        ]
        middle = item(
            1, "Middle", [slot(f"i{place}", type, place) for place, type in enumerate(types)],
            outputs=[{"name": f"o{place}", "type": type} for place, type in enumerate(outputs)], mode=4,
        )  # fmt: skip
        links: list[object] = [[place, 10 + place, 0, 1, place, "x"] for place in range(len(types))]
        end = item(2, "End", [slot("in", wanted, 99)])
        found = inputs(canvas(*sources, middle, end, links=[*links, [99, 1, slot_, 2, 0, "x"]]), "2")
        assert found.get("in") == (Link(f"1{chosen}") if chosen is not None else None)


class TestVirtualNodes:
    def test_reroutes_bend_links(self) -> None:
        document = canvas(
            item(1, "Empty", values=[64, 64]),
            *(item(id, "Reroute", [slot("", "*", id)]) for id in (2, 3)),
            item(4, "Save", [slot("image", link=4)]),
            links=[[2, 1, 0, 2, 0, "*"], [3, 2, 0, 3, 0, "*"], [4, 3, 0, 4, 0, "*"]],
        )
        assert inputs(document, "4")["image"] == Link("1")

    def test_a_pair_that_is_linked_by_name(self) -> None:
        document = canvas(
            item(1, "Empty", values=[64, 64]),
            item(2, "SetNode", [slot("IMAGE", link=1)], ["picture"]),
            item(3, "GetNode", values=["picture"]),
            item(4, "Save", [slot("image", link=2)]),
            links=[[1, 1, 0, 2, 0, "IMAGE"], [2, 3, 0, 4, 0, "IMAGE"]],
        )
        assert nodes(document).keys() == {"1", "4"}
        assert inputs(document, "4")["image"] == Link("1")

    def test_links_in_a_circle_of_reroutes_are_told(self) -> None:
        document = canvas(
            item(1, "Reroute", [slot("", "*", 1)]),
            item(2, "Reroute", [slot("", "*", 2)]),
            item(3, "Save", [slot("image", link=3)]),
            links=[[1, 2, 0, 1, 0, "*"], [2, 1, 0, 2, 0, "*"], [3, 1, 0, 3, 0, "*"]],
        )
        with pytest.raises(
            WorkflowError, match=r"node 3 \(Save\), input image: the links that lead to it run in a circle"
        ):
            nodes(document)

    def test_a_pack_may_declare_what_is_otherwise_the_editors_own(self) -> None:
        document = canvas(item(1, "Save", [], ["x"]), item(2, "Label (rgthree)"), links=[])
        assert nodes(document).keys() == {"1"}


class TestBadDocuments:
    @pytest.mark.parametrize(
        ("document", "message"),
        [
            ({"nodes": []}, "the workflow holds no node that runs"),
            ({"nodes": [5]}, "the node at place 0 is 5, needs an object with an id and a type"),
            ({"nodes": [{"type": "Save"}]}, "has the id null, needs a number or a text"),
            ({"nodes": [{"id": True, "type": "Save"}]}, "has the id true"),
            ({"nodes": [{"id": 1, "type": 7}]}, "has the type 7"),
            ({"nodes": [item(1, "Save"), item(1, "Save")]}, 'the id "1" stands there twice'),
            ({"nodes": [item(1, "Save")], "links": [5]}, "found the link 5"),
            ({"nodes": [item(1, "Save")], "links": [[1, 2, "x", 3, 0]]}, "needs two nodes and their slots"),
            ({"nodes": [item(1, "Save")], "definitions": {"subgraphs": [{"name": "x"}]}}, "sub-graph 0 is"),
        ],
    )
    def test_is_told(self, document: dict[str, object], message: str) -> None:
        with pytest.raises(WorkflowError) as error:
            nodes(document)
        assert message in str(error.value)

    def test_a_group_that_is_not_there_is_told(self) -> None:
        with pytest.raises(
            WorkflowError, match=r"node 1 \(workflow>Mine\): is a group node, but the file does not say"
        ):
            nodes(canvas(item(1, "workflow>Mine"), links=[]))

    def test_all_at_once(self) -> None:
        with pytest.raises(WorkflowError) as error:
            nodes({"nodes": [5, {"id": 1}], "links": ["x"]})
        assert len(error.value.problems) == 3

    def test_what_is_malformed_hides_nothing_else(self) -> None:
        round = {"nodes": [5, item(1, "Svae"), *(item(id, "Reroute", [slot("", "*", id)]) for id in (2, 3))]}
        links = [[2, 3, 0, 2, 0, "*"], [3, 2, 0, 3, 0, "*"], [4, 2, 0, 4, 0, "*"]]
        looped = {**round, "nodes": [*round["nodes"], item(4, "Save", [slot("image", link=4)])], "links": links}
        with pytest.raises(WorkflowError) as error:
            join(from_document(looped, LIBRARY), LIBRARY)
        told = [problem.kind for problem in error.value.problems]
        assert told == ["malformed_node", "cycle", "unknown_node"], str(error.value)

    @pytest.mark.parametrize("odd", [None, 5, "x", [], {}, [None], [[]], -1])
    @pytest.mark.parametrize("key", ["inputs", "outputs", "widgets_values", "properties", "mode", "title", "flags"])
    def test_odd_parts_of_a_node_stop_nothing(self, key: str, odd: object) -> None:
        assert nodes(canvas(item(1, "Save") | {key: odd}, links=[])).keys() <= {"1"} or odd in (2, 4)

    def test_a_link_that_is_not_there_counts_as_none(self) -> None:
        assert "image" not in inputs(canvas(item(1, "Save", [slot("image", link=5)]), links=[]), "1")
        dangling = canvas(item(1, "Save", [slot("image", link=5)]), links=[[5, 77, 0, 1, 0, "IMAGE"]])
        assert "image" not in inputs(dangling, "1")
