"""Draws the pictures of the README: `python -m pictures`."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from graph_runtime import Builder, Executor, Folders, Handle, Workflow, discover, join

HERE = Path(__file__).parent
ROOT = HERE.parent
CASES = (
    ("chelsea.jpg", "a 3d render of a cat face on a blue background", 7),
    ("coffee.jpg", "a flat icon of a hot beverage on a teal background", 7),
)


def strips() -> Workflow:
    """Three pictures for each case: the photograph, its edges, what the demonstration model made of them."""
    builder = Builder()
    base = builder.add("LoadBaseModel", name="emoji")
    model = builder.add("SwapScheduler", model=base, scheduler="unipc")
    net = builder.add("ControlNetLoader", control_net_name="emoji-canny")
    empty = builder.add("EmptyLatentImage", width=128, height=128)
    pictures: list[Handle] = []
    labels: list[str] = []
    for photograph, prompt, seed in CASES:
        loaded = builder.add("LoadImage", image=photograph)
        fitted = builder.add("ImageScale", image=loaded, upscale_method="lanczos", width=128, height=128, crop="center")
        edges = builder.add("CannyEdges", image=fitted)
        positive = builder.add("CLIPTextEncode", text=prompt, clip=base["clip"])
        negative = builder.add("CLIPTextEncode", text="", clip=base["clip"])
        steered = builder.add(
            "ControlNetApplyAdvanced", positive=positive, negative=negative, control_net=net, image=edges
        )
        latent = builder.add(
            "Sampler", model=model, positive=steered[0], negative=steered[1], latent=empty, seed=seed, guidance=3.0
        )
        pictures += [fitted, edges, builder.add("VAEDecode", samples=latent, vae=base["vae"])]
        labels += ["a photograph", "its Canny edges", prompt]
    inputs = {f"image_{place}": picture for place, picture in enumerate(pictures, 1)}
    together = builder.add("CompareImages", labels="\n".join(labels), columns=3, height=256, **inputs)
    builder.add("SaveImage", images=together, filename_prefix="canny")
    return builder.workflow()


def main() -> None:
    """Draw them and put them here."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        folders = Folders(input=ROOT / "workflows/input", output=out, temp=out)
        with Executor(folders) as executor:
            outcome = asyncio.run(executor.run(join(strips(), discover(), folders)))
        assert outcome.state == "succeeded", outcome.failures
        shutil.copy(out / "canny_00001_.png", HERE / "canny.png")
    program = str(Path(sys.executable).with_name("controlgraph"))
    graph = [str(ROOT / "workflows/canny_controlnet.json"), "--input", str(ROOT / "workflows/input")]
    subprocess.run([program, "draw", *graph, "-o", str(HERE / "graph.png")], check=True)


if __name__ == "__main__":
    main()
