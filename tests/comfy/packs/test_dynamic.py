"""Inputs of newer nodes that others come with."""

from __future__ import annotations

import pytest

from graph_runtime import Folders, Library, WorkflowError
from graph_runtime.comfy.formats.editor import from_document
from graph_runtime.comfy.schema import entry
from tests.comfy.packs.kitchen import cook

THINGS = {"things.thing0": ["m", 0], "things.thing1": ["n", 0]}
NUMBER = {"n": ("KitchenNumber", {"value": 7}), "m": ("KitchenNumber", {"value": 8})}


def mixed(shelf: Library, folders: Folders, **inputs: object) -> object:
    given = {name.replace("__", "."): value for name, value in inputs.items()}
    return cook(shelf, folders, {**NUMBER, "mix": ("PantryMix", {**THINGS, **given})}, ["mix"]).value("mix")


def test_what_belongs_together_comes_as_one_dict(shelf: Library, folders: Folders) -> None:
    said = mixed(shelf, folders, things__thing4=["n", 0], way="stir", way__times=2, way__spoon="big")
    assert said == "{'thing0': 8, 'thing1': 7, 'thing4': 7} {'way': 'stir', 'times': 2, 'spoon': 'big'} None"


def test_dynamic_inputs_may_stand_inside_each_other(shelf: Library, folders: Folders) -> None:
    said = mixed(shelf, folders, way="bake", way__times=1, way__spices__pepper=["m", 0])
    assert said.endswith("{'way': 'bake', 'spices': {'pepper': 8}, 'times': 1.0} None")


def test_what_belongs_to_another_choice_is_passed_over(shelf: Library, folders: Folders) -> None:
    assert mixed(shelf, folders, way="leave", way__times=["m", 0]).endswith("{'way': 'leave'} None")


def test_a_slot_brings_inputs_once_it_is_linked(shelf: Library, folders: Folders) -> None:
    assert mixed(shelf, folders, way="leave", heat=["m", 0], heat__minutes=4).endswith("{'heat': 8, 'minutes': 4}")
    with pytest.raises(WorkflowError, match=r"heat\.minutes: is missing"):
        mixed(shelf, folders, way="leave", heat=["m", 0])


def test_what_a_choice_needs_is_checked(shelf: Library, folders: Folders) -> None:
    with pytest.raises(WorkflowError) as caught:
        mixed(shelf, folders, way="stir", way__times=10)
    assert {problem.input for problem in caught.value.problems} == {"way.times", "way.spoon"}
    with pytest.raises(WorkflowError, match="leave, stir"):
        mixed(shelf, folders, way="stirr")
    with pytest.raises(WorkflowError, match="the spoon is dirty"):
        mixed(shelf, folders, way="stir", way__times=1, way__spoon="dirty")
    with pytest.raises(WorkflowError, match=r"things\.thing0: is missing"):
        cook(shelf, folders, {"mix": ("PantryMix", {"way": "leave"})}, ["mix"])


def test_the_editor_is_told_how_inputs_grow(shelf: Library, folders: Folders) -> None:
    kind, options = entry(shelf["PantryMix"], "pantry", folders)["input"]["required"]["things"]
    assert kind == "COMFY_AUTOGROW_V3"
    assert options["template"] == {
        "input": {"required": {"thing": ["INT", {"forceInput": True}]}}, "prefix": "thing", "min": 2, "max": 5,
    }  # fmt: skip
    said = entry(shelf["PantrySame"], "pantry", folders)
    assert (said["output"], said["output_matchtypes"]) == (["COMFY_MATCHTYPE_V3"], ["kind"])
    assert said["input"]["required"]["a"][1]["template"] == {"template_id": "kind", "allowed_types": "INT,STRING"}


def test_lazy_inputs_are_asked_for_by_their_whole_names(shelf: Library, folders: Folders) -> None:
    nodes = {**NUMBER, "s": ("PantrySame", {"a": ["n", 0], "b": ["n", 0], "rest.more1": ["m", 0]})}
    assert cook(shelf, folders, nodes, ["s"]).value("s") == "7 None {'more1': 8}"


def test_saved_values_are_read_by_the_choice_that_they_come_with(shelf: Library) -> None:
    names = ["way", "way.times", "way.spoon"]
    item = {
        "id": 1, "type": "PantryMix", "widgets_values": ["stir", 3, "big"],
        "inputs": [{"name": name, "type": "*", "widget": {"name": name}} for name in names],
    }  # fmt: skip
    workflow = from_document({"nodes": [item], "links": []}, shelf)
    assert workflow.nodes["1"].inputs == {"way": "stir", "way.times": 3, "way.spoon": "big"}


@pytest.mark.parametrize("said", [{}, {"jars": 2}])
def test_rows_of_a_group_come_as_a_list(shelf: Library, folders: Folders, said: dict[str, object]) -> None:
    given = {**said, "jars.0.name": "plum", "jars.0.weight": 2.5, "jars.1.name": "fig"}
    told = cook(shelf, folders, {"1": ("PantryStack", given)}, ["1"])
    assert told.value("1") == "[{'name': 'plum', 'weight': 2.5}, {'name': 'fig'}]"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, r"jars\.0\.name: is missing"),
        ({"jars": 2, "jars.0.name": "plum"}, r"jars\.1\.name: is missing"),
        ({"jars": 4, "jars.0.name": "plum"}, r"jars: found 4"),
    ],
)
def test_rows_of_a_group_are_checked(shelf: Library, folders: Folders, given: dict[str, object], problem: str) -> None:
    with pytest.raises(WorkflowError, match=problem):
        cook(shelf, folders, {"1": ("PantryStack", given)}, ["1"])


def test_the_editor_is_told_of_a_group(shelf: Library, folders: Folders) -> None:
    kind, options = entry(shelf["PantryStack"], "pantry", folders)["input"]["required"]["jars"]
    assert kind == "COMFY_DYNAMICGROUP_V3"
    row = {"required": {"name": ["STRING", {}]}, "optional": {"weight": ["FLOAT", {"default": 1.0}]}}
    assert options == {"template": row, "min": 1, "max": 3, "group_name": "Jar"}
