"""Deep features that are used again: what is computed, and that the full steps stay what they are."""

from dataclasses import replace

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from sd_nodes.diffusion.control import Control
from sd_nodes.diffusion.denoise import draw_noise, seeded, text_to_image
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.predicting import Sampling
from sd_nodes.diffusion.reusing import Reuse, Reusing
from tests.sd_nodes.diffusion import ours
from tests.sd_nodes.diffusion.ours import Ask, random_picture
from tests.sd_nodes.models import Models, controlnet, small_models


@pytest.fixture(scope="module")
def models() -> Models:
    return small_models()


def drawn(sampling: Sampling) -> Tensor:
    return text_to_image(sampling, draw_noise((1, 4, 8, 8), seeded(1), sampling.unet), seeded(1))


def layers(unet: UNet2DConditionModel) -> int:
    return len(unet.up_blocks[-1].resnets)


@pytest.mark.parametrize("depth", [1, 2])
def test_all_steps_in_full_are_as_without_it(models: Models, depth: int) -> None:
    """With a ControlNet for a part of the steps, and guidance for a part of them."""
    controls = [Control(controlnet(), random_picture(1), 0.7, 0.0, 0.6)]
    sampling = ours.sampling(models, Ask(steps=5, window=(0.0, 0.5)), controls)
    assert torch.equal(drawn(replace(sampling, reuse=Reuse(1, depth))), drawn(sampling))


def test_features_of_the_same_input_give_the_same(models: Models) -> None:
    """Where latents and timestep do not change, what is kept is what would be computed, whatever the depth."""
    unet = models.unet
    condition = ours.condition(models, "a cat")
    latents, timestep = torch.randn(1, 4, 8, 8, generator=seeded(1)), torch.tensor(500)

    def predict(network: UNet2DConditionModel, residuals: object) -> Tensor:
        with torch.no_grad():
            found: Tensor = network(latents, timestep, condition.states, return_dict=False)[0]
        return found

    whole = predict(unet, None)
    for depth in range(1, layers(unet) + 1):
        reusing = Reusing(Reuse(2, depth))
        for index in range(2):
            assert torch.equal(reusing(unet, "same", index, lambda: None, predict), whole)


def test_in_the_steps_between_inner_blocks_and_controlnets_rest(models: Models) -> None:
    net, calls = controlnet(), {"middle": 0, "control": 0, "last": 0}
    hooks = [
        part.register_forward_hook(lambda *_, name=name: calls.update({name: calls[name] + 1}))
        for name, part in (
            ("middle", models.unet.mid_block),
            ("control", net.mid_block),
            ("last", models.unet.up_blocks[-1].resnets[-1]),
        )
    ]
    sampling = ours.sampling(models, Ask(steps=7), [Control(net, random_picture(1))])
    near = drawn(replace(sampling, reuse=Reuse(3)))
    assert calls == {"middle": 3, "control": 3, "last": 7}
    for hook in hooks:
        hook.remove()
    whole = drawn(sampling)
    assert not torch.equal(near, whole)
    assert torch.nn.functional.cosine_similarity(near.flatten(), whole.flatten(), dim=0) > 0.9


def test_where_guidance_ends_features_are_computed_anew(models: Models) -> None:
    calls: list[int] = []
    hook = models.unet.mid_block.register_forward_hook(lambda part, given, output: calls.append(len(output)))
    drawn(replace(ours.sampling(models, Ask(steps=6, window=(0.0, 0.5))), reuse=Reuse(6)))
    hook.remove()
    assert calls == [2, 1]


def test_what_cannot_be_is_told(models: Models) -> None:
    sampling = ours.sampling(models, Ask(steps=2))
    needed = f"needed are 1 or more and 1 to {layers(models.unet)}"
    with pytest.raises(SettingError, match=needed):
        drawn(replace(sampling, reuse=Reuse(2, 9)))
    disturbed = ours.sampling(models, Ask(steps=2, perturbed=1.0))
    with pytest.raises(SettingError, match="weaker or a disturbed"):
        drawn(replace(disturbed, reuse=Reuse(2)))
