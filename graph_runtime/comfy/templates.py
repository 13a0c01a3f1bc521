"""Workflows that the editor offers as templates."""

from __future__ import annotations

import importlib.metadata
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
        picture: The picture beside it or in the folder `thumbnails` there, or None.
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


def samples_of(folder: Path) -> Path:
    """The folder of the pictures that the templates of a folder load; it need not be there."""
    return folder / "input"


def _picture(file: Path) -> Path | None:
    folders = (file.parent, file.parent / "thumbnails")
    named = (folder / f"{file.stem}{suffix}" for folder in folders for suffix in _PICTURES)
    return next((picture for picture in named if picture.is_file()), None)


def shipped() -> Path | None:
    """The folder of the workflows that come with the program: of the checkout that it runs from, or as installed."""
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").is_file():
        return checkout / "workflows"
    try:
        files = importlib.metadata.files("controlgraph") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = (Path(str(file.locate())) for file in files if file.parts[-3:-1] == ("controlgraph", "workflows"))
    return next((file.resolve().parent for file in found), None)
