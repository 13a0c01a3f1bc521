"""A pack of toy nodes about apples: every feature of the engine in a few lines, without anything heavy."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, NewType, TypeVar

from graph_runtime import (
    SILENT,
    Blocked,
    Builder,
    Choices,
    Expand,
    Folders,
    Lazy,
    Library,
    NodeError,
    NodeId,
    Preview,
    Progress,
    Prompt,
    Range,
    Seed,
    Service,
    Shown,
    ShownFile,
    node,
)

T = TypeVar("T")
Kind = Literal["red", "green", "russet"]
Pieces = Annotated[int, Range(1, 12)]


@dataclass(frozen=True, slots=True)
class Apple:
    """An apple, whole or in pieces."""

    kind: str = "red"
    pieces: int = 1


RedApple = NewType("RedApple", Apple)


class Halves(NamedTuple):
    """Two parts.

    Args:
        small: The smaller part.
        large: The larger part.
    """

    small: int
    large: int


class Orchard(Service):
    """Lets a test see into running nodes, and hold them."""

    opened = 0

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.entered = threading.Semaphore(0)
        self.lock = threading.Lock()
        self.inside = self.most = self.closed = 0

    @classmethod
    def open(cls, folders: Folders) -> Orchard:
        cls.opened += 1
        time.sleep(0.01)
        return cls()

    def close(self) -> None:
        self.closed += 1

    def visit(self, seconds: float) -> None:
        """Stay for a while, and note how many are there at the same time."""
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(seconds)
        with self.lock:
            self.inside -= 1


class Flooded(Service):
    """A service that cannot be opened."""

    @classmethod
    def open(cls, folders: Folders) -> Flooded:
        raise OSError("the orchard is under water")


@node("Pick Apple", category="apples")
def pick(kind: Kind = "red", seed: Seed = 0) -> Apple:
    """Pick an apple.

    Args:
        kind: Which apple.
        seed: Which tree.

    Returns:
        apple: A whole apple.
    """
    return Apple(kind)


@node("Pick Red Apple")
def pick_red() -> RedApple:
    return RedApple(Apple("red"))


@node("Cut Apple", category="apples")
def cut(apple: Apple, pieces: Pieces = 2) -> Apple:
    return Apple(apple.kind, apple.pieces * pieces)


@node("Polish Red Apple")
def polish(apple: RedApple) -> RedApple:
    return apple


@node("Count Pieces")
def count(apple: Apple, spare: Apple | None = None) -> int:
    return apple.pieces + (spare.pieces if spare is not None else 0)


@node("Number")
def number(value: int = 0) -> int:
    return value


@node("Real Number")
def real(value: float = 0.0) -> float:
    return value


@node("Word")
def word(text: str = "") -> str:
    return text


@node("Truth")
def truth(value: bool = False) -> bool:
    return value


@node("Add")
def add(a: float, b: float = 0.0) -> float:
    return a + b


@node("Bump")
def bump(n: int, by: int = 1) -> int:
    return n + by


@node("Crate")
def crate(count: int = 3) -> list[int]:
    return list(range(1, count + 1))


@node("Weigh Crate")
def weigh(crate: list[int]) -> int:
    return sum(crate)


@node("Halve")
def halve(n: int) -> Halves:
    return Halves(n // 2, n - n // 2)


@node("Slice")
def slices(n: int) -> list[int]:
    return [n] * n


@node("Multiply")
def multiply(a: int, b: int) -> int:
    return a * b


@node("Choose")
async def choose(first: bool, yes: Lazy[int], no: Lazy[int]) -> int:
    return await yes if first else await no


@node("Sum On Demand")
async def demand_both(a: Lazy[int], b: Lazy[int], twice: bool = False) -> int:
    if twice:
        await a
    return sum(await asyncio.gather(_future(a), _future(b)))


async def _future(lazy: Lazy[int]) -> int:
    return await lazy


@node("Try")
async def attempt(risky: Lazy[int], fallback: int = -1) -> int:
    try:
        return await risky
    except NodeError:
        return fallback


@node("Reroute")
def reroute(value: T) -> T:
    return value


@node("Loop")
def loop(times: int, total: int = 0) -> Expand[int] | int:
    if times == 0:
        return total
    inner = Builder()
    return Expand(inner, inner.add(loop, times=times - 1, total=inner.add(bump, n=total)))


@node("Show Twice")
def show_twice(value: int) -> Expand[int]:
    inner = Builder()
    inner.add(tell, value=value)
    return Expand(inner, inner.add(bump, n=inner.add(bump, n=value)))


@node("Grow Towards")
def grow_towards(node: str, value: int = 0) -> Expand[int]:
    inner = Builder()
    from graph_runtime import Link

    return Expand(inner, inner.add(bump, n=Link(node), by=value))


@node("Grow Anything")
def grow_anything(kind: str, field: str, text: str = "") -> Expand[int]:
    inner = Builder()
    return Expand(inner, inner.add(kind, **{field: text} if field else {}))


@node("Endless")
def endless(n: int = 0) -> Expand[int]:
    inner = Builder()
    return Expand(inner, inner.add(endless, n=n))


@node("Grow Apples")
def grow_apples(kinds: list[str]) -> Expand[int]:
    inner = Builder()
    total = inner.add(number)
    for kind in kinds:
        total = inner.add(add_pieces, total=total, apple=inner.add(cut, apple=Apple(kind), pieces=3))
    return Expand(inner, total)


@node("Add Pieces")
def add_pieces(total: int, apple: Apple) -> int:
    return total + apple.pieces


@node("Label")
def label(text: str, tree: Apple | None = None) -> str:
    return text


@node("Variety", static=True)
def variety(kind: Kind = "red") -> Apple:
    if kind == "russet":
        raise NodeError("there is no russet this year.", input="kind", nearest="red")
    return Apple(kind)


@node("Nap")
def nap(seconds: float = 0.1, after: int | None = None) -> float:
    time.sleep(seconds)
    return seconds


@node("Press", resource="gpu")
def press(orchard: Orchard, seconds: float = 0.02, after: int | None = None) -> float:
    orchard.visit(seconds)
    return seconds


@node("Async Nap", resource="io")
async def async_nap(seconds: float = 0.1) -> float:
    await asyncio.sleep(seconds)
    return seconds


@node("Ripen")
def ripen(days: int = 3, progress: Progress = SILENT) -> int:
    for day in range(1, days + 1):
        progress(day, days, lambda: Preview("image/png", b"apple"))
    progress.say("ripe")
    return days


@node("Wait At Gate", resource="gpu")
def wait_at_gate(orchard: Orchard, progress: Progress = SILENT, n: int = 0) -> int:
    orchard.entered.release()
    while not orchard.gate.is_set():
        progress(0, 0)
        time.sleep(0.002)
    return n


@node("Hold Gate", resource="gpu")
def hold_gate(orchard: Orchard, n: int = 0) -> int:
    """Stay until the gate opens, without ever looking up."""
    orchard.entered.release()
    orchard.gate.wait(10)
    return n


@node("Async Forever")
async def async_forever(orchard: Orchard) -> int:
    orchard.entered.release()
    await asyncio.sleep(60)
    return 1


@node("Tell Late")
def tell_late(orchard: Orchard, progress: Progress = SILENT) -> int:
    """Leave a thread behind that reports after the node is done."""

    def late() -> None:
        orchard.gate.wait(10)
        progress(1, 1)
        orchard.entered.release()

    threading.Thread(target=late, daemon=True).start()
    return 1


@node("Drown")
def drown(water: Flooded) -> int:
    return 1


@node("Rot")
def rot(n: int = 0) -> int:
    raise ValueError("there is a worm in it")


@node("Refuse")
def refuse(n: int = 0) -> int:
    raise NodeError("the apple is too small.", input="n", nearest="2")


@node("Give Up")
def give_up(how: Literal["stop", "exit", "cancelled", "keyboard"] = "stop") -> int:
    raise {
        "stop": StopIteration,
        "exit": SystemExit,
        "cancelled": asyncio.CancelledError,
        "keyboard": KeyboardInterrupt,
    }[how]


@node("Async Give Up")
async def async_give_up() -> int:
    raise asyncio.CancelledError


@node("Block")
def block(n: int = 0, message: str = "") -> int:
    return Blocked(message)  # type: ignore[return-value]


@node("Lie")
def lie(how: str = "type") -> Halves:
    return {"type": "one", "count": (1, 2, 3), "kind": Halves(1, "two")}[how]  # type: ignore[return-value,arg-type]


@node("Spoil List")
def spoil(crate: list[int]) -> int:
    crate.append(1000)
    return len(crate)


@node("Spoil Data")
def spoil_data(data: dict[str, object]) -> int:
    data["n"] = int(str(data.get("n", 0))) + 1
    return int(str(data["n"]))


@node("Unsteady", cached=False)
def unsteady(n: int = 0) -> int:
    return n


@node("Anything")
def anything(value: object) -> str:
    return repr(value)


@node("Number Or Word")
def number_or_word(value: int | str) -> str:
    return repr(value)


@node("My Id")
def my_id(id: NodeId, n: int = 0) -> str:
    return id


@node("My Prompt")
def my_prompt(prompt: Prompt, n: int = 0) -> str:
    return ",".join(prompt)


@node("Tell")
def tell(value: object) -> Shown:
    return Shown(text=(str(value),))


@node("Tell And Pass")
def tell_and_pass(value: int) -> Shown[int]:
    return Shown(text=(str(value),), values=value, extra={"seen": [value]})


@node("Save")
def save(value: object, folders: Folders, name: str = "apple.txt") -> Shown:
    path = folders.output / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(value))
    return Shown((ShownFile(path, "output", "text/plain"),))


def _files(folders: Folders) -> Sequence[str]:
    return sorted(path.name for path in folders.input.iterdir()) if folders.input.is_dir() else []


def _digest(name: str, folders: Folders) -> str:
    path = folders.input / name
    if not path.is_file():
        raise NodeError(f"there is no file {name}.", input="name")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@node("Read File", fingerprint=_digest, resource="io")
def read_file(name: Annotated[str, Choices(_files)], folders: Folders) -> str:
    return (folders.input / name).read_text()


@node("Read Any File", fingerprint=_digest)
def read_any_file(name: str, folders: Folders) -> str:
    return (folders.input / name).read_text()


NODES: tuple[Callable[..., object], ...] = (
    pick, pick_red, cut, polish, count, number, real, word, truth, add, bump, crate, weigh, halve, slices, multiply,
    choose, demand_both, attempt, reroute, loop, show_twice, grow_towards, grow_anything, endless, grow_apples,
    add_pieces, label, variety, nap, press, async_nap, ripen, wait_at_gate, hold_gate, async_forever, tell_late, drown,
    rot, refuse, give_up, async_give_up, block, lie, spoil, spoil_data, unsteady, anything, number_or_word, my_id,
    my_prompt, tell, tell_and_pass, save, read_file, read_any_file,
)  # fmt: skip
LIBRARY = Library.of("apples", *NODES)
