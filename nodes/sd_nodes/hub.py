"""Models of the Hugging Face hub: those in the local cache, and fetching one when asked to."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from graph_runtime import NodeError
from sd_nodes.pickles import PICKLES

if TYPE_CHECKING:
    from collections.abc import Iterable

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
FILES = {".safetensors", ".sft", ".gguf", *PICKLES}
"""The endings of files with weights."""

FILE = re.compile(r"[\w. ()+-]+\.(safetensors|sft)")
SETTINGS = re.compile(r"([^/]+/)?[^/]+\.(json|txt)")
WEIGHTS = re.compile(
    r"(?P<folder>[^/]+/)?(diffusion_pytorch_model|model|pytorch_lora_weights|learned_embeds)"
    r"(?P<variant>\.fp16)?(-\d+-of-\d+)?\.safetensors"
)
"""The names of weights: of a part of a model, and of a LoRA and an embedding, which lie by themselves."""


PATIENCE = 5
"""Seconds within which the hub has to say what a model holds."""


def is_hub_id(name: str) -> bool:
    """Tell whether a name has the form of a hub id: `owner/name`; `folder/file.safetensors` is the name of a file."""
    ending = PurePosixPath(name).suffix.lower()
    return HUB_ID.fullmatch(name) is not None and not name.startswith(".") and ending not in FILES


def hub_cache() -> Path:
    """Return the folder of the local hub cache, as the hub's own library chooses it."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache).expanduser()
    home = os.environ.get("HF_HOME")
    if not home:
        home = os.path.join(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "huggingface")  # noqa: PTH118
    return Path(home).expanduser() / "hub"


def is_offline() -> bool:
    """Tell whether the user has forbidden fetching from the hub."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def cached(name: str) -> Path | None:
    """Return the folder of a hub model in the local cache, or None if it is not there."""
    repository = hub_cache() / f"models--{name.replace('/', '--')}"
    main = repository / "refs" / "main"
    revisions = [main.read_text().strip()] if main.is_file() else []
    revisions += sorted(path.name for path in repository.glob("snapshots/*"))
    folders = (repository / "snapshots" / revision for revision in revisions)
    return next((folder for folder in folders if folder.is_dir()), None)


def all_cached() -> list[tuple[str, Path]]:
    """Return the models in the local cache: their ids and folders."""
    names = [path.name.removeprefix("models--").replace("--", "/", 1) for path in hub_cache().glob("models--*")]
    return [(name, folder) for name in sorted(names) if (folder := cached(name))]


def cached_file(name: str) -> Path | None:
    """Return the one file of that name in the local cache, whatever model it belongs to.

    Args:
        name: The name of a file, or `owner/name/` and its path in that model. The names that the parts of all
            diffusers models have in common mean none.
    """
    plain = name.replace("\\", "/")
    parts = plain.split("/")
    if ".." in parts or not FILE.fullmatch(parts[-1]) or WEIGHTS.fullmatch(parts[-1]):
        return None
    if len(parts) > 2 and (folder := cached("/".join(parts[:2]))):
        path = folder.joinpath(*parts[2:])
        return path if path.is_file() else None
    found = [path for path in hub_cache().glob(f"models--*/snapshots/*/**/{parts[-1]}") if path.is_file()]
    return found[0] if len({path.resolve() for path in found}) == 1 else None


def wanted(files: Iterable[str]) -> list[str]:
    """Choose what to fetch of a repository: settings, and of each folder the weights, those in fp16 if no others."""
    listed = list(files)
    weights = [match for file in listed if (match := WEIGHTS.fullmatch(file))]
    whole = {match["folder"] for match in weights if not match["variant"]}
    chosen = [match[0] for match in weights if not match["variant"] or match["folder"] not in whole]
    return [file for file in listed if SETTINGS.fullmatch(file)] + chosen


def fetch(name: str) -> Path:
    """Fetch a hub model into the local cache and return its folder there.

    Raises:
        NodeError: Fetching is forbidden, or failed.
    """
    if is_offline():
        raise NodeError(
            f"“{name}” is not in the local hub cache {hub_cache()}, and HF_HUB_OFFLINE forbids fetching it."
        )
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        held = HfApi().model_info(name, timeout=PATIENCE).siblings or []
    except (HfHubHTTPError, ValueError) as problem:  # the hub has answered, or is not asked for what is no id
        raise _refused(name, problem) from problem
    except Exception as problem:  # no answer, in the words of whichever client the library uses
        raise NodeError(
            f"“{name}” could not be fetched: the hub cannot be reached ({_first_line(problem)}); "
            "is this machine online?"
        ) from problem
    try:
        return Path(snapshot_download(name, allow_patterns=wanted(file.rfilename for file in held)))
    except Exception as problem:  # the library raises its own, the network's and the operating system's errors
        raise _refused(name, problem) from problem


def _refused(name: str, problem: Exception) -> NodeError:
    return NodeError(f"“{name}” could not be fetched from the hub: {type(problem).__name__}: {_first_line(problem)}")


def _first_line(problem: Exception) -> str:
    return str(problem).strip().partition("\n")[0]
