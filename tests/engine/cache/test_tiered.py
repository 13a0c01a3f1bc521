"""Memory before disk."""

from pathlib import Path

from graph_runtime.cache import Cache, MemoryCache, TieredCache
from graph_runtime.results import Result
from tests.engine.cache.test_disk import disk
from tests.engine.cache.values import key, result


def test_what_the_disk_gives_is_kept_in_memory(tmp_path: Path) -> None:
    """The second time it is the very same thing."""
    before = disk(tmp_path)
    before.put(key(1), result(100))
    before.flush()
    memory = MemoryCache(10_000)
    cache: Cache = TieredCache(memory, disk(tmp_path))
    assert key(1) in cache and key(1) not in memory
    found = cache.get(key(1))
    assert found == result(100) and cache.get(key(1)) is found and key(1) in memory


def test_what_is_put_is_in_both(tmp_path: Path) -> None:
    """Memory answers at once, the disk in the next run."""
    cache = TieredCache(MemoryCache(10_000), disk(tmp_path))
    cache.put("a", result(100))
    cache.flush()
    assert "a" in cache.memory and "a" in cache.disk and cache.get("b") is None and "b" not in cache


def test_what_has_no_form_in_a_file_stays_in_memory(tmp_path: Path) -> None:
    """Objects from other people's packs."""
    thing = object()
    cache = TieredCache(MemoryCache(10_000), disk(tmp_path))
    cache.put("a", Result((thing,)))
    cache.flush()
    found = cache.get("a")
    assert found is not None and found.outputs == (thing,) and "a" not in cache.disk


def test_what_is_too_large_for_memory_is_on_disk(tmp_path: Path) -> None:
    """Each has its own bound."""
    cache = TieredCache(MemoryCache(1000), disk(tmp_path))
    cache.put("a", result(5000))
    cache.flush()
    assert "a" not in cache.memory and cache.get("a") == result(5000)
