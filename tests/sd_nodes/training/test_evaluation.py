import numpy as np
import pytest

from sd_nodes.training.evaluation import (
    background_is_named,
    border_colour,
    edge_f1,
    inside_error,
    named_background,
    overlap,
    silhouette,
)


def vertical(x: int) -> np.ndarray:
    lines = np.zeros((32, 32), np.uint8)
    lines[:, x] = 255
    return lines


def disc(colour: tuple[int, int, int], ground: tuple[int, int, int], radius: int = 8) -> np.ndarray:
    y, x = np.mgrid[:32, :32]
    inside = (y - 16) ** 2 + (x - 16) ** 2 <= radius**2
    return np.where(inside[..., None], np.uint8(colour), np.uint8(ground)).astype(np.uint8)


@pytest.mark.parametrize(("shift", "score"), [(0, 1.0), (2, 1.0), (3, 0.0)])
def test_edges_agree_within_two_pixels(shift: int, score: float) -> None:
    assert edge_f1(vertical(10 + shift), vertical(10)) == score


def test_half_of_the_edges_found_is_two_thirds() -> None:
    assert edge_f1(vertical(5), np.maximum(vertical(5), vertical(20))) == pytest.approx(2 / 3)


def test_no_edges_agree_with_none_and_with_nothing_else() -> None:
    nothing = np.zeros((32, 32), np.uint8)
    assert edge_f1(nothing, nothing) == 1
    assert edge_f1(nothing, vertical(3)) == 0


def test_the_silhouette_is_what_stands_out_with_its_holes_filled() -> None:
    ring = disc((200, 0, 0), (255, 255, 255))
    ring[12:20, 12:20] = 255
    whole = disc((1, 1, 1), (0, 0, 0))[..., 0] > 0
    assert overlap(silhouette(ring), whole) == 1


def test_overlap_of_halves() -> None:
    left, top = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    left[:, :2], top[:2] = True, True
    assert overlap(left, top) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("caption", "name"),
    [
        ("a 3d render of a frog on a teal background", "teal"),
        ("a flat icon of a cat on an orange background", "orange"),
        ("a flat icon of a frog", "white"),
        ("a flat icon of a man on horseback", "white"),
    ],
)
def test_the_background_is_read_from_the_caption(caption: str, name: str) -> None:
    assert named_background(caption) == name


def test_a_background_counts_as_named_if_no_other_name_is_nearer() -> None:
    picture = disc((0, 0, 0), (220, 50, 52))
    assert border_colour(picture).tolist() == [220, 50, 52]
    assert background_is_named(picture, "a cat on a red background")
    assert not background_is_named(picture, "a cat on a blue background")


def test_the_inside_is_compared_within_the_outline() -> None:
    red, blue, alpha = (
        disc((200, 0, 0), (255, 255, 255)),
        disc((0, 0, 200), (255, 255, 255)),
        disc((255,) * 3, (0,) * 3),
    )
    assert inside_error(red, red, alpha[..., 0]) == 0
    assert inside_error(red, blue, alpha[..., 0]) > 50
