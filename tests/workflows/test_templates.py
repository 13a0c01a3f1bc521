"""The official workflows of ComfyUI's editor, where their package is installed: unmodified, with small stand-ins.

`make templates` runs all of them.
"""

from pathlib import Path

import pytest

from benchmarks.templates.running import NAMES, prepare, run, templates_folder
from graph_runtime import Folders, WorkflowError, join
from graph_runtime.comfy.formats.reading import read_any
from sd_nodes import LIBRARY

FOLDER = templates_folder()
pytestmark = pytest.mark.skipif(FOLDER is None, reason="comfyui-workflow-templates is not installed")

OF_OTHERS = ("sd3", "sdxl", "embedding", "inpaint", "stable_zero123", "depth_t2i_adapter")
"""What the names of those begin with that need more than the models of Stable Diffusion 1, and T2I adapters."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("templates")
    return Folders(root / "input", root / "output", (root / "models",), root / "temp", root / "state")


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith(OF_OTHERS)])
def test_a_template_is_found_good_with_models_of_its_names(name: str, folders: Folders) -> None:
    assert FOLDER
    workflow = read_any(FOLDER / f"{name}.json", LIBRARY)
    prepare(workflow, folders)
    assert not join(workflow, LIBRARY, folders).warnings


@pytest.mark.parametrize("name", NAMES)
def test_without_models_every_address_of_one_is_told_at_once(name: str, tmp_path: Path) -> None:
    assert FOLDER
    workflow = read_any(FOLDER / f"{name}.json", LIBRARY)
    named = {value for call in workflow.nodes.values() for value in call.inputs.values() if isinstance(value, str)}
    wanted = [origin for origin in workflow.origins if origin.name in named]
    with pytest.raises(WorkflowError) as told:
        join(workflow, LIBRARY, Folders(input=tmp_path, models=(tmp_path,)))
    assert wanted
    assert all(f"{origin.url}, for the folder {origin.kind}" in str(told.value) for origin in wanted)


def test_the_editors_default_workflow_runs_as_it_is(tmp_path: Path) -> None:
    assert FOLDER
    (ran,) = run(["default"], FOLDER, tmp_path)
    assert (ran.reason, ran.validated, ran.pictures) == ("", True, 1)
