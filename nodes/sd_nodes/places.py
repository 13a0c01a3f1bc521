"""Where a model's name leads: the user's folders, the models that ship with the pack, the local hub cache."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, final

from graph_runtime import Choices, NodeError, files_in, listed
from sd_nodes import hub
from sd_nodes.missing import not_found
from sd_nodes.pickles import PICKLES, UNREAD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graph_runtime import Folders

EMBEDDED = Path(__file__).parent / "embedded"
WEIGHTS = (".safetensors", ".sft")
FOLDER_MARKERS = ("model_index.json", "config.json")
STEMS = ("diffusion_pytorch_model", "model")
"""What the weights in a diffusers folder are called."""


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

UNET = Shelf(
    "denoising network", ("diffusion_models", "unet", "diffusers", "checkpoints"), "config.json", "UNet2DConditionModel"
)
TEXT = Shelf("text encoder", ("text_encoders", "clip", "diffusers"), "config.json", "CLIPTextModel")
DIFFUSERS = Shelf("diffusers folder", ("diffusers",), "model_index.json")
CLIP_VISION = Shelf("CLIP vision model", ("clip_vision", "diffusers"), "config.json", "CLIPVisionModelWithProjection")
STYLE = Shelf("style model", ("style_models",), "config.json", "StyleAdapter")
GLIGEN = Shelf("GLIGEN model", ("gligen",), "config.json", "GLIGEN")
UPSCALE = Shelf("upscale model", ("upscale_models",), "config.json", "UpscaleModel")

EMBEDDING = Shelf("embedding", ("embeddings",), "learned_embeds.safetensors")
LORA = Shelf("LoRA", ("loras",), "pytorch_lora_weights.safetensors")


def choices(shelf: Shelf) -> Choices:
    """Return the choice among the models of a kind; any name that leads to one is good."""
    return Choices(partial(names, shelf), open=True, find=lambda name, folders: find(name, shelf, folders))


def find(name: str, shelf: Shelf, folders: Folders) -> Path:
    """Return the file or folder that a model's name leads to.

    Args:
        name: An absolute path (or one beginning with `~` or `.`), a name in the model folders with or without
            `.safetensors`, the name of a model that ships with the pack, a hub id, or the name of a file in the hub's
            local cache. Slashes may have either direction. Where a name ends as pickles do, the safetensors file of
            the same name is meant.
        shelf: The kind of model.
        folders: Where to look, and whether a hub id that is not in the local cache is fetched.

    Raises:
        NodeError: Nothing is there, or it is a pickle.
    """
    try:
        return _find(name, shelf, folders)
    except (OSError, ValueError, RuntimeError) as problem:  # names no file system takes, folders that may not be read
        raise NodeError(f"{name[:80]!r} cannot be looked for as a {shelf.title}: {problem}.") from problem


def is_there(name: str, shelf: Shelf, folders: Folders) -> bool:
    """Tell whether a model's name leads to something that can be read."""
    try:
        find(name, shelf, folders)
    except NodeError:
        return False
    return True


def _find(name: str, shelf: Shelf, folders: Folders) -> Path:
    places = list(_places(name, shelf, folders))
    for place in places:
        if place.is_dir() or (place.is_file() and place.suffix.lower() in WEIGHTS):
            return place
    _refuse_unread(name, places)
    if hub.is_hub_id(name):
        if folder := hub.cached(name):
            return folder
        if folders.fetch:
            return hub.fetch(name)
    if file := hub.cached_file(name):
        return file
    if is_path(name):
        path = Path(name).expanduser()
        what = f"{path} is not a .safetensors file: only safetensors are read."
        raise NodeError(what if path.is_file() else f"There is no {shelf.title} at {path}.")
    raise not_found(name, shelf.title, names(shelf, folders), shelf.folders, users_roots(shelf, folders), folders)


def names(shelf: Shelf, folders: Folders) -> list[str]:
    """Return the names of the models of a kind that are there, those of the user before those of the pack."""
    found = [name for root in roots(shelf, folders) for name in _held(root, shelf)]
    return list(dict.fromkeys(found))


def users_roots(shelf: Shelf, folders: Folders) -> list[Path]:
    """Return the user's folders with models of a kind, in the order in which they are searched."""
    return list(dict.fromkeys(folder for kind in shelf.folders for folder in folders.of(kind)))


def roots(shelf: Shelf, folders: Folders) -> list[Path]:
    """Return the folders with models of a kind: the user's, and the one that ships with the pack."""
    return [*users_roots(shelf, folders), EMBEDDED]


def is_path(name: str) -> bool:
    """Tell whether a name is a path by itself, rather than a name in the model folders."""
    return Path(name).expanduser().is_absolute() or name.startswith(("./", "../"))


def _places(name: str, shelf: Shelf, folders: Folders) -> Iterator[Path]:
    if is_path(name):
        yield Path(name).expanduser()
        return
    path = Path(name.replace("\\", "/"))
    if not name.strip() or ".." in path.parts:
        raise NodeError(f"“{name}” names no {shelf.title}. There is: {listed(names(shelf, folders)) or 'nothing'}.")
    for root in roots(shelf, folders):
        yield root / path
        yield from (root / f"{path}{suffix}" for suffix in WEIGHTS)
        if path.suffix.lower() in PICKLES:
            yield root / path.with_suffix(".safetensors")


def _held(root: Path, shelf: Shelf) -> list[str]:
    """List what lies in one folder: weight files at any depth, and folders with the shelf's marker."""
    markers = {shelf.marker, *FOLDER_MARKERS}
    found = files_in(root, lambda name: name in markers or PurePosixPath(name).suffix.lower() in WEIGHTS)
    paths = [PurePosixPath(each) for each in found]
    marked = {kind: {path.parent for path in paths if path.name == kind} for kind in markers}
    whole = marked["model_index.json"]
    models = {path for path in marked[shelf.marker] if path.name and whole.isdisjoint(path.parents)}
    if shelf.marker != "model_index.json":
        models -= whole
    if shelf.kind:
        models = {path for path in models if _names_class(root / path / shelf.marker, shelf.kind)}
    files = [
        path for path in paths if path.suffix.lower() in WEIGHTS and not is_inside(path, whole, marked["config.json"])
    ]
    return sorted(path.as_posix() for path in (*models, *files))


def _names_class(config: Path, kind: str) -> bool:
    """Tell whether a configuration is of a class; one that cannot be read is of none."""
    try:
        return f'"{kind}"' in config.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def is_inside(path: PurePosixPath, whole: set[PurePosixPath], parts: set[PurePosixPath]) -> bool:
    """Tell whether a file is one component of a diffusers folder rather than a model of its own."""
    return not whole.isdisjoint(path.parent.parents) or (path.parent in parts and path.name.startswith(STEMS))


def _refuse_unread(name: str, places: list[Path]) -> None:
    """Say why a file of that name is not opened that is no safetensors file."""
    candidates = [place for place in places if place.suffix.lower() in UNREAD]
    candidates += [place.with_name(place.name + suffix) for place in places for suffix in UNREAD]
    for place in candidates:
        if place.is_file():
            reason = UNREAD[place.suffix.lower()]
            raise NodeError(f"{place} is not opened: {reason}. Save “{name}” as .safetensors, or take it in that form.")
