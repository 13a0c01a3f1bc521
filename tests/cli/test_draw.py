"""`controlgraph draw`: pictures that are whole, readable, and laid out without overlaps."""

from __future__ import annotations

import io
import itertools
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from graph_runtime import Builder, Library, node
from graph_runtime.drawing import picture, png, svg
from graph_runtime.drawing.layout import GAP_X, Edge, isotonic, laid_out, layers
from graph_runtime.drawing.letters import fitted, width, wrapped
from graph_runtime.drawing.scene import Curve, Dot, Label, Panel, Scene

from .conftest import Cli


class Small:
    """What flows in one of the drawings."""


SVG = "{http://www.w3.org/2000/svg}"


def test_svg_shows_nodes_sockets_and_values(cli: Cli, plate: Path) -> None:
    found = cli("draw", plate)
    assert (found.exit_code, found.stdout) == (0, "drew plate.svg\n")
    root = ElementTree.parse(cli.folder / "plate.svg").getroot()
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"Wash well", "#2", "apples", "clean", "fuji", "so fresh", "count", "5"} <= set(texts)
    curves = [path for path in root.iter(f"{SVG}path") if path.get("stroke")]
    assert len(curves) == 3
    assert len({path.get("stroke") for path in curves}) == 2, "one colour for apples, one for text"


def test_png_has_the_proportions_of_the_svg(cli: Cli, plate: Path) -> None:
    assert cli("draw", plate, "-o", "a.svg").exit_code == 0
    assert cli("draw", plate, "-o", "pictures/a.png").exit_code == 0
    root = ElementTree.parse(cli.folder / "a.svg").getroot()
    with Image.open(cli.folder / "pictures/a.png") as image:
        assert image.width == pytest.approx(2 * float(root.get("width", "")), abs=1)
        assert image.height == pytest.approx(2 * float(root.get("height", "")), abs=1)


def test_svg_to_the_standard_output(cli: Cli, plate: Path) -> None:
    assert ElementTree.fromstring(cli("draw", plate, "-o", "-").stdout_bytes).tag == f"{SVG}svg"


def test_other_endings_are_refused(cli: Cli, plate: Path) -> None:
    found = cli("draw", plate, "-o", "plate.gif")
    assert found.exit_code == 2
    assert "needs a name that ends in .svg or .png" in found.stderr


def test_a_place_that_cannot_be_written(cli: Cli, plate: Path) -> None:
    found = cli("draw", plate, "-o", f"{plate}/plate.svg")
    assert found.exit_code == 2
    assert "cannot be written: Not a directory" in found.stderr or "cannot be written: File exists" in found.stderr


def test_faults_are_red_and_told(cli: Cli) -> None:
    nodes = {
        "1": {"class_type": "PickAples", "inputs": {"a": ["2", 0]}},
        "2": {"class_type": "MixApples", "inputs": {"first": ["2", 0], "second": ["1", "x"], "thrid": 3}},
        "3": {"class_type": "ServeApples", "inputs": {"apples": ["9", 0], "label": ["2", 7]}},
    }
    found = cli("draw", cli.write("faults.json", nodes), "-o", "-")
    assert found.exit_code == 2
    for message in ("Did you mean PickApples?", "in a circle", "not in the workflow", "thrid"):
        assert message in found.stderr
    root = ElementTree.fromstring(found.stdout_bytes)
    red = [text.text for text in root.iter(f"{SVG}text") if text.get("fill") == "#ff5a5f"]
    assert {"apples", "label", "3"} <= set(red)


def test_files_need_not_be_there_to_draw(cli: Cli) -> None:
    nodes = {"1": {"class_type": "ReadRecipe", "inputs": {"recipe": "none.txt"}}}
    assert cli("draw", cli.write("recipe.json", nodes)).exit_code == 0


def test_any_text_makes_a_sound_svg(cli: Cli) -> None:
    title = "<&>\"' \x00\x1b \udc80 \ufffe 🍏 漢字"
    nodes = {title: {"class_type": "Label", "inputs": {"text": title * 9}, "_meta": {"title": title}}}
    found = cli("draw", cli.write("odd.json", nodes), "-o", "-")
    assert any("<&>" in (text.text or "") for text in ElementTree.fromstring(found.stdout_bytes).iter(f"{SVG}text"))
    assert cli("draw", "odd.json", "-o", "odd.png").exit_code == 0


@node()
def small(x: Small | None = None, y: Small | None = None) -> Small:
    """Give a thing."""
    return Small()


@node()
def tall(x: Small, a: int = 0, b: int = 0, c: int = 0, d: int = 0, e: int = 0) -> Small:
    """Take many values."""
    return x


def test_links_below_the_boxes_stay_within_the_picture() -> None:
    builder = Builder()
    first = builder.add(small)
    builder.add(small, x=builder.add(tall, x=first), y=first)
    scene = picture(builder.workflow(), Library.of("sizes", small, tall))
    bottom = max(shape.y + shape.height for shape in scene.shapes if isinstance(shape, Panel))
    lowest = max(y for shape in scene.shapes if isinstance(shape, Curve) for _, y in shape.points)
    assert bottom < lowest < scene.height - 20


def test_links_that_close_a_circle_lead_back_below_the_boxes(cli: Cli) -> None:
    nodes = {
        "1": {"class_type": "MixApples", "inputs": {"first": ["3", 0]}},
        "2": {"class_type": "MixApples", "inputs": {"first": ["1", 0]}},
        "3": {"class_type": "MixApples", "inputs": {"first": ["2", 0], "second": ["3", 0]}},
    }
    root = ElementTree.fromstring(cli("draw", cli.write("circle.json", nodes), "-o", "-").stdout_bytes)
    assert sum(path.get("d", "").count("C") == 3 for path in root.iter(f"{SVG}path")) == 2


SCENE = Scene(
    200,
    100,
    "#000000",
    (
        Curve(((0, 50), (90, 50), (150, 80)), "#ffffff"),
        Panel(20, 20, 60, 60, "#ff0000", 8, "#00ff00"),
        Panel(90, 20, 60, 30, "#0000ff", 8, square=True),
        Dot(180, 80, 10, "#ffff00", "#ffffff"),
        Label(100, 90, "Hello", "#ffffff", 12, "middle"),
    ),
)


def test_png_paints_every_shape() -> None:
    with Image.open(io.BytesIO(png(SCENE))) as image:
        assert image.size == (400, 200)
        assert image.getpixel((100, 100)) == (255, 0, 0)
        assert image.getpixel((182, 98)) == (0, 0, 255), "the lower corners are sharp"
        assert image.getpixel((181, 41)) == (0, 0, 0), "the upper corners are round"
        assert image.getpixel((360, 160)) == (255, 255, 0)
        assert image.getpixel((10, 100)) == (255, 255, 255)


def test_svg_writes_every_shape() -> None:
    tags = [element.tag.removeprefix(SVG) for element in ElementTree.fromstring(svg(SCENE)).iter()]
    assert tags == ["svg", "rect", "g", "path", "rect", "path", "circle", "text"]


def test_a_huge_scene_is_made_smaller() -> None:
    scene = Scene(2_000_000, 100, "#000000", (Panel(0, 0, 150, 50, "#ff0000", 8), Label(0, 0, "Hello", "#ffffff")))
    with Image.open(io.BytesIO(png(scene))) as image:
        assert image.width <= 32_000


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[tuple[float, float]], list[Edge]]:
    """Boxes of any size with any links, circles among them."""
    sizes = draw(st.lists(st.tuples(st.floats(20, 300), st.floats(20, 300)), min_size=1, max_size=20))
    box = st.integers(0, len(sizes) - 1)
    pairs = draw(st.lists(st.tuples(box, box), max_size=40))
    return sizes, [Edge(source, target, 10, 10) for source, target in pairs]


@given(graphs())
def test_boxes_do_not_overlap(graph: tuple[list[tuple[float, float]], list[Edge]]) -> None:
    sizes, edges = graph
    layout = laid_out(sizes, edges)
    boxes = [(x, y, x + width, y + height) for (x, y), (width, height) in zip(layout.corners, sizes, strict=True)]
    assert all(left >= 0 and top >= -1e-6 for left, top, _, _ in boxes)
    for one, other in itertools.combinations(boxes, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] + 1e-6 or other[3] <= one[1] + 1e-6
        assert apart


@given(graphs())
def test_links_that_lead_back_cross_no_box(graph: tuple[list[tuple[float, float]], list[Edge]]) -> None:
    sizes, edges = graph
    layout = laid_out(sizes, edges)
    for edge, route in zip(edges, layout.routes, strict=True):
        (x, _), (to_x, _) = layout.corners[edge.source], layout.corners[edge.target]
        if to_x > x + sizes[edge.source][0]:
            continue
        (right, below), (left, level) = route
        assert below == level and left <= to_x + 1e-6 and right >= x + sizes[edge.source][0] - 1e-6
        for (box_x, top), (wide, high) in zip(layout.corners, sizes, strict=True):
            assert not (box_x < right and left < box_x + wide and top < below < top + high), "behind a box"


@given(graphs())
def test_links_without_circles_lead_to_the_right_between_the_boxes(
    graph: tuple[list[tuple[float, float]], list[Edge]],
) -> None:
    sizes, edges = graph
    edges = [edge for edge in edges if edge.source < edge.target]
    layout = laid_out(sizes, edges)
    for edge, route in zip(edges, layout.routes, strict=True):
        (x, _), (to_x, _) = layout.corners[edge.source], layout.corners[edge.target]
        points = [x + sizes[edge.source][0], *(via for via, _ in route), to_x]
        assert all(after >= before - 1e-6 for before, after in itertools.pairwise(points))
        assert to_x - points[0] >= GAP_X - 1e-6
        for via_x, via_y in route:
            for (left, top), (wide, high) in zip(layout.corners, sizes, strict=True):
                assert not (left < via_x < left + wide and top < via_y < top + high)


@given(graphs())
def test_layers_rise_along_links(graph: tuple[list[tuple[float, float]], list[Edge]]) -> None:
    sizes, edges = graph
    edges = [edge for edge in edges if edge.source < edge.target]
    incoming = [[edge for edge in edges if edge.target == box] for box in range(len(sizes))]
    outgoing = [[edge for edge in edges if edge.source == box] for box in range(len(sizes))]
    layer = layers(incoming, outgoing)
    assert all(layer[edge.source] < layer[edge.target] for edge in edges)


@given(st.lists(st.floats(-1000, 1000), max_size=30))
def test_isotonic_regression(values: list[float]) -> None:
    found = isotonic(values)
    assert len(found) == len(values)
    assert all(before <= after + 1e-6 for before, after in itertools.pairwise(found))
    assert sum(found) == pytest.approx(sum(values), abs=1e-6)
    if values == sorted(values):
        assert found == pytest.approx(values)


@given(st.text(max_size=80), st.floats(10, 300))
def test_fitted_text_fits(text: str, room: float) -> None:
    short = fitted(text, 12, room)
    assert short == text or width(short, 12) <= room + 12
    assert all(width(line, 12) <= room + 12 for line in wrapped(text, 12, room, 3))
    assert len(wrapped(text, 12, room, 3)) <= 3


def test_wrapped_text_keeps_its_own_lines() -> None:
    assert wrapped("a sunset\n\nover  the sea", 12, 300, 4) == ["a sunset", "over the sea"]
    assert wrapped("one\ntwo\nthree", 12, 300, 2) == ["one", "two …"]
