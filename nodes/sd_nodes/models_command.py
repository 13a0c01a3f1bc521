"""`controlgraph models`: shows the models that are there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path, PurePosixPath

import click

from graph_runtime import Folders, GraphError, nearest, sized
from graph_runtime.commands.options import MODELS, STATE, model_places, state_folder
from graph_runtime.commands.terminal import clean, complain, say
from graph_runtime.model_folders import absent_in
from sd_nodes import hub
from sd_nodes.inventory import HUB, Item, described, hashed, inventory

_WIDEST = 60


@click.command()
@click.argument("name", required=False)
@MODELS
@STATE
@click.option("--hash", "with_hash", is_flag=True, help="Compute the SHA-256 of each; it is kept.")
@click.option("--json", "as_json", is_flag=True, help="Write what there is as JSON.")
def models(name: str | None, models: tuple[Path, ...], state: Path | None, with_hash: bool, as_json: bool) -> None:
    """Show the models that are there: name, family, what they hold, size, and SHA-256 where it is known.

    With the NAME of a model, or of a kind such as loras, only those; a model by its NAME is hashed. Models lie in the
    folders that --models names, in the hub's cache, and some ship with the pack.
    """
    state = state or state_folder()
    folders = Folders(models=model_places(models), state=state)
    found = list(inventory(folders))
    chosen = found if name is None else _chosen(name, found)
    one = name is not None and len({item.name for item in chosen}) == 1 and name not in folders.kinds
    items = (described(item, state) for item in chosen)
    told = [hashed(item, state) if (with_hash or one) and not item.digest and item.bytes else item for item in items]
    if as_json:
        say(json.dumps([_plain(item) for item in told], indent=2, ensure_ascii=False))
    elif one:
        say("\n".join(line for item in told for line in _page(item)))
    else:
        for line in _overview(told, folders):
            say(line)


def _chosen(name: str, found: list[Item]) -> list[Item]:
    """Find models by their name, by its last part with or without its ending, in any case; or those of a kind."""
    plain = name.replace("\\", "/").casefold()
    for chosen in (
        [item for item in found if item.name.casefold() == plain],
        [item for item in found if plain in (PurePosixPath(item.name).name.casefold(), _bare(item.name))],
        [item for item in found if item.kind.casefold() == plain],
        [item for item in found if plain in item.name.casefold()],
    ):
        if chosen:
            return chosen
    known = {item.kind: item.kind for item in found} | {_bare(item.name): item.name for item in found}
    close = known.get(nearest(_bare(plain), known))
    hint = f" Did you mean {clean(close)}?" if close else ""
    raise GraphError(f'there is no model or kind of models "{clean(name, 80)}".{hint}')


def _bare(name: str) -> str:
    return PurePosixPath(name).stem.casefold()


def _overview(items: list[Item], folders: Folders) -> Iterator[str]:
    width = min(max((len(item.name) for item in items), default=0), _WIDEST)
    for kind, group in groupby(items, key=lambda item: item.kind):
        yield f"{kind}{_where(kind, folders)}"
        for item in group:
            told = clean(", ".join(filter(None, [item.family, item.holds, *_notes(item)])))
            yield f"  {clean(item.name):<{width}}  {sized(item.bytes):>8}  {item.digest[:10]:<10}  {told}".rstrip()
        yield ""
    yield f"{len(items):,} models, {sized(sum(item.bytes for item in items if not item.hidden))}"
    for absence in absent_in(folders.models):
        complain(f"note: {clean(absence)}")
    if not any(folder.is_dir() for kind in folders.kinds for folder in folders.of(kind)):
        complain(f"there are no model folders in {', '.join(map(str, folders.models))}: give --models yours.")


def _where(kind: str, folders: Folders) -> str:
    there = [str(folder) for folder in folders.of(kind) if folder.is_dir()] if kind in folders.kinds else []
    place = ", ".join(there) or (str(hub.hub_cache()) if kind == HUB else "")
    return f"  ({clean(place)})" if place else ""


def _notes(item: Item) -> Iterator[str]:
    if item.hidden:
        yield "not used: another of this name is found first"
    if item.problem:
        yield item.problem


def _page(item: Item) -> Iterator[str]:
    yield clean(item.name)
    rows = (
        ("kind", item.kind),
        ("family", item.family),
        ("holds", item.holds),
        ("size", f"{sized(item.bytes)} ({item.bytes:,} bytes)"),
        ("path", str(item.path)),
        ("SHA-256", item.digest),
        ("note", "; ".join(_notes(item))),
    )
    yield from (f"  {key:<8} {clean(value)}" for key, value in rows if value)


def _plain(item: Item) -> dict[str, object]:
    return {
        "name": item.name, "kind": item.kind, "path": str(item.path), "bytes": item.bytes, "holds": item.holds,
        "family": item.family, "sha256": item.digest or None, "problem": item.problem or None, "hidden": item.hidden,
    }  # fmt: skip
