"""What `controlgraph run` is to run: each file, once for each combination of the values that are swept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import WorkflowError
from ..graph import Graph
from ..injected import Folders
from ..library import Library
from . import opening
from .sweep import combinations
from .terminal import clean


@dataclass(frozen=True, slots=True)
class Job:
    """One run that a command makes.

    Attributes:
        file: The workflow file.
        graph: What runs.
        settings: The values that tell this run from others of the file, as `node.input=value`.
    """

    file: Path
    graph: Graph
    settings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file, with its settings."""
        return f"{clean(str(self.file))} {_bracketed(self.settings)}".rstrip()


def jobs_of(
    files: Sequence[Path],
    nodes: Library,
    folders: Folders,
    settings: Sequence[str],
    sweeps: Sequence[str],
    targets: Sequence[str],
) -> tuple[list[Job], list[WorkflowError]]:
    """Open what is to run: every file with every combination of swept values; and what is wrong with those that cannot.

    What is wrong with several combinations alike is given once.

    Raises:
        GraphError: A sweep is none.
    """
    found: list[Job] = []
    errors: dict[object, WorkflowError] = {}
    for file in files:
        try:
            workflow = opening.read(file, nodes)
        except WorkflowError as error:
            errors[file] = error
            continue
        for swept in combinations(workflow, sweeps, nodes, folders):
            named = replace(workflow, source=f"{workflow.source} {_bracketed(swept)}".rstrip())
            try:
                found.append(Job(file, opening.checked(named, nodes, folders, (*settings, *swept), targets), swept))
            except WorkflowError as error:
                errors.setdefault((file, error.problems), error)
    return found, list(errors.values())


def _bracketed(settings: Sequence[str]) -> str:
    return f"[{'; '.join(clean(one, 60) for one in settings)}]" if settings else ""
