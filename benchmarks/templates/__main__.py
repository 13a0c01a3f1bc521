"""Runs the official templates and prints a table; one of all of them goes into the README.

Run as: python -m benchmarks.templates [NAME...] [--from DIR].
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import readme
from benchmarks.__main__ import machine
from benchmarks.table import Table
from benchmarks.templates.running import NAMES, Ran, run, templates_folder


def main() -> int:
    """Run templates, all of them unless some are named; the exit code is 1 if one gave no picture."""
    given = _arguments()
    folder = given.folder or templates_folder()
    if folder is None:
        print("comfyui-workflow-templates is not installed: pip install comfyui-workflow-templates==0.1.95")
        return 1
    described = machine()
    found: list[Ran] = []
    with tempfile.TemporaryDirectory() as work:
        for ran in run(given.names or NAMES, folder, Path(work)):
            found.append(ran)
            print(_line(ran), file=sys.stderr)
    text = table(found).markdown()
    print(text)
    if not given.names and not given.folder:
        readme.write("templates", f"{described}\n\n{text}")
    return 0 if all(ran.sizes for ran in found) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.templates", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="templates; all of the family when left out")
    parser.add_argument("--from", dest="folder", type=Path, help="a folder with those of another version")
    return parser.parse_args()


def _line(ran: Ran) -> str:
    outcome = ran.reason or f"{_sizes(ran)} in {ran.seconds:.1f} s"
    return "\n".join([f"{ran.name}: {outcome}", *(f"  {text}" for text in ran.said)])


def _sizes(ran: Ran) -> str:
    return ", ".join(f"{width} x {height}" for width, height in ran.sizes)


def table(found: list[Ran]) -> Table:
    """The outcome as a table; why one did not run stands in the place of its pictures."""
    rows = [
        (ran.name, str(ran.nodes), _sizes(ran) or ran.reason, f"{ran.seconds:.1f}" if ran.sizes else "")
        for ran in found
    ]
    good = sum(bool(ran.sizes) for ran in found)
    title = f"{good} of {len(found)} official templates of the Stable Diffusion family run as they are"
    note = (
        "Every template in its own steps and sizes, with stand-ins of three levels for its models; the time is that of "
        "the whole run."
    )
    return Table(title, ("template", "nodes", "pictures", "seconds"), rows, note)


if __name__ == "__main__":
    sys.exit(main())
