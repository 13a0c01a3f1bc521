"""What models are there: where each lies, what it is by its header, how large it is; weights are read to hash only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, final

from graph_runtime import NodeError, files_in
from sd_nodes import embeddings, hub, places
from sd_nodes.components import components
from sd_nodes.digests import digest_file, digest_files, known_digest
from sd_nodes.families import kind_of
from sd_nodes.headers import Header, read_header
from sd_nodes.part_sources import family_of_parts
from sd_nodes.patches import family_of_lora, is_lora
from sd_nodes.pickles import PICKLES, UNREAD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graph_runtime import Folders

GGUF = ".gguf"
"""The ending of the other files with weights that people keep beside these."""

HUB, SHIPPED = "hub cache", "ships with the pack"
PARTS = {
    "unet": "UNet",
    "transformer": "transformer",
    "vae": "VAE",
    "text_encoder": "text encoder",
    "text_encoder_2": "second text encoder",
    "text_encoder_3": "third text encoder",
    "controlnet": "ControlNet",
    "t2i_adapter": "T2I adapter",
    "control_lora": "control-LoRA",
    "safety_checker": "safety checker",
    "image_encoder": "image encoder",
    "gligen": "GLIGEN",
    "style_model": "style model",
    "upscaler": "upscaler",
}


@final
@dataclass(frozen=True)
class Item:
    """A model.

    Args:
        name: What workflows call it.
        kind: The kind of the folder that it lies in, such as `loras`; or where else it lies.
        path: Its file or folder.
        bytes: Its size.
        holds: What it is, by its header: its parts, `LoRA`, `embedding`; empty where that is not known.
        family: The family of models that it belongs to, or empty.
        problem: Why it cannot be read, or empty.
        digest: Its SHA-256 in hex, where it has been computed; of a folder, one over all that counts in it.
        hidden: Another model of the same name and kind is found before it.
    """

    name: str
    kind: str
    path: Path
    bytes: int = 0
    holds: str = ""
    family: str = ""
    problem: str = ""
    digest: str = ""
    hidden: bool = False


def inventory(folders: Folders) -> Iterator[Item]:
    """List the models in the model folders, in the hub's local cache, and those that ship; nothing of them is read."""
    for kind in folders.kinds:
        seen: set[str] = set()
        for root in folders.of(kind):
            for name in _models_in(root):
                yield Item(name, kind, root / name, hidden=name in seen)
                seen.add(name)
    for name, folder in hub.all_cached():
        yield Item(name, HUB, folder)
    for name in _models_in(places.EMBEDDED):
        yield Item(name, SHIPPED, places.EMBEDDED / name)


def described(item: Item, state: Path | None) -> Item:
    """Tell what a model is, and its digest if that is known already."""
    try:
        size = sum(file.stat().st_size for file in _files(item.path))
        item = replace(item, bytes=size)
        if item.path.suffix.lower() in PICKLES:
            return replace(item, problem="a pickle: not opened, since it could run any program")
        if item.path.suffix.lower() == GGUF:
            return replace(item, problem=f"not opened: {UNREAD[GGUF]}")
        known = known_digest(item.path, state) if item.path.is_file() else ""
        holds, family = _told(item.path)
        kind = kind_of(PurePosixPath(item.name).name) if holds == PARTS["controlnet"] else ""
        return replace(item, digest=known, holds=f"{holds} ({kind})" if kind else holds, family=family)
    except NodeError as error:
        return replace(item, problem=error.message)
    except OSError as error:
        return replace(item, problem=f"cannot be read: {error.strerror or error}")


def hashed(item: Item, state: Path | None) -> Item:
    """Compute a model's digest, which is kept; large files take their time once."""
    try:
        path = item.path
        digest = digest_file(path, state) if path.is_file() else digest_files(path, _files(path), state)
    except OSError as error:
        return replace(item, problem=f"cannot be read: {error.strerror or error}")
    return replace(item, digest=digest)


def _models_in(root: Path) -> list[str]:
    """The names of weight files, pickles among them, and of folders as diffusers saves them."""
    suffixes = {*places.WEIGHTS, *PICKLES, GGUF}
    found = files_in(root, lambda name: name in places.FOLDER_MARKERS or PurePosixPath(name).suffix.lower() in suffixes)
    paths = [PurePosixPath(each) for each in found]
    whole = {path.parent for path in paths if path.name == "model_index.json"}
    parts = {path.parent for path in paths if path.name == "config.json"}
    parts = {path for path in parts if whole.isdisjoint((path, *path.parents)) and _has_weights(path, paths)}
    folders = {path for path in whole | parts if path.name}
    files = {path for path in paths if path.suffix.lower() in suffixes and not places.is_inside(path, whole, parts)}
    return sorted(path.as_posix() for path in folders | files)


def _has_weights(folder: PurePosixPath, paths: list[PurePosixPath]) -> bool:
    return any(path.parent == folder and path.name.startswith(places.STEMS) for path in paths)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [
        path / name for name in files_in(path, lambda name: PurePosixPath(name).suffix in (".safetensors", ".json"))
    ]


def _told(path: Path) -> tuple[str, str]:
    """What a model holds, and its family."""
    if path.is_file():
        header = read_header(path)
        if is_lora(header):
            return "LoRA", family_of_lora(header)
        if family := _embedding(header):
            return "embedding", family
    found = components(path)
    return ", ".join(PARTS.get(part, part) for part in found), family_of_parts(found)


def _embedding(header: Header) -> str:
    """The family of learned words, told by their width; empty where the file holds something else."""
    if len(header) > len(embeddings.OWN) or any(len(tensor.shape) > 2 for tensor in header.values()):
        return ""
    widths = sorted((tensor.shape[-1] for tensor in header.values() if tensor.shape), reverse=True)
    return next((embeddings.FAMILIES[width] for width in widths if width in embeddings.FAMILIES), "")
