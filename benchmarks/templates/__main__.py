"""Runs the official templates and prints a table: `python -m benchmarks.templates [NAME...]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.table import Table
from benchmarks.templates.running import NAMES, Ran, run, templates_folder


def main(names: list[str]) -> int:
    """Run templates, all of them unless some are named; the exit code is 1 if one gave no picture."""
    folder = templates_folder()
    if folder is None:
        print("comfyui-workflow-templates is not installed: pip install comfyui-workflow-templates==0.1.95")
        return 1
    found: list[Ran] = []
    with tempfile.TemporaryDirectory() as work:
        for ran in run(names or NAMES, folder, Path(work)):
            found.append(ran)
            print(f"{ran.name}: {ran.reason or f'{ran.pictures} pictures in {ran.seconds:.1f} s'}", file=sys.stderr)
    print(table(found).markdown())
    return 0 if all(ran.pictures for ran in found) else 1


def table(found: list[Ran]) -> Table:
    """The outcome as a table."""
    rows = [
        (
            ran.name,
            str(ran.nodes),
            "yes" if ran.validated else "no",
            str(ran.pictures),
            f"{ran.seconds:.1f}" if ran.pictures else "",
            ran.reason,
        )
        for ran in found
    ]
    good = sum(bool(ran.pictures) for ran in found)
    title = f"{good} of {len(found)} official templates of the Stable Diffusion family run as they are"
    return Table(title, ("template", "nodes", "validates", "pictures", "seconds", "why not"), rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
