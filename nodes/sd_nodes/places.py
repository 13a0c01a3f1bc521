"""Where a model's name leads: the user's folders, the models that ship with the pack, the local hub cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

from graph_runtime import NodeError, listed, nearest
from sd_nodes import hub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graph_runtime import Folders

EMBEDDED = Path(__file__).parent / "embedded"
PICKLES = {".ckpt", ".bin", ".pt", ".pth", ".pkl"}
PICKLE_REASON = "a pickle can run any program when it is opened, so only safetensors are read"


@final
@dataclass(frozen=True)
class Shelf:
    """A kind of model: its name in messages, the model folders it is looked for in, and where it ships."""

    title: str
    folders: tuple[str, ...]
    marker: str
    """A file that makes a folder a model of this kind."""
    kind: str = ""
    """The class that this file names, where folders of other kinds have such a file too."""


BASE = Shelf("base model", ("checkpoints", "diffusers"), "model_index.json")
CONTROLNET = Shelf("ControlNet", ("controlnet", "diffusers"), "config.json", "ControlNetModel")
VAE = Shelf("VAE", ("vae", "diffusers", "checkpoints"), "config.json", "AutoencoderKL")
SAFETY = Shelf("safety checker", ("safety_checker", "diffusers"), "config.json", "StableDiffusionSafetyChecker")

EMBEDDING = Shelf("embedding", ("embeddings",), "learned_embeds.safetensors")
LORA = Shelf("LoRA", ("loras",), "pytorch_lora_weights.safetensors")


def find(name: str, shelf: Shelf, folders: Folders) -> Path:
    """Return the file or folder that a model's name leads to.

    Args:
        name: An absolute path (or one beginning with `~` or `.`), a name in the model folders with or without
            `.safetensors`, the name of a model that ships with the pack, or a hub id.
        shelf: The kind of model.
        folders: Where to look, and whether a hub id that is not in the local cache is fetched.

    Raises:
        NodeError: Nothing is there, or it is a pickle.
    """
    try:
        return _find(name, shelf, folders)
    except (OSError, ValueError, RuntimeError) as problem:  # names no file system takes, folders that may not be read
        raise NodeError(f"{name[:80]!r} cannot be looked for as a {shelf.title}: {problem}.") from problem


def _find(name: str, shelf: Shelf, folders: Folders) -> Path:
    places = list(_places(name, shelf, folders))
    for place in places:
        if place.is_dir() or (place.is_file() and place.suffix == ".safetensors"):
            return place
    _refuse_pickles(name, places)
    if hub.is_hub_id(name):
        if folder := hub.cached(name):
            return folder
        if folders.fetch:
            return hub.fetch(name)
    raise _not_found(name, shelf, folders)


def names(shelf: Shelf, folders: Folders) -> list[str]:
    """Return the names of the models of a kind that are there, those of the user before those of the pack."""
    found = [name for root in _roots(shelf, folders) for name in _held(root, shelf)]
    return list(dict.fromkeys(found))


def _roots(shelf: Shelf, folders: Folders) -> list[Path]:
    return [root / folder for root in folders.models for folder in shelf.folders] + [EMBEDDED]


def _places(name: str, shelf: Shelf, folders: Folders) -> Iterator[Path]:
    path = Path(name).expanduser()
    if path.is_absolute() or name.startswith(("./", "../")):
        yield path
        return
    if not name.strip() or ".." in path.parts:
        raise NodeError(f"“{name}” names no {shelf.title}. There is: {listed(names(shelf, folders)) or 'nothing'}.")
    for root in _roots(shelf, folders):
        yield root / path
        yield root / f"{name}.safetensors"


def _held(root: Path, shelf: Shelf) -> list[str]:
    """List what lies in one folder: safetensors files at any depth, and folders with the shelf's marker."""
    if not root.is_dir():
        return []
    marked = [path.parent for path in (*root.glob(f"*/{shelf.marker}"), *root.glob(f"*/*/{shelf.marker}"))]
    alone = [path for path in marked if not (path.parent / "model_index.json").is_file()]
    models = [path for path in alone if not shelf.kind or _names_class(path / shelf.marker, shelf.kind)]
    files = [path for path in root.rglob("*.safetensors") if not _inside_model(path, root)]
    return sorted(path.relative_to(root).as_posix() for path in (*models, *files))


def _names_class(config: Path, kind: str) -> bool:
    """Tell whether a configuration is of a class; one that cannot be read is of none."""
    try:
        return f'"{kind}"' in config.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def _inside_model(path: Path, root: Path) -> bool:
    """Tell whether a file is one component of a diffusers folder rather than a model of its own."""
    between = path.parent.relative_to(root).parts
    above = [root.joinpath(*between[: depth + 1]) for depth in range(len(between))]
    return any((folder / marker).is_file() for folder in above for marker in ("model_index.json", "config.json"))


def _refuse_pickles(name: str, places: list[Path]) -> None:
    candidates = [place for place in places if place.suffix in PICKLES]
    candidates += [place.with_name(place.name + suffix) for place in places for suffix in sorted(PICKLES)]
    for place in candidates:
        if place.is_file():
            raise NodeError(f"{place} is not opened: {PICKLE_REASON}. Save “{name}” as .safetensors.")


def _not_found(name: str, shelf: Shelf, folders: Folders) -> NodeError:
    path = Path(name).expanduser()
    if path.is_file():
        return NodeError(f"{path} is not a .safetensors file: only safetensors are read.")
    if path.is_absolute() or name.startswith(("./", "../")):
        return NodeError(f"There is no {shelf.title} at {path}.")
    present = names(shelf, folders)
    plain = {each.removesuffix(".safetensors"): each for each in present}
    near = nearest(name.removesuffix(".safetensors"), plain)
    searched = [str(root) for root in _roots(shelf, folders)[:-1]] + ["the models that ship with the pack"]
    if hub.is_hub_id(name):
        how = f"to fetch it: controlgraph fetch {name}, or run with --fetch"
        searched.append(f"the local hub cache {hub.hub_cache()} ({how})")
    there = listed(present) or "nothing"
    pickled = sorted(path.name for root in _roots(shelf, folders) for path in root.glob("*") if path.suffix in PICKLES)
    unread = f"Not opened: {listed(pickled)}; {PICKLE_REASON}. " if pickled else ""
    return NodeError(
        f"There is no {shelf.title} “{name}”. Looked in: {', '.join(searched)}. There is: {there}. "
        f"{unread}Put the model there, give --models the folder where it lies, or name its full path.",
        nearest=plain.get(near, ""),
    )
