"""`--models`: folders, and YAML files that list folders."""

from __future__ import annotations

import pytest

from .conftest import Cli

APPLE = {
    "1": {"class_type": "PickApples", "inputs": {}},
    "2": {"class_type": "ServeApples", "inputs": {"apples": ["1", 0]}},
}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("none.yaml", None, "--models none.yaml cannot be read: No such file or directory."),
        ("broken.yml", "a: [", "broken.yml is no YAML at line"),
        ("list.yaml", "- a", "list.yaml: found a list, needs sections with a base_path and folders."),
        ("file.txt", "x", "--models file.txt is a file, needs a folder or a YAML file."),
    ],
)
def test_what_names_no_folders_is_told_before_anything_else(
    cli: Cli, name: str, content: str | None, told: str
) -> None:
    if content is not None:
        (cli.folder / name).write_text(content)
    found = cli("validate", "missing.json", "--models", name)
    assert found.exit_code == 2
    assert told in found.output
    assert "missing.json" not in found.output


def test_a_broken_file_beside_a_models_folder_is_a_warning(cli: Cli) -> None:
    (cli.folder / "models").mkdir()
    (cli.folder / "extra_model_paths.yaml").write_text("a:\n\tb: c\n")
    found = cli("validate", cli.write("w.json", APPLE))
    assert found.exit_code == 0
    assert "warning: " in found.output
    assert "extra_model_paths.yaml is no YAML at line 2" in found.output


def test_folders_and_files_may_stand_side_by_side(cli: Cli) -> None:
    (cli.folder / "good.yaml").write_text("a: {base_path: x, loras: y}")
    assert cli("validate", cli.write("w.json", APPLE), "--models", "none", "--models", "good.yaml").exit_code == 0
