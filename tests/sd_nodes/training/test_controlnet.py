import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sd_nodes.training.controlnet import (
    FRESH_PARTS,
    Batch,
    Lessons,
    new_controlnet,
    parameter_groups,
    steer,
    strengthened,
    train,
)
from sd_nodes.training.loop import Randomness, Schedule, Training
from sd_nodes.training.objective import ask, draw_timesteps

from .tiny import on_cpu, tiny_model

CHANNELS = (4, 4, 8, 8)


def source(random: Randomness) -> Batch:
    return Batch(random.normal(2, 4, 4, 4), torch.ones(2, 3, 32, 32), ["a red cat", "a blue dog"])


def test_before_the_first_step_the_output_is_the_locked_models() -> None:
    model = tiny_model().locked(torch.device("cpu"))
    controlnet = new_controlnet(model.unet, CHANNELS)
    asked = ask(model.scheduler, torch.randn(2, 4, 4, 4), Randomness.of(0, 0))
    words = model.encode_text(["a red cat", "a blue dog"], 32)
    alone = model.unet(asked.noisy, asked.timesteps, words.states, return_dict=False)[0]
    assert torch.equal(steer(model, controlnet, asked, words, torch.ones(2, 3, 32, 32)), alone)


def test_training_moves_the_controlnet_and_nothing_else(tmp_path: Path) -> None:
    model = tiny_model()
    locked = [parameter.clone() for module in model.modules for parameter in module.parameters()]
    controlnet = new_controlnet(model.unet, CHANNELS)
    zeros = controlnet.controlnet_mid_block.weight
    assert not zeros.any()
    train(model, controlnet, source, Schedule(steps=2, warmup=1), tmp_path, on_cpu())
    assert zeros.any()
    after = [parameter for module in model.modules for parameter in module.parameters()]
    assert all(torch.equal(one, other) for one, other in zip(locked, after, strict=True))


def test_four_steps_are_two_steps_and_two_after_a_restart(tmp_path: Path) -> None:
    def weights(folder: Path, *stops: int) -> dict[str, torch.Tensor]:
        for stop in stops:
            model = tiny_model()
            controlnet = new_controlnet(model.unet, CHANNELS)
            schedule = Schedule(steps=4, warmup=1, every=stop, average=0.9)
            train(model, controlnet, source, schedule, folder, on_cpu(), until=stop)
        return controlnet.state_dict()

    whole, parts = weights(tmp_path / "whole", 4), weights(tmp_path / "parts", 2, 4)
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


def learned(folder: Path, schedule: Schedule, lessons: Lessons) -> dict[str, Tensor]:
    model = tiny_model()
    controlnet = new_controlnet(model.unet, CHANNELS)
    train(model, controlnet, source, schedule, folder, on_cpu(), lessons)
    return controlnet.state_dict()


def test_activations_computed_again_give_the_same_weights(tmp_path: Path) -> None:
    schedule = Schedule(steps=3, warmup=1)
    kept = learned(tmp_path / "kept", schedule, Lessons())
    again = learned(tmp_path / "again", schedule, Lessons(frugal=True))
    assert all(torch.equal(kept[key], again[key]) for key in kept)


def test_the_gradients_of_a_steps_batches_are_averaged(tmp_path: Path) -> None:
    start = torch.nn.Linear(3, 1)
    inputs = torch.randn(4, 3)

    def gradients(batches: int) -> Tensor:
        module, parts = copy.deepcopy(start), iter(inputs.chunk(batches))
        schedule = Schedule(steps=1, warmup=1, clip=1e9, batches=batches)
        groups: list[dict[str, object]] = [{"params": list(module.parameters())}]
        training = Training({"one": module}, groups, schedule, tmp_path / str(batches), on_cpu())
        training.run(lambda random: module(next(parts)).square().mean())
        assert next(parts, None) is None, "a step takes as many batches as it is told to"
        found: Tensor = module.weight.grad
        return found

    assert torch.allclose(gradients(1), gradients(4), atol=1e-6)


def test_fresh_layers_learn_faster_and_every_parameter_learns_once() -> None:
    controlnet = new_controlnet(tiny_model().unet, CHANNELS)
    copied, fresh = parameter_groups(controlnet, 3.0)
    assert (copied["lr"], fresh["lr"]) == (1.0, 3.0)
    names = [name for name, _ in controlnet.named_parameters() if name.startswith(FRESH_PARTS)]
    assert len(fresh["params"]) == len(names)
    assert len(copied["params"]) + len(fresh["params"]) == len(list(controlnet.parameters()))


def test_progress_is_told_after_each_step(tmp_path: Path) -> None:
    model, told = tiny_model(), []
    controlnet = new_controlnet(model.unet, CHANNELS)
    schedule = Schedule(steps=3, warmup=1)
    train(model, controlnet, source, schedule, tmp_path, on_cpu(), at_step=lambda step, loss: told.append(step))
    assert told == [1, 2, 3]


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_right_answer_costs_nothing(prediction: str) -> None:
    asked = ask(tiny_model(prediction).scheduler, torch.randn(4, 4, 4, 4), Randomness.of(0, 0))
    assert asked.loss(asked.answer) == 0
    assert asked.loss(asked.answer + 1) > 0


def test_fewer_low_noise_levels_are_asked_for_when_form_matters_more() -> None:
    drawn = draw_timesteps(Randomness.of(0, 0), 2000, detail_share=0.15)
    assert (drawn < 350).float().mean() == pytest.approx(0.15, abs=0.002)
    even = draw_timesteps(Randomness.of(0, 0), 2000)
    assert even.float().mean() == pytest.approx(500, abs=2)
    assert min(drawn.min(), even.min()) >= 0
    assert max(drawn.max(), even.max()) <= 999


def test_a_prediction_that_training_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match='predicts "sample"'):
        ask(tiny_model("sample").scheduler, torch.randn(1, 4, 4, 4), Randomness.of(0, 0))


def test_a_folded_strength_steers_as_the_strength_did() -> None:
    model = tiny_model()
    controlnet = new_controlnet(model.unet, CHANNELS)
    for module in (*controlnet.controlnet_down_blocks, controlnet.controlnet_mid_block):
        torch.nn.init.normal_(module.weight)
        torch.nn.init.normal_(module.bias)
    given = (
        torch.randn(1, 4, 4, 4),
        torch.tensor([5]),
        model.encode_text(["a red cat"], 32).states,
        torch.ones(1, 3, 32, 32),
    )
    with torch.inference_mode():
        down, middle = controlnet(*given, conditioning_scale=1.5, return_dict=False)
        folded_down, folded_middle = strengthened(controlnet, 1.5)(*given, return_dict=False)
    assert torch.allclose(middle, folded_middle, atol=1e-6)
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(down, folded_down, strict=True))
