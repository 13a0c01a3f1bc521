"""A run does not do what changes nothing: calls of modules are counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
import torch
from torch import Tensor, nn

from sd_nodes.diffusion.control import Control
from sd_nodes.diffusion.denoise import draw_noise, image_to_image, seeded, text_to_image
from tests.sd_nodes.diffusion import ours
from tests.sd_nodes.diffusion.ours import Ask, random_picture
from tests.sd_nodes.models import Models, controlnet, small_models

EDGES = random_picture(1)


@pytest.fixture(scope="module")
def models() -> Models:
    return small_models()


@contextmanager
def calls(module: nn.Module) -> Iterator[list[int]]:
    """Collects the batch size of each call of a module."""
    seen: list[int] = []
    hook = module.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    try:
        yield seen
    finally:
        hook.remove()


@pytest.mark.parametrize(("start", "end", "times"), [(0.0, 1.0, 10), (0.2, 0.6, 4), (0.0, 0.5, 5), (0.95, 1.0, 0)])
def test_a_controlnet_runs_in_its_window_only(models: Models, start: float, end: float, times: int) -> None:
    net = controlnet()
    with calls(net) as seen:
        ours.from_text(models, Ask(steps=10), [Control(net, EDGES, 1.0, start, end)])
    assert seen == [2] * times


def test_a_controlnet_of_no_strength_does_not_run(models: Models) -> None:
    net = controlnet()
    with calls(net) as seen, calls(net.controlnet_cond_embedding) as embedded:
        ours.from_text(models, Ask(), [Control(net, EDGES, strength=0.0)])
    assert seen == embedded == []


def test_the_control_picture_is_embedded_once(models: Models) -> None:
    net = controlnet()
    with calls(net.controlnet_cond_embedding) as embedded, calls(net) as run:
        ours.from_text(models, Ask(steps=6), [Control(net, EDGES)])
    assert embedded == [2]
    assert len(run) == 6


def test_without_guidance_there_is_no_unconditional_half(models: Models) -> None:
    net = controlnet()
    with calls(models.unet) as guided:
        ours.from_text(models, Ask(steps=3), [Control(net, EDGES)])
    with calls(models.unet) as unguided, calls(net) as controlled:
        ours.from_text(models, Ask(steps=3, scale=1.0), [Control(net, EDGES)])
    assert guided == [2, 2, 2]
    assert unguided == controlled == [1, 1, 1]


def test_in_guess_mode_the_controlnet_sees_the_conditional_half(models: Models) -> None:
    net = controlnet()
    with calls(net) as seen:
        ours.from_text(models, Ask(steps=2), [Control(net, EDGES, guess=True)])
    assert seen == [1, 1]


def test_each_prompt_is_encoded_once(models: Models) -> None:
    encoded: list[int] = []
    hook = models.text_encoder.register_forward_pre_hook(lambda *_: encoded.append(1))
    ours.from_text(models, Ask(steps=5))
    hook.remove()
    assert len(encoded) == 2


def test_a_run_leaves_the_models_and_the_scheduler_as_they_are(models: Models) -> None:
    net = controlnet()
    sampling = ours.sampling(models, Ask("PNDMScheduler"), [Control(net, EDGES)])
    embedding = net.controlnet_cond_embedding
    noise = draw_noise((1, 4, 8, 8), seeded(1), models.unet)
    first = text_to_image(sampling, noise, seeded(1))
    assert net.controlnet_cond_embedding is embedding
    assert sampling.scheduler.solver.num_inference_steps is None
    assert torch.equal(text_to_image(sampling, noise, seeded(1)), first)


def test_runs_at_the_same_time_share_a_controlnet(models: Models) -> None:
    net = controlnet()
    controls = [[Control(net, random_picture(number))] for number in range(4)]
    alone = [ours.from_text(models, Ask(), one) for one in controls]
    together: dict[int, Tensor] = {}

    def run(number: int) -> None:
        together[number] = ours.from_text(models, Ask(), controls[number])

    threads = [Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(alone[number], together[number]) for number in range(4))
    assert not torch.equal(alone[0], alone[1])


def test_each_step_is_told(models: Models) -> None:
    told: list[tuple[int, int, torch.Size]] = []
    sampling = ours.sampling(models, Ask(steps=3))
    noise = draw_noise((2, 4, 8, 8), seeded(1), models.unet)
    text_to_image(sampling, noise, seeded(1), lambda done, total, latents: told.append((done, total, latents.shape)))
    assert told == [(done, 3, noise.shape) for done in (1, 2, 3)]


def test_a_run_is_cancelled_by_raising(models: Models) -> None:
    class Cancelled(Exception):
        pass

    def cancel(done: int, total: int, latents: Tensor) -> None:
        if done == 2:
            raise Cancelled

    noise = draw_noise((1, 4, 8, 8), seeded(1), models.unet)
    with calls(models.unet) as seen, pytest.raises(Cancelled):
        text_to_image(ours.sampling(models, Ask(steps=9)), noise, seeded(1), cancel)
    assert len(seen) == 2


def test_from_latents_only_the_last_part_runs(models: Models) -> None:
    latents = torch.randn(1, 4, 8, 8, generator=seeded(2))
    noise = draw_noise(latents.shape, seeded(1), models.unet)
    sampling = ours.sampling(models, Ask("DDIMScheduler", steps=10))
    with calls(models.unet) as seen:
        image_to_image(sampling, latents, noise, 0.3, seeded(1))
    assert len(seen) == 3


def test_strength_zero_leaves_the_latents(models: Models) -> None:
    latents = torch.randn(1, 4, 8, 8, generator=seeded(2))
    noise = draw_noise(latents.shape, seeded(1), models.unet)
    with calls(models.unet) as seen:
        assert torch.equal(image_to_image(ours.sampling(models, Ask()), latents, noise, 0.0, seeded(1)), latents)
    assert seen == []
