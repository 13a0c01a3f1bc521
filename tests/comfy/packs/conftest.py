"""The packs of the tests, loaded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph_runtime import Folders, Library
from tests.comfy.packs.kitchen import inside, load, places


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return load(places(tmp_path_factory.mktemp("loading")))


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return places(tmp_path)


@pytest.fixture(autouse=True)
def _forgetful(shelf: Library) -> None:
    inside(shelf)["SEEN"].clear()
