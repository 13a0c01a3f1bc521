"""What is held within bounds: the least recently used goes first, what is in use stays, reservations count."""

from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sd_nodes.holding import Held, Holdings
from sd_nodes.loading import Loaded

ROOM = 100


def lend(holdings: Holdings, name: str, size: int, device: str = "cpu") -> Held:
    """Borrow a module of so many bytes; it is loaded if it is not there."""
    held = holdings.borrow((name,), device)
    if held.loaded is None:
        holdings.reserve(held, size, device)
        held.loaded = Loaded(nn.Identity())
    return held


def use(holdings: Holdings, name: str, size: int, device: str = "cpu") -> Held:
    """Lend a module and take it back."""
    held = lend(holdings, name, size, device)
    holdings.give_back((name,), held)
    return held


def there(holdings: Holdings, *names: str) -> list[str]:
    return [name for name in names if holdings.get((name,)) is not None]


def test_the_least_recently_used_goes_first() -> None:
    holdings = Holdings(lambda device: ROOM)
    for name in ("a", "b", "a", "c"):
        use(holdings, name, 40)
    assert there(holdings, "a", "b", "c") == ["a", "c"]
    assert holdings.bytes == 80


def test_what_is_in_use_stays_however_much_it_is() -> None:
    holdings = Holdings(lambda device: ROOM)
    one, two = lend(holdings, "a", 80), lend(holdings, "b", 90)
    assert holdings.bytes == 170
    assert holdings.clear() == 0
    holdings.give_back(("a",), one)
    assert there(holdings, "a", "b") == ["b"]
    holdings.give_back(("b",), two)
    assert holdings.clear() == 90


def test_bytes_count_before_they_are_taken_up() -> None:
    """Two graphs that load at the same time see each other's bytes."""
    holdings = Holdings(lambda device: ROOM)
    use(holdings, "old", 50)
    loading = holdings.borrow(("new",), "cpu")
    holdings.reserve(loading, 60, "cpu")
    assert there(holdings, "old") == []
    use(holdings, "other", 50)
    assert there(holdings, "other") == []


def test_devices_are_counted_apart() -> None:
    holdings = Holdings(lambda device: ROOM)
    use(holdings, "a", 90, "cuda")
    use(holdings, "b", 90, "cpu")
    moved = lend(holdings, "b", 90, "cpu")
    holdings.reserve(moved, 90, "cuda")
    assert there(holdings, "a", "b") == ["b"]


def test_what_could_not_be_loaded_is_forgotten() -> None:
    holdings = Holdings(lambda device: ROOM)
    failed = holdings.borrow(("a",), "cpu")
    holdings.reserve(failed, 50, "cpu")
    holdings.give_back(("a",), failed)
    assert there(holdings, "a") == []
    assert holdings.bytes == 0


def test_what_else_holds_modules_is_told_before_they_go() -> None:
    seen: list[list[str]] = []
    holdings = Holdings(lambda device: ROOM, lambda: seen.append(there(holdings, "a", "b")))
    use(holdings, "a", 60)
    assert seen == []
    use(holdings, "b", 60)
    assert seen == [["a", "b"]]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=40))
def test_bytes_stay_within_the_room_and_what_is_used(calls: list[tuple[str, bool]]) -> None:
    """However modules are lent and given back: more than the room is there only as far as it is in use."""
    sizes = {name: 15 * number for number, name in enumerate("abcdef", 1)}
    holdings, lent = Holdings(lambda device: ROOM), {}
    for name, back in calls:
        if back and name in lent:
            holdings.give_back((name,), lent.pop(name))
        elif name not in lent:
            lent[name] = lend(holdings, name, sizes[name])
        in_use = sum(sizes[each] for each in lent)
        assert all(holdings.get((each,)) is lent[each] for each in lent)
        assert holdings.bytes <= max(ROOM, in_use)
