"""Poses: the drawing's colours and limbs, the arithmetic around the networks, and the networks on a photograph."""

import math
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graph_runtime import Builder, Folders, NodeError, WorkflowError, join
from sd_nodes import LIBRARY
from sd_nodes.annotators.blazepose import (
    LANDMARK_SIDE,
    SOURCES,
    Person,
    anchors,
    bodies,
    body_of,
    cut_out,
    distinct,
    person_of,
    within,
)
from sd_nodes.annotators.skeleton import LIMBS, POINTS, Point, colour, drawn
from sd_nodes.assets import POSE, locate_asset
from sd_nodes.pose import pose, pose_digest
from sd_nodes.types import Image
from tests.sd_nodes.annotators.fetched import fetched, photograph

NOBODY = (None,) * len(POINTS)


def body(**points: tuple[float, float]) -> tuple[Point | None, ...]:
    """A body of which only some points are seen, named with underscores."""
    return tuple(
        Point(*points[name.replace(" ", "_")]) if name.replace(" ", "_") in points else None for name in POINTS
    )


def test_colours_are_those_of_openpose():
    known = {0: (255, 0, 0), 1: (255, 85, 0), 3: (255, 255, 0), 9: (0, 255, 255), 12: (0, 0, 255), 17: (255, 0, 85)}
    assert {place: colour(place) for place in known} == known


def test_limbs_join_neighbours_of_the_body():
    named = [(POINTS[one], POINTS[other]) for one, other in LIMBS]
    assert named[0] == ("neck", "right shoulder") and ("left knee", "left ankle") in named
    assert len(named) == 17 and len({frozenset(limb) for limb in named}) == 17


def test_points_lie_above_limbs_which_are_darker():
    canvas = drawn([body(neck=(100, 100), right_shoulder=(40, 100))], 512, 512)
    assert tuple(canvas[100, 100]) == colour(1) and tuple(canvas[100, 40]) == colour(2)
    assert tuple(canvas[100, 70]) == (153, 0, 0)
    assert tuple(canvas[300, 300]) == (0, 0, 0)


def test_a_limb_without_one_end_is_not_drawn():
    canvas = drawn([body(neck=(100, 100), right_elbow=(40, 100))], 512, 512)
    assert canvas[100, 70].sum() == 0 and canvas[100, 40].sum() > 0


def test_nobody_is_black():
    assert drawn([], 20, 30).sum() == 0 and drawn([NOBODY], 20, 30).sum() == 0


def test_points_beyond_the_border_are_cut_off():
    canvas = drawn([body(neck=(-50, 10), right_shoulder=(10, 10), left_shoulder=(500, 900))], 20, 30)
    assert canvas.shape == (20, 30, 3) and canvas[10, 10].sum() > 0


def landmarks() -> np.ndarray:
    """Landmarks whose x is their number, all certain to be seen."""
    return np.array([[number, 10, 1] for number in range(33)], np.float32)


def test_the_points_of_coco_are_chosen_and_the_neck_lies_between_the_shoulders():
    found = dict(zip(POINTS, body_of(landmarks(), 0.5), strict=True))
    assert found["nose"] == Point(0, 10) and found["neck"] == Point(11.5, 10)
    assert found["right wrist"] == Point(16, 10) and found["left ankle"] == Point(27, 10)
    assert len(SOURCES) == len(POINTS)


def test_what_is_not_seen_is_left_out_and_with_a_shoulder_the_neck():
    points = landmarks()
    points[12, 2] = 0.2
    found = dict(zip(POINTS, body_of(points, 0.5), strict=True))
    assert found["right shoulder"] is found["neck"] is None and found["left shoulder"] == Point(11, 10)


def test_points_that_are_guessed_beyond_the_border_are_left_out():
    found = within(body(neck=(5, 5), nose=(-1, 5), left_hip=(29.9, 20), right_hip=(0, 19.9), left_eye=(30, 5)), 20, 30)
    assert [POINTS[place] for place, point in enumerate(found) if point] == ["neck", "right hip"]


def test_there_is_an_anchor_for_each_guess():
    found = anchors()
    assert found.shape == (2254, 2) and found[0].tolist() == pytest.approx([0.5 / 28] * 2)
    assert found[2].tolist() == pytest.approx([1.5 / 28, 0.5 / 28]) and found[-1].tolist() == pytest.approx(
        [6.5 / 7] * 2
    )


def test_detections_that_lie_on_each_other_are_one_person():
    middles = np.array([[0.5, 0.5], [0.52, 0.5], [0.2, 0.2]], np.float32)
    assert distinct(middles, np.full((3, 2), 0.2, np.float32), np.array([0.6, 0.9, 0.7], np.float32)) == [1, 2]


@pytest.mark.parametrize(("rim", "angle"), [((50, 20), 0), ((80, 50), 90), ((50, 80), 180), ((20, 50), -90)])
def test_a_person_is_turned_by_where_the_head_points(rim, angle):
    found = person_of(np.array([50.0, 50.0]), np.array(rim, float))
    assert abs(math.degrees(found.angle)) % 360 == pytest.approx(abs(angle)) and found.side == pytest.approx(75)
    assert math.sin(found.angle) == pytest.approx(math.sin(math.radians(angle)), abs=1e-9)


@given(st.floats(-math.pi, math.pi), st.floats(60, 200))
def test_a_cut_out_stands_upright(angle, length):
    """A bright spot over the head of a turned person comes to lie above the middle of the cut-out."""
    middle, reach = np.array([200.0, 200.0]), length / 2
    head = middle + reach * np.array([math.sin(angle), -math.cos(angle)])
    y, x = np.mgrid[:400, :400]
    spot = np.exp(-((x - head[0]) ** 2 + (y - head[1]) ** 2) / 20)
    picture = np.repeat((spot * 255).astype(np.uint8)[..., None], 3, axis=-1)
    cut = cut_out(picture, Person(200, 200, 2 * length, angle), LANDMARK_SIDE)[0, ..., 0]
    down, right = np.unravel_index(cut.argmax(), cut.shape)
    assert right == pytest.approx(LANDMARK_SIDE / 2, abs=3) and down == pytest.approx(LANDMARK_SIDE / 4, abs=3)


def test_without_the_files_the_command_is_named(tmp_path):
    with pytest.raises(NodeError, match="controlgraph fetch pose"):
        pose_digest(Folders(models=(tmp_path,)))


def test_without_the_interpreter_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(NodeError, match=r"pip install 'controlgraph\[pose\]'"):
        bodies(np.zeros((8, 8, 3), np.uint8), (tmp_path / "a", tmp_path / "b"), 0.5, 0.5, 1)


def test_the_interpreter_and_the_files_are_told_before_a_run(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    builder = Builder()
    found = builder.add("Pose", image=builder.add("EmptyImage", width=64, height=64))
    builder.add("SaveImage", images=found)
    with pytest.raises(WorkflowError) as refused:
        join(builder.workflow(), LIBRARY, Folders(models=(tmp_path,)))
    told = {(problem.class_type, problem.message) for problem in refused.value.problems}
    with pytest.raises(NodeError) as files:
        pose_digest(Folders(models=(tmp_path,)))
    with pytest.raises(NodeError) as interpreter:
        bodies(np.zeros((8, 8, 3), np.uint8), (tmp_path / "a", tmp_path / "b"), 0.5, 0.5, 1)
    assert told == {("Pose", files.value.message), ("Pose", interpreter.value.message)}


def test_a_file_of_something_else_is_told(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="pip install 'controlgraph[pose]'")
    (tmp_path / "a.tflite").write_bytes(b"no network")
    with pytest.raises(NodeError, match=r"a\.tflite cannot be run as a part of BlazePose"):
        bodies(np.zeros((8, 8, 3), np.uint8), (tmp_path / "a.tflite",) * 2, 0.5, 0.5, 1)


def test_the_astronaut_is_found_where_she_is():
    pytest.importorskip("ai_edge_litert", reason="pip install 'controlgraph[pose]'")
    folders = fetched(POSE)
    picture = photograph("astronaut.jpg")
    (only,) = bodies((picture[0] * 255).byte().numpy(), locate_asset(POSE, folders), 0.5, 0.5, 5)
    found = dict(zip(POINTS, only, strict=True))
    known = {"nose": (216, 125), "right eye": (194, 102), "left eye": (240, 102), "neck": (205, 235)}
    for name, place in known.items():
        assert found[name] is not None and math.dist(found[name], place) < 15, name
    assert all(found[name] is None for name in ("right hip", "left hip", "right knee", "left knee"))
    drawing = pose(picture, folders=folders)
    assert drawing.shape == picture.shape and drawing[0, 125, 216].max() == 1


@pytest.mark.parametrize("name", ["coffee.jpg", "chelsea.jpg"])
def test_where_nobody_is_the_map_is_black(name):
    pytest.importorskip("ai_edge_litert", reason="pip install 'controlgraph[pose]'")
    folders = fetched(POSE)
    assert pose(photograph(name), folders=folders).max() == 0
    assert pose(Image(torch.zeros(1, 1, 1, 3)), folders=folders).max() == 0
