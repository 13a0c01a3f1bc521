"""Conditionings joined, mixed, emptied, bound to a part of the picture or of the sampling."""

import pytest
import torch

from graph_runtime import Folders, NodeError
from sd_nodes.conditionings import (
    clip_set_last_layer,
    conditioning_average,
    conditioning_combine,
    conditioning_concat,
    conditioning_zero_out,
)
from sd_nodes.regions import (
    conditioning_set_area,
    conditioning_set_area_percentage,
    conditioning_set_area_strength,
    conditioning_set_mask,
    conditioning_set_timestep_range,
)
from sd_nodes.sampling import sampler
from sd_nodes.types import Area, Clip, Condition, Conditioning, Mask, Model, Source
from sd_nodes.weights import WeightStore


def states(seed: int, tokens: int = 3) -> torch.Tensor:
    return torch.randn(1, tokens, 4, generator=torch.Generator().manual_seed(seed))


def told(*seeds: int, tokens: int = 3, pooled: bool = True, family: str = "sd1") -> Conditioning:
    vector = torch.full((1, 2), float(seeds[0])) if pooled else None
    return Conditioning(tuple(Condition(states(seed, tokens), vector, f"text {seed}") for seed in seeds), family)


def test_a_layer_is_counted_from_the_last():
    clip = Clip(Source("small", "", "text_encoder"), "sd1")
    assert clip_set_last_layer(clip, -1) == clip
    assert clip_set_last_layer(clip, -2).skip == 1


def test_combined_conditionings_stay_in_order():
    combined = conditioning_combine(told(1, 2), told(3))
    assert [one.text for one in combined.conditions] == ["text 1", "text 2", "text 3"]


def test_concatenating_adds_the_first_tokens_to_each():
    joined = conditioning_concat(told(1, 2), told(3, 4, tokens=5))
    assert [one.embedding.shape[1] for one in joined.conditions] == [8, 8]
    assert joined.conditions[1].embedding.equal(torch.cat([states(2), states(3, 5)], 1))


@pytest.mark.parametrize("tokens", [2, 3, 6])
def test_averaging_takes_the_length_of_the_first(tokens):
    mixed = conditioning_average(told(1), told(2, tokens=tokens), 0.25).conditions[0]
    other = torch.zeros(1, 3, 4)
    other[:, : min(tokens, 3)] = states(2, tokens)[:, :3]
    assert torch.allclose(mixed.embedding, 0.25 * states(1) + 0.75 * other)
    assert torch.allclose(mixed.pooled, torch.full((1, 2), 0.25 * 1 + 0.75 * 2))


def test_averaging_takes_the_pooled_vector_that_is_there():
    assert conditioning_average(told(1, pooled=False), told(2), 0.25).conditions[0].pooled.tolist() == [[2, 2]]
    assert conditioning_average(told(1), told(2, pooled=False), 0.25).conditions[0].pooled.tolist() == [[1, 1]]
    assert conditioning_average(told(1, pooled=False), told(2, pooled=False)).conditions[0].pooled is None


@pytest.mark.parametrize("join", [conditioning_combine, conditioning_concat, conditioning_average])
def test_conditionings_of_different_families_are_refused(join):
    with pytest.raises(NodeError, match="found a conditioning for sdxl, needs one for sd1"):
        join(told(1), told(2, family="sdxl"))


def test_emptying_keeps_the_shapes():
    emptied = conditioning_zero_out(told(1)).conditions[0]
    assert emptied.embedding.shape == (1, 3, 4) and not emptied.embedding.any() and not emptied.pooled.any()
    assert conditioning_zero_out(told(1, pooled=False)).conditions[0].pooled is None


def test_an_area_is_in_latent_pixels():
    for one in conditioning_set_area(told(1, 2), 128, 68, 16, 7, 0.5).conditions:
        assert one.area == Area(width=16, height=8, x=2, y=0) and one.strength == 0.5


def test_an_area_may_be_in_fractions():
    one = conditioning_set_area_percentage(told(1), 0.5, 0.25, 0.1, 0.75, 2.0).conditions[0]
    assert one.area == Area(width=0.5, height=0.25, x=0.1, y=0.75, relative=True) and one.strength == 2.0


def test_a_strength_alone_leaves_the_area():
    bound = conditioning_set_area_strength(conditioning_set_area(told(1), 64, 64, 8, 8), 3.0).conditions[0]
    assert bound.area == Area(8, 8, 1, 1) and bound.strength == 3.0


def test_the_last_word_on_the_area_counts():
    mask = Mask(torch.ones(4, 4))
    masked = conditioning_set_mask(conditioning_set_area(told(1)), mask, 0.5, "mask bounds").conditions[0]
    assert masked.mask.shape == (1, 4, 4) and masked.mask_strength == 0.5
    assert masked.mask_bounds and masked.area is not None
    assert not conditioning_set_mask(told(1), mask).conditions[0].mask_bounds
    again = conditioning_set_area(Conditioning((masked,), "sd1")).conditions[0]
    assert again.mask is not None and not again.mask_bounds


def test_a_range_of_the_sampling():
    one = conditioning_set_timestep_range(told(1), 0.25, 0.75).conditions[0]
    assert (one.start, one.end) == (0.25, 0.75)


@pytest.mark.parametrize(
    "bind",
    [
        conditioning_set_area,
        lambda one: conditioning_set_mask(one, Mask(torch.ones(4, 4))),
        lambda one: conditioning_set_timestep_range(one, 0.0, 0.5),
    ],
)
def test_a_sampler_of_whole_pictures_refuses_what_is_bound_to_a_part(bind):
    model = Model(Source("small", "", "unet"), "sd1")
    store = WeightStore(Folders())
    with pytest.raises(NodeError, match="bound to a part of the picture or of the sampling") as caught:
        sampler(model, told(1), bind(told(2)), {"samples": torch.zeros(1, 4, 8, 8)}, store=store)
    assert caught.value.input == "negative"


def test_what_comes_in_is_not_changed():
    given = told(1)
    kept = given.conditions[0].embedding.clone()
    conditioning_average(given, told(2), 0.5)
    conditioning_zero_out(given)
    conditioning_set_area(given)
    assert given.conditions[0].embedding.equal(kept) and given.conditions[0].area is None
