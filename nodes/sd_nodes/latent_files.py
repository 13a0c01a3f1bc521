"""Latents in files: safetensors that carry the workflow, as ComfyUI writes and reads them."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from graph_runtime import Choices, EditorDocument, Folders, NodeError, Prompt, Shown, ShownFile, listed, nearest, node
from sd_nodes.digests import digest_file
from sd_nodes.images import NO_DOCUMENT, NO_PROMPT
from sd_nodes.picture_files import PLACE, chunks_of, filled, inside, save_numbered
from sd_nodes.types import Latent

if TYPE_CHECKING:
    from collections.abc import Sequence

SUFFIX = ".latent"
TENSOR, FORMAT = "latent_tensor", "latent_format_version_0"
OLD_SCALE = 0.18215
"""Files without a format hold latents multiplied by this."""


def latent_names(folders: Folders) -> Sequence[str]:
    """Return the names of the latents in the input folder, those in folders below it too."""
    found = (Path(place, file) for place, _, files in os.walk(folders.input) for file in files)
    return sorted(path.relative_to(folders.input).as_posix() for path in found if path.suffix == SUFFIX)


def content(latent: str, folders: Folders) -> str:
    """Return the digest of a file of latents.

    Raises:
        NodeError: It is not there.
    """
    return digest_file(_find(latent, folders), folders.state)


@node("Save Latent", category="_for_testing", id="SaveLatent", resource="io")
def save_latent(
    samples: Latent,
    filename_prefix: str = "latents/ComfyUI",
    *,
    folders: Folders,
    prompt: Prompt = NO_PROMPT,
    document: EditorDocument = NO_DOCUMENT,
) -> Shown[None]:
    """Save latents in the output folder; the file carries the workflow that made it.

    Args:
        samples: The latents.
        filename_prefix: What the name begins with, as in Save Image.
    """
    import torch
    from safetensors.torch import save

    tensors = {TENSOR: samples["samples"].cpu().contiguous(), FORMAT: torch.tensor([])}
    data = save(tensors, chunks_of(prompt, document))
    prefix = filled(filename_prefix, 0, 0, datetime.now())
    paths = save_numbered([lambda path: _write(path, data)], folders.output, prefix, SUFFIX)
    shown = [_place(path, folders.output) for path in paths]
    files = tuple(ShownFile(path, "output", "application/octet-stream") for path in paths)
    return Shown(files, extra={"latents": shown})


@node("Load Latent", category="_for_testing", id="LoadLatent", resource="io", fingerprint=content)
def load_latent(latent: Annotated[str, Choices(latent_names, open=True)], folders: Folders) -> Latent:
    """Load latents from the input folder.

    Args:
        latent: Their name in the input folder; ` [output]` after it looks among the results.

    Returns:
        LATENT: The latents.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = _find(latent, folders)
    try:
        tensors = load(path.read_bytes())
    except SafetensorError as error:
        raise NodeError(f"{path} is damaged or holds no latents: {error}.", input="latent") from error
    if TENSOR not in tensors:
        raise NodeError(f"{path} holds {listed(list(tensors)) or 'nothing'}, needs “{TENSOR}”.", input="latent")
    samples = tensors[TENSOR].float()
    return {"samples": samples if FORMAT in tensors else samples / OLD_SCALE}


def _find(name: str, folders: Folders) -> Path:
    match = PLACE.match(name)
    bare, place = (match[1], match[2]) if match else (name, "input")
    root: Path = getattr(folders, place)
    path = root / inside(bare, f"the {place} folder", "latent")
    if not path.is_file():
        names = list(latent_names(folders)) if place == "input" else []
        there = f" There is: {listed(names)}." if names else ""
        raise NodeError(
            f'there are no latents "{bare}" in {root}.{there}', input="latent", nearest=nearest(bare, names)
        )
    return path


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _place(path: Path, root: Path) -> dict[str, str]:
    below = path.parent.relative_to(root).as_posix()
    return {"filename": path.name, "subfolder": "" if below == "." else below, "type": "output"}
