"""Cases: workflows of stock nodes, and the pictures and latents that another program made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors.numpy import load_file

Rule = Literal["same", "next"]


@dataclass(frozen=True, eq=False)
class Case:
    """A workflow and what it should give.

    Attributes:
        name: The name of the case.
        feature: What it is about.
        rule: How noise on the way was seeded when the goldens were made.
        nodes: The workflow in the API format.
        outputs: The sinks that are compared, by what they give: `latent` and `image`.
        goldens: What they gave: latents float32 `[batch, channel, height, width]`, pictures uint8
            `[batch, height, width, channel]`.
    """

    name: str
    feature: str
    rule: Rule
    nodes: Mapping[str, Mapping[str, object]]
    outputs: Mapping[str, str]
    goldens: Mapping[str, np.ndarray]

    @property
    def kinds(self) -> frozenset[str]:
        """What it is a case of: its rule for noise, and its nodes, samplers and schedules."""
        nodes = (str(node["class_type"]) for node in self.nodes.values())
        return frozenset((self.rule, *nodes, *self._named("sampler_name"), *self._named("scheduler")))

    def of_latents(self) -> Case:
        """The same case, with its latents alone: they tell more than the picture, which is most of the work."""
        return replace(
            self, goldens={name: golden for name, golden in self.goldens.items() if golden.dtype != np.uint8}
        )

    def _named(self, input: str) -> Iterator[str]:
        """The values of an input; samplers draw the same with their noise on a GPU."""
        values = (inputs.get(input) for inputs in self._inputs())
        yield from (value.removesuffix("_gpu") for value in values if isinstance(value, str))

    def texts(self) -> Iterator[str]:
        """All texts that inputs of its nodes have; names of files are among them."""
        yield from (value for inputs in self._inputs() for value in inputs.values() if isinstance(value, str))

    def _inputs(self) -> Iterator[Mapping[str, object]]:
        for node in self.nodes.values():
            inputs = node["inputs"]
            assert isinstance(inputs, Mapping)
            yield inputs


def covering(cases: Sequence[Case]) -> list[Case]:
    """Chooses few cases of which every kind of the cases is one, each time the one that adds most."""
    chosen: list[Case] = []
    left = frozenset[str]().union(*(case.kinds for case in cases))
    while left:
        chosen.append(max(cases, key=lambda case: len(case.kinds & left)))
        left -= chosen[-1].kinds
    return chosen


def read(folder: Path, wanted: Sequence[str] = ()) -> list[Case]:
    """Reads all cases of a folder that goldens lie there for.

    Args:
        folder: Holds `cases*.json` and `goldens*.safetensors`; goldens bear the names of their cases. Those in whose
            file's name `newseed` stands were made with noise of the next seed on the way, the others with the same.
        wanted: Beginnings of features, or parts of names; all cases where there are none.

    Raises:
        FileNotFoundError: The folder holds no cases, or no goldens.
    """
    described = [case for file in _files(folder, "cases*.json") for case in json.loads(file.read_text())["cases"]]
    found = []
    for file in _files(folder, "goldens*.safetensors"):
        rule: Rule = "next" if "newseed" in file.name else "same"
        goldens = load_file(file)
        for case in described:
            here = {name: goldens[key] for name in case["outputs"] if (key := f"{case['name']}/{name}") in goldens}
            if here and _is_wanted(case, wanted):
                found.append(Case(case["name"], case["feature"], rule, case["workflow"], case["outputs"], here))
    return found


def _files(folder: Path, pattern: str) -> list[Path]:
    files = sorted(folder.glob(pattern))
    if not files:
        raise FileNotFoundError(f"{folder} holds no {pattern}.")
    return files


def _is_wanted(case: Mapping[str, str], wanted: Sequence[str]) -> bool:
    return not wanted or any(case["feature"].startswith(one) or one in case["name"] for one in wanted)
