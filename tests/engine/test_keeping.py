"""What a second run reuses, and when it does not: files, versions, damaged results."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph_runtime import Executor, Folders, Library, Result, WorkflowError, node
from graph_runtime.cache import MemoryCache
from graph_runtime.events import NodeShowed
from tests.engine.apples import LIBRARY
from tests.engine.runs import chain, graph, run


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    (tmp_path / "input").mkdir()
    return Folders(tmp_path / "input", tmp_path / "output", (), tmp_path / "temp")


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache(1 << 24)


def test_a_second_run_computes_nothing(cache: MemoryCache) -> None:
    assert len(run(chain(20), "19", cache=cache).started) == 20
    told = run(chain(20), "19", cache=cache)
    assert (told.started, told.reused, told.value("19")) == ([], ["19"], 19)


class Watched(MemoryCache):
    """Counts what is read."""

    read = 0

    def get(self, key: str) -> Result | None:
        self.read += 1
        return super().get(key)


def test_what_nobody_asks_for_is_not_read() -> None:
    """Of a run whose results nobody wants: kept ones are read only where something runs, or is shown."""
    cache = Watched(1 << 24)
    nodes = chain(3) | {"show": ("Tell", {"value": ["2", 0]})}
    with Executor(cache=cache, results=False) as executor:
        for target, started, read in (("2", 3, 0), ("2", 0, 0), ("show", 1, 1), ("show", 0, 2)):
            told = run(nodes, target, executor=executor)
            assert told.outcome.state == "succeeded" and not told.outcome.results
            assert (len(told.started), cache.read) == (started, read), target
    assert run(chain(3), "2", cache=cache).value("2") == 2


def test_a_changed_value_runs_what_follows_from_it_and_no_more(cache: MemoryCache) -> None:
    nodes = {
        "a": ("Number", {"value": 1}),
        "b": ("Number", {"value": 2}),
        "left": ("Bump", {"n": ["a", 0]}),
        "right": ("Bump", {"n": ["b", 0]}),
        "end": ("Multiply", {"a": ["left", 0], "b": ["right", 0]}),
    }
    run(nodes, "end", cache=cache)
    told = run(nodes | {"b": ("Number", {"value": 5})}, "end", cache=cache)
    assert told.started == ["b", "right", "end"]
    assert told.reused == ["left"]


def test_a_sink_is_kept_while_its_file_is_as_it_left_it(folders: Folders, cache: MemoryCache) -> None:
    nodes = {"n": ("Number", {"value": 3}), "s": ("Save", {"value": ["n", 0]})}
    assert run(nodes, folders=folders, cache=cache).started == ["n", "s"]
    told = run(nodes, folders=folders, cache=cache)
    assert told.started == []
    shown = told.of(NodeShowed)[0]
    assert isinstance(shown, NodeShowed)
    assert shown.reused
    file = folders.output / "apple.txt"
    file.write_text("bitten")
    assert run(nodes, folders=folders, cache=cache).started == ["s"]
    assert file.read_text() == "3"
    file.unlink()
    assert run(nodes, folders=folders, cache=cache).started == ["s"]
    assert file.read_text() == "3"


def test_a_sink_saves_again_into_another_folder(folders: Folders, cache: MemoryCache, tmp_path: Path) -> None:
    nodes = {"s": ("Save", {"value": 1})}
    run(nodes, folders=folders, cache=cache)
    elsewhere = Folders(folders.input, tmp_path / "elsewhere", (), folders.temp)
    assert run(nodes, folders=elsewhere, cache=cache).started == ["s"]
    assert (tmp_path / "elsewhere" / "apple.txt").exists()


def test_two_sinks_with_equal_inputs_both_run(cache: MemoryCache) -> None:
    assert run({"a": ("Tell", {"value": 1}), "b": ("Tell", {"value": 1})}, cache=cache).started == ["a", "b"]


def test_a_file_that_changed_is_read_again(folders: Folders, cache: MemoryCache) -> None:
    file = folders.input / "tree.txt"
    file.write_text("oak")
    nodes = {"r": ("ReadFile", {"name": "tree.txt"}), "l": ("Label", {"text": ["r", 0]})}
    assert run(nodes, "l", folders=folders, cache=cache).value("l") == "oak"
    assert run(nodes, "l", folders=folders, cache=cache).started == []
    file.write_text("elm")
    told = run(nodes, "l", folders=folders, cache=cache)
    assert (told.started, told.value("l")) == (["r", "l"], "elm")
    file.write_text("oak")
    assert run(nodes, "l", folders=folders, cache=cache).started == []


def test_a_file_that_is_not_there_is_told_before_anything_runs(folders: Folders) -> None:
    (folders.input / "tree.txt").write_text("oak")
    with pytest.raises(WorkflowError) as caught:
        graph({"r": ("ReadFile", {"name": "tre.txt"}), "q": ("ReadAnyFile", {"name": "x"})}, "r", "q", folders=folders)
    assert [str(problem) for problem in caught.value.problems] == [
        'node r (ReadFile), input name: found "tre.txt", needs one of tree.txt. Did you mean tree.txt?',
        "node q (ReadAnyFile), input name: there is no file x.",
    ]


def test_a_file_whose_name_comes_over_a_link_is_read_each_time(folders: Folders, cache: MemoryCache) -> None:
    (folders.input / "tree.txt").write_text("oak")
    nodes = {"w": ("Word", {"text": "tree.txt"}), "r": ("ReadFile", {"name": ["w", 0]})}
    for _ in range(2):
        told = run(nodes, "r", folders=folders, cache=cache)
        assert told.started[-1] == "r"
    told = run(nodes | {"w": ("Word", {"text": "bush.txt"})}, "r", folders=folders, cache=cache)
    assert told.failed == {"r": 'found "bush.txt", needs one of tree.txt.'}


def test_what_is_never_cached_runs_again_with_all_that_depends_on_it(cache: MemoryCache) -> None:
    nodes = {"u": ("Unsteady", {}), "b": ("Bump", {"n": ["u", 0]})}
    for _ in range(2):
        assert run(nodes, "b", cache=cache).started == ["u", "b"]


def test_a_new_version_or_environment_computes_anew(cache: MemoryCache) -> None:
    def library(version: int, environment: dict[str, str]) -> Library:
        @node(id="Grow", version=version)
        def grow(n: int) -> int:
            return n + version

        return Library.of("growing", grow, environment=lambda: environment)

    def value(version: int, **environment: str) -> tuple[bool, object]:
        told = run(graph({"g": ("Grow", {"n": 1})}, "g", library=library(version, environment)), cache=cache)
        return bool(told.started), told.value("g")

    assert value(1, torch="2") == (True, 2)
    assert value(1, torch="2") == (False, 2)
    assert value(2, torch="2") == (True, 3)
    assert value(2, torch="3") == (True, 3)


class Worm(MemoryCache):
    """A cache with a worm in it: it says that it holds results, and then loses, damages or refuses them."""

    def __init__(self, how: str) -> None:
        super().__init__(1 << 20)
        self.how = how

    def get(self, key: str) -> Result | None:
        super().get(key)
        if self.how == "raises":
            raise OSError("the disk is gone")
        return Result(()) if self.how == "short" else None

    def put(self, key: str, result: Result) -> None:
        super().put(key, result)
        if self.how == "raises":
            raise OSError("the disk is full")


@pytest.mark.parametrize("how", ["raises", "short", "loses"])
def test_what_a_cache_cannot_give_back_is_computed_again(how: str) -> None:
    cache = Worm(how)
    for _ in range(2):
        told = run(chain(4), "3", "1", cache=cache)
        assert told.value("3") == 3
        assert told.value("1") == 1
        assert told.outcome.state == "succeeded"
        assert sorted(told.started) == ["0", "1", "2", "3"]


def test_the_same_node_in_two_places_is_computed_once_whatever_its_id(cache: MemoryCache) -> None:
    run({"here": ("Bump", {"n": 3})}, "here", cache=cache)
    assert run({"there": ("Bump", {"n": 3})}, "there", cache=cache).started == []


def test_ids_matter_where_a_node_asks_for_its_own(cache: MemoryCache) -> None:
    run({"here": ("MyId", {})}, "here", cache=cache)
    assert run({"there": ("MyId", {})}, "there", cache=cache).value("there") == "there"


def test_static_nodes_are_known_before_the_run() -> None:
    made = graph({"v": ("Variety", {"kind": "green"}), "c": ("Cut", {"apple": ["v", 0]})}, "c")
    assert made.steps["v"].known is not None
    told = run(made)
    assert (told.started, told.reused) == (["c"], ["v"])


def test_a_static_node_that_refuses_is_told_before_the_run() -> None:
    with pytest.raises(WorkflowError, match=r"input kind: there is no russet this year. Did you mean red\?"):
        graph({"v": ("Variety", {"kind": "russet"})}, "v")


def test_the_library_of_apples_is_whole() -> None:
    assert len(LIBRARY) == len(LIBRARY.packs[0].functions)
