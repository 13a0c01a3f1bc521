"""The cache on disk: what was put is there in the next run, whole or not at all, and within the bound."""

import os
import stat
import threading
import time
from dataclasses import make_dataclass
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph_runtime.cache import DiskCache
from graph_runtime.results import Result, Shown, ShownFile
from tests.engine.cache.values import CLASSES, Pair, Ripeness, Seedling, key, result

LIMIT = 1 << 30


def disk(root: Path, limit: int = LIMIT) -> DiskCache:
    """Open a cache that fails the test when it has something to complain about."""
    return DiskCache(root, limit, CLASSES, tell=pytest.fail)


def files(root: Path, kind: str = "") -> list[Path]:
    """The files below a folder of the cache."""
    return sorted(path for path in (root / kind).rglob("*") if path.is_file() and path.name != "lock")


def on_disk(root: Path) -> int:
    """What the files take up, in whole blocks."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in files(root))


def test_a_result_is_there_in_the_next_run(tmp_path: Path) -> None:
    """Every part of it, read by another cache."""
    kept = Result(
        (torch.randn(2, 3), Pair([1.5, None]), Seedling("a"), Ripeness.RED, b"x" * 9999),
        Shown((ShownFile(Path("out/a.png")),), ("saved",)),
    )
    first = disk(tmp_path)
    first.put(key(1), kept)
    first.flush()
    second = disk(tmp_path)
    assert key(1) in second and key(2) not in second
    found = second.get(key(1))
    assert found is not None and second.get(key(2)) is None
    assert torch.equal(found.outputs[0], kept.outputs[0])  # type: ignore[arg-type]  # a tensor came back
    assert (found.outputs[1:], found.shown) == (kept.outputs[1:], kept.shown)
    statistics = second.statistics()
    assert (statistics.items, statistics.hits, statistics.misses, statistics.bytes) == (1, 1, 1, on_disk(tmp_path))


def test_nothing_is_made_before_something_is_kept(tmp_path: Path) -> None:
    """Asking and pruning leave no trace."""
    cache = disk(tmp_path / "deep" / "cache")
    assert cache.get("a") is None and "a" not in cache
    cache.flush()
    cache.clear()
    assert cache.prune(0) == 0 and cache.verify().entries == 0 and cache.statistics().items == 0
    assert list(tmp_path.iterdir()) == []


def test_what_still_waits_is_given_from_memory(tmp_path: Path) -> None:
    """A put is a hit at once."""
    cache = disk(tmp_path)
    for number in range(50):
        kept = result(50_000, "abc"[number % 3])
        cache.put(key(number), kept)
        assert key(number) in cache and cache.get(key(number)) == kept


@pytest.mark.parametrize("name", ["", "a/../../b", "ü\ud800", "x" * 5000, "..", "a\x00b"], ids=ascii)
def test_any_text_is_a_key(tmp_path: Path, name: str) -> None:
    """None of them leads out of the folder."""
    cache = disk(tmp_path / "cache")
    cache.put(name, result(3))
    cache.flush()
    assert name in cache and cache.get(name) == result(3)
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_a_value_without_a_form_is_left_out(tmp_path: Path) -> None:
    """Silently: it is in memory, and that is all that can be done."""
    cache = disk(tmp_path)
    cache.put("a", Result((object(),)))
    cache.flush()
    assert "a" not in cache and files(tmp_path) == []


def test_equal_blobs_lie_there_once(tmp_path: Path) -> None:
    """Two results with the same picture share its bytes, until neither is there."""
    cache = disk(tmp_path)
    for name in "ab":
        cache.put(name, result(100_000))
    cache.flush()
    assert len(files(tmp_path, "blobs")) == 1 and len(files(tmp_path, "entries")) == 2
    one_entry = 100_000 // 4096 * 4096 + 2 * 4096
    assert cache.prune(one_entry) == on_disk(tmp_path) == one_entry
    assert "a" not in cache and cache.get("b") == result(100_000)
    cache.prune(0)
    assert files(tmp_path) == []


def test_small_results_are_one_file(tmp_path: Path) -> None:
    """A blob of a few bytes is not worth a file."""
    cache = disk(tmp_path)
    cache.put("a", Result((b"abc", torch.ones(3))))
    cache.flush()
    assert len(files(tmp_path)) == 1


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    """Reading counts as use, in whichever process."""
    cache = disk(tmp_path, 12 * 4096)
    for name in "abcde":
        cache.put(name, result(4000, name))
        cache.flush()
    assert disk(tmp_path).get("a") is not None
    for name in "fg":
        cache.put(name, result(4000, name))
    cache.flush()
    assert [name for name in "abcdefg" if name in cache] == ["a", "d", "e", "f", "g"]


def test_a_result_larger_than_the_limit_is_not_kept(tmp_path: Path) -> None:
    """And displaces nothing."""
    cache = disk(tmp_path, 5 * 4096)
    cache.put("small", result(10))
    cache.put("giant", result(5 * 4096))
    cache.flush()
    assert "small" in cache and "giant" not in cache


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30_000), st.booleans()), max_size=25))
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_bound_holds_after_every_put(
    tmp_path_factory: pytest.TempPathFactory, puts: list[tuple[int, int, bool]]
) -> None:
    """Whatever is put, again or for the first time, through either of two caches on one folder."""
    root = tmp_path_factory.mktemp("cache")
    caches = disk(root, 20 * 4096), disk(root, 20 * 4096)
    for number, size, second in puts:
        caches[second].put(key(number), result(size, str(number)))
        caches[second].flush()
        assert on_disk(root) <= 20 * 4096
    for number in range(10):
        found = caches[0].get(key(number))
        assert found is None or found in [result(size, str(name)) for name, size, _ in puts if name == number]


def test_the_bound_holds_while_files_are_written(tmp_path: Path) -> None:
    """What is on its way counts too."""
    cache = disk(tmp_path, 1 << 20)
    seen: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            try:
                seen.append(on_disk(tmp_path))
            except FileNotFoundError:  # gone between being listed and being measured
                continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(60):
        cache.put(key(number), result(100_000, chr(40 + number)))
    cache.flush()
    done.set()
    watcher.join()
    assert 0 < max(seen) <= 1 << 20


def test_what_waits_is_bounded(tmp_path: Path) -> None:
    """A disk slower than the run makes the run wait instead of filling memory."""
    cache = DiskCache(tmp_path, LIMIT, waiting=1_000_000)
    waiting: list[int] = []
    for number in range(100):
        cache.put(key(number), result(300_000, chr(40 + number)))
        waiting.append(cache._writer._bytes)
    cache.flush()
    assert max(waiting) <= 1_000_000 and cache.statistics().items == 100


def test_a_larger_result_than_may_wait_is_written_all_the_same(tmp_path: Path) -> None:
    """It waits alone."""
    cache = DiskCache(tmp_path, LIMIT, waiting=1000)
    for number in range(3):
        cache.put(key(number), result(50_000))
    cache.flush()
    assert all(key(number) in cache for number in range(3))


def test_files_have_the_mode_that_the_umask_says(tmp_path: Path) -> None:
    """Others of the group may read them where the user wants that."""
    before = os.umask(0o027)
    try:
        cache = disk(tmp_path / "cache")
        cache.put("a", Result((torch.zeros(10_000),)))
        cache.flush()
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files(tmp_path)} == {0o640}


def test_what_a_dead_writer_left_is_swept(tmp_path: Path) -> None:
    """And counts until then."""
    (tmp_path / "writing").mkdir()
    (tmp_path / "writing" / "1-abc").write_bytes(b"x" * 100_000)
    cache = disk(tmp_path, 120_000)
    cache.put("a", result(50_000))
    cache.flush()
    assert "a" in cache and files(tmp_path, "writing") == []


def test_a_total_that_means_nothing_is_counted_anew(tmp_path: Path) -> None:
    """The lock file holds it; whatever stands there, the bound holds and results are kept."""
    for text in ("", "9" * 20, "junk", "\x00" * 20):
        (tmp_path / "lock").write_text(text)
        cache = disk(tmp_path, 20 * 4096)
        for number in range(10):
            cache.put(key(number), result(10_000, str(number)))
            cache.flush()
            assert key(number) in cache and on_disk(tmp_path) <= 20 * 4096


def test_a_class_that_has_changed_is_a_miss_and_is_replaced(tmp_path: Path) -> None:
    """The entry is whole, but the code is another; the new result takes its place."""
    first = disk(tmp_path)
    first.put("a", Result((Seedling("a"),)))
    first.flush()
    changed = make_dataclass("Seedling", ["name"], frozen=True)
    changed.__module__ = Seedling.__module__
    second = DiskCache(tmp_path, LIMIT, [changed], tell=pytest.fail)
    assert second.get("a") is None and files(tmp_path, "damaged") == []
    second.put("a", Result((changed("b"),)))
    second.flush()
    assert second.get("a") == Result((changed("b"),))
    assert disk(tmp_path).get("a") is None


def test_an_entry_of_another_version_is_a_miss(tmp_path: Path) -> None:
    """A newer program may use the folder too: its entries are no damage."""
    cache = disk(tmp_path)
    cache.put("a", result(3))
    cache.flush()
    (path,) = files(tmp_path, "entries")
    path.write_bytes(path.read_bytes().replace(b"graph-result 1 ", b"graph-result 27 "))
    assert cache.get("a") is None and cache.verify().damaged == () and path.exists()


def test_an_entry_under_another_name_is_a_miss(tmp_path: Path) -> None:
    """A copied file does not answer for another key."""
    cache = disk(tmp_path)
    cache.put(key(1), result(3))
    cache.flush()
    (path,) = files(tmp_path, "entries")
    other = tmp_path / "entries" / key(2)[:2] / f"{key(2)}.json"
    other.parent.mkdir(exist_ok=True)
    other.write_bytes(path.read_bytes())
    assert cache.get(key(2)) is None and cache.get(key(1)) == result(3)


def test_clearing_removes_everything(tmp_path: Path) -> None:
    """What still waits included, and there is room again."""
    cache = disk(tmp_path, 10 * 4096)
    for number in range(4):
        cache.put(key(number), result(5000, str(number)))
    cache.clear()
    assert files(tmp_path) == [] and cache.statistics().bytes == 0
    cache.put("a", result(5000))
    cache.flush()
    assert "a" in cache


def test_many_threads_may_put_and_get_at_once(tmp_path: Path) -> None:
    """No result is lost or mixed up."""
    cache = disk(tmp_path)
    wrong: list[object] = []

    def work(start: int) -> None:
        for number in range(start, start + 40):
            cache.put(key(number), Result((number, b"x" * 3000)))
            if (found := cache.get(key(number))) is None or found.outputs[0] != number:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 100, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cache.flush()
    assert wrong == []
    assert all(disk(tmp_path).get(key(number)) == Result((number, b"x" * 3000)) for number in range(120))


def test_nothing_is_lost_when_the_program_ends(tmp_path: Path) -> None:
    """The writing thread is waited for, and is gone once there is nothing to write."""
    cache = disk(tmp_path)
    cache.put("a", result(10))
    assert not any(thread.daemon for thread in threading.enumerate() if thread.name == "cache writer")
    cache.flush()
    deadline = time.monotonic() + 5
    while any(each.name == "cache writer" for each in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(each.name == "cache writer" for each in threading.enumerate())


def test_a_listener_that_fails_stops_nothing(tmp_path: Path) -> None:
    """The writing goes on with the next result, and nobody waits for ever."""
    failures: list[object] = []
    before, threading.excepthook = threading.excepthook, failures.append
    try:
        cache = DiskCache(tmp_path, LIMIT, tell=pytest.fail)
        (tmp_path / "entries" / key(1)[:2] / f"{key(1)}.json").mkdir(parents=True)
        for number in range(3):
            cache.put(key(number), result(10))
        cache.flush()
    finally:
        threading.excepthook = before
    assert len(failures) == 1
    assert key(0) in cache and cache.get(key(2)) == result(10)


def test_files_of_an_entry_that_could_not_be_finished_count(tmp_path: Path) -> None:
    """The first blob of each is there, the second cannot be written; the bound holds all the same."""
    last = b"y" * 9000
    (tmp_path / "blobs" / key("y" * 9000)[:2] / key("y" * 9000)).mkdir(parents=True)
    told: list[str] = []
    cache = DiskCache(tmp_path, 30 * 4096, tell=told.append)
    for number in range(20):
        cache.put(key(number), Result((bytes([number]) * 8000, last)))
        cache.flush()
        assert on_disk(tmp_path) <= 30 * 4096
    assert len(told) == 1 and files(tmp_path, "entries") == [] and len(files(tmp_path, "blobs")) > 5
