"""`controlgraph convert`: writes a workflow in another format."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import click

from .. import atomic
from ..comfy.formats.editing import with_document
from ..comfy.formats.reading import is_picture
from ..comfy.formats.writing import as_api, as_editor
from ..errors import GraphError
from ..graph import join
from ..injected import Folders
from ..library import Library
from ..workflow import Workflow
from . import opening
from .assign import assigned
from .options import FILE, OUT, SETTINGS, TARGETS, Places, places
from .terminal import clean, naming_new, say

Format: TypeAlias = Literal["api", "editor", "python"]


@click.command()
@FILE
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path, allow_dash=True),
    required=True,
    metavar="FILE",
    help="What to write, .json or .py; - writes to the standard output.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["api", "editor", "python"]),
    help="The format to write.  [default: python for .py; api for a file of the editor; editor for all else]",
)
@SETTINGS
@TARGETS
@OUT
@places
def command(
    file: Path,
    target: Path,
    form: Format | None,
    settings: tuple[str, ...],
    targets: tuple[str, ...],
    out: Path,
    places: Places,
) -> int:
    """Write a workflow in another format.

    FILE is JSON in the API format or in the editor's own, or a PNG, WebP or JPEG picture that carries a workflow.
    A Python script is made of plain calls and gives the same results; the folders of the options stand in it.
    """
    if str(target) != "-" and target.suffix.lower() not in (".json", ".py"):
        raise click.BadParameter(
            f'found "{clean(str(target))}", needs a name that ends in .json or .py.', param_hint="-o"
        )
    nodes = opening.library(places.nodes, places.folders())
    folders = Folders(places.input, out, places.models)
    found = opening.read(file, nodes)
    workflow = with_document(found, assigned(found, settings, nodes, folders).sound(), nodes)
    form = form or _usual(file, workflow, target)
    if form == "python":
        text = _script(workflow, nodes, folders, targets, places)
    else:
        text = as_api(workflow) if form == "api" else as_editor(workflow, nodes)
    _write(text, target)
    return 0


def _usual(file: Path, workflow: Workflow, target: Path) -> Format:
    """The other format than the file's: an editor's document for a prompt, and for a picture."""
    if target.suffix.lower() == ".py":
        return "python"
    return "api" if workflow.document and not is_picture(file) else "editor"


def _script(workflow: Workflow, nodes: Library, folders: Folders, targets: Sequence[str], places: Places) -> str:
    from ..scripting import to_python

    return to_python(join(workflow, nodes, folders, targets or None), folders, places.nodes)


def _write(text: str, target: Path) -> None:
    if str(target) == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        with naming_new(target.parent):
            atomic.write(target, text.encode())
    except OSError as error:
        raise GraphError(f"{clean(str(target))} cannot be written: {error.strerror}.") from error
    say(f"wrote {clean(str(target))}")
