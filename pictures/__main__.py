"""Draws the pictures of the README: `python -m pictures`."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from graph_runtime import Executor, Folders, discover, join
from graph_runtime.workflow import read

HERE = Path(__file__).parent
WORKFLOW = HERE.parent / "workflows/canny_controlnet.json"
INPUT = HERE.parent / "workflows/input"


def main() -> None:
    """Run the Canny workflow, and draw its graph."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        folders = Folders(input=INPUT, output=out, temp=out)
        with Executor(folders) as executor:
            outcome = asyncio.run(executor.run(join(read(WORKFLOW), discover(), folders)))
        assert outcome.state == "succeeded", outcome.failures
        shutil.copy(out / "canny_controlnet_side_by_side_00001_.png", HERE / "canny.png")
    program = str(Path(sys.executable).with_name("controlgraph"))
    subprocess.run([program, "draw", str(WORKFLOW), "--input", str(INPUT), "-o", str(HERE / "graph.png")], check=True)


if __name__ == "__main__":
    main()
