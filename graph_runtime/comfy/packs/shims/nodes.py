"""`nodes`: the classes of all nodes by name, and the largest side of a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from ..calling import current

MAX_RESOLUTION = 16384


class ClassMappings(MutableMapping[str, type[Any]]):
    """Classes by the ids of their nodes: what packs put in, and behind it what is there already."""

    def __init__(self) -> None:
        self.behind: Mapping[str, type[Any]] = {}
        self._own: dict[str, type[Any]] = {}

    def __getitem__(self, id: str) -> type[Any]:
        return self._own[id] if id in self._own else self.behind[id]

    def __setitem__(self, id: str, source: type[Any]) -> None:
        self._own[id] = source

    def __delitem__(self, id: str) -> None:
        del self._own[id]

    def __contains__(self, id: object) -> bool:
        return id in self._own or id in self.behind

    def __iter__(self) -> Iterator[str]:
        return iter({**dict.fromkeys(self.behind), **dict.fromkeys(self._own)})

    def __len__(self) -> int:
        return len(self._own.keys() | self.behind.keys())


NODE_CLASS_MAPPINGS = ClassMappings()
NODE_DISPLAY_NAME_MAPPINGS: dict[str, str] = {}
EXTENSION_WEB_DIRS: dict[str, str] = {}
LOADED_MODULE_DIRS: dict[str, str] = {}


def __getattr__(name: str) -> type[Any]:
    """The class of a node by its id."""
    if name.startswith("__") or name not in NODE_CLASS_MAPPINGS:
        raise AttributeError(f"there is no nodes.{name} here")
    return NODE_CLASS_MAPPINGS[name]


def before_node_execution() -> None:
    """Stop here if the run was cancelled.

    Raises:
        Interrupted: It was.
    """
    current().progress.check()


def common_ksampler(
    model: Any, seed: int, steps: int, cfg: float, sampler_name: str, scheduler: str, positive: Any, negative: Any,
    latent: Any, denoise: float = 1.0, disable_noise: bool = False, start_step: int | None = None,
    last_step: int | None = None, force_full_denoise: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """Sample as KSampler does, or, where it is to begin or end within the steps, as KSamplerAdvanced.

    Raises:
        ValueError: It is to begin within the steps in both ways.
    """
    given = {
        "model": model, "steps": steps, "cfg": cfg, "sampler_name": sampler_name, "scheduler": scheduler,
        "positive": positive, "negative": negative, "latent_image": latent,
    }  # fmt: skip
    late = disable_noise or start_step is not None or last_step is not None
    if late and denoise != 1.0:
        raise ValueError("denoise: needs 1 where the steps to begin and end at are given, or no noise is added.")
    said: dict[str, Any] = {"seed": seed, "denoise": denoise}
    if late:
        said = {
            "noise_seed": seed, "add_noise": "disable" if disable_noise else "enable", "start_at_step": start_step or 0,
            "end_at_step": 10_000 if last_step is None else last_step,
            "return_with_leftover_noise": "disable" if force_full_denoise else "enable",
        }  # fmt: skip
    sampler = NODE_CLASS_MAPPINGS["KSamplerAdvanced" if late else "KSampler"]
    return tuple(sampler().sample(**given, **said))
