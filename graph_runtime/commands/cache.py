"""`controlgraph cache`: looks after the kept results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from ..cache import DiskCache
from ..errors import GraphError, sized
from . import opening
from .options import STATE, Size, state_folder
from .telling import counted
from .terminal import clean, complain, is_live, say

FAILED = 1


@click.group()
def command() -> None:
    """Look after the kept results."""


def _on(work: Callable[[DiskCache, Path], int]) -> int:
    """Do something with the results of a state folder."""
    state = click.get_current_context().params["state"] or state_folder()
    root = state / "cache"
    try:
        return work(DiskCache(root, opening.DISK_LIMIT, tell=complain), root)
    except OSError as error:
        raise GraphError(f"the kept results in {_place(root)} cannot be changed: {error.strerror}.") from error


@command.command()
@STATE
def size(state: Path | None) -> int:
    """Tell how many results are kept, and what they take up."""

    def work(cache: DiskCache, root: Path) -> int:
        found = cache.statistics()
        full = f"{sized(found.bytes)} of at most {sized(found.limit)}"
        say(f"{_place(root)}: {counted(found.items, 'result')}, {full}")
        if found.damaged:
            say(f"{counted(found.damaged, 'damaged file')} set aside")
        return 0

    return _on(work)


@command.command()
@STATE
@click.option(
    "--to", "limit", type=Size(), required=True, metavar="SIZE", help="What the rest may take up, such as 5GB."
)
def prune(state: Path | None, limit: int) -> int:
    """Remove what was used longest ago until the rest fits."""

    def work(cache: DiskCache, root: Path) -> int:
        before = cache.statistics().bytes
        rest = cache.prune(limit)
        say(f"{_place(root)}: {sized(before - rest)} removed, {sized(rest)} left")
        return 0

    return _on(work)


@command.command()
@STATE
def clear(state: Path | None) -> int:
    """Remove all kept results. The pictures that runs saved stay where they are."""

    def work(cache: DiskCache, root: Path) -> int:
        before = cache.statistics()
        cache.clear()
        say(f"{_place(root)}: {counted(before.items, 'result')} removed, {sized(before.bytes)}")
        return 0

    return _on(work)


@command.command()
@STATE
def verify(state: Path | None) -> int:
    """Read and check all kept results; what is damaged is set aside. The exit code is 1 when something was."""

    def work(cache: DiskCache, root: Path) -> int:
        report = cache.verify(_counter())
        if is_live():
            complain()
        checked = f"{counted(report.entries, 'result')} checked, {sized(report.bytes)}"
        say(f"{_place(root)}: {checked}, {len(report.damaged)} damaged")
        for name in report.damaged:
            say(f"  {name}")
        return FAILED if report.damaged else 0

    return _on(work)


def _place(root: Path) -> str:
    return clean(str(root))


def _counter() -> Callable[[int, int], None]:
    def count(done: int, total: int) -> None:
        if is_live():
            click.echo(f"\rchecked {done} of {total}", err=True, nl=False)

    return count
