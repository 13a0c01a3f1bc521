"""A clone of the repository in ComfyUI's folder of packs gives its nodes there; ComfyUI is stood in for."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]

PRELUDE = """
import asyncio, inspect, json, sys
from pathlib import Path
import folder_paths, nodes, comfy.utils, comfy.model_management, comfy.cli_args
nodes.load_custom_node(Path("custom_nodes/control.graph-1"))
known, early = nodes.NODE_CLASS_MAPPINGS, set(sys.modules)
def run(id, **given):
    source = known[id]
    return getattr(source(), source.FUNCTION)(**given)
def say(value):
    print(json.dumps(value, default=str))
"""


SCRIPT = """
source = known["ControlGraphVAEDecode"]
inputs = source.INPUT_TYPES()["required"]
(latent,) = run("ControlGraphEmptyLatentImage", width=64, height=32, batch_size=2, controlgraph_id="4")
try:
    (mask,) = run("ControlGraphSolidMask", value=1.0, width=8, height=8, controlgraph_id="5")
    run("ControlGraphCropMask", mask=mask, x=9, y=0, width=4, height=4, controlgraph_id="6")
except ValueError as error:
    refusal = str(error)
check = known["ControlGraphLoadImage"].VALIDATE_INPUTS
spec = inspect.getfullargspec(check)
say({
    "takes": [spec.args, bool(spec.varkw)], "gone": check(image="gone.png"), "linked": check(image=None),
    "odd": known["ControlGraphEmptyLatentImage"].VALIDATE_INPUTS(width=64, height=-5, batch_size=1),
    "kept": known["VAEDecode"] is object, "samples": inputs["samples"][0], "vae": inputs["vae"][0],
    "returns": source.RETURN_TYPES, "category": source.CATEGORY, "place": sys.modules["sd_nodes"].__file__,
    "title": nodes.NODE_DISPLAY_NAME_MAPPINGS["ControlGraphVAEDecode"], "torch": "torch" in early,
    "listed": [one[0] for one in known["ControlGraphLoraLoader"].INPUT_TYPES()["required"].values()
               if isinstance(one[0], list)],
    "path": [Path(folder).name for folder in sys.path], "shape": list(latent["samples"].shape), "refusal": refusal,
})
"""

TOYS = """
from typing import NamedTuple
import graph_runtime as g
from graph_runtime.comfy.plugin import mappings
class Two(NamedTuple):
    low: int
    high: int
@g.node("Walk")
def walk(steps: int = 2, progress: g.Progress = g.SILENT) -> int:
    for _ in progress.track(range(steps)): pass
    return steps
@g.node("Split")
def split(n: int) -> Two:
    return Two(n // 2, n - n // 2)
@g.node("Grow")
def grow(n: int) -> g.Expand[int]:
    graph = g.Builder()
    return g.Expand(graph, graph.add(split, n=n)["high"])
@g.node("Sum")
async def total(ns: list[int], more: int = 0, id: g.NodeId = "") -> str:
    return f"{sum(ns) + more} at {id}"
@g.node("Stop")
def stop(n: int) -> int:
    return g.Blocked("enough")
@g.node("Say")
def say_it(what: str, document: g.EditorDocument = None) -> g.Shown:
    return g.Shown(text=(what, json.dumps(document)))
known.update(mappings(g.Library.of("toys", walk, split, grow, total, stop, say_it))[0])
"""


RESULTS = """
run("ControlGraphWalk", steps=2)
ticks = list(comfy.utils.TICKS)
comfy.model_management.cancelled = True
try:
    run("ControlGraphWalk", steps=2)
except comfy.model_management.InterruptProcessingException:
    cancelled = True
document = {"workflow": {"id": 1}}
say({
    "ticks": ticks, "cancelled": cancelled, "two": run("ControlGraphSplit", n=5),
    "grown": run("ControlGraphGrow", n=5), "blocked": run("ControlGraphStop", n=5)[0].message,
    "total": asyncio.run(run("ControlGraphTotal", ns=[1, 2], more=[3], controlgraph_id=["9"])),
    "said": run("ControlGraphSayIt", what="hello", extra_pnginfo=document),
    "lists": known["ControlGraphTotal"].INPUT_IS_LIST,
})
"""


@pytest.fixture(scope="module")
def comfyui(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ComfyUI's stand-in and a clone; no package of ours is installed for it."""
    path = tmp_path_factory.mktemp("comfyui")
    for name in ("input", "output", "temp", "models", "custom_nodes"):
        (path / name).mkdir()
    for place in ("models/loras/near", "elsewhere/loras/far"):
        (path / place).parent.mkdir(parents=True)
        (path / f"{place}.safetensors").touch()
    (path / "more.yaml").write_text("more:\n  base_path: elsewhere\n  loras: loras\n")
    (path / "custom_nodes" / "control.graph-1").symlink_to(ROOT, target_is_directory=True)
    return path


def told(comfyui: Path, script: str) -> dict[str, Any]:
    """What a script says that runs inside ComfyUI; Python's own start-up of installed packages is left out."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE / "comfyui"), *site.getsitepackages()])}
    command = [sys.executable, "-S", "-c", PRELUDE + script]
    done = subprocess.run(command, cwd=comfyui, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def pack(comfyui: Path) -> dict[str, Any]:
    """What the clone's nodes give."""
    return told(comfyui, SCRIPT)


@pytest.fixture(scope="module")
def toys(comfyui: Path) -> dict[str, Any]:
    """What toy nodes give."""
    return told(comfyui, TOYS + RESULTS)


def test_nodes_come_with_prefixed_ids_and_types(pack: dict[str, Any]) -> None:
    assert pack["kept"]
    assert (pack["samples"], pack["vae"], pack["returns"]) == ("LATENT", "CONTROLGRAPH_VAE", ["IMAGE"])
    assert pack["category"] == "ControlGraph/latent" and pack["title"] == "VAE Decode (ControlGraph)"


def test_the_clone_is_found_without_a_search_path_and_loads_no_torch(pack: dict[str, Any]) -> None:
    assert Path(pack["place"]).resolve() == ROOT / "nodes" / "sd_nodes" / "__init__.py"
    assert not pack["torch"] and "nodes" not in pack["path"]


def test_a_node_computes_there_and_refuses_in_words(pack: dict[str, Any]) -> None:
    assert pack["shape"] == [2, 4, 4, 8] and "the mask is 8 x 8 pixels" in pack["refusal"]


def test_values_are_checked_before_the_run(pack: dict[str, Any]) -> None:
    assert pack["takes"] == [[], True], "ComfyUI then leaves the checks to the class"
    assert "gone.png" in pack["gone"] and pack["linked"] is True and pack["odd"].startswith("height: ")


def test_models_of_further_folders_are_listed(pack: dict[str, Any]) -> None:
    assert pack["listed"] == [["near.safetensors", "far.safetensors"]]


def test_progress_and_interrupting_are_bridged(toys: dict[str, Any]) -> None:
    assert toys["ticks"] == [[0, 2], [1, 2], [2, 2]] and toys["cancelled"]


def test_results_in_comfyuis_words(toys: dict[str, Any]) -> None:
    assert toys["two"] == [2, 3] and toys["blocked"] == "enough" and toys["lists"]
    inner = {"7.0.0.1": {"class_type": "ControlGraphSplit", "inputs": {"n": 5}}}
    assert toys["grown"] == {"expand": inner, "result": [["7.0.0.1", 1]]}
    assert toys["total"] == ["6 at 9"] and toys["said"] == {"ui": {"text": ["hello", '{"id": 1}']}, "result": []}
