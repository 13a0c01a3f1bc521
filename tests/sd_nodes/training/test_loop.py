import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sd_nodes.training.loop import Randomness, Schedule, Training

from .tiny import on_cpu

FOUR_STEPS = Schedule(steps=4, rate=0.1, warmup=2, average=0.9, every=2)


def line(folder: Path) -> tuple[nn.Linear, Training]:
    torch.manual_seed(3)
    module = nn.Linear(3, 1)
    return module, Training({"line": module}, [{"params": list(module.parameters())}], FOUR_STEPS, folder, on_cpu())


def learn(folder: Path, until: int | None = None) -> tuple[nn.Linear, Training]:
    module, training = line(folder)

    def loss_of(random: Randomness) -> Tensor:
        return module(random.normal(5, 3)).sub(1).pow(2).mean()

    training.run(loss_of, until=until)
    return module, training


def test_two_steps_and_two_more_are_four_steps(tmp_path: Path) -> None:
    whole, whole_training = learn(tmp_path / "whole")
    learn(tmp_path / "parts", until=2)
    parts, parts_training = learn(tmp_path / "parts")
    for key, value in whole.state_dict().items():
        assert torch.equal(value, parts.state_dict()[key])
        assert torch.equal(whole_training.averaged("line")[key], parts_training.averaged("line")[key])


def test_learning_changes_the_weights_and_their_average_differently(tmp_path: Path) -> None:
    before = line(tmp_path / "untouched")[0].weight.detach().clone()
    after, training = learn(tmp_path / "learned")
    assert not torch.equal(before, after.weight)
    assert not torch.equal(after.weight, training.averaged("line")["weight"])


def test_the_log_has_one_line_for_each_step(tmp_path: Path) -> None:
    learn(tmp_path, until=2)
    learn(tmp_path)
    rows = [json.loads(row) for row in (tmp_path / "losses.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]


def test_a_resumed_run_takes_the_steps_that_it_repeats_out_of_the_log(tmp_path: Path) -> None:
    learn(tmp_path, until=2)
    with (tmp_path / "losses.jsonl").open("a") as log:
        log.write('{"step": 3, "loss": 7.0, "seconds": 1.0}\n')
    learn(tmp_path)
    rows = [json.loads(row) for row in (tmp_path / "losses.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert rows[2]["loss"] != 7.0


def test_the_curve_is_drawn_at_every_checkpoint(tmp_path: Path) -> None:
    learn(tmp_path, until=2)
    first = (tmp_path / "losses.png").read_bytes()
    learn(tmp_path)
    assert (tmp_path / "losses.png").read_bytes() != first


def test_a_checkpoint_is_whole_or_not_there(tmp_path: Path) -> None:
    learn(tmp_path)
    assert [path.name for path in tmp_path.glob("checkpoint*")] == ["checkpoint.safetensors"]


def test_each_step_has_its_own_random_numbers() -> None:
    assert torch.equal(Randomness.of(0, 7).normal(4), Randomness.of(0, 7).normal(4))
    assert not torch.equal(Randomness.of(0, 7).normal(4), Randomness.of(0, 8).normal(4))
    assert not torch.equal(Randomness.of(0, 7).normal(4), Randomness.of(0, 7, process=1).normal(4))


@pytest.mark.parametrize(("step", "factor"), [(0, 0.5), (1, 0.9), (4, 0.0)])
def test_the_rate_rises_then_falls(step: int, factor: float) -> None:
    schedule = Schedule(steps=4, warmup=2, floor=0.0)
    assert schedule.factor(step) == pytest.approx(factor, abs=0.06)
