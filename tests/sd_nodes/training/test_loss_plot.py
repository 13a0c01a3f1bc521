import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_nodes.training.loss_plot import LINE, Axis, loss_plot, read_log, round_ticks, smoothed, write_loss_plot


def rows_of_the_curve(steps: list[int], losses: list[float]) -> list[float]:
    pixels = np.asarray(loss_plot(steps, losses, "Loss"), np.int32)[60:480, 80:920]
    blue = np.abs(pixels - LINE).sum(axis=-1) < 40
    return [float(np.flatnonzero(column).mean()) for column in blue.T if column.any()]


def test_a_falling_loss_is_drawn_falling_from_left_to_right() -> None:
    rows = rows_of_the_curve(list(range(1, 201)), [1 / (1 + step / 40) for step in range(200)])
    assert len(rows) > 800
    assert rows[0] < 60
    assert all(one <= other + 1 for one, other in pairwise(rows))


def test_a_level_loss_is_drawn_level() -> None:
    rows = rows_of_the_curve([1, 2, 3, 4], [0.5] * 4)
    assert max(rows) - min(rows) < 1


def test_what_is_no_number_is_left_out() -> None:
    whole, holed = rows_of_the_curve([1, 3, 4], [3, 2, 1]), rows_of_the_curve([1, 2, 3, 4], [3, math.nan, 2, 1])
    assert whole == holed
    with pytest.raises(ValueError, match="no finite loss"):
        loss_plot([1], [math.inf], "Loss")


def test_the_average_is_flat_where_the_losses_are_and_as_long_as_they_are() -> None:
    assert smoothed(np.full(500, 2.0)).tolist() == pytest.approx([2.0] * 500)
    noisy = np.random.default_rng(0).normal(1, 0.1, 1000)
    assert smoothed(noisy).shape == noisy.shape
    assert smoothed(noisy).std() < 0.3 * noisy.std()


@given(low=st.floats(-1e6, 1e6), width=st.floats(1e-6, 1e6))
def test_ticks_are_few_even_and_inside(low: float, width: float) -> None:
    high = low + width
    if high - low < 1e-9 * max(abs(low), 1):
        return
    ticks = round_ticks(low, high)
    assert 2 <= len(ticks) <= 8
    assert low - 1e-6 * width <= ticks[0]
    assert ticks[-1] <= high + 1e-6 * width
    assert np.ptp(np.diff(ticks)) <= 1e-6 * width + 1e-9 * abs(low)


def test_steps_have_whole_ticks() -> None:
    assert round_ticks(0, 3, least=1) == [0, 1, 2, 3]


def test_values_beyond_an_axis_are_drawn_at_its_end() -> None:
    assert Axis(0, 1, 10, 20).at(np.array([-1.0, 0.5, 9.0])).tolist() == [10, 15, 20]


def test_of_a_repeated_step_the_last_loss_counts(tmp_path: Path) -> None:
    rows = [(1, 0.9), (2, 0.8), (3, 0.7), (2, 0.5)]
    (tmp_path / "losses.jsonl").write_text("\n".join(json.dumps({"step": step, "loss": loss}) for step, loss in rows))
    steps, losses = read_log(tmp_path / "losses.jsonl")
    assert (steps.tolist(), losses.tolist()) == ([1, 2, 3], [0.9, 0.5, 0.7])
    write_loss_plot(tmp_path)
    assert (tmp_path / "losses.png").stat().st_size > 1000
