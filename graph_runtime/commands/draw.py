"""`controlgraph draw`: draws a workflow as SVG or PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from .. import atomic
from ..drawing import READABLE, Scene, picture, png, scale_of, svg
from ..errors import GraphError, Problem, WorkflowError
from ..graph import join
from ..injected import Folders
from ..library import Library
from ..workflow import Workflow
from . import opening
from .options import FILE, SETTINGS, Places, places
from .terminal import clean, complain, naming_new, say, send

_WRITERS = {".svg": svg, ".png": png}
_ABOUT_FILES = frozenset({"refused", "failed", "no_outputs", "not_a_choice"})


@click.command()
@FILE
@click.option(
    "-o",
    "--output",
    "out",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="What to write, .svg or .png; - writes SVG to the standard output.  [default: FILE.svg]",
)
@SETTINGS
@places
def command(file: Path, out: Path | None, settings: tuple[str, ...], places: Places) -> int:
    """Draw a workflow as SVG or PNG, with links and sockets in the colours of their types.

    What is wrong with the workflow is drawn in red and told, and the exit code is 2 then. Files that it names need not
    be there.
    """
    target = out or Path(f"{'workflow' if str(file) == '-' else file.stem}.svg")
    if out is not None and str(out) != "-" and target.suffix.lower() not in _WRITERS:
        raise click.BadParameter(
            f'found "{clean(str(target))}", needs a name that ends in .svg or .png.', param_hint="-o"
        )
    nodes = opening.library(places.nodes, places.folders())
    workflow = opening.changed(opening.read(file, nodes), nodes, places.folders(), settings)
    problems = _problems(workflow, nodes, places.folders())
    _write(picture(workflow, nodes, problems), target)
    for problem in problems:
        complain(str(problem))
    return 2 if problems else 0


def _problems(workflow: Workflow, nodes: Library, folders: Folders) -> Sequence[Problem]:
    """What is wrong with any node of the graph; the files that it names matter only to a run."""
    try:
        found = join(workflow, nodes, folders, workflow.nodes).warnings
    except WorkflowError as error:
        found = error.problems
    return [problem for problem in found if problem.kind not in _ABOUT_FILES]


def _write(scene: Scene, target: Path) -> None:
    if str(target) == "-":
        send(svg(scene))
        return
    if target.suffix.lower() == ".png" and scale_of(scene) < READABLE:
        complain(
            f"warning: the whole does not fit at a readable size, and is drawn at {scale_of(scene):.1%}; use .svg."
        )
    try:
        with naming_new(target.parent):
            atomic.write(target, _WRITERS[target.suffix.lower()](scene))
    except OSError as error:
        raise GraphError(f"{clean(str(target))} cannot be written: {error.strerror}.") from error
    say(f"drew {clean(str(target))}")
