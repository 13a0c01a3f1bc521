"""Learned words of prompts (textual inversion, arXiv:2208.01618): where they lie, and for which text encoders."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from graph_runtime import Folders, NodeError
from sd_nodes.families import family_of
from sd_nodes.headers import Header, read_header
from sd_nodes.places import EMBEDDING, find, names
from sd_nodes.sources import embedding_width, locate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch

    from sd_nodes.types import Clip

WORD = re.compile(r"embedding:([^\s,():]+)")
OWN = {"text_encoder": "clip_l", "text_encoder_2": "clip_g"}
"""What a file for several text encoders calls the vectors of each."""

FAMILIES = {768: "sd1", 1024: "sd2", 1280: "sdxl", 4096: "sd3 or flux"}
"""Families by the width of their learned words; those with several text encoders are told by the one of their own."""


def listing(folders: Folders) -> str:
    """Return what changes whenever a learned word is added, taken away or changed; empty where there are none."""
    found = [f"{name} {_stamp(learned(name, folders))}" for name in names(EMBEDDING, folders)]
    return hashlib.sha256("\n".join(found).encode()).hexdigest() if found else ""


def learned(name: str, folders: Folders) -> Path | None:
    """Return the file of a learned word, or nothing where there is no such word."""
    try:
        place = find(name, EMBEDDING, folders)
    except NodeError:
        return None
    return place / EMBEDDING.marker if place.is_dir() else place


def demand_family(text: str, clip: Clip, folders: Folders) -> None:
    """Make sure that the learned words in a prompt belong to the text encoders that read it, by their headers.

    Raises:
        NodeError: A learned word fits none of the text encoders.
    """
    for name in dict.fromkeys(WORD.findall(text)):
        path = learned(name, folders)
        if path is None:
            continue
        header = read_header(path)
        if not any(_entry(header, each.source.part, _width(each, folders)) for each in clip.encoders):
            theirs = sorted({(0, *tensor.shape)[-1] for tensor in header.values()})
            widths = [width for each in clip.encoders if (width := _width(each, folders))]
            several, verb = ("s", "are") if len(widths) > 1 else ("", "is")
            # SDXL's smaller text encoder has the width of Stable Diffusion 1, SD3's larger one that of SDXL.
            widest = max(theirs, default=0)
            family = FAMILIES.get(widest) or family_of(widest)
            raise NodeError(
                f"the embedding “{name}” is {' and '.join(map(str, theirs))} wide, of the family {family}; the text "
                f"encoder{several} of “{clip.source.name}” {verb} {' and '.join(map(str, widths))} wide, of the family "
                f"{clip.family}.",
                input="text",
            )


def finder(clip: Clip, folders: Folders) -> Callable[[str], torch.Tensor | None]:
    """Return what looks up the vectors of learned words for one text encoder."""
    width = _width(clip, folders)

    def vectors(name: str) -> torch.Tensor | None:
        from safetensors import safe_open

        path = learned(name, folders)
        entry = _entry(read_header(path), clip.source.part, width) if path else None
        if path is None or entry is None:
            return None
        with safe_open(path, framework="pt") as file:
            found: torch.Tensor = file.get_tensor(entry)
        return found

    return vectors


def _entry(header: Header, part: str, width: int | None) -> str | None:
    """Return the tensor that one text encoder takes: its own where the file names it, else the one of its width."""
    own = OWN.get(part, "")
    wanted = [own] if own in header else [name for name in header if name not in OWN.values()]
    return next((name for name in wanted if header[name].shape[-1:] == (width,)), None)


def _width(clip: Clip, folders: Folders) -> int | None:
    """Return the width of a text encoder's tokens; None for T5, which is taught no words."""
    return embedding_width(locate(clip.source, folders))


def _stamp(path: Path | None) -> str:
    status = path.stat() if path and path.is_file() else None
    return f"{status.st_size} {status.st_mtime_ns}" if status else ""
