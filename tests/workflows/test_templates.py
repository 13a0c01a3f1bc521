"""The official workflows of ComfyUI's editor, where their package is installed: unmodified, with small stand-ins.

`make templates` runs all of them to a picture; here every one is checked in full, and two run.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.templates.__main__ import table
from benchmarks.templates.running import NAMES, prepare, run, templates_folder
from graph_runtime import Folders, WorkflowError, join
from graph_runtime.comfy.formats.reading import read_any
from sd_nodes import LIBRARY
from sd_nodes.inventory import described, inventory

FOLDER = templates_folder()
pytestmark = pytest.mark.skipif(FOLDER is None, reason="comfyui-workflow-templates is not installed")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("templates")
    return Folders(root / "input", root / "output", (root / "models",), root / "temp", root / "state")


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_found_good_with_models_of_its_names(name: str, folders: Folders) -> None:
    assert FOLDER
    workflow = read_any(FOLDER / f"{name}.json", LIBRARY)
    prepare(workflow, folders)
    assert not join(workflow, LIBRARY, folders).warnings


@pytest.mark.parametrize(
    ("template", "families"),
    [
        ("default", {"sd1"}),
        ("embedding_example", {"sd2"}),
        ("inpaint_example", {"sd2"}),
        ("mixing_controlnets", {"sd1", "sd1 or sdxl"}),
        ("sdxl_refiner_prompt_example", {"sdxl", "sdxl-refiner"}),
        ("sdxlturbo_example", {"sdxl"}),
        ("sd3.5_large_blur", {"sd3"}),
        ("gligen_textbox_example", {"sd1"}),
    ],
)
def test_the_families_of_its_models_are_told_by_their_headers(
    template: str, families: set[str], folders: Folders
) -> None:
    assert FOLDER
    workflow = read_any(FOLDER / f"{template}.json", LIBRARY)
    prepare(workflow, folders)
    wanted = {Path(origin.name).stem for origin in workflow.origins}
    found = {described(item, None).family for item in inventory(folders) if Path(item.name).stem in wanted}
    assert found == families


def test_a_checkpoint_without_a_text_encoder_names_the_node_that_loads_it(folders: Folders) -> None:
    assert FOLDER
    prepare(read_any(FOLDER / "stable_zero123_example.json", LIBRARY), folders)
    workflow = read_any(FOLDER / "default.json", LIBRARY)
    prepare(workflow, folders)
    loads = replace(workflow.nodes["4"], inputs={"ckpt_name": "stable_zero123.ckpt"})
    with pytest.raises(WorkflowError, match=r"rather than of texts: Image Only Checkpoint Loader .* loads it\.$"):
        join(replace(workflow, nodes={**workflow.nodes, "4": loads}), LIBRARY, folders)


@pytest.mark.parametrize("name", NAMES)
def test_without_models_every_address_of_one_is_told_at_once(name: str, tmp_path: Path) -> None:
    """Each once, though several nodes may name it."""
    assert FOLDER
    workflow = read_any(FOLDER / f"{name}.json", LIBRARY)
    named = {value for call in workflow.nodes.values() for value in call.inputs.values() if isinstance(value, str)}
    wanted = {origin for origin in workflow.origins if origin.name in named}
    with pytest.raises(WorkflowError) as told:
        join(workflow, LIBRARY, Folders(input=tmp_path, models=(tmp_path,)))
    assert wanted
    assert all(str(told.value).count(f"{origin.url}, for the folder {origin.kind}") == 1 for origin in wanted)


def test_templates_run_as_they_are(tmp_path: Path) -> None:
    """The first that the editor opens, and the fastest of those with a model of their own; nothing odd is said."""
    assert FOLDER
    ran = list(run(["default", "stable_zero123_example"], FOLDER, tmp_path))
    assert [(one.reason, one.validated, one.sizes, one.said) for one in ran] == [
        ("", True, ((512, 512),), ()),
        ("", True, ((256, 256),), ()),
    ]
    assert "| default | 7 | 512 x 512 |" in table(ran).markdown()
    assert table(ran).title.startswith("2 of 2 official templates")
