"""How long the command line takes to answer: a new process each time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.table import Table, median_seconds

ROOT = Path(__file__).parent.parent
WORKFLOW = ROOT / "workflows/canny_controlnet.json"
COMMANDS = (
    ("--help",),
    ("nodes",),
    ("validate", str(WORKFLOW), "--input", str(WORKFLOW.parent / "input")),
)
CODE = "from graph_runtime.cli import main; main(prog_name='controlgraph')"


def measure() -> list[Table]:
    """Measure the commands that should answer at once, and Python itself for comparison."""
    rows = [["python -c pass", f"{_seconds('pass', ()):.2f} s"]]
    for arguments in COMMANDS:
        name = " ".join(Path(argument).name if "/" in argument else argument for argument in arguments)
        rows.append([f"controlgraph {name}", f"{_seconds(CODE, arguments):.2f} s"])
    return [Table("Answers of the command line", ["", "time"], rows, "Each in a new process; torch is not loaded.")]


def _seconds(code: str, arguments: tuple[str, ...]) -> float:
    def run() -> None:
        subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, check=True)

    return median_seconds(run, runs=7)
