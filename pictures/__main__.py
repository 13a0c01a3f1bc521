"""Draws the pictures of the README: `python -m pictures`; all workflows on one sheet: `python -m pictures gallery`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pictures.runs import ROOT, WORKFLOWS, shown

HERE = Path(__file__).parent
KEPT = {
    "canny_controlnet": "canny.png",
    "landscape_and_pose": "landscape_and_pose.jpg",
    "conditioning_canny": "conditioning_canny.jpg",
    "conditioning_depth": "conditioning_depth.jpg",
    "conditioning_soft_edges": "conditioning_soft_edges.jpg",
    "conditioning_straight_lines": "conditioning_straight_lines.jpg",
    "conditioning_normals": "conditioning_normals.jpg",
    "conditioning_pose": "conditioning_pose.jpg",
    "conditioning_scribble": "conditioning_scribble.jpg",
    "conditioning_segmentation": "conditioning_segmentation.jpg",
}
"""The workflows whose pictures stand in the README, and the files."""


def main() -> None:
    """Draw what the command line names: the README's pictures, the gallery, or single workflows of the README."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    chosen = sys.argv[1:] or [*KEPT, "graph"]
    for name in chosen:
        print(f"drawing {name}", flush=True)
        if name == "gallery":
            gallery(ROOT / "out/gallery.png")
        elif name == "graph":
            graph(HERE / "graph.png")
        else:
            shown(name).picture.save(HERE / KEPT[name], quality=90, optimize=True)


def graph(file: Path) -> None:
    """Draw the graph of the Canny workflow."""
    program = str(Path(sys.executable).with_name("controlgraph"))
    workflow = WORKFLOWS / "canny_controlnet.json"
    command = [program, "draw", str(workflow), "--input", str(WORKFLOWS / "input"), "-o", str(file)]
    subprocess.run(command, check=True)


def gallery(file: Path) -> None:
    """Run every workflow as far as its weights are here, and draw one sheet of what came out."""
    from pictures.gallery import sheet

    entries = []
    for path in sorted(WORKFLOWS.glob("*.json")):
        print(f"  {path.stem}", flush=True)
        entries.append(shown(path.stem))
    file.parent.mkdir(parents=True, exist_ok=True)
    sheet(entries, "The workflows of ControlGraph").save(file, optimize=True)
    print(file)


if __name__ == "__main__":
    main()
