"""What newer nodes show: pictures, sounds, films, models in space."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from PIL import Image

from graph_runtime import Folders, Library
from graph_runtime.comfy.formats.metadata import read_texts
from graph_runtime.comfy.showing import output_of
from tests.comfy.packs.kitchen import cook
from tests.comfy.packs.test_sounds import read_flac


def shown(shelf: Library, folders: Folders, kind: str) -> dict[str, Any]:
    told = cook(shelf, folders, {"g": ("PantryGallery", {"kind": kind})}, ["g"])
    assert told.outcome.state == "succeeded", told.failed
    said = told.outcome.results["g"].shown
    assert said is not None
    return json.loads(json.dumps(output_of(said, folders), allow_nan=False))


def test_pictures_are_saved_with_the_workflow_and_numbered(shelf: Library, folders: Folders) -> None:
    for first in (1, 3):
        named = [f"jar_{number:05}_.png" for number in (first, first + 1)]
        images = [{"filename": name, "subfolder": "jars", "type": "output"} for name in named]
        assert shown(shelf, folders, "images") == {"images": images}
    data = (folders.output / "jars" / "jar_00001_.png").read_bytes()
    assert Image.open(io.BytesIO(data)).size == (6, 4)
    assert "PantryGallery" in read_texts(io.BytesIO(data), "png")["prompt"]


def test_moving_pictures(shelf: Library, folders: Folders) -> None:
    found = shown(shelf, folders, "moving")
    assert found["animated"] == [True]
    data = (folders.output / found["images"][0]["filename"]).read_bytes()
    assert Image.open(io.BytesIO(data)).n_frames == 2
    assert "PantryGallery" in read_texts(io.BytesIO(data), "webp")["prompt"]


def test_sounds(shelf: Library, folders: Folders) -> None:
    (one,) = shown(shelf, folders, "audio")["audio"]
    assert one["type"] == "temp"
    assert (folders.temp / one["filename"]).suffix == ".flac"
    samples, rate, texts = read_flac((folders.temp / one["filename"]).read_bytes())
    assert (samples.shape, rate) == ((80, 2), 8000)
    assert b"ENCODER=ControlGraph" in texts


@pytest.mark.parametrize(("kind", "found"), [
    ("film", {"images": [{"filename": "a.mp4", "subfolder": "", "type": "input"}], "animated": [True]}),
    ("model", {"result": ["jar.glb [output]", {"zoom": 2}, None],
               "3d": [{"filename": "jar.glb", "subfolder": "shelf", "type": "output"}]}),
])  # fmt: skip
def test_films_and_models_are_named(shelf: Library, folders: Folders, kind: str, found: dict[str, Any]) -> None:
    assert shown(shelf, folders, kind) == found
