"""Small random models on disk, where the node tests look for models."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from graph_runtime import Folders
from sd_nodes.weights import WeightStore
from tests.sd_nodes import saved_models


@pytest.fixture(scope="session")
def small_shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a base model, two ControlNets and a safety checker, all random and tiny."""
    root = tmp_path_factory.mktemp("small")
    saved_models.save_base(root / "diffusers/small", safety=True)
    saved_models.save_controlnet(root / "controlnet/small-canny")
    saved_models.save_controlnet(root / "controlnet/small-depth", seed=9)
    return root


@pytest.fixture
def small_folders(small_shelf: Path, tmp_path: Path) -> Folders:
    """The folders of a run that sees the small models and has inputs and results of its own."""
    folders = Folders(tmp_path / "input", tmp_path / "output", (small_shelf,), tmp_path / "temp", tmp_path / "state")
    folders.input.mkdir()
    return folders


@pytest.fixture(scope="session")
def small_store(small_shelf: Path) -> Iterator[WeightStore]:
    """A weight store over the small models."""
    store = WeightStore(Folders(models=(small_shelf,)))
    yield store
    store.close()
