"""`controlgraph packs`: shows the packs, and says which of the user's own may be imported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from ..comfy.dialect import ComfyPacks
from ..comfy.packs.trust import Standing, Trust, packs_by_name
from ..discovery import discover
from ..errors import GraphError, nearest
from ..injected import Folders
from ..library import Library
from .opening import TRUST
from .options import STATE, pack_folder, state_folder
from .telling import counted
from .terminal import clean, say

_SAID: dict[Standing, str] = {
    "trusted": "trusted",
    "changed": "its files were changed: not imported",
    "unknown": "not trusted: not imported",
}


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Look after the packs of your pack folder.

    A pack is code. One that lies in the pack folder is imported only after you trusted it, and no more once a file of
    it was changed.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_packs)


@command.command("list", short_help="List the packs.")
@STATE
def list_packs(state: Path | None = None) -> None:
    """List the installed packs and those of your pack folder; none of the latter is imported for it."""
    home = Folders(state=state or state_folder())
    say("\n".join(_lines(discover((), ComfyPacks(home)), _trust(state))))


@command.command(short_help="Trust a pack as it is now.")
@click.argument("name")
@STATE
def trust(name: str, state: Path | None) -> None:
    """Trust a pack as it is now: it is imported from here on, until a file of it changes."""
    pack = _find(name)
    _trust(state).trust(pack)
    say(f"{clean(name)} is trusted.")


@command.command()
@click.argument("name")
@STATE
def untrust(name: str, state: Path | None) -> None:
    """Trust a pack no more."""
    pack = _find(name)
    _trust(state).untrust(pack)
    say(f"{clean(name)} is not imported any more.")


def _trust(state: Path | None) -> Trust:
    return Trust((state or state_folder()) / TRUST)


def _lines(library: Library, trust: Trust) -> Iterator[str]:
    for pack in library.packs:
        yield f"{clean(pack.name)}: installed, {counted(len(pack.nodes), 'node')}"
    for failure in library.failures:
        yield f"{clean(failure.name)}: installed, cannot be loaded: {clean(failure.reason)}"
    for warning in library.warnings:
        yield f"warning: {warning}"
    for name, path in packs_by_name(pack_folder()).items():
        yield f"{clean(name)}: {_SAID[trust.standing(path)]}"
    yield f"your pack folder: {clean(str(pack_folder()))}"


def _find(name: str) -> Path:
    """The pack of the pack folder that has a name.

    Raises:
        GraphError: There is none.
    """
    packs = packs_by_name(pack_folder())
    if name in packs:
        return packs[name]
    close = nearest(name, packs)
    hint = f" Did you mean {clean(close)}?" if close else ""
    raise GraphError(f'there is no pack "{clean(name, 80)}" in {clean(str(pack_folder()))}.{hint}')
