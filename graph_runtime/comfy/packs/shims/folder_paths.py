"""`folder_paths`: where files lie; all names are those that packs know."""

from __future__ import annotations

import mimetypes
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from pathlib import Path, PurePosixPath

from ....file_trees import files_in
from ....injected import Folders
from ....model_folders import OTHER_NAMES, is_paths_file, models_folder
from ..calling import current

supported_pt_extensions = {".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".bin", ".pth", ".pkl"}
extension_mimetypes_cache: dict[str, str] = {}

filename_list_cache: dict[str, object] = {}

_added: dict[str, list[str]] = {}
_first: set[str] = set()
_suffixes: dict[str, set[str]] = {}
_SUFFIXES = ("input", "output", "temp")


def __getattr__(name: str) -> object:
    """The folders that packs read as plain attributes."""
    known: Mapping[str, Callable[[], object]] = {
        "base_path": lambda: str(own_folder(current().folders)),
        "models_dir": _models_dir,
        "input_directory": get_input_directory,
        "output_directory": get_output_directory,
        "temp_directory": get_temp_directory,
        "user_directory": get_user_directory,
    }
    found = known.get(name)
    if found is None:
        raise AttributeError(f"there is no folder_paths.{name} here")
    return found()


def own_folder(folders: Folders) -> Path:
    """What stands for the folder that ComfyUI lies in: packs put files of their own below it."""
    return ((folders.state or folders.temp) / "comfyui").absolute()


def _models_dir() -> str:
    roots = [root for root in current().folders.models if not is_paths_file(root)]
    return str(models_folder(roots[0] if roots else Path("models")).absolute())


def get_input_directory() -> str:
    """Where pictures named by a workflow lie."""
    return str(current().folders.input.absolute())


def get_output_directory() -> str:
    """Where results are saved."""
    return str(current().folders.output.absolute())


def get_temp_directory() -> str:
    """Where previews go."""
    return str(current().folders.temp.absolute())


def get_user_directory() -> str:
    """Where settings are kept."""
    folders = current().folders
    return str(((folders.state or folders.temp) / "user").absolute())


get_public_user_directory = get_system_user_directory = lambda name="": str(Path(get_user_directory()) / name)


def map_legacy(folder_name: str) -> str:
    """The word that is used now for a kind of models."""
    return OTHER_NAMES.get(folder_name, folder_name)


def get_input_subfolders() -> list[str]:
    """The folders below the input folder."""
    root = current().folders.input
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_dir())


def get_directory_by_type(type_name: str) -> str | None:
    """The folder called input, output or temp; None where there is no such folder."""
    return str(getattr(current().folders, type_name).absolute()) if type_name in _SUFFIXES else None


class _Folders(list[str]):
    """The folders of a kind; one that is put in is kept."""

    def __init__(self, kind: str, paths: Iterable[str]) -> None:
        super().__init__(paths)
        self._kind = kind

    def append(self, path: str) -> None:
        """Add a folder."""
        add_model_folder_path(self._kind, path)
        super().append(path)


class _Kinds(MutableMapping[str, tuple[list[str], set[str]]]):
    """The folders of each kind of models, and the suffixes of what counts in them."""

    def __contains__(self, kind: object) -> bool:
        return kind in _added or kind in current().folders.kinds

    def __getitem__(self, kind: str) -> tuple[list[str], set[str]]:
        if kind not in self:
            raise KeyError(kind)
        return _Folders(kind, get_folder_paths(kind)), _suffixes.get(kind, supported_pt_extensions)

    def __setitem__(self, kind: str, said: tuple[Iterable[str], Iterable[str]]) -> None:
        paths, suffixes = said
        there = _engines(kind)
        _added[kind] = [str(path) for path in paths if str(path) not in there]
        _suffixes[kind] = set(suffixes)

    def __delitem__(self, kind: str) -> None:
        _added.pop(kind, None)
        _suffixes.pop(kind, None)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*current().folders.kinds, *_added}))

    def __len__(self) -> int:
        return len(list(iter(self)))


folder_names_and_paths = _Kinds()


def _engines(kind: str) -> list[str]:
    """The folders that hold models of a kind, as far as the engine knows it."""
    folders = current().folders
    known = kind in folders.kinds or kind in OTHER_NAMES
    return [str(folder.absolute()) for folder in folders.of(kind)] if known or kind not in _added else []


def get_folder_paths(folder_name: str) -> list[str]:
    """The folders that hold models of a kind."""
    found = [*_engines(folder_name), *_added.get(folder_name, ())]
    return sorted(found, key=lambda path: path not in _first)


def add_model_folder_path(folder_name: str, full_folder_path: str, is_default: bool = False) -> None:
    """Add a folder with models of a kind."""
    known = _added.setdefault(folder_name, [])
    if full_folder_path not in known:
        known.append(str(full_folder_path))
    if is_default:
        _first.add(str(full_folder_path))


def get_filename_list(folder_name: str) -> list[str]:
    """The names of the models of a kind."""

    suffixes = _suffixes.get(folder_name, set() if folder_name in _added else supported_pt_extensions)

    def is_model(name: str) -> bool:
        return not suffixes or PurePosixPath(name).suffix.casefold() in suffixes

    return sorted({file for root in get_folder_paths(folder_name) for file in files_in(Path(root), is_model)})


def get_full_path(folder_name: str, filename: str) -> str | None:
    """The path of a model, or None where it is not there."""
    for root in get_folder_paths(folder_name):
        path = (Path(root) / filename).resolve()
        if path.is_file() and path.is_relative_to(Path(root).resolve()):
            return str(path)
    return None


def get_full_path_or_raise(folder_name: str, filename: str) -> str:
    """The path of a model.

    Raises:
        FileNotFoundError: It is not there.
    """
    path = get_full_path(folder_name, filename)
    if path is None:
        raise FileNotFoundError(f"there is no {filename} among the models of {folder_name}")
    return path


def annotated_filepath(name: str) -> tuple[str, str | None]:
    """Take a name such as `cat.png [temp]` apart: the name, and the folder it names or None."""
    for type_name in _SUFFIXES:
        if name.endswith(f"[{type_name}]"):
            return name.removesuffix(f"[{type_name}]").rstrip(), get_directory_by_type(type_name)
    return name, None


def get_annotated_filepath(name: str, default_dir: str | None = None) -> str:
    """The path that a name such as `cat.png [temp]` means."""
    name, folder = annotated_filepath(name)
    if folder or default_dir:
        return str(Path(folder or default_dir or "") / name)
    inputs = current().folders.inputs
    return str(next((root for root in inputs if (root / name).is_file()), inputs[0]).absolute() / name)


def exists_annotated_filepath(name: str) -> bool:
    """Tell whether the file is there that a name such as `cat.png [temp]` means; files outside do not count."""
    plain, folder = annotated_filepath(name)
    roots = [root.resolve() for root in ([Path(folder)] if folder else current().folders.inputs)]
    paths = [(root, (root / plain).resolve()) for root in roots]
    return any(path.is_relative_to(root) and path.is_file() for root, path in paths)


def filter_files_content_types(files: Iterable[str], content_types: Iterable[str]) -> list[str]:
    """Keep the files of some kinds: image, video, audio, model."""
    wanted = set(content_types)
    return [name for name in files if (mimetypes.guess_type(name)[0] or "").partition("/")[0] in wanted]


def recursive_search(
    directory: str, excluded_dir_names: Iterable[str] | None = None
) -> tuple[list[str], dict[str, float]]:
    """The files below a folder, and the folders with their times of change."""
    root, left_out = Path(directory), set(excluded_dir_names or ())
    found = [path for path in root.rglob("*") if not left_out & set(path.relative_to(root).parts)]
    files = [path.relative_to(root).as_posix() for path in found if path.is_file()]
    return files, {str(path): path.stat().st_mtime for path in (root, *found) if path.is_dir()}


def get_save_image_path(
    filename_prefix: str, output_dir: str, image_width: int = 0, image_height: int = 0
) -> tuple[str, str, int, str, str]:
    """Find the folder and the next free number for pictures that are saved.

    Returns:
        The folder, the name before the number, the number, the folder below the output folder, the prefix.

    Raises:
        ValueError: The prefix leads out of the output folder.
    """
    now = time.localtime()
    parts = {"width": str(image_width), "height": str(image_height), "year": "%Y", "month": "%m", "day": "%d"}
    for name, value in {**parts, "hour": "%H", "minute": "%M", "second": "%S"}.items():
        filename_prefix = filename_prefix.replace(f"%{name}%", time.strftime(value, now))
    wanted = Path(filename_prefix)
    folder = Path(output_dir) / wanted.parent
    if not folder.resolve().is_relative_to(Path(output_dir).resolve()):
        raise ValueError(f"{filename_prefix} leads out of the output folder")
    folder.mkdir(parents=True, exist_ok=True)
    taken = [path.name.removeprefix(f"{wanted.name}_")[:5] for path in folder.glob(f"{wanted.name}_*")]
    counter = 1 + max((int(number) for number in taken if number.isdecimal()), default=0)
    subfolder = "" if wanted.parent == Path() else str(wanted.parent)
    return str(folder), wanted.name, counter, subfolder, filename_prefix
