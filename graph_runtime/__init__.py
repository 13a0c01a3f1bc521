"""The face of the runtime: everything a pack author or an embedding program needs."""

from .builder import Builder, Given, Handle
from .cache import Cache
from .declaration import Node, node
from .discovery import discover
from .errors import (
    DeclarationError,
    GraphError,
    Interrupted,
    NodeError,
    OutOfMemory,
    Problem,
    WorkflowError,
    listed,
    nearest,
    sized,
)
from .events import Event
from .executor import Cancellation, Executor, Outcome
from .file_trees import files_in
from .graph import Graph, join
from .guises import Guise
from .injected import SILENT, EditorDocument, Folders, NodeId, Preview, Progress, Prompt, Service, Surroundings
from .library import Library
from .results import Blocked, Expand, Lazy, Result, Shown, ShownFile
from .sockets import Choices, Fresh, Range, Seed, Text
from .step import Link, Step, Wire
from .workflow import NodeCall, Workflow

__all__ = [
    "SILENT",
    "Blocked",
    "Builder",
    "Cache",
    "Cancellation",
    "Choices",
    "DeclarationError",
    "EditorDocument",
    "Event",
    "Executor",
    "Expand",
    "Folders",
    "Fresh",
    "Given",
    "Graph",
    "GraphError",
    "Guise",
    "Handle",
    "Interrupted",
    "Lazy",
    "Library",
    "Link",
    "Node",
    "NodeCall",
    "NodeError",
    "NodeId",
    "OutOfMemory",
    "Outcome",
    "Preview",
    "Problem",
    "Progress",
    "Prompt",
    "Range",
    "Result",
    "Seed",
    "Service",
    "Shown",
    "ShownFile",
    "Step",
    "Surroundings",
    "Text",
    "Wire",
    "Workflow",
    "WorkflowError",
    "discover",
    "files_in",
    "join",
    "listed",
    "nearest",
    "node",
    "sized",
]
