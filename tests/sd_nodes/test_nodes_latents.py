"""The latent nodes: scaled, moved, mixed, batched; each called as a plain function."""

import pytest
import torch
from torch.nn.functional import interpolate

from graph_runtime import NodeError
from sd_nodes.compositing import latent_composite_masked
from sd_nodes.latent_arithmetic import latent_add, latent_blend, latent_interpolate, latent_multiply, latent_subtract
from sd_nodes.latent_batches import (
    latent_batch,
    latent_batch_seed_behavior,
    latent_from_batch,
    rebatch_latents,
    repeat_latent_batch,
    spread,
)
from sd_nodes.latent_edits import (
    latent_composite,
    latent_concat,
    latent_crop,
    latent_cut,
    latent_flip,
    latent_rotate,
    latent_upscale,
    latent_upscale_by,
)
from sd_nodes.latents import empty_latent_image, empty_sd3_latent_image
from sd_nodes.types import Latent, Mask


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def latent(batch: int = 1, height: int = 8, width: int = 12, seed: int = 0, **more: object) -> Latent:
    return {"samples": noise(batch, 4, height, width, seed=seed), **more}


def encoded(**shape: int) -> Latent:
    found = latent(**shape)
    return {**found, "deviation": found["samples"].abs()}


def test_latents_of_sd3_have_sixteen_channels():
    assert empty_sd3_latent_image(64, 32, 2)["samples"].shape == (2, 16, 4, 8)


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(128, 256, (32, 16)), (0, 128, (16, 24)), (192, 0, (16, 24)), (0, 0, (8, 12)), (8, 16, (8, 8)), (0, 8, (8, 12))],
)
def test_upscaling_to_a_size_in_pixels(width, height, size):
    """No side becomes smaller than 8; a side of 0 keeps the proportion."""
    scaled = latent_upscale(latent(), "bilinear", width, height)["samples"]
    assert scaled.shape[2:] == size and scaled.is_contiguous()


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic"])
def test_upscaling_is_torchs(method):
    given = latent(2)
    expected = interpolate(given["samples"], (12, 18), mode=method)
    assert torch.allclose(latent_upscale_by(given, method, 1.5)["samples"], expected, atol=1e-6)


def test_upscaling_can_cut_from_the_middle():
    given: Latent = {"samples": torch.arange(24.0).expand(1, 4, 8, 24)}
    cut = latent_upscale(given, "nearest-exact", 64, 64, "center")["samples"]
    assert cut[0, 0, 0].tolist() == list(range(8, 16))


def test_bislerp_keeps_the_strength():
    given = latent(1, 16, 16)
    strengths = {m: latent_upscale_by(given, m, 2.0)["samples"].norm(dim=1).mean() for m in ("bislerp", "bilinear")}
    assert strengths["bislerp"] > 1.1 * strengths["bilinear"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda one: latent_flip(one, "x-axis: vertically"), lambda x: x.flip(2)),
        (lambda one: latent_flip(one, "y-axis: horizontally"), lambda x: x.flip(3)),
        (lambda one: latent_rotate(one, "none"), lambda x: x),
        (lambda one: latent_rotate(one, "90 degrees"), lambda x: x.transpose(2, 3).flip(3)),
        (lambda one: latent_rotate(one, "180 degrees"), lambda x: x.flip(2, 3)),
        (lambda one: latent_rotate(one, "270 degrees"), lambda x: x.transpose(2, 3).flip(2)),
        (lambda one: latent_crop(one, 64, 64, 24, 0), lambda x: x[:, :, :8, 3:11]),
        (lambda one: latent_crop(one, 64, 64, 999, 999), lambda x: x[:, :, :, 4:]),
    ],
)
def test_what_moves_in_space_moves_its_deviations_too(change, expected):
    given = encoded()
    moved = change(given)
    assert moved["samples"].equal(expected(given["samples"]))
    assert moved["deviation"].equal(expected(given["deviation"]))
    assert moved["samples"].is_contiguous()


def test_what_is_computed_from_an_encoded_picture_is_no_longer_its_encoding():
    given = encoded()
    for changed in (latent_multiply(given, 2.0), latent_add(given, given), latent_upscale_by(given)):
        assert "deviation" not in changed
    assert "deviation" in given


def test_a_noise_mask_stays():
    mask = torch.ones(1, 1, 64, 96)
    assert latent_upscale_by(latent(noise_mask=mask))["noise_mask"] is mask


def test_sides_of_empty_latents_are_rounded_down():
    assert empty_latent_image(130, 71, 2)["samples"].shape == (2, 4, 8, 16)


@pytest.mark.parametrize(("x", "y", "feather"), [(0, 0, 0), (32, 16, 16), (64, 0, 8), (400, 0, 0)])
def test_compositing_fades_at_inner_borders(x, y, feather):
    below, above = latent(1, 8, 12), latent(1, 4, 6, seed=1)
    expected = below["samples"].clone()
    left, top, length = x // 8, y // 8, feather // 8
    height, width = min(4, 8 - top), max(0, min(6, 12 - left))
    for i in range(height):
        for j in range(width):
            cover = 1.0
            ways = ((i, top > 0), (height - 1 - i, top + height < 8), (j, left > 0), (width - 1 - j, left + width < 12))
            for place, inner in ways:
                cover *= (place + 1) / length if inner and place < length else 1.0
            spot = (0, slice(None), top + i, left + j)
            expected[spot] = above["samples"][0, :, i, j] * cover + expected[spot] * (1 - cover)
    assert torch.allclose(latent_composite(below, above, x, y, feather)["samples"], expected, atol=1e-6)


@pytest.mark.parametrize("feather", [5, 6, 7, 8, 9, 20])
def test_a_fade_that_is_longer_than_what_is_laid_on(feather):
    """Rows are counted from the end: past the first row the count goes on at the end, as Python counts below zero."""
    below, above = latent(1, 12, 12), latent(1, 4, 12, seed=1)
    cover = [1.0] * 4
    for step in range(feather):
        for row in range(4)[3 - step : 4 - step]:
            cover[row] *= (step + 1) / feather
    covers = torch.tensor(cover)[:, None]
    expected = below["samples"].clone()
    expected[:, :, :4] = above["samples"] * covers + expected[:, :, :4] * (1 - covers)
    assert torch.allclose(latent_composite(below, above, 0, 0, 8 * feather)["samples"], expected, atol=1e-6)


def test_compositing_through_a_mask():
    below, above = latent(1, 8, 8), latent(1, 4, 4, seed=1)
    pasted = latent_composite_masked(below, above, 16, 8, False, Mask(torch.full((1, 32, 32), 0.25)))["samples"]
    expected = 0.25 * above["samples"] + 0.75 * below["samples"][:, :, 1:5, 2:6]
    assert torch.allclose(pasted[:, :, 1:5, 2:6], expected)
    assert pasted[:, :, 5:].equal(below["samples"][:, :, 5:])


def test_arithmetic():
    a, b = latent(2), latent(2, seed=1)
    assert latent_add(a, b)["samples"].equal(a["samples"] + b["samples"])
    assert latent_subtract(a, b)["samples"].equal(a["samples"] - b["samples"])
    assert latent_multiply(a, -0.5)["samples"].equal(a["samples"] * -0.5)
    assert torch.allclose(latent_blend(a, b, 0.3)["samples"], 0.3 * a["samples"] + 0.7 * b["samples"])
    assert torch.allclose(latent_interpolate(a, b, 1.0)["samples"], a["samples"], atol=1e-6)


def test_the_second_latents_take_the_size_and_number_of_the_first():
    a, b = latent(3, 8, 8), latent(1, 4, 8, seed=1)
    expected = interpolate(b["samples"][:, :, :, 2:6], (8, 8), mode="bilinear")
    assert torch.allclose(latent_add(a, b)["samples"], a["samples"] + expected, atol=1e-6)
    assert latent_blend(a, b)["samples"].shape == (3, 4, 8, 8)


def test_latents_of_another_family_are_refused():
    sd3 = empty_sd3_latent_image(64, 64)
    for join in (latent_add, latent_blend):
        with pytest.raises(NodeError, match="found latents of 16 channels, needs 4") as caught:
            join(latent(), sd3)
        assert caught.value.input == "samples2"


def test_repeating_counts_known_places_on():
    given = latent(2, batch_index=[3, 5], noise_mask=torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2)]))
    repeated = repeat_latent_batch(given, 2)
    assert repeated["samples"].equal(torch.cat([given["samples"]] * 2))
    assert repeated["batch_index"] == [3, 5, 6, 8]
    assert repeated["noise_mask"][:, 0, 0, 0].tolist() == [0, 1, 0, 1]
    assert "batch_index" not in repeat_latent_batch(latent(2), 2)


def test_repeating_fewer_masks_than_samples_goes_on_in_turn():
    masks = torch.arange(2.0).reshape(2, 1, 1, 1)
    repeated = repeat_latent_batch(latent(3, noise_mask=masks), 2)
    assert repeated["noise_mask"].flatten().tolist() == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize(("first", "length", "taken"), [(0, 1, [0]), (1, 9, [1, 2]), (9, 1, [2])])
def test_what_is_taken_from_a_batch_knows_its_place(first, length, taken):
    given = latent(3)
    found = latent_from_batch(given, first, length)
    assert found["samples"].equal(given["samples"][taken]) and found["batch_index"] == taken
    again = latent_from_batch({**given, "batch_index": [7, 8, 9]}, first, length)
    assert again["batch_index"] == [7 + place for place in taken]


def test_taking_from_a_batch_takes_its_mask():
    masks = torch.arange(3.0).reshape(3, 1, 1, 1)
    assert latent_from_batch(latent(3, noise_mask=masks), 1, 2)["noise_mask"].flatten().tolist() == [1, 2]
    assert latent_from_batch(latent(3, noise_mask=masks[:1]), 1, 2)["noise_mask"].equal(masks[:1])


def test_seeds_in_a_batch():
    given = latent(3, batch_index=[4, 5, 6])
    assert latent_batch_seed_behavior(given, "fixed")["batch_index"] == [4, 4, 4]
    assert latent_batch_seed_behavior(latent(2))["batch_index"] == [0, 0]
    assert "batch_index" not in latent_batch_seed_behavior(given, "random") and given["batch_index"] == [4, 5, 6]


@pytest.mark.parametrize(("dim", "order", "side"), [("x", 1, 3), ("-x", -1, 3), ("y", 1, 2), ("-y", -1, 2)])
def test_latents_side_by_side(dim, order, side):
    first, second = latent(2, 4, 4), latent(1, 4, 4, seed=1)
    parts = [first["samples"], second["samples"].expand(2, -1, -1, -1)][::order]
    assert latent_concat(first, second, dim)["samples"].equal(torch.cat(parts, dim=side))
    with pytest.raises(NodeError, match="put beside"):
        latent_concat(first, latent(1, 5, 5), dim)


@pytest.mark.parametrize(
    ("index", "amount", "chosen"),
    [(0, 1, [0]), (2, 9, [2, 3, 4]), (9, 1, [4]), (-2, 1, [3]), (-2, 9, [3, 4]), (-9, 2, [0, 1])],
)
def test_a_strip_is_cut(index, amount, chosen):
    given = encoded(height=5, width=5)
    assert latent_cut(given, "y", index, amount)["samples"].equal(given["samples"][:, :, chosen])
    assert latent_cut(given, "x", index, amount)["deviation"].equal(given["deviation"][..., chosen])


def test_joining_batches():
    joined = latent_batch(latent(2), latent(1, 4, 6, seed=1, batch_index=[4]))
    assert joined["samples"].shape == (3, 4, 8, 12) and joined["batch_index"] == [0, 1, 4]


def test_rebatching_keeps_the_order_and_keeps_sizes_apart():
    batches = rebatch_latents([latent(3), latent(2, seed=1), latent(1, 4, 4)], 2)
    assert [len(one["samples"]) for one in batches] == [2, 2, 1, 1]
    assert [one["batch_index"] for one in batches] == [[0, 1], [2, 3], [4], [5]]
    assert batches[1]["samples"].equal(torch.cat([latent(3)["samples"][2:], latent(2, seed=1)["samples"][:1]]))
    assert batches[3]["samples"].shape[2:] == (4, 4)


def test_rebatching_noises_as_a_whole_what_has_no_mask():
    batches = rebatch_latents([latent(1, 2, 2, noise_mask=torch.zeros(1, 1, 16, 16)), latent(1, 2, 2)], 2)
    assert batches[0]["noise_mask"].mean((1, 2, 3)).tolist() == [0, 1]


def test_rebatching_scales_masks_only_where_their_sizes_differ():
    """The sampler scales a mask once; scaled twice its edges would be softer."""
    mask = noise(1, 1, 24, 40)
    (alone,) = rebatch_latents([latent(1, 2, 2, noise_mask=mask)], 2)
    assert alone["noise_mask"].equal(mask)
    (both,) = rebatch_latents([latent(1, 2, 2, noise_mask=one) for one in (mask, mask[..., :20])], 2)
    assert both["noise_mask"].shape == (2, 1, 16, 16)


@pytest.mark.parametrize(
    ("count", "batch", "chosen"), [(2, 4, [0, 0, 1, 1]), (3, 2, [0, 2]), (5, 3, [0, 2, 4]), (2, 2, [0, 1]), (4, 1, [0])]
)
def test_items_are_spread_over_a_batch(count, batch, chosen):
    assert spread(torch.arange(count), batch).tolist() == chosen
