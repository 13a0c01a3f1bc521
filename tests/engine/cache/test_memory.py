"""The cache in memory: latest used, bounded in bytes."""

import sys
from collections import deque
from collections.abc import Mapping
from types import MappingProxyType

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graph_runtime.cache import MemoryCache
from graph_runtime.cache.sizes import size_of
from graph_runtime.results import Result
from tests.engine.cache.values import Seedling, Tree, result


def test_what_was_put_is_found() -> None:
    """A hit gives the very same result."""
    cache = MemoryCache(10_000)
    kept = result(100)
    cache.put("a", kept)
    assert cache.get("a") is kept
    assert "a" in cache and "b" not in cache
    assert cache.get("b") is None


def test_what_was_used_longest_ago_goes_first() -> None:
    """Reading counts as use; asking whether it is there does not."""
    cache = MemoryCache(3 * size_of(result(1000)))
    for name in "abc":
        cache.put(name, result(1000, name))
    cache.get("a")
    assert "b" in cache
    cache.put("d", result(1000, "d"))
    assert [name for name in "abcd" if name in cache] == ["a", "c", "d"]


def test_a_result_larger_than_the_limit_is_not_kept_and_displaces_nothing_else() -> None:
    """One giant does not empty the cache."""
    cache = MemoryCache(5000)
    cache.put("small", result(100))
    cache.put("giant", result(5000))
    assert "small" in cache and "giant" not in cache


def test_a_result_that_is_put_again_counts_once() -> None:
    """The new one takes the place of the old one."""
    cache = MemoryCache(10_000)
    for size in (1000, 2000, 3000):
        cache.put("a", result(size))
    assert cache.statistics().bytes == size_of(result(3000))
    assert cache.statistics().items == 1


def test_statistics_count_hits_and_misses() -> None:
    """They tell how much the cache helps."""
    cache = MemoryCache(10_000)
    cache.put("a", result(10))
    for name in "aab":
        cache.get(name)
    found = cache.statistics()
    assert (found.hits, found.misses, found.limit) == (2, 1, 10_000)
    cache.clear()
    assert (cache.statistics().items, cache.statistics().bytes) == (0, 0)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3000))), st.integers(0, 6000))
def test_the_bound_holds_at_all_times(puts: list[tuple[str, int]], limit: int) -> None:
    """After each put the sum of what is there is what the cache says, and within the limit."""
    cache = MemoryCache(limit)
    for name, size in puts:
        cache.put(name, result(size))
        there = [found for each in "abcdef" if (found := cache.get(each)) is not None]
        assert sum(map(size_of, there)) == cache.statistics().bytes <= limit


def test_a_tensors_memory_counts_once_however_many_look_at_it() -> None:
    """A slice holds the whole storage; ten slices hold it once."""
    whole = torch.zeros(1000, 100)
    assert size_of(whole[:1]) == size_of(whole) == 400_000
    assert size_of([whole[i] for i in range(10)]) < 401_000


def test_an_arrays_memory_counts_once() -> None:
    """The same for views of arrays."""
    whole = numpy.zeros((1000, 50))
    assert 400_000 <= size_of((whole[:1], whole[5], whole.T)) < 401_000


def test_what_packs_derive_from_tensors_and_arrays_weighs_as_much() -> None:
    """A class of a pack is none of torch or numpy, though its memory is theirs."""

    class Latent(torch.Tensor):
        pass

    class Map(numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]]):
        pass

    assert size_of(torch.zeros(1000).as_subclass(Latent)) == 4000
    assert size_of(numpy.zeros(1000).view(Map)) == size_of(numpy.ma.zeros(1000).data) == 8000
    assert size_of(numpy.ma.zeros(1000)) >= 8000


def test_attributes_in_slots_and_queues_count() -> None:
    """Wherever an object keeps what it holds."""

    class Plain:
        __slots__ = ("data",)

        def __init__(self) -> None:
            self.data = b"x" * 1000

    class Derived(Plain):
        pass

    for value in (Plain(), Derived(), deque([b"x" * 1000])):
        assert size_of(value) > 1000


def test_parts_of_dataclasses_dictionaries_and_objects_count() -> None:
    """With and without slots, mappings of any kind, and objects of other people."""

    class Theirs:
        def __init__(self) -> None:
            self.data = b"x" * 1000

    values: list[object] = [Seedling("x" * 1000), Tree((Seedling("x" * 1000),)), Theirs(), {"k" * 1000: 1}]
    mapping: Mapping[str, str] = MappingProxyType({"a": "x" * 1000})
    for value in [*values, mapping]:
        assert 1000 < size_of(value) < 3000, value


def test_depth_and_cycles_do_not_matter() -> None:
    """A nest deeper than the stack and a list that holds itself are measured."""
    nest: list[object] = []
    for _ in range(100_000):
        nest = [nest]
    assert size_of(nest) >= 100_000 * sys.getsizeof([])
    ring: list[object] = []
    ring += [ring, ring]
    assert size_of(ring) == sys.getsizeof(ring)


@pytest.mark.parametrize("value", [None, 1, "text", b"bytes", (), Result()])
def test_small_things_have_a_size(value: object) -> None:
    """Nothing is free, or a million of them would be."""
    assert size_of(value) > 0
