"""A store that machines share, such as fsspec's file system in memory."""

from pathlib import Path

import fsspec  # type: ignore[import-untyped]  # it comes without types
import pytest
import torch

from graph_runtime.cache import MemoryCache, RemoteCache, TieredCache
from graph_runtime.results import Result
from tests.engine.cache.test_disk import disk
from tests.engine.cache.values import CLASSES, Seedling, key, result


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store."""
    return f"memory://{tmp_path.name}" if request.param == "memory" else tmp_path.as_uri()


def test_another_machine_finds_what_one_has_kept(url: str) -> None:
    """Tensors, classes and all."""
    kept = Result((torch.randn(100, 10), Seedling("a"), b"x" * 9999))
    first = RemoteCache(url, CLASSES, tell=pytest.fail)
    first.put(key(1), kept)
    first.flush()
    second = RemoteCache(url, CLASSES, tell=pytest.fail)
    assert key(1) in second and key(2) not in second and second.get(key(2)) is None
    found = second.get(key(1))
    assert found is not None and found.outputs[1:] == kept.outputs[1:]
    assert torch.equal(found.outputs[0], kept.outputs[0])  # type: ignore[arg-type]  # a tensor came back


def test_damage_in_a_store_is_a_miss_and_mended(url: str) -> None:
    """Whatever part of it is damaged or gone."""
    cache = RemoteCache(url, tell=pytest.fail)
    store, root = fsspec.core.url_to_fs(url)
    for spoil in (lambda path: store.pipe_file(path, b"junk"), store.rm):
        for kind in ("entries", "blobs"):
            cache.put(key(1), result(5000))
            cache.flush()
            (path,) = store.find(f"{root}/{kind}")
            spoil(path)
            assert cache.get(key(1)) is None
    cache.put(key(1), result(5000))
    cache.flush()
    assert cache.get(key(1)) == result(5000)


def test_a_store_that_fails_costs_results_and_not_the_run(tmp_path: Path) -> None:
    """Each reason is told once."""
    (tmp_path / "file").write_text("")
    told: list[str] = []
    cache = RemoteCache((tmp_path / "file" / "store").as_uri(), tell=told.append)
    for number in range(4):
        cache.put(key(number), result(3000))
    cache.put("none", Result((object(),)))
    cache.flush()
    assert cache.get(key(1)) is None and key(1) not in cache
    assert len([each for each in told if "not kept" in each]) == 1


def test_a_store_lies_behind_the_disk(tmp_path: Path, url: str) -> None:
    """What one machine computed is on the disk of the other after its first use."""
    theirs = RemoteCache(url, tell=pytest.fail)
    theirs.put(key(1), result(5000))
    theirs.flush()
    local = disk(tmp_path / "local")
    cache = TieredCache(MemoryCache(100_000), TieredCache(local, RemoteCache(url, tell=pytest.fail)))
    assert cache.get(key(1)) == result(5000)
    cache.flush()
    assert key(1) in local


def test_an_unknown_kind_of_store_is_told_at_once() -> None:
    """It is the user's setting, and no run has begun."""
    with pytest.raises(ValueError, match="nowhere"):
        RemoteCache("nowhere://here")
