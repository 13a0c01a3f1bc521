"""What a weight store holds: what is in use stays, what was used longest ago goes first, bytes stay within bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock, RLock
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from sd_nodes.loading import Loaded

Key = tuple[object, ...]


@final
@dataclass
class Held:
    """One module: who loads it waits on `lock`, who computes with it is counted in `users`.

    Args:
        rest: The device whose memory it takes up between its uses.
        size: Its bytes; those it will take up, while it is being loaded.
        where: The device whose memory it takes up now.
    """

    rest: str
    size: int = 0
    where: str = ""
    lock: Lock = field(default_factory=Lock)
    loaded: Loaded | None = None
    users: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        self.where = self.where or self.rest


@final
class Holdings:
    """Modules by key, in the order of their last use.

    Args:
        room: The bytes that modules may take up on a device.
        on_release: Called before modules are let go, to let go of what else holds them.
    """

    def __init__(self, room: Callable[[str], int], on_release: Callable[[], None] = lambda: None) -> None:
        self._room = room
        self._on_release = on_release
        self._held: dict[Key, Held] = {}
        self._lock = RLock()

    @property
    def bytes(self) -> int:
        """The memory that loaded modules take up, on all devices."""
        with self._lock:
            return sum(held.size for held in self._held.values() if held.loaded)

    def get(self, key: Key) -> Held | None:
        """Return what is held under a key."""
        return self._held.get(key)

    def borrow(self, key: Key, rest: str) -> Held:
        """Return what is held under a key, for use: it is not let go until it is given back."""
        with self._lock:
            held = self._held[key] = self._held.pop(key, Held(rest))
            held.users += 1
            return held

    def give_back(self, key: Key, held: Held) -> None:
        """Take back what was borrowed; what could not be loaded is forgotten."""
        with self._lock:
            held.users -= 1
            if held.loaded is None and not held.users:
                self._held.pop(key, None)
            self.shrink(held.rest, self._room(held.rest))

    def reserve(self, held: Held, size: int, device: str) -> None:
        """Count bytes to a device before they are taken up there, and let go of as much as they need."""
        with self._lock:
            held.size, held.where = size, device
            self.shrink(device, self._room(device))

    def shrink(self, device: str, until: int = 0) -> int:
        """Let go of what nobody uses until a device holds at most `until` bytes; return the bytes that were freed."""
        freed = 0
        with self._lock:
            there = {key: held for key, held in self._held.items() if held.where == device}
            total = sum(held.size for held in there.values())
            for key, held in there.items():
                if total - freed <= until:
                    break
                if held.loaded and not held.users:
                    if not freed:
                        self._on_release()
                    freed += held.size
                    del self._held[key]
        return freed

    def clear(self) -> int:
        """Let go of all that nobody uses; return the bytes that were freed."""
        with self._lock:
            return sum(self.shrink(device) for device in {held.where for held in self._held.values()})
