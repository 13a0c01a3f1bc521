"""Run as: python -m benchmarks.parity --models DIR --cases FILE --goldens FILE."""

import argparse
import json
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.parity.stages import Stages

Case = Mapping[str, Any]


def main() -> int:
    """Computes the cases and prints a table; returns 0 if all are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="a folder with checkpoints, loras, ..., input")
    parser.add_argument("--cases", type=Path, required=True, help="JSON with workflows in the API format")
    parser.add_argument("--goldens", type=Path, required=True, help="safetensors with the latents and pictures wanted")
    parser.add_argument("--only", default="", help="comma-separated beginnings of features, or parts of names")
    parser.add_argument("--seed-rule", choices=["same", "next"], default="same")
    parser.add_argument("--latents-only", action="store_true", help="decode no pictures")
    given = parser.parse_args()
    goldens = load_file(given.goldens)
    stages = Stages(given.models, given.seed_rule)
    wanted = given.only.split(",")
    cases = [
        case
        for case in json.loads(given.cases.read_text())["cases"]
        if any(case["feature"].startswith(one) or one in case["name"] for one in wanted)
        and any(key.startswith(case["name"] + "/") for key in goldens)
    ]
    passed = sum(_passes(case, stages, goldens, given.latents_only) for case in cases)
    print(f"{passed} of {len(cases)} cases with PSNR >= 60 dB and relative latent error <= 1e-3")
    return int(passed != len(cases))


def _passes(case: Case, stages: Stages, goldens: Mapping[str, Tensor], latents_only: bool) -> bool:
    begun, found, outputs = time.perf_counter(), {}, case["outputs"]
    try:
        done: dict[str, Any] = {}
        if "latent" in outputs:
            source = case["workflow"][outputs["latent"]]["inputs"]["samples"]
            latent = _value(case["workflow"], source, stages, done)["samples"]
            found["latent"] = _error(latent, goldens[f"{case['name']}/latent"])
        if "image" in outputs and not (latents_only and found):
            source = case["workflow"][outputs["image"]]["inputs"]["images"]
            picture = (_value(case["workflow"], source, stages, done) * 255).clip(0, 255).to(torch.uint8)
            found["image"] = _psnr(picture, goldens[f"{case['name']}/image"])
        note = ""
    except NotImplementedError as missing:
        note = str(missing)
    passed = not note and found.get("latent", 0.0) <= 1e-3 and found.get("image", 99.0) >= 60
    told = f"{found.get('image', math.nan):6.2f} dB {found.get('latent', math.nan):9.2e}"
    print(
        f"{'ok  ' if passed else 'FAIL'} {told} {time.perf_counter() - begun:6.2f} s {case['name']} {note}", flush=True
    )
    return passed


def _value(workflow: Mapping[str, Case], link: list[Any], stages: Stages, done: dict[str, Any]) -> Any:
    node, output = link
    if node not in done:
        kind, inputs = workflow[node]["class_type"], workflow[node]["inputs"]
        stage = getattr(stages, kind, None)
        if stage is None:
            raise NotImplementedError(f"no stage {kind}")
        given = {
            name: _value(workflow, value, stages, done) if isinstance(value, list) else value
            for name, value in inputs.items()
        }
        done[node] = stage(**given)
    return done[node][output]


def _error(found: Tensor, wanted: Tensor) -> float:
    if found.shape != wanted.shape:
        return math.inf
    return float((found - wanted).double().norm() / wanted.double().norm().clamp(min=1e-12))


def _psnr(found: Tensor, wanted: Tensor) -> float:
    if found.shape != wanted.shape:
        return -1.0
    error = float((found.double() - wanted.double()).square().mean())
    return 99.0 if error == 0 else 10 * math.log10(255**2 / error)


if __name__ == "__main__":
    sys.exit(main())
