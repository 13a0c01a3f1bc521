"""Files that `controlgraph fetch` puts into ./models; tests that need them are skipped without."""

from pathlib import Path

import pytest

from graph_runtime import Folders
from sd_nodes.assets import HED, MLSD, POSE, Asset, present
from sd_nodes.decoding import decode
from sd_nodes.types import Image

ROOT = Path(__file__).parents[3]
MODELS = ROOT / "models"
NEEDS = {"SoftEdges": HED, "StraightLines": MLSD, "Pose": POSE}
"""What nodes need that does not ship; depth is left out, since tests can put a small model in its place."""


def fetched(asset: Asset) -> Folders:
    """Return the folders that hold an asset, or skip the test."""
    folders = Folders(ROOT / "workflows/input", models=(MODELS,))
    if not present(asset, folders):
        pytest.skip(f"{asset.members[0].file} is not there: {asset.command}")
    return folders


def photograph(name: str) -> Image:
    """Return a photograph of those that ship."""
    return decode(ROOT / "workflows/input" / name)[0]


def skip_unless_fetched(workflow: Path) -> None:
    """Skip the test where a workflow has a node whose files or interpreter are not there."""
    text = workflow.read_text()
    for asset in (asset for name, asset in NEEDS.items() if f'"class_type": "{name}"' in text):
        fetched(asset)
        if asset is POSE:
            pytest.importorskip("ai_edge_litert", reason="pip install 'controlgraph[pose]'")
