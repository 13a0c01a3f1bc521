"""Stock workflows through the engine against what ComfyUI drew: some of every kind; `make parity` runs them all."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.parity.__main__ import GOLDENS, MODELS
from benchmarks.parity.cases import Case, covering, read
from benchmarks.parity.running import Found, run
from benchmarks.parity.weights.files import LARGE, make, needed

CASES = [case for case in read(GOLDENS) if LARGE not in needed([case])]
PART = covering(CASES)


def told(found: Sequence[Found]) -> list[str]:
    """The cases that are not met."""
    return [f"{one.case.name}: {one.reason or (one.ratio, one.error)}" for one in found if not one.met]


def drawn(cases: Sequence[Case], folder: Path) -> list[Found]:
    make(MODELS, needed(cases))
    return list(run(cases, MODELS, folder))


def test_latents_of_every_sampler_and_schedule(tmp_path: Path) -> None:
    found = drawn([case.of_latents() for case in PART if is_of_samplers(case)], tmp_path)
    assert found and all(one.error is not None for one in found)
    assert told(found) == []


def test_pictures_of_every_other_node(tmp_path: Path) -> None:
    found = drawn([case for case in PART if not is_of_samplers(case)], tmp_path)
    assert found and all(one.ratio is not None for one in found)
    assert told(found) == []


def is_of_samplers(case: Case) -> bool:
    return case.feature.startswith(("sampler_", "scheduler_"))
