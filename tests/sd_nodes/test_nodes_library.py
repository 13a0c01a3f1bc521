"""The library of the pack: what is in it, and that it costs nothing to look at."""

import re
import subprocess
import sys
from pathlib import Path

from graph_runtime.sockets import compatible, describe
from sd_nodes import LIBRARY
from tests.sd_nodes.annotators.fetched import NEEDS
from tests.workflows.pictures import INPUT, WORKFLOWS

HEAVY = ("torch", "diffusers", "transformers", "cv2", "numpy")

LOOK = """
import sys
from pathlib import Path
from graph_runtime import Folders, join
from graph_runtime.api_format import read
from sd_nodes import LIBRARY

LIBRARY.environments
folders = Folders(Path(sys.argv[1]), models=(Path("none"),))
for path in sys.argv[2:]:
    join(read(Path(path)), LIBRARY, folders)
print(len(LIBRARY), *(name for name in {heavy} if name in sys.modules))
"""


def look(*workflows: Path) -> str:
    """Import the pack and join workflows in a new process; say how many nodes there are and what was imported."""
    code = LOOK.format(heavy=HEAVY)
    command = [sys.executable, "-c", code, str(INPUT), *map(str, workflows)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_library_is_listed_without_torch():
    assert look() == str(len(LIBRARY))


def test_workflows_are_checked_without_torch():
    """Those that need nothing but what ships."""
    texts = {path: path.read_text() for path in sorted(WORKFLOWS.glob("*.json"))}
    fetched = re.compile("|".join(["controlgraph fetch [^`/]+/", *(f'"{name}"' for name in ("DepthMap", *NEEDS))]))
    checked = [path for path, text in texts.items() if not fetched.search(text)]
    assert len(checked) >= 5 and look(*checked) == str(len(LIBRARY))


def test_every_node_and_socket_is_documented():
    bare = [node.id for node in LIBRARY.values() if not node.docs.summary or not node.category]
    bare += [f"{node.id}.{one.name}" for node in LIBRARY.values() for one in node.inputs.values() if not one.docs]
    bare += [f"{node.id} -> {one.name}" for node in LIBRARY.values() for one in node.outputs if not one.docs]
    assert bare == []


def test_stages_of_comfyui_bear_its_ids_and_inputs():
    known = {
        "CheckpointLoaderSimple": ["ckpt_name"],
        "ControlNetLoader": ["control_net_name"],
        "VAELoader": ["vae_name"],
        "CLIPTextEncode": ["text", "clip"],
        "ControlNetApply": ["conditioning", "control_net", "image", "strength"],
        "ControlNetApplyAdvanced": [
            "positive", "negative", "control_net", "image", "strength", "start_percent", "end_percent", "vae",
        ],
        "EmptyLatentImage": ["width", "height", "batch_size"],
        "VAEDecode": ["samples", "vae"],
        "VAEEncode": ["pixels", "vae"],
        "LoadImage": ["image"],
        "ImageScale": ["image", "upscale_method", "width", "height", "crop"],
        "SaveImage": ["images", "filename_prefix"],
        "PreviewImage": ["images"],
    }  # fmt: skip
    assert {name: list(LIBRARY[name].inputs)[: len(inputs)] for name, inputs in known.items()} == known


def test_the_environment_names_what_computes():
    found = LIBRARY.environments["sd_nodes"]
    assert found["torch"] and found["diffusers"] and found["machine"]


def test_any_output_can_be_held_against_any_input():
    """Whatever is linked to whatever, the answer is yes or no: a wrong link is told, and never a crash."""
    given = {describe(one.socket.type): one.socket.type for node in LIBRARY.values() for one in node.outputs}
    taken = {describe(one.socket.type): one.socket.type for node in LIBRARY.values() for one in node.inputs.values()}
    fits = {(source, target) for source in given for target in taken if compatible(given[source], taken[target])}
    assert ("Latent", "Latent") in fits
    assert ("EdgeMap", "Image") in fits
    assert {("Model", "Latent"), ("Latent", "Image"), ("Image", "EdgeMap"), ("integer", "Latent")}.isdisjoint(fits)
