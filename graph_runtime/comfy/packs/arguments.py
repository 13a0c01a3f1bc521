"""What goes into a pack's function: values in the guise it knows, copies of all that it could change."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...builder import Given
from ...guises import Guise
from ...injected import EditorDocument, NodeId, Prompt, Service, Surroundings
from ...results import Lazy

HIDDEN: Mapping[str, tuple[object, ...]] = {
    "UNIQUE_ID": (NodeId,),
    "PROMPT": (Prompt,),
    "EXTRA_PNGINFO": (EditorDocument,),
    "DYNPROMPT": (Surroundings, Prompt),
}
"""What each hidden input of a class is made of."""


@dataclass(frozen=True)
class DynamicPrompt:
    """The prompt as it stands, with the nodes of sub-graphs.

    Attributes:
        surroundings: The run.
        original: The prompt as it was sent.
    """

    surroundings: Surroundings
    original: Mapping[str, Any]  # JSON data of the prompt

    def get_node(self, node_id: str) -> dict[str, Any]:
        """Give a node as prompts have it.

        Raises:
            KeyError: There is no such node.
        """
        if node_id in self.original:
            found: dict[str, Any] = self.original[node_id]
            return found
        step = self.surroundings.steps[node_id]
        inputs: dict[str, Any] = {name: [wire.node, wire.output] for name, wire in step.wires.items()}
        for name, value in step.values.items():
            if type(value).__name__ != "Absent":
                inputs[name] = value.value if isinstance(value, Given) else value
        return {"class_type": step.node.id, "inputs": inputs}

    def has_node(self, node_id: str) -> bool:
        """Tell whether there is a node of that id."""
        return node_id in self.original or node_id in self.surroundings.steps

    def all_node_ids(self) -> set[str]:
        """The ids of all nodes."""
        return {*self.original, *self.surroundings.steps}

    def get_parent_node_id(self, node_id: str) -> str | None:
        """The node in whose place a node of a sub-graph stands, or None."""
        return self.surroundings.parents.get(node_id)

    def get_real_node_id(self, node_id: str) -> str:
        """The node of the prompt in whose place a node stands in the end."""
        while (parent := self.surroundings.parents.get(node_id)) is not None:
            node_id = parent
        return node_id

    def get_display_node_id(self, node_id: str) -> str:
        """The node at which the progress of a node is shown."""
        return self.get_real_node_id(node_id)

    def get_original_prompt(self) -> dict[str, Any]:
        """The prompt as it was sent."""
        return dict(self.original)


def hidden_value(word: str, given: Mapping[object, Any]) -> object:
    """Make a hidden input.

    Args:
        word: What the class calls it.
        given: What was handed in, by annotation.

    Returns:
        Its value; None for words that stand for nothing here, such as credentials of other services.
    """
    match word:
        case "UNIQUE_ID":
            return given[NodeId]
        case "PROMPT":
            return given[Prompt]
        case "EXTRA_PNGINFO":
            return {"workflow": given[EditorDocument]} if given[EditorDocument] else {}
        case "DYNPROMPT":
            return DynamicPrompt(given[Surroundings], given[Prompt])
    return None


class Handing:
    """Hands values to a pack's function.

    Args:
        guises: How values of other packs look to it.
        services: The services that guises need, by class.
    """

    def __init__(self, guises: tuple[Guise, ...], services: Mapping[type[Service], Service]) -> None:
        self._guises = guises
        self._services = services
        self._copies: dict[int, object] = {}

    def __call__(self, value: Any) -> Any:
        """Give what the function may do with as it likes; what is one object stays one object.

        Tensors, arrays and the containers around them are copied. Other objects are handed on as they are: only the
        pack knows what they are.
        """
        if id(value) in self._copies:
            return self._copies[id(value)]
        copied = self._changed(value)
        if copied is not value:
            self._copies[id(value)] = copied
        return copied

    def _changed(self, value: Any) -> Any:
        kind = type(value)
        for guise in self._guises:
            if isinstance(value, guise.kind):
                return guise.hand(value, self._services[guise.service] if guise.service is not None else None)
        if kind in (list, tuple):
            return kind(self(item) for item in value)
        if kind is dict:
            return {key: self(item) for key, item in value.items()}
        return copy_of(value)


def copy_of(value: Any) -> Any:
    """Copy a tensor or an array; anything else is given back as it is."""
    torch, numpy = loaded("torch"), loaded("numpy")
    if torch is not None and isinstance(value, torch.Tensor):
        return value.clone()
    if numpy is not None and isinstance(value, numpy.ndarray):
        return value.copy()
    return value


def loaded(name: str) -> Any:
    """A module that is there already, in full: another thread may be in the middle of importing it; else None."""
    module = sys.modules.get(name)
    return None if getattr(getattr(module, "__spec__", None), "_initializing", False) else module


def as_none(value: object) -> object:
    """A lazy value that nobody has asked for stands for None."""
    return None if isinstance(value, Lazy) else value
