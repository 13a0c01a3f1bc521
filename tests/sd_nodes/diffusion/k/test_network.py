"""Many prompts at once are the same as each alone, weighed by hand."""

import pytest
import torch

from sd_nodes.diffusion.control import Control
from sd_nodes.diffusion.k.hints import fitted_picture
from sd_nodes.diffusion.k.network import Network
from sd_nodes.diffusion.k.regions import Area, Placed, Prompt, Share, placed, sides_placed
from tests.sd_nodes.diffusion.k.small import FORM, alone, latents, network, prompt
from tests.sd_nodes.models import controlnet, ready, unet

SIGMA = 3.0
close = torch.testing.assert_close


def predict(sides: list[list[Prompt]], x: torch.Tensor, sigma: float = SIGMA) -> list[torch.Tensor]:
    with torch.no_grad():
        return network().predict(sides_placed(sides, *x.shape[2:]), x, sigma)


def test_two_sides_in_one_batch_are_each_side_alone() -> None:
    x, calls = latents(batch=2), []
    model = network()
    hook = model.unet.register_forward_pre_hook(lambda _, given: calls.append(len(given[0])))
    with torch.no_grad():
        found = model.predict(sides_placed([[prompt(1)], [prompt(2, tokens=10)]], 8, 8), x, SIGMA)
    hook.remove()
    assert calls == [4]
    for one, result in zip((prompt(1), prompt(2, tokens=10)), found, strict=True):
        close(result, alone(one, x, SIGMA), rtol=1e-4, atol=1e-4)


def test_texts_that_would_be_repeated_too_often_get_a_batch_of_their_own() -> None:
    calls: list[int] = []
    model = network()
    hook = model.unet.register_forward_pre_hook(lambda _, given: calls.append(len(given[0])))
    with torch.no_grad():
        model.predict(sides_placed([[prompt(1, tokens=5)], [prompt(2, tokens=7)]], 8, 8), latents(), SIGMA)
    hook.remove()
    assert calls == [1, 1]


def test_several_prompts_of_a_side_are_averaged_by_their_strength() -> None:
    x = latents()
    (found,) = predict([[prompt(1), prompt(2, strength=3.0)]], x)
    close(found, (alone(prompt(1), x, SIGMA) + 3 * alone(prompt(2), x, SIGMA)) / 4, rtol=1e-4, atol=1e-4)


def test_an_empty_side_is_zero() -> None:
    assert not predict([[prompt(1)], []], latents())[1].any()


def test_an_area_sees_its_part_and_fades_at_inner_edges() -> None:
    x = latents(16, 16)
    area = Area(height=16, width=8, top=0, left=8)
    (found,) = predict([[prompt(1), prompt(2, area=area, strength=2.0)]], x)
    whole, part = alone(prompt(1), x, SIGMA), alone(prompt(2), x[..., 8:].contiguous(), SIGMA)
    close(found[..., :8], whole[..., :8], rtol=1e-4, atol=1e-4)
    weight = 2.0 * torch.tensor([1 / 2, 1, 1, 1, 1, 1, 1, 1])
    close(found[..., 8:], (whole[..., 8:] + weight * part) / (1 + weight), rtol=1e-4, atol=1e-4)


def test_an_area_over_the_edge_is_cut() -> None:
    x = latents(16, 16)
    (found,) = predict([[prompt(1, area=Area(16, 100, 0, 8)), prompt(2)]], x)
    assert found.isfinite().all()


def test_shares_are_rounded_to_latent_pixels() -> None:
    assert Share(0.5, 0.01, 0.26, 0.5).of(10, 20) == Area(5, 1, 3, 10)


def test_a_mask_weighs_each_place() -> None:
    x, mask = latents(), torch.zeros(1, 8, 8)
    mask[:, :4] = 0.5
    (found,) = predict([[prompt(1), prompt(2, mask=mask, strength=2.0)]], x)
    one, other = (alone(prompt(seed), x, SIGMA) for seed in (1, 2))
    close(found[..., :4, :], (one + other)[..., :4, :] / 2, rtol=1e-4, atol=1e-4)
    close(found[..., 4:, :], one[..., 4:, :], rtol=1e-4, atol=1e-4)


def test_a_mask_is_scaled_to_the_latents_and_its_bounds_are_at_least_eight() -> None:
    mask = torch.zeros(1, 32, 32)
    mask[:, 8:12, 20:24] = 1
    ((found,),) = sides_placed([[prompt(1, mask=mask, to_bounds=True)]], 16, 16)
    assert found.mask is not None
    assert found.mask.shape == (1, 16, 16)
    assert found.area == Area(8, 8, 4, 10)
    ((empty,),) = sides_placed([[prompt(1, mask=mask * 0, to_bounds=True)]], 16, 16)
    assert empty.area == Area(8, 8, 0, 0)


@pytest.mark.parametrize(("start", "end", "applies"), [(0.0, 1.0, True), (0.6, 1.0, False), (0.0, 0.2, False)])
def test_a_range_of_noise_levels(start: float, end: float, applies: bool) -> None:
    x, sigma = latents(), FORM.levels.at_percent(0.4)
    (found,) = predict([[prompt(1), prompt(2, start=start, end=end)]], x, sigma)
    one, other = (alone(prompt(seed), x, sigma) for seed in (1, 2))
    close(found, (one + other) / 2 if applies else one, rtol=1e-4, atol=1e-4)


def test_both_ends_of_a_range_belong_to_it() -> None:
    x, sigma = latents(), FORM.levels.at_percent(0.4)
    for ends in ({"start": 0.4}, {"end": 0.4}):
        assert predict([[prompt(2, **ends)]], x, sigma)[0].any()


def test_other_sides_get_their_prompt_in_every_area() -> None:
    left, inner = Area(8, 4, 0, 0), Area(4, 4, 0, 0)
    positive, negative = sides_placed([[prompt(1, area=left, strength=0.5)], [prompt(2), prompt(3, area=inner)]], 8, 8)
    assert [one.area for one in negative] == [None, inner, left]
    assert negative[2].prompt.condition.states is prompt(2).condition.states
    assert negative[2].prompt.strength == 0.5
    # The negative prompt's own area has no positive prompt around it but the left half.
    assert [one.area for one in positive] == [left, inner]
    assert positive[1].prompt.condition.states is prompt(1).condition.states


def test_what_is_seen_beside_the_latents_comes_with_the_prompt() -> None:
    ours, theirs = torch.zeros(1, 5, 8, 8), torch.ones(1, 5, 8, 8)
    positive = prompt(1, area=Area(8, 4, 0, 0), beside=ours)
    (_, negative) = sides_placed([[positive], [prompt(2, beside=theirs)]], 8, 8)
    assert negative[1].prompt.beside is theirs


def test_an_area_with_its_own_prompt_gets_no_other() -> None:
    area = Area(8, 4, 0, 0)
    sides = sides_placed([[prompt(1, area=area)], [prompt(2), prompt(3, area=area)]], 8, 8)
    assert [len(side) for side in sides] == [1 + 0, 2]


def edges(height: int = 64, width: int = 64, count: int = 1) -> torch.Tensor:
    return torch.rand(count, height, width, 3, generator=torch.Generator().manual_seed(4))


def residuals(control: Control, one: Prompt, x: torch.Tensor, sigma: float) -> dict[str, object]:
    step = FORM.levels.timestep(sigma)
    seen, told = x / (sigma**2 + 1) ** 0.5, one.condition.states.expand(len(x), -1, -1)
    picture = control.picture.permute(0, 3, 1, 2).expand(len(x), -1, -1, -1)
    with torch.no_grad():
        down, mid = control.net(seen, step, told, picture, control.strength, return_dict=False)
    return {"down_block_additional_residuals": down, "mid_block_additional_residual": mid}


def test_controls_steer_both_sides_and_are_embedded_once() -> None:
    x, control, model = latents(batch=2), Control(controlnet(), edges(), 0.7), network()
    sides = sides_placed([[prompt(1, controls=(control,))], [prompt(2, controls=(control,))]], 8, 8)
    embedded: list[int] = []
    hook = control.net.controlnet_cond_embedding.register_forward_hook(lambda *_: embedded.append(1))
    with torch.no_grad():
        found, _ = (model.predict(sides, x, sigma) for sigma in (SIGMA, 1.0))
    hook.remove()
    assert embedded == [1]
    for seed, result in zip((1, 2), found, strict=True):
        expected = alone(prompt(seed), x, SIGMA, **residuals(control, prompt(seed), x, SIGMA))
        close(result, expected, rtol=1e-4, atol=1e-4)


def test_a_control_outside_of_its_window_is_not_run() -> None:
    x, sigma = latents(), FORM.levels.at_percent(0.4)
    control = Control(controlnet(), edges(), 0.7, start=0.5)
    calls: list[int] = []
    hook = control.net.register_forward_hook(lambda *_: calls.append(1))
    (found,) = predict([[prompt(1, controls=(control,))]], x, sigma)
    hook.remove()
    assert calls == []
    close(found, alone(prompt(1), x, sigma), rtol=1e-4, atol=1e-4)


def test_shared_controls_reach_the_other_sides_unless_they_have_their_own() -> None:
    control, other = Control(controlnet(), edges()), Control(controlnet(5), edges())
    shared = prompt(1, controls=(control,), shares_controls=True)

    def hung(*negative: Prompt) -> list[tuple[Control, ...]]:
        return [one.prompt.controls for one in sides_placed([[shared], list(negative)], 8, 8)[1]]

    assert hung(prompt(2)) == [(control,)]
    assert hung(prompt(2, controls=(other,))) == [(other,)]


def test_of_several_shared_controls_each_other_prompt_keeps_the_last() -> None:
    first, second = Control(controlnet(), edges()), Control(controlnet(5), edges())
    positive = [prompt(1, controls=(one,), shares_controls=True) for one in (first, second)]

    def hung(*negative: Prompt) -> list[tuple[Control, ...]]:
        return [one.prompt.controls for one in sides_placed([positive, list(negative)], 8, 8)[1]]

    assert hung(prompt(3)) == [(second,)]
    assert hung(prompt(3), prompt(4)) == [(first,), (second,)]


def test_a_control_picture_is_cropped_to_the_aspect_and_takes_the_nearest_pixel() -> None:
    picture = torch.arange(12.0).reshape(1, 2, 6, 1).expand(1, 2, 6, 3)
    found = fitted_picture(picture, 4, 4)
    assert found[0, :, :, 0].tolist() == [[2, 2, 3, 3]] * 2 + [[8, 8, 9, 9]] * 2
    tall = fitted_picture(picture.permute(0, 2, 1, 3), 4, 4)
    assert tall[0, :, :, 0].tolist() == [[2, 2, 8, 8]] * 2 + [[3, 3, 9, 9]] * 2
    assert fitted_picture(picture, 2, 6) is picture


def test_several_control_pictures_serve_several_latents_in_turn() -> None:
    x, control = latents(batch=3), Control(controlnet(), edges(count=2))
    (found,) = predict([[prompt(1, controls=(control,))]], x)
    for number, picture in enumerate((0, 1, 0)):
        single = Control(control.net, control.picture[picture : picture + 1])
        each = x[number : number + 1]
        expected = alone(prompt(1), each, SIGMA, **residuals(single, prompt(1), each, SIGMA))
        close(found[number : number + 1], expected, rtol=1e-4, atol=1e-4)


def test_inpainting_models_see_more_beside_the_latents() -> None:
    wide, x = Network(ready(unet(in_channels=9)), FORM), latents(16, 16, batch=2)
    beside = torch.randn(1, 5, 16, 16, generator=torch.Generator().manual_seed(3))
    area = Area(8, 16, 8, 0)
    sides = [[prompt(1, beside=beside)], [prompt(2, beside=beside, area=area)]]
    with torch.no_grad():
        found = wide.predict([[one] for one in (placed(side[0], 16, 16) for side in sides)], x, SIGMA)
        seen = torch.cat([x / (SIGMA**2 + 1) ** 0.5, beside.expand(2, -1, -1, -1)], 1)
        step = FORM.levels.timestep(SIGMA)
        noise = wide.unet(seen, step, prompt(1).condition.states.expand(2, -1, -1)).sample
        lower = wide.unet(seen[..., 8:, :], step, prompt(2).condition.states.expand(2, -1, -1)).sample
    close(found[0], x - SIGMA * noise, rtol=1e-4, atol=1e-4)
    close(found[1][..., 8:, :], x[..., 8:, :] - SIGMA * lower, rtol=1e-4, atol=1e-4)


def test_a_weight_is_the_same_for_each_of_a_batch() -> None:
    whole = Placed(prompt(1, strength=0.3), None, None)
    assert torch.equal(whole.weight(latents(batch=2)), torch.full((2, 4, 8, 8), 0.3))
