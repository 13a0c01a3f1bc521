"""Files that `controlgraph fetch` puts into ./models; tests that need them are skipped without."""

from pathlib import Path

import pytest

from graph_runtime import Folders
from sd_nodes.assets import Asset, present
from sd_nodes.decoding import decode
from sd_nodes.types import Image

ROOT = Path(__file__).parents[3]


def fetched(asset: Asset) -> Folders:
    """Return the folders that hold an asset, or skip the test."""
    folders = Folders(ROOT / "workflows/input", models=(ROOT / "models",))
    if not present(asset, folders):
        pytest.skip(f"{asset.members[0].file} is not there: {asset.command}")
    return folders


def photograph(name: str) -> Image:
    """Return a photograph of those that ship."""
    return decode(ROOT / "workflows/input" / name)[0]
