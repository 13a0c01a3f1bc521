import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_nodes.training.augment import BACKGROUNDS, Placement, background, over, place
from sd_nodes.training.dataset import Picture
from sd_nodes.training.hints import depth_hint, edge_hint, edges
from sd_nodes.training.variation import height_map, vary

FROG = Picture("a frog", "render", "1f438", "animals-nature", "animal-amphibian")


def half_red() -> np.ndarray:
    drawing = np.zeros((64, 64, 4), np.uint8)
    drawing[:, :32] = (255, 0, 0, 255)
    return drawing


def test_a_mirrored_drawing_has_its_left_on_the_right() -> None:
    canvas = place(half_red(), Placement(scale=1.0, mirrored=True), 64)
    assert canvas[:, 40:, 3].min() > 250
    assert canvas[:, :24, 3].max() < 5


@pytest.mark.parametrize("scale", [0.25, 0.5, 1.0])
def test_a_scaled_drawing_covers_its_share(scale: float) -> None:
    whole = np.full((64, 64, 4), 255, np.uint8)
    assert place(whole, Placement(scale=scale), 64)[..., 3].mean() / 255 == pytest.approx(scale**2, abs=0.03)


@given(st.integers(0, 2**32))
def test_a_sampled_placement_stays_inside(seed: int) -> None:
    placement = Placement.sample(np.random.default_rng(seed))
    for centre in (placement.x, placement.y):
        assert placement.scale / 2 - 1e-9 <= centre <= 1 - placement.scale / 2 + 1e-9


def test_what_is_clear_shows_the_background() -> None:
    rgb = over(place(half_red(), Placement(scale=1.0), 64), (0, 0, 255))
    assert rgb[32, 10].tolist() == [255, 0, 0]
    assert rgb[32, 55].tolist() == [0, 0, 255]


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_a_background_is_near_the_colour_it_is_named_after(name: str) -> None:
    colour = background(np.random.default_rng(0), name)
    assert np.abs(colour - BACKGROUNDS[name]).max() < 40


def test_a_variation_is_always_the_same_and_another_one_is_not() -> None:
    one, again, other = (vary(FROG, half_red(), 5, turn, 32) for turn in (1, 1, 2))
    assert np.array_equal(one.rgb, again.rgb)
    assert one.caption == again.caption
    assert not np.array_equal(one.rgb, other.rgb)


def test_height_rises_from_the_outline_to_the_middle() -> None:
    alpha = np.zeros((33, 33), np.uint8)
    alpha[4:29, 4:29] = 255
    heights = height_map(alpha)
    assert heights[0, 0] == 0
    assert heights[16, 16] == 255
    assert (np.diff(heights[16, 4:17].astype(int)) >= 0).all()


def test_control_pictures_follow_from_the_generator_alone() -> None:
    one, other = vary(FROG, half_red(), 0, 0, 64), vary(FROG, half_red(), 1, 0, 64)
    for hint in (edge_hint, depth_hint):
        maps = [hint(np.random.default_rng(4), one, other) for _ in range(2)]
        assert np.array_equal(maps[0], maps[1])
        assert maps[0].any()


def test_edges_lie_where_colours_meet() -> None:
    rgb = over(place(half_red(), Placement(scale=1.0), 64), (255, 255, 255))
    columns = np.nonzero(edges(rgb))[1]
    assert 30 <= columns.min() <= columns.max() <= 33
