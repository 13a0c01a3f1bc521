"""The database of jobs: their order, their history, and who may have it open."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from graph_runtime import GraphError
from graph_runtime.comfy.jobs import Jobs, Offer, Taken


def offer(id: str, number: float | None = None, front: bool = False) -> Offer:
    return Offer(id, 0, "[]", "{}", "{}", number=number, front=front)


def order(jobs: Jobs) -> list[str]:
    return [job.summary.id for job in jobs.queued("pending")]


def test_least_number_goes_first_and_the_front_before_all(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs.sqlite")
    for id, number, front in [("a", None, False), ("b", None, False), ("c", 0.5, False), ("d", None, True)]:
        jobs.add(offer(id, number, front))
    assert order(jobs) == ["d", "c", "a", "b"]
    taken = jobs.take(1)
    assert taken is not None
    assert taken.summary.id == "d"
    assert jobs.waiting == 3


def test_same_number_goes_in_the_order_of_acceptance(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs.sqlite")
    for id in "abc":
        jobs.add(offer(id, 1))
    with pytest.raises(Taken):
        jobs.add(offer("a", 1))
    assert order(jobs) == ["a", "b", "c"]
    assert jobs.waiting == 3


def test_what_ran_when_the_server_died_waits_again(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs.sqlite")
    for id in "ab":
        jobs.add(offer(id))
    jobs.take(1)
    jobs.close()
    again = Jobs(tmp_path / "jobs.sqlite")
    assert order(again) == ["a", "b"]
    assert again.waiting == 2


def test_history_pages(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs.sqlite")
    for id in "abcde":
        jobs.add(offer(id))
        jobs.take(1)
        jobs.finish(id, "completed", 2, "{}", "{}")

    def page(limit: int | None, offset: int) -> str:
        return "".join(job.summary.id for job in jobs.history(limit, offset))

    assert (page(None, -1), page(2, -1), page(2, 1), page(2, 9), page(None, 3)) == ("abcde", "de", "bc", "", "de")
    jobs.forget(["b", "zz"])
    assert page(None, -1) == "acde"
    jobs.forget(None)
    assert page(None, -1) == ""


def test_second_server_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    first = Jobs(tmp_path / "jobs.sqlite")
    with pytest.raises(GraphError, match="another server uses it"):
        Jobs(tmp_path / "jobs.sqlite")
    first.close()
    Jobs(tmp_path / "jobs.sqlite").close()


def test_damaged_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_bytes(b"apples" * 1000)
    with pytest.raises(GraphError, match="cannot be used"):
        Jobs(tmp_path / "jobs.sqlite")


def test_many_jobs_cost_in_proportion(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs.sqlite")

    def seconds(work: Callable[[], object]) -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    def accept(names: str) -> None:
        for n in range(100):
            jobs.add(offer(f"{names}.{n}"))

    few = min(seconds(partial(accept, f"early {turn}")) for turn in range(3))
    for turn in range(97):
        accept(str(turn))
    many = min(seconds(partial(accept, f"late {turn}")) for turn in range(3))
    assert many < 10 * few + 0.05, "accepting a job does not depend on how many wait"
    assert seconds(lambda: jobs.take(1)) < 0.1
    assert seconds(lambda: jobs.listed(("pending",), 200, 0)) < 0.5
    assert seconds(lambda: list(jobs.queued("pending"))) < 2
    assert jobs.withdraw(None) == 10_299
