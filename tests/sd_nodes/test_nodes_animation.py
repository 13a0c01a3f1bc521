"""Animated pictures: their frames, their pace, and the workflow that they carry."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from PIL import ImageSequence

from graph_runtime import EditorDocument, Folders, Prompt
from graph_runtime.comfy.formats.metadata import picture_format, read_texts
from sd_nodes.animation import save_animated_png, save_animated_webp
from sd_nodes.types import Image

PROMPT = {"1": {"class_type": "SaveAnimatedWEBP", "inputs": {}}}
DOCUMENT = {"nodes": [], "title": "Größe"}


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "input", tmp_path / "output", (), tmp_path / "temp")


def film(channels: int = 3) -> Image:
    return Image(torch.rand(3, 8, 6, channels, generator=torch.Generator().manual_seed(0)))


def frames(path: Path) -> tuple[np.ndarray, list[int]]:
    with Pillow.open(path) as picture:
        shown = [
            (np.asarray(frame.convert("RGB")), frame.info["duration"]) for frame in ImageSequence.Iterator(picture)
        ]
    return np.stack([pixels for pixels, _ in shown]), [int(duration) for _, duration in shown]


@pytest.mark.parametrize("save", [save_animated_png, save_animated_webp])
def test_every_frame_is_kept_and_shown_as_long_as_asked(folders, save):
    shown = save(film(), "film", 8.0, folders=folders)
    pixels, durations = frames(shown.files[0].path)
    assert np.array_equal(pixels, (film() * 255).to(torch.uint8).numpy())
    assert durations == [125, 125, 125]
    assert shown.extra == {"animated": [True]}


@pytest.mark.parametrize(("save", "suffix"), [(save_animated_png, "png"), (save_animated_webp, "webp")])
def test_files_are_numbered_and_of_their_kind(folders, save, suffix):
    paths = [save(film(), "a/film", folders=folders).files[0] for _ in range(2)]
    assert [file.path for file in paths] == [folders.output / f"a/film_0000{n}_.{suffix}" for n in (1, 2)]
    assert paths[0].media == f"image/{suffix}"
    assert picture_format(paths[0].path.read_bytes()[:12]) == suffix


@pytest.mark.parametrize("save", [save_animated_png, save_animated_webp])
def test_the_file_carries_its_workflow(folders, save):
    given = {"prompt": Prompt(PROMPT), "document": EditorDocument(DOCUMENT)}
    path = save(film(), folders=folders, **given).files[0].path
    with path.open("rb") as file:
        texts = read_texts(file, path.suffix[1:])
    assert json.loads(texts["prompt"]) == PROMPT and json.loads(texts["workflow"]) == DOCUMENT


def test_a_lossy_film_is_smaller_and_still_alike(folders):
    lossy, exact = (
        save_animated_webp(film(), "a", 6.0, lossless, 10, "slowest", folders=folders).files[0].path
        for lossless in (False, True)
    )
    assert lossy.stat().st_size < exact.stat().st_size
    assert abs(frames(lossy)[0].astype(int) - frames(exact)[0]).mean() < 64


def test_one_picture_is_no_animation(folders):
    assert save_animated_webp(Image(film()[:1]), folders=folders).extra == {"animated": [False]}


def test_transparent_frames_are_saved(folders):
    path = save_animated_png(film(4), folders=folders).files[0].path
    with Pillow.open(path) as picture:
        assert picture.mode == "RGBA" and picture.n_frames == 3
