"""Where model files lie, kind by kind: in folders laid out as ComfyUI's `models`, and where its YAML files point.

A root is such a folder, a folder of ComfyUI that holds one, or a file in the form of `extra_model_paths.yaml`: sections
that each name a `base_path`, folders by the kind of what lies in them (several, one a line), and with `is_default` that
these come before all others; as in ComfyUI the one that is read last comes first of all. Such a file beside a models
folder counts too, as it does in ComfyUI.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .errors import quoted, sized

KINDS: Mapping[str, tuple[str, ...]] = {
    "checkpoints": ("checkpoints",),
    "clip_vision": ("clip_vision",),
    "controlnet": ("controlnet", "t2i_adapter"),
    "diffusers": ("diffusers",),
    "diffusion_models": ("unet", "diffusion_models"),
    "embeddings": ("embeddings",),
    "gligen": ("gligen",),
    "hypernetworks": ("hypernetworks",),
    "loras": ("loras",),
    "photomaker": ("photomaker",),
    "style_models": ("style_models",),
    "text_encoders": ("text_encoders", "clip"),
    "upscale_models": ("upscale_models",),
    "vae": ("vae",),
    "vae_approx": ("vae_approx",),
}
"""The kinds of models that ComfyUI knows, and the folders below its models folder that hold them."""

OTHER_NAMES = {name: kind for kind, names in KINDS.items() for name in names if name != kind}
"""Other words for a kind, such as `clip` for `text_encoders`."""

NO_MODELS = frozenset({"custom_nodes", "configs"})
"""What such files list beside models: packs are loaded only from folders that the user names for it."""

SETTINGS = ("base_path", "is_default")
"""What a section says of itself rather than of a kind of models."""

BESIDE = "extra_model_paths.yaml"

LARGEST = 10**6
"""Bytes that such a file may hold: many times what anybody writes by hand."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with models of one kind; the `preferred` ones are searched before all others."""

    kind: str
    folder: Path
    preferred: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """What a YAML file says: its places in order, or why it cannot be read."""

    places: tuple[Place, ...] = ()
    problem: str = ""
    remarks: tuple[str, ...] = ()
    """What in it is passed over, and why."""
    bases: tuple[tuple[str, Path], ...] = ()
    """The base paths that it names: each with its section and as it is written, and what it means."""


def folders_of(roots: Iterable[Path], kind: str) -> tuple[Path, ...]:
    """The folders of one kind of models in the order in which they are searched; they need not be there.

    Args:
        roots: Folders and YAML files, as described above.
        kind: Such as "loras"; "clip" and "unet" are other words for "text_encoders" and "diffusion_models".
    """
    wanted = OTHER_NAMES.get(kind, kind)
    found = [place for root in roots for place in _places(root, wanted) if place.kind == wanted]
    preferred = [place.folder for place in reversed(found) if place.preferred]
    return tuple(dict.fromkeys([*preferred, *(place.folder for place in found)]))


def kinds_in(roots: Sequence[Path]) -> list[str]:
    """The kinds of models: those that ComfyUI knows, and what else there are folders for."""
    bases = [models_folder(root) for root in roots if not is_paths_file(root)]
    below = {name for base in bases for name in _folders_in(base)}
    listed = {place.kind for root in roots for file in paths_files(root) for place in read_paths(file).places}
    return sorted({OTHER_NAMES.get(name, name) for name in {*KINDS, *below, *listed}} - NO_MODELS)


def problems_in(roots: Iterable[Path]) -> list[str]:
    """What is wrong with YAML files, those among the roots and those beside them."""
    found = (read_paths(file) for root in roots for file in paths_files(root))
    return list(dict.fromkeys(problem for one in found for problem in (one.problem, *one.remarks) if problem))


def absent_in(roots: Iterable[Path]) -> list[str]:
    """The base paths in YAML files that are not there: a disk that is not mounted, a path of another machine."""
    found = ((file, *base) for root in roots for file in paths_files(root) for base in read_paths(file).bases)
    return list(dict.fromkeys(f"{file}: {what} is not there." for file, what, base in found if not base.is_dir()))


def is_paths_file(root: Path) -> bool:
    """Tell whether a root is a YAML file, by its name."""
    return root.suffix.lower() in (".yaml", ".yml")


def models_folder(root: Path) -> Path:
    """The models folder that a root means: itself, or the one in the folder of a ComfyUI."""
    inner = root / "models"
    folders = (name for names in KINDS.values() for name in names)
    return inner if inner.is_dir() and not any((root / name).is_dir() for name in folders) else root


def paths_files(root: Path) -> list[Path]:
    """The YAML files that a root stands for: itself, or the one beside its models folder."""
    if is_paths_file(root):
        return [root]
    base = models_folder(root)
    beside = base.absolute().parent / BESIDE
    return [beside] if base.absolute().name == "models" and beside.is_file() else []


def read_paths(file: Path) -> Listed:
    """Read a YAML file; what is wrong with it becomes its problem."""
    try:
        return _read(file.absolute(), file.stat().st_mtime_ns)
    except OSError as error:
        return Listed(problem=f"{file} cannot be read: {error.strerror or error}.")


def _folders_in(base: Path) -> list[str]:
    try:
        return [entry.name for entry in base.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        return []


def _places(root: Path, kind: str) -> Iterator[Place]:
    if not is_paths_file(root):
        base = models_folder(root)
        yield from (Place(kind, base / name) for name in KINDS.get(kind, (kind,)))
    for file in paths_files(root):
        yield from read_paths(file).places


@lru_cache(maxsize=64)
def _read(file: Path, changed: int) -> Listed:
    """Read a file as it is since `changed`."""
    import yaml

    if file.stat().st_size > LARGEST:
        return Listed(problem=f"{file} holds more than {sized(LARGEST)}, so it is no list of folders.")
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        mark = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
        return Listed(problem=f"{file} is no YAML{mark}: {error.problem or error.context}.")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return Listed(problem=f"{file} is no YAML: {str(error).partition(chr(10))[0] or type(error).__name__}.")
    if data is None:
        return Listed()
    if not isinstance(data, dict):
        return Listed(problem=f"{file}: found a {type(data).__name__}, needs sections with a base_path and folders.")
    loose = {key: value for key, value in data.items() if not isinstance(value, dict)}
    sections = {str(name): section for name, section in data.items() if isinstance(section, dict)} | {"": loose}
    bases = {name: _base(section, file.parent) for name, section in sections.items()}
    return Listed(
        tuple(place for name, section in sections.items() for place in _section(section, bases[name] or file.parent)),
        remarks=tuple(
            f"{file}: found {quoted(value)} as {f'{key} of {name}' if name else key}, needs a folder or a list of them."
            for name, section in sections.items()
            for key, value in section.items()
            if key not in SETTINGS and not (value is None or isinstance(value, str) or _is_list_of_texts(value))
        ),
        bases=tuple(
            (f"the base_path{f' of {name}' if name else ''}, {sections[name]['base_path']},", base)
            for name, base in bases.items()
            if base is not None
        ),
    )


def _base(section: Mapping[object, object], beside: Path) -> Path | None:
    base = section.get("base_path")
    return _path(base, beside) if isinstance(base, str) and base.strip() else None


def _section(section: Mapping[object, object], root: Path) -> Iterator[Place]:
    """The places of one section; paths are relative to its base path, and that to the file's folder."""
    for kind, value in section.items():
        if kind in SETTINGS or not isinstance(kind, str):
            continue
        lines = value.splitlines() if isinstance(value, str) else value if isinstance(value, list) else ()
        for line in lines:
            if isinstance(line, str) and line.strip():
                yield Place(OTHER_NAMES.get(kind, kind), _path(line, root), bool(section.get("is_default")))


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(line, str) for line in value)


def _path(text: str, beside: Path) -> Path:
    """The path that a text means, with `~` and variables in it, slashes of either direction."""
    plain = os.path.expanduser(os.path.expandvars(text.strip()))  # noqa: PTH111 - an unknown user stays as it is
    if os.sep == "/" and not Path(plain).exists():
        plain = plain.replace("\\", "/")
    return Path(os.path.normpath(beside / plain))
