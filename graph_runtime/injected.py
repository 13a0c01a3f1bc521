"""What a node may ask for beside its inputs: progress, its own id, the folders, the prompt, a service.

A parameter with one of these annotations is no socket: whoever runs the node hands it in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NewType, Self, TypeVar

from .errors import Interrupted
from .model_folders import folders_of, kinds_in

if TYPE_CHECKING:
    from .step import Step

T = TypeVar("T")

NodeId = NewType("NodeId", str)
"""The id of the node in its workflow."""

Prompt = NewType("Prompt", dict[str, object])
"""The whole workflow in the API format, as plain JSON data."""

EditorDocument = NewType("EditorDocument", dict[str, object])
"""The editor's own document of the workflow, as plain JSON data; empty where the run has none."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The run as it stands while a node computes.

    Attributes:
        steps: Every node by id, those of sub-graphs included; grows while the run goes on.
        parents: The node in whose place a node of a sub-graph stands, by its id.
    """

    steps: Mapping[str, Step]
    parents: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a run reads and writes.

    Attributes:
        input: Where pictures named by a workflow lie.
        output: Where results are saved.
        models: Where model files lie, searched in this order: folders laid out as ComfyUI's models folder, and files in
            the form of its `extra_model_paths.yaml`.
        temp: Where previews go.
        state: Where caches and records are kept, or None to keep nothing on disk.
        fetch: Whether nodes may fetch what a workflow names and is not here.
        memory: How many bytes models may take up, or None to leave it to the machine.
        samples: Folders with pictures that come with workflows; those of the input folder go before them.
    """

    input: Path = field(default_factory=lambda: Path("input"))
    output: Path = field(default_factory=lambda: Path("output"))
    models: tuple[Path, ...] = (Path("models"),)
    temp: Path = field(default_factory=lambda: Path("temp"))
    state: Path | None = None
    fetch: bool = False
    memory: int | None = None
    samples: tuple[Path, ...] = ()

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Where pictures named by a workflow are looked for, in this order; only the first may be written."""
        return (self.input, *self.samples)

    def of(self, kind: str) -> tuple[Path, ...]:
        """Where models of a kind such as "loras" lie, in the order in which they are searched."""
        return folders_of(self.models, kind)

    @property
    def kinds(self) -> list[str]:
        """The kinds of models that there are folders for."""
        return kinds_in(self.models)


class Service(ABC):
    """Something costly that nodes share for as long as an executor lives: a weight store, a connection.

    A node asks for it by annotating a parameter with the subclass. Services are thread-safe.
    """

    @classmethod
    @abstractmethod
    def open(cls, folders: Folders) -> Self:
        """Make the one instance that all nodes of an executor share."""

    def relieve(self) -> bool:
        """Let go of what is not in use, because memory ran short; tell whether there was anything."""
        return False

    def close(self) -> None:  # noqa: B027 - most services have nothing to give back
        """Give back what the service holds."""


@dataclass(frozen=True, slots=True)
class Preview:
    """An encoded picture of work in progress.

    Attributes:
        format: Its media type, such as "image/jpeg".
        data: The encoded bytes.
    """

    format: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Tick:
    """One report of a node's progress.

    Attributes:
        done: Steps done so far.
        total: Steps in all; 0 where that is not known.
        preview: A picture of the work so far, where one was asked for.
        text: A line for the user, where the node has something to say.
        once: Whether the line is for the run as a whole: what several nodes say alike is told once.
    """

    done: int = 0
    total: int = 0
    preview: Preview | None = None
    text: str = ""
    once: bool = False


class Progress:
    """Tells how far a node is, and is where cancelling takes effect.

    Args:
        report: Takes each tick; may be called from any thread.
        cancelled: Tells whether the run was cancelled.
        previews: Whether anybody looks at previews; they are not drawn otherwise.
        node: The id of the node, for what is said beside the run; no result may depend on it.
    """

    def __init__(
        self,
        report: Callable[[Tick], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        previews: bool = False,
        node: str = "",
    ) -> None:
        self.node = node
        self._report = report
        self._cancelled = cancelled
        self._previews = previews

    def __call__(self, done: int, total: int, preview: Callable[[], Preview] | None = None) -> None:
        """Report that `done` of `total` steps are done.

        Raises:
            Interrupted: The run was cancelled.
        """
        self.check()
        if self._report is not None:
            drawn = preview() if preview is not None and self._previews else None
            self._report(Tick(done, total, drawn))

    def track(self, items: Iterable[T], total: int | None = None) -> Iterator[T]:
        """Yield the items and report after each of them.

        Raises:
            Interrupted: The run was cancelled.
        """
        count = total if total is not None else _length(items)
        self(0, count)
        for done, item in enumerate(items, 1):
            yield item
            self(done, count)

    def say(self, text: str, once: bool = False) -> None:
        """Tell the user something worth knowing: a fall-back, a picture that was resized.

        Args:
            text: One line.
            once: Told once in a run, however many nodes say it.
        """
        if self._report is not None:
            self._report(Tick(text=text, once=once))

    def check(self) -> None:
        """Stop here if the run was cancelled.

        Raises:
            Interrupted: The run was cancelled.
        """
        if self._cancelled is not None and self._cancelled():
            raise Interrupted


def _length(items: Iterable[object]) -> int:
    try:
        return len(items)  # type: ignore[arg-type]
    except TypeError:
        return 0


SILENT = Progress()
"""Progress that goes nowhere: the default that keeps a node callable as a plain function."""


def is_injected(annotation: object) -> bool:
    """Tell whether a parameter with this annotation is handed in and no socket."""
    if annotation in (Progress, Folders, NodeId, Prompt, EditorDocument, Surroundings):
        return True
    return isinstance(annotation, type) and issubclass(annotation, Service)


def injection(
    wanted: Mapping[str, object],
    values: Mapping[object, object],
    service: Callable[[type[Service]], Service],
) -> dict[str, object]:
    """Fill in the injected parameters of one call.

    Args:
        wanted: Annotation by parameter name.
        values: What stands for each annotation that is no service.
        service: Finds or opens the service of a class.

    Returns:
        The arguments by parameter name.
    """
    return {
        name: service(kind) if isinstance(kind, type) and issubclass(kind, Service) else values[kind]
        for name, kind in wanted.items()
    }
