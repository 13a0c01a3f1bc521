"""Nodes that give and change noise levels, called as plain functions."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graph_runtime import Folders
from sd_nodes.custom_sampling import add_noise, disable_noise, random_noise
from sd_nodes.diffusion.k.noise import start_noise
from sd_nodes.diffusion.k.schedules import ALIGNED
from sd_nodes.loaders import load_base_model
from sd_nodes.model_tweaks import model_sampling_continuous_edm
from sd_nodes.sampling_types import Sigmas
from sd_nodes.sigma_edits import extend_intermediate_sigmas, manual_sigmas, sampling_percent_to_sigma
from sd_nodes.sigmas import align_your_steps_scheduler
from sd_nodes.weights import WeightStore

LEVELS = Sigmas(torch.tensor([14.0, 8.0, 2.0, 0.0]))


def test_aligned_steps_are_the_published_ones_and_between_them_the_logarithm_is_linear() -> None:
    assert align_your_steps_scheduler("SD1", 10).tolist() == pytest.approx([*ALIGNED["SD1"][:-1], 0.0])
    twice = align_your_steps_scheduler("SDXL", 20)
    assert twice[::2].tolist()[:-1] == pytest.approx(ALIGNED["SDXL"][:-1])
    assert float(twice[1]) == pytest.approx(math.sqrt(ALIGNED["SDXL"][0] * ALIGNED["SDXL"][1]))
    assert len(align_your_steps_scheduler("SVD", 7)) == 8


def test_a_part_of_aligned_steps_is_the_last_of_them() -> None:
    whole, part = (align_your_steps_scheduler("SD1", 10, denoise) for denoise in (1.0, 0.35))
    assert part.tolist() == whole.tolist()[-5:]
    assert align_your_steps_scheduler("SD1", 10, 0.0).tolist() == []
    assert align_your_steps_scheduler("SD1", 1, 0.3).tolist() == [0.0]


@pytest.mark.parametrize(
    ("spacing", "between"), [("linear", 11.0), ("cosine", 14 - 6 * math.sqrt(0.5)), ("sine", 8 + 6 * math.sqrt(0.5))]
)
def test_levels_within_a_range_are_made_denser(spacing: str, between: float) -> None:
    found = extend_intermediate_sigmas(LEVELS, 2, -1.0, 12.0, spacing).tolist()  # type: ignore[arg-type]
    assert found == pytest.approx([14.0, between, 8.0, 2.0, 0.0])


def test_only_steps_that_begin_in_the_range_are_divided() -> None:
    assert extend_intermediate_sigmas(LEVELS, 3, 8.0, 1.0).tolist() == pytest.approx([14, 8, 6, 4, 2, 4 / 3, 2 / 3, 0])
    assert extend_intermediate_sigmas(LEVELS, 1, -1.0, 0.0).tolist() == LEVELS.tolist()
    assert extend_intermediate_sigmas(Sigmas(torch.tensor([]))).tolist() == []


def test_levels_are_found_in_any_text() -> None:
    assert manual_sigmas("14.6, .5;-1  +2\nand 0").tolist() == pytest.approx([14.6, 0.5, -1.0, 2.0, 0.0])
    assert manual_sigmas("none").tolist() == []


@given(st.lists(st.floats(0, 1000).map(lambda one: round(one, 3)), max_size=9))
def test_levels_that_are_written_are_read(written: list[float]) -> None:
    assert manual_sigmas(", ".join(f"{one:.3f}" for one in written)).tolist() == pytest.approx(written)


def test_the_ends_of_the_way_are_told_as_bounds_or_as_levels(small_folders: Folders, small_store: WeightStore) -> None:
    model = model_sampling_continuous_edm(load_base_model("small", small_folders).model, "edm", 80.0, 0.2)

    def at(percent: float, actual: bool = False) -> float:
        return sampling_percent_to_sigma(model, percent, actual, store=small_store).sigma_value

    assert (at(0.0) > 1e8, at(1.0)) == (True, 0.0)
    assert (at(0.0, True), at(1.0, True)) == pytest.approx((80.0, 0.2))
    assert at(0.5) == at(0.5, True) == pytest.approx(4.0)


def test_noise_makes_up_for_the_way_between_levels(small_folders: Folders, small_store: WeightStore) -> None:
    model = load_base_model("small", small_folders).model
    scale = small_store.latent_scale(model)
    latent = {"samples": torch.ones(1, 4, 8, 8)}
    drawn = start_noise((1, 4, 8, 8), 5) / scale

    def added(levels: list[float]) -> torch.Tensor:
        given = Sigmas(torch.tensor(levels))
        return add_noise(model, random_noise(5), given, latent, store=small_store)["samples"]

    torch.testing.assert_close(added([14.0, 4.0]), 1 + 10 * drawn)
    torch.testing.assert_close(added([3.0]), 1 + 3 * drawn)
    assert add_noise(model, random_noise(5), Sigmas(torch.tensor([])), latent, store=small_store) is latent
    none = add_noise(model, disable_noise(), LEVELS, latent, store=small_store)
    torch.testing.assert_close(none["samples"], latent["samples"])
