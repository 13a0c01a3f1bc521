"""Workflows that the editor offers as templates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..library import Library
from ..workflow import Workflow

_PICTURES = (".jpg", ".png", ".webp")


@dataclass(frozen=True, slots=True)
class Template:
    """A workflow file, and a picture of what it makes.

    Attributes:
        name: Its name in the editor.
        workflow: The file.
        picture: The picture beside it, or None.
    """

    name: str
    workflow: Path
    picture: Path | None

    def document(self, library: Library) -> dict[str, object]:
        """The workflow in the editor's own format.

        Raises:
            WorkflowError: The file is no workflow.
        """
        from .formats.drafting import to_document

        workflow = self._read(library)
        return dict(workflow.document) or to_document(workflow, library)

    def drawing(self, library: Library) -> bytes:
        """A drawing of the graph as SVG, for a template without a picture.

        Raises:
            WorkflowError: The file is no workflow.
        """
        from ..drawing import picture, svg

        return svg(picture(self._read(library), library))

    def _read(self, library: Library) -> Workflow:
        from .formats.reading import read_any

        return read_any(self.workflow, library).sound()


def templates_in(folder: Path) -> list[Template]:
    """The templates of a folder."""
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    return [Template(file.stem, file, _picture(file)) for file in files]


def _picture(file: Path) -> Path | None:
    beside = (file.with_suffix(suffix) for suffix in _PICTURES)
    return next((picture for picture in beside if picture.is_file()), None)
