"""Somebody's own training data for a ControlNet: pictures, control pictures and captions.

Two forms are read: a folder with a `captions.jsonl`, whose lines are
`{"picture": "a.png", "control": "a-edges.png", "caption": "a red house"}`, and whatever the `datasets`
library opens, saved by it, in its usual files (Parquet, an image folder) or on the Hub, with columns
`picture`, `control`, `caption` (or `image`, `conditioning_image`, `text`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .controlnet import Batch, Source
from .loop import Randomness
from .model import LatentDiffusion

if TYPE_CHECKING:
    from datasets import Dataset

HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
COLUMNS = (("picture", "control", "caption"), ("image", "conditioning_image", "text"))


@dataclass(frozen=True)
class Triple:
    """One example; its two pictures are opened when they are needed."""

    picture: Callable[[], Image.Image]
    control: Callable[[], Image.Image]
    caption: str


def read_triples(place: Path) -> list[Triple]:
    """Finds the examples in a folder, or in a dataset of the Hub, which is downloaded once, by its name `owner/name`.

    Raises:
        ValueError: If there is neither, or lines, files or columns are wrong; names them all.
    """
    if (place / "captions.jsonl").is_file():
        return _from_lines(place)
    return _from_dataset(place)


def is_hub_name(place: Path) -> bool:
    """Whether a path that is not there may name a dataset of the Hub."""
    return not place.exists() and HUB_NAME.fullmatch(str(place)) is not None


def _from_lines(folder: Path) -> list[Triple]:
    triples, problems = [], []
    for number, line in enumerate((folder / "captions.jsonl").read_text().splitlines(), 1):
        problem = _problem_of(line, folder)
        if problem:
            problems.append(f"captions.jsonl, line {number}: {problem}")
        elif line.strip():
            row = json.loads(line)
            triples.append(Triple(_opener(folder / row["picture"]), _opener(folder / row["control"]), row["caption"]))
    if not triples and not problems:
        problems.append("captions.jsonl has no lines")
    if problems:
        raise ValueError("\n".join(problems))
    return triples


def _problem_of(line: str, folder: Path) -> str | None:
    if not line.strip():
        return None
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        return f"no JSON: {error.msg} at column {error.colno}"
    wanted = COLUMNS[0]
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in wanted):
        return f"needs the texts {', '.join(wanted)}"
    missing = [row[name] for name in wanted[:2] if not (folder / row[name]).is_file()]
    if missing:
        return f"no such file: {', '.join(missing)}"
    unread = [row[name] for name in wanted[:2] if not _is_picture(folder / row[name])]
    return f"no picture that can be read: {', '.join(unread)}" if unread else None


def _is_picture(path: Path) -> bool:
    """Whether a file begins as a picture does; its pixels are not read."""
    try:
        Image.open(path).close()
    except OSError:
        return False
    return True


def _opener(path: Path) -> Callable[[], Image.Image]:
    def opened() -> Image.Image:
        try:
            with Image.open(path) as picture:
                picture.load()
        except (OSError, SyntaxError, ValueError) as error:
            raise ValueError(f"{path} cannot be read to its end: {error}") from error
        return picture

    return opened


def _from_dataset(place: Path) -> list[Triple]:
    rows = _rows(place)
    names = next((names for names in COLUMNS if set(names) <= set(rows.column_names)), None)
    if names is None:
        columns = " or ".join(", ".join(names) for names in COLUMNS)
        raise ValueError(f"{place} has the columns {', '.join(rows.column_names)}; needed are {columns}")

    def triple(index: int) -> Triple:
        return Triple(lambda: rows[index][names[0]], lambda: rows[index][names[1]], captions[index])

    captions = rows[names[2]]
    return [triple(index) for index in range(len(rows))]


def _rows(place: Path) -> Dataset:
    if place.is_dir() and not any(place.iterdir()):
        raise ValueError(f"{place} is empty; it shall hold captions.jsonl or a dataset")
    try:
        from datasets import DatasetDict, load_dataset, load_from_disk
    except ImportError:
        raise ValueError(
            f"{place} holds no captions.jsonl; to read it as a Hugging Face dataset, install the `datasets` package"
        ) from None
    saved = any((place / name).is_file() for name in ("dataset_info.json", "dataset_dict.json"))
    try:
        found = load_from_disk(str(place)) if saved else load_dataset(str(place))
    except Exception as error:  # the library raises its own, pyarrow's, the Hub's and the network's errors
        told = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"{place} holds neither captions.jsonl nor a dataset that opens: {told[0]}") from error
    if not isinstance(found, DatasetDict):
        return found
    return found["train"] if "train" in found else next(iter(found.values()))


def as_square(picture: Image.Image, edge: int) -> Tensor:
    """Cuts the middle square and scales it, `[3, edge, edge]`, 0..1."""
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.convert("RGB").resize((edge, edge), Image.Resampling.LANCZOS, (left, top, left + side, top + side))
    return torch.from_numpy(np.asarray(square).copy()).permute(2, 0, 1).float() / 255


def source_of(triples: Sequence[Triple], model: LatentDiffusion, batch: int, edge: int) -> Source:
    """Makes the source of batches that encodes pictures as they are needed.

    Args:
        triples: The examples.
        model: Its autoencoder encodes.
        batch: Examples in a step of one process.
        edge: The pictures' edge in pixels, a multiple of eight.
    """

    def draw(random: Randomness) -> Batch:
        chosen = [triples[index] for index in random.numpy.integers(len(triples), size=batch)]
        pictures = torch.stack([as_square(one.picture(), edge) for one in chosen])
        control = torch.stack([as_square(one.control(), edge) for one in chosen])
        noise = random.normal(batch, 4, edge // 8, edge // 8)
        with torch.no_grad():
            latents = model.encode_pictures(pictures.to(model.vae.device), noise.to(model.vae.device))
        return Batch(latents, control, [one.caption for one in chosen])

    return draw
