"""Runs stock workflows and compares what they draw with what was drawn before.

Run as: python -m benchmarks.parity [DIR] [--only SAMPLER_,LORA].
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import readme
from benchmarks.parity.cases import Case, read
from benchmarks.parity.groups import table
from benchmarks.parity.running import Found, run
from benchmarks.parity.weights.files import make, needed

ROOT = Path(__file__).parent.parent.parent
GOLDENS = ROOT / "tests/data/parity"
MODELS = ROOT / "build/parity"


def main() -> int:
    """Runs the cases, tells how each went, and prints a table; returns 0 if all are met."""
    given = _arguments()
    cases = read(given.goldens, tuple(filter(None, given.only.split(","))))
    make(given.models, needed(cases))
    with tempfile.TemporaryDirectory() as work:
        found = [_told(one) for one in run(cases, given.models, Path(work))]
    print()
    _sum_up(found, whole=given.goldens == GOLDENS and not given.only)
    return int(not all(one.met for one in found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parity", description=__doc__)
    parser.add_argument(
        "goldens", type=Path, nargs="?", default=GOLDENS, help="a folder with cases*.json and goldens*.safetensors"
    )
    parser.add_argument("--models", type=Path, default=MODELS, help="where the model files lie, or are made")
    parser.add_argument("--only", default="", help="comma-separated beginnings of features, or parts of names")
    return parser.parse_args()


def _told(found: Found) -> Found:
    ratio = "" if found.ratio is None else f"{found.ratio:.2f} dB"
    error = "" if found.error is None else f"{found.error:.2e}"
    state = "met " if found.met else "FAIL"
    print(f"{state} {ratio:>8} {error:>8} {found.seconds:6.2f} s  {found.case.name}  {found.reason}", flush=True)
    return found


def _sum_up(found: Sequence[Found], whole: bool) -> None:
    text = table(found).markdown()
    print(text)
    for one in found:
        if not one.met:
            print(f"- {_named(one.case)}: {one.reason or 'the picture or the latents differ'}")
    if whole:
        readme.write("parity", text)


def _named(case: Case) -> str:
    return f"{case.name} ({case.feature})"


if __name__ == "__main__":
    sys.exit(main())
