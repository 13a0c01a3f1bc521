"""Steps that are recorded once and replayed with other numbers come out as those that are computed."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sd_nodes.diffusion.control import Control
from sd_nodes.diffusion.denoise import draw_noise, seeded, text_to_image
from sd_nodes.diffusion.predicting import Sampling
from sd_nodes.diffusion.replaying import MOST, Recordings, on_cuda
from tests.sd_nodes.diffusion import ours
from tests.sd_nodes.diffusion.ours import Ask, random_picture
from tests.sd_nodes.models import Models, controlnet, small_models


class Recorder:
    """Records as a CUDA graph does: the same tensors are read and written in each replay, whoever replays."""

    def __init__(self) -> None:
        self.recorded = self.replayed = 0

    def __call__(self, function: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
        self.recorded += 1
        result = torch.full_like(function(), float("nan"))

        def replay() -> None:
            self.replayed += 1
            result.copy_(function())

        return result, replay


@pytest.fixture(scope="module")
def models() -> Models:
    return small_models()


def drawn(sampling: Sampling, seed: int) -> Tensor:
    return text_to_image(sampling, draw_noise((1, 4, 8, 8), seeded(seed), sampling.unet), seeded(seed))


def test_runs_with_other_prompts_and_pictures_share_recordings(models: Models) -> None:
    """One with the ControlNet and one without it, for all three runs; each run is as without recordings, to the bit."""
    net, recorder = controlnet(), Recorder()
    recordings = Recordings(recorder)
    for seed, prompt in ((1, "a cat"), (2, "a dog, asleep"), (3, "")):
        asked = Ask(prompt=prompt, steps=5)
        sampling = ours.sampling(models, asked, [Control(net, random_picture(seed), 0.7, 0.0, 0.6)])
        plain = drawn(sampling, seed)
        assert torch.equal(drawn(replace(sampling, replayer=recordings), seed), plain)
    assert recorder.recorded == 2
    assert recorder.replayed == 15


def test_what_decides_the_kernels_is_recorded_anew(models: Models) -> None:
    """Another strength, another ControlNet, another size, a mask."""
    net, recorder = controlnet(), Recorder()
    recordings = Recordings(recorder)
    picture = random_picture(1)
    asked = [
        [Control(net, picture)],
        [Control(net, picture, 0.5)],
        [Control(controlnet(9), picture)],
        [Control(net, picture, mask=torch.rand(1, 64, 64))],
        [],
    ]
    for number, controls in enumerate(asked, 1):
        sampling = ours.sampling(models, Ask(steps=2), controls)
        assert torch.equal(drawn(replace(sampling, replayer=recordings), 1), drawn(sampling, 1))
        assert recorder.recorded == number


def test_only_the_latest_are_kept(models: Models) -> None:
    recorder = Recorder()
    recordings = Recordings(recorder)
    net, picture = controlnet(), random_picture(1)
    strengths = [0.1 * number for number in range(1, MOST + 2)]

    def draw(strength: float) -> None:
        sampling = ours.sampling(models, Ask(steps=1), [Control(net, picture, strength)])
        drawn(replace(sampling, replayer=recordings), 1)

    for strength in strengths:
        draw(strength)
    draw(strengths[-1])
    assert recorder.recorded == MOST + 1
    draw(strengths[0])
    assert recorder.recorded == MOST + 2
    recordings.clear()
    draw(strengths[-1])
    assert recorder.recorded == MOST + 3


def test_what_cannot_be_recorded_is_computed(models: Models) -> None:
    """The reason is kept for whoever tells it; memory that runs out is no such reason."""

    def refuse(function: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    def too_large(function: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
        raise torch.OutOfMemoryError

    recordings = Recordings(refuse)
    sampling = ours.sampling(models, Ask(steps=2))
    assert torch.equal(drawn(replace(sampling, replayer=recordings), 1), drawn(sampling, 1))
    assert recordings.problem == (
        "the steps cannot be recorded: operation not permitted when stream is capturing; each is computed as usual"
    )
    with pytest.raises(torch.OutOfMemoryError):
        drawn(replace(sampling, replayer=Recordings(too_large)), 1)


def test_what_cannot_be_computed_either_says_nothing_about_recording() -> None:
    recorder = Recorder()
    recordings, latents, timestep = Recordings(recorder), torch.ones(1, 4, 8, 8), torch.tensor(1.0)
    with pytest.raises(RuntimeError, match="size"):
        recordings("wrong", lambda seen, timestep: seen + torch.ones(3), latents, timestep, ())
    assert recordings.problem == ""
    assert torch.equal(recordings("right", lambda seen, timestep: seen + timestep, latents, timestep, ()), latents + 1)
    assert recorder.replayed == 1


def test_what_is_cleared_is_recorded_again() -> None:
    recorder, refused = Recorder(), [True]

    def once_refused(function: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
        if refused:
            refused.pop()
            raise RuntimeError("not permitted")
        return recorder(function)

    recordings, latents, timestep = Recordings(once_refused), torch.ones(1, 4, 8, 8), torch.tensor(1.0)

    def step() -> Tensor:
        return recordings("a", lambda seen, timestep: seen + timestep, latents, timestep, ())

    assert torch.equal(step(), latents + 1) and torch.equal(step(), latents + 1)
    assert "not permitted" in recordings.problem and recorder.recorded == 0
    recordings.clear()
    assert recordings.problem == ""
    assert torch.equal(step(), latents + 1)
    assert recorder.replayed == 1


@pytest.mark.parametrize("error", [RuntimeError, torch.OutOfMemoryError])
def test_what_failed_first_counts(error: type[RuntimeError]) -> None:
    """Where a recording fails, ending it fails too."""

    def fail_twice(function: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
        try:
            raise error("the first")
        finally:
            raise RuntimeError("the recording was invalidated")

    recordings, latents, timestep = Recordings(fail_twice), torch.ones(1, 4, 8, 8), torch.tensor(1.0)
    if error is torch.OutOfMemoryError:
        with pytest.raises(torch.OutOfMemoryError):
            recordings("a", lambda seen, timestep: seen, latents, timestep, ())
    else:
        recordings("a", lambda seen, timestep: seen, latents, timestep, ())
        assert "the first" in recordings.problem


def test_what_a_recording_reads_lives_as_long_as_it() -> None:
    """A CUDA graph knows addresses: it keeps neither its function nor what that reads."""

    def forgetful(function: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
        return function(), lambda: None

    def step() -> weakref.ref[Tensor]:
        constant = torch.ones(1)
        recordings("a", lambda seen, timestep: seen * constant, torch.ones(2), torch.tensor(1.0), ())
        return weakref.ref(constant)

    recordings = Recordings(forgetful)
    constant = step()
    gc.collect()
    assert constant() is not None
    recordings.clear()
    gc.collect()
    assert constant() is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_cuda_graphs_replay_to_the_bit(models: Models) -> None:
    """In three runs; and a step that waits for the GPU is computed as usual, on the stream that was there."""
    device, recordings, stream = torch.device("cuda"), Recordings(on_cuda), torch.cuda.current_stream()
    weights = torch.randn(8, 4, 3, 3, device=device)

    def compute(seen: Tensor, timestep: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(seen, weights).relu() * timestep

    for seed in range(3):
        seen = torch.randn(2, 4, 16, 16, generator=seeded(seed)).to(device)
        timestep = torch.tensor(float(seed), device=device)
        assert torch.equal(recordings("a", compute, seen, timestep, ()), compute(seen, timestep))
    assert recordings.problem == ""
    waits = recordings("b", lambda seen, timestep: seen * float(timestep), seen, timestep, ())
    assert torch.equal(waits, seen * 2.0)
    assert "cannot be recorded" in recordings.problem
    assert torch.cuda.current_stream() == stream
