"""Damage on disk: no wrong value ever comes back, and what is damaged is made anew."""

import random
import shutil
from pathlib import Path

import pytest
import torch

from graph_runtime.cache import DiskCache
from graph_runtime.cache.entry import parse
from graph_runtime.results import Result
from tests.engine.cache.test_disk import disk, files
from tests.engine.cache.values import Seedling, key, result

KEPT = Result((torch.arange(2000.0), b"y" * 5000, "text", [1, 2.5], Seedling("a"), torch.ones(2)))


def equal(left: Result | None, right: Result) -> bool:
    """Compare results that hold tensors."""
    return left is not None and all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) else a == b
        for a, b in zip(left.outputs, right.outputs, strict=True)
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with one kept result."""
    cache = disk(tmp_path / "cache")
    cache.put(key(1), KEPT)
    cache.flush()
    assert len(files(tmp_path / "cache")) == 3
    return tmp_path / "cache"


@pytest.mark.parametrize("kind", ["entries", "blobs"])
def test_a_flipped_byte_anywhere_is_noticed(root: Path, kind: str) -> None:
    """Each damaged file is set aside and counts as a miss, and the next put mends it."""
    draw = random.Random(kind)
    whole = {path: path.read_bytes() for path in files(root)}
    for target in files(root, kind):
        places = {0, len(whole[target]) - 1, *(draw.randrange(len(whole[target])) for _ in range(40))}
        for place in places:
            for path, data in whole.items():
                path.write_bytes(data)
            shutil.rmtree(root / "damaged", ignore_errors=True)
            damaged = bytearray(whole[target])
            damaged[place] ^= draw.randrange(1, 256)
            target.write_bytes(damaged)
            cache = disk(root)
            assert cache.get(key(1)) is None, place
            assert not target.exists() or kind == "entries"
            cache.put(key(1), KEPT)
            cache.flush()
            assert equal(disk(root).get(key(1)), KEPT)


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_file_that_was_cut_is_noticed(root: Path, keep: int) -> None:
    """As a power failure leaves it."""
    whole = {path: path.read_bytes() for path in files(root)}
    for target in whole:
        for path, data in whole.items():
            path.write_bytes(data)
        target.write_bytes(whole[target][:keep])
        cache = disk(root)
        assert cache.get(key(1)) is None
        cache.put(key(1), KEPT)
        cache.flush()
        assert equal(disk(root).get(key(1)), KEPT)


def test_a_blob_that_is_gone_is_a_miss(root: Path) -> None:
    """The entry goes too, so that a plan does not count on it again."""
    files(root, "blobs")[0].unlink()
    cache = disk(root)
    assert cache.get(key(1)) is None and key(1) not in cache


def test_a_damaged_blob_spoils_no_other_result(tmp_path: Path) -> None:
    """Results that share it are misses until it is written again; the others stay."""
    cache = disk(tmp_path)
    for name in "ab":
        cache.put(name, result(5000))
    cache.put("c", result(5000, "z"))
    cache.flush()
    shared = next(path for path in files(tmp_path, "blobs") if path.read_bytes()[:1] == b"x")
    shared.write_bytes(b"x" * 4999 + b"y")
    assert cache.get("a") is None and cache.get("b") is None
    assert cache.get("c") == result(5000, "z")
    cache.put("a", result(5000))
    cache.flush()
    assert cache.get("a") == result(5000)


def test_verifying_finds_and_removes_damage(tmp_path: Path) -> None:
    """All of it is told by name; a second check finds nothing."""
    cache = disk(tmp_path)
    for number in range(10):
        cache.put(key(number), result(5000, str(number)))
    cache.flush()
    entries = files(tmp_path, "entries")
    named = [next(iter(parse(path.read_bytes()).beside)) for path in entries]
    entries[0].write_bytes(b"junk")
    (tmp_path / "blobs" / named[3][:2] / named[3]).write_bytes(b"junk")
    (tmp_path / "blobs" / named[7][:2] / named[7]).unlink()
    told: list[tuple[int, int]] = []
    report = cache.verify(lambda done, total: told.append((done, total)))
    assert (report.entries, told) == (10, [(done, 10) for done in range(11)])
    assert sorted(report.damaged) == [entries[place].stem for place in (0, 3, 7)]
    again = cache.verify()
    assert (again.damaged, again.entries) == ((), 7) and again.bytes > 7 * 5000
    assert cache.statistics().damaged == 3  # two manifests and a blob; the third entry had nothing damaged to look at


def test_set_aside_files_go_first_when_room_is_needed(root: Path) -> None:
    """They are kept to be looked at, not at the cost of results."""
    for path in files(root, "blobs"):
        path.write_bytes(b"junk" * 4096)
    assert disk(root).get(key(1)) is None
    cache = disk(root, 10 * 4096)
    cache.put("a", result(20_000))
    cache.flush()
    assert "a" in cache and files(root, "damaged") == []


def test_a_folder_that_cannot_be_made_is_told_once(tmp_path: Path) -> None:
    """A file stands where the folder should be: puts raise nothing, and gets are misses."""
    (tmp_path / "file").write_text("")
    told: list[str] = []
    cache = DiskCache(tmp_path / "file" / "cache", 1 << 20, tell=told.append)
    for number in range(5):
        cache.put(key(number), result(3000))
    cache.flush()
    assert cache.get(key(1)) is None and key(1) not in cache
    assert len([each for each in told if "not kept" in each]) == 1


def test_nonsense_in_the_folder_does_no_harm(root: Path) -> None:
    """Folders where files should be, and files of other names."""
    (root / "entries" / key(2)[:2] / f"{key(2)}.json").mkdir(parents=True)
    (root / "blobs" / "README").write_text("hello")
    (root / "notes.txt").write_text("mine")
    told: list[str] = []
    cache = DiskCache(root, 1 << 20, tell=told.append)
    assert cache.get(key(2)) is None
    cache.put(key(2), result(10))
    cache.put(key(3), result(10))
    cache.flush()
    assert cache.get(key(3)) == result(10) and len(told) == 2
    cache.prune(0)
    assert (root / "notes.txt").exists()
