"""Draws the pictures of the README and the template browser: `python -m pictures`; one sheet of all workflows:
`python -m pictures gallery`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from PIL import Image as Pillow

from pictures.runs import ROOT, WORKFLOWS, Shown, shown

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

THUMBNAIL = (480, 360)
"""The largest width and height of a thumbnail, in pixels."""

CONDITIONINGS = "The eight conditionings, each on a photograph"
HERE_WHOLE = "On the demonstration model that ships"
HERE_IN_PART = "With Stable Diffusion"
"""The parts of the gallery."""

SMALL = 1200
"""The width in pixels of the sheet that stands in the README."""


def main() -> None:
    """Draw what the command line names: pictures by name, `graph`, `thumbnails`, `workflows`, `gallery`."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    chosen = sys.argv[1:] or [*KEPT, "graph", "thumbnails", "workflows"]
    for name in chosen:
        print(f"drawing {name}", flush=True)
        if name == "gallery":
            gallery(ROOT / "out/gallery.png")
        elif name == "graph":
            graph(HERE / "graph.png")
        elif name == "workflows":
            workflows(HERE / "workflows.jpg")
        elif name == "thumbnails":
            thumbnails(WORKFLOWS / "thumbnails")
        else:
            shown(name).picture.save(HERE / KEPT[name], quality=90, optimize=True)


def graph(file: Path) -> None:
    """Draw the graph of the Canny workflow."""
    program = str(Path(sys.executable).with_name("controlgraph"))
    workflow = WORKFLOWS / "canny_controlnet.json"
    command = [program, "draw", str(workflow), "--input", str(WORKFLOWS / "input"), "-o", str(file)]
    subprocess.run(command, check=True)


def thumbnails(folder: Path) -> None:
    """Draw what each workflow shows of itself, small, as the editor's template browser shows it."""
    folder.mkdir(exist_ok=True)
    for path in sorted(WORKFLOWS.glob("*.json")):
        print(f"  {path.stem}", flush=True)
        picture = shown(path.stem).picture
        picture.thumbnail(THUMBNAIL)
        picture.save(folder / f"{path.stem}.webp", quality=80, method=6)


def workflows(file: Path) -> None:
    """Draw what the workflows of the demonstration model show, on one sheet, small."""
    from pictures.gallery import sheet

    drawn = sheet({HERE_WHOLE: _parts()[HERE_WHOLE]}, "The workflows of ControlGraph")
    size = (SMALL, round(drawn.height * SMALL / drawn.width))
    drawn.resize(size, Pillow.Resampling.LANCZOS).save(file, quality=85, optimize=True)


def gallery(file: Path) -> None:
    """Run every workflow as far as its weights are here, and draw one sheet of what came out."""
    from pictures.gallery import sheet

    file.parent.mkdir(parents=True, exist_ok=True)
    parts = {name: entries for name, entries in _parts().items() if entries}
    sheet(parts, "The workflows of ControlGraph").save(file, optimize=True)
    print(file)


def _parts() -> dict[str, list[Shown]]:
    """What each workflow shows of itself, by the part of the gallery that it stands in."""
    parts: dict[str, list[Shown]] = {HERE_WHOLE: [], CONDITIONINGS: [], HERE_IN_PART: []}
    for path in sorted(WORKFLOWS.glob("*.json")):
        print(f"  {path.stem}", flush=True)
        entry = shown(path.stem)
        part = HERE_WHOLE if entry.whole else HERE_IN_PART
        parts[CONDITIONINGS if path.stem.startswith("conditioning_") else part].append(entry)
    return parts


if __name__ == "__main__":
    main()
