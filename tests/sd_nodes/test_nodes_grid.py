"""Pictures side by side."""

import pytest
import torch

from graph_runtime import NodeError
from sd_nodes.contact_sheet import columns_for
from sd_nodes.grid import compare_images
from sd_nodes.types import Image


def plain(value: float, height: int = 32, width: int = 32, batch: int = 1) -> Image:
    return Image(torch.full((batch, height, width, 3), value))


def test_each_picture_stands_whole_in_its_cell():
    sheet = compare_images(plain(0.0), plain(1.0), height=64)
    assert sheet.shape == (1, 6 + 64 + 6, 6 + 2 * (64 + 6), 3)
    assert sheet[0, 6:70, 6:70].max() == 0 and sheet[0, 6:70, 76:140].min() == 1


def test_labels_are_written_below_their_pictures():
    bare = compare_images(plain(0.5), plain(0.5), height=64)
    first = compare_images(plain(0.5), plain(0.5), labels="first", height=64)
    below = first[0, 70:]
    assert first.shape[1] > bare.shape[1]
    assert below[:, :70].min() < 0.5 < below[:, 74:].min()


def test_a_title_is_written_above():
    bare, titled = (compare_images(plain(0.5), title=title, height=64) for title in ("", "A"))
    assert titled.shape[1] > bare.shape[1] and titled[0, :20].min() < 0.5


@pytest.mark.parametrize("label", ["a label that is much too long for a picture of this size", "W" * 400, "ünïcödé 猫"])
def test_a_label_stays_below_its_own_picture(label):
    sheet = compare_images(plain(1.0), plain(1.0), labels=label, height=64)
    assert sheet[0, 70:, 74:].min() > 0.9 and sheet[0, :, :4].min() > 0.9


def test_a_batch_fills_several_cells():
    assert compare_images(plain(0.0, batch=3), columns=3, height=32).shape[2] == 6 + 3 * 38


def test_pictures_of_other_proportions_are_centred():
    sheet = compare_images(plain(0.0, 32, 64), plain(0.0, 32, 32), columns=1, height=32)
    assert sheet.shape[1:3] == (6 + 2 * 38, 6 + 64 + 6)
    assert sheet[0, 50, 6:22].min() > 0.9 and sheet[0, 50, 22:54].max() == 0


def test_a_column_is_as_wide_as_its_widest_picture():
    sheet = compare_images(plain(0.0, 32, 64), plain(0.0, 32, 32), height=32)
    assert sheet.shape[2] == 6 + 64 + 6 + 32 + 6
    assert sheet[0, 20, 6:70].max() == 0 and sheet[0, 20, 76:108].max() == 0


def test_more_labels_than_pictures_are_refused():
    with pytest.raises(NodeError, match="3 labels for 2 pictures"):
        compare_images(plain(0), plain(0), labels="a\nb\nc")


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (3, 3), (4, 4), (5, 5), (6, 3), (8, 4), (9, 3)])
def test_the_columns_fill_the_rows(count, columns):
    assert columns_for(count) == columns
