"""The pack's commands on `controlgraph`."""

from __future__ import annotations

from pathlib import Path

import click

from graph_runtime import Folders, NodeError
from sd_nodes.assets import ASSETS, Asset, present


@click.command()
@click.argument("name", type=click.Choice(sorted(ASSETS)), required=False)
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
    """Fetch a file that some nodes need, once; without NAME list what there is to fetch.

    Every file has its licence written beside it and is checked against its known SHA-256.
    """
    from sd_nodes.fetch import fetch as fetch_asset

    if name is None:
        for asset in ASSETS.values():
            click.echo(_line(asset, Folders(models=(models,))))
        return
    try:
        fetch_asset(ASSETS[name], models, archive, say=lambda text: click.echo(text, err=True))
    except NodeError as error:
        raise click.ClickException(str(error)) from error


def _line(asset: Asset, folders: Folders) -> str:
    place = present(asset, folders)
    state = f"is at {place}" if place else f"fetch it with: {asset.command}"
    return f"{asset.name}: {asset.purpose}; {asset.bytes / 1e6:.1f} MB, {asset.licence}; {state}"
