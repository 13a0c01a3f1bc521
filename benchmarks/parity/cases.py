"""Cases: workflows of stock nodes, and the pictures and latents that another program made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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

    def texts(self) -> Iterator[str]:
        """All texts that inputs of its nodes have; names of files are among them."""
        for node in self.nodes.values():
            inputs = node["inputs"]
            assert isinstance(inputs, Mapping)
            yield from (value for value in inputs.values() if isinstance(value, str))


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
