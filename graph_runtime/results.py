"""What a node may give back beside plain values: something to show, a sub-graph, a block."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from .builder import Builder

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file that a sink wrote for the user.

    Attributes:
        path: Where it lies.
        folder: Which of the run's folders holds it.
        media: Its media type, such as "image/png".
        digest: SHA-256 of its content, filled in by the executor: a kept result counts only while its files are as
            the sink left them.
    """

    path: Path
    folder: Literal["output", "temp", "input"] = "output"
    media: str = "image/png"
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Shown(Generic[T]):
    """What a sink returns: what it saved or says, and values for its outputs if it has any.

    Attributes:
        files: The files it wrote.
        text: Lines for the user.
        values: What flows out of its sockets: nothing for a pure sink.
        extra: Anything more for a front end that knows the node, as plain JSON data.
        carries: Which workflow the files carry, filled in by the executor; "" where they carry none.
    """

    files: tuple[ShownFile, ...] = ()
    text: tuple[str, ...] = ()
    values: T | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    carries: str = ""

    def __str__(self) -> str:
        """Give the paths of the files and the text, a line each."""
        return "\n".join([*(str(file.path) for file in self.files), *self.text])


@dataclass(frozen=True, slots=True)
class Expand(Generic[T]):
    """A sub-graph that takes the node's place; its outputs become the node's.

    Attributes:
        graph: The sub-graph; its links may name nodes outside it.
        values: What the node puts out: handles of the sub-graph's outputs, or plain values; a tuple where the node
            has several outputs.
        shown: What the node itself shows, once the sub-graph is done.
    """

    graph: Builder
    values: object = None
    shown: Shown[object] | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """A value that keeps whatever receives it from running.

    Attributes:
        message: Why, reported at the receiving node; "" blocks silently.
    """

    message: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """All that a node gave: the value of each output in order, and what it showed."""

    outputs: tuple[object, ...] = ()
    shown: Shown[object] | None = None


class Lazy(Generic[T_co]):
    """An input that is computed only when the node awaits it.

    Args:
        request: Starts the computation; called at each await, and gives the same value each time.
    """

    def __init__(self, request: Callable[[], Awaitable[T_co]]) -> None:
        self._request = request

    @classmethod
    def of(cls, value: T_co) -> Lazy[T_co]:  # type: ignore[misc]  # a constructor may take what the class gives
        """Wrap a value that is there already, to call a node as a plain function."""
        return Ready(value)

    def __await__(self) -> Generator[object, None, T_co]:
        return self._request().__await__()


class Ready(Lazy[T_co]):
    """A lazy input whose value is there already.

    Args:
        value: The value.
    """

    def __init__(self, value: T_co) -> None:
        super().__init__(self._ready)
        self.value = value

    async def _ready(self) -> T_co:
        return self.value
