"""Writes newer nodes, which declare a schema, as the older classes that the adapter takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

from ...errors import DeclarationError
from .dynamic import Sections, folded
from .shims.api_io import ComfyNode, Hidden, HiddenHolder, NodeOutput, Schema, declared
from .shims.blocking import ExecutionBlocker


def as_class(node: type[ComfyNode]) -> tuple[str, str, type]:
    """Write a newer node as a class.

    Returns:
        Its id, its name for people, the class.

    Raises:
        DeclarationError: It declares no schema.
    """
    schema = node.define_schema()
    if not isinstance(schema, Schema):
        raise DeclarationError(f"{node.__name__}.define_schema gives no Schema.")
    found = _sections(node)
    body: dict[str, Any] = {
        "INPUT_TYPES": staticmethod(partial(_sections, node)),
        "RETURN_TYPES": tuple(output.io_type for output in schema.outputs),
        "RETURN_NAMES": tuple(output.display_name or output.id or str(output.io_type) for output in schema.outputs),
        "OUTPUT_IS_LIST": tuple(output.is_output_list for output in schema.outputs),
        "OUTPUT_TOOLTIPS": tuple(output.tooltip for output in schema.outputs),
        "INPUT_IS_LIST": schema.is_input_list,
        "OUTPUT_NODE": schema.is_output_node,
        "OUTPUT_MATCHTYPES": tuple(output.template for output in schema.outputs),
        "NOT_IDEMPOTENT": schema.not_idempotent,
        "ACCEPT_ALL_INPUTS": schema.accept_all_inputs,
        "SEARCH_ALIASES": tuple(schema.search_aliases or ()),
        "ESSENTIALS_CATEGORY": schema.essentials_category,
        "HAS_INTERMEDIATE_OUTPUT": schema.has_intermediate_output,
        "DEV_ONLY": schema.is_dev_only,
        "DEPRECATED": schema.is_deprecated,
        "EXPERIMENTAL": schema.is_experimental,
        "CATEGORY": schema.category,
        "DESCRIPTION": schema.description,
        "FUNCTION": "execute",
        "execute": (_awaiting if inspect.iscoroutinefunction(node.execute) else _calling)(node, found),
        "__module__": node.__module__,
    }
    for theirs, ours in (("validate_inputs", "VALIDATE_INPUTS"), ("fingerprint_inputs", "IS_CHANGED")):
        if (function := getattr(node, theirs, None)) is not None:
            body[ours] = staticmethod(function)
    if (ask := getattr(node, "check_lazy_status", None)) is not None:
        body["check_lazy_status"] = lambda self, **given: ask(**folded(found, _split(given)[0], paired=True))
    return schema.node_id, schema.display_name or schema.node_id, type(node.__name__, (), body)


def _sections(node: type[ComfyNode]) -> dict[str, dict[str, Any]]:
    """The inputs of a schema as older classes give theirs; asked anew each time, since nodes list files."""
    schema = node.define_schema()
    found = {"optional": {}, **declared(schema.inputs)}
    wanted = [*schema.hidden, *([Hidden.prompt, Hidden.extra_pnginfo] if schema.is_output_node else [])]
    found["hidden"] = {_HIDDEN + hidden.name: (hidden.value,) for hidden in dict.fromkeys(wanted)}
    return found


_HIDDEN = "hidden "
"""What the names of hidden inputs begin with on the way to the node."""


def _split(given: Mapping[str, Any]) -> tuple[dict[str, Any], HiddenHolder]:
    """Part the inputs from what is hidden."""
    hidden = {name.removeprefix(_HIDDEN): value for name, value in given.items() if name.startswith(_HIDDEN)}
    return {name: value for name, value in given.items() if not name.startswith(_HIDDEN)}, HiddenHolder(**hidden)


def _with_hidden(node: type[ComfyNode], hidden: HiddenHolder) -> type[ComfyNode]:
    """The node for one call: what it may ask for stands on the class."""
    return type(node.__name__, (node,), {"hidden": hidden, "__module__": node.__module__})


def _calling(node: type[ComfyNode], found: Sections) -> Any:
    def execute(self: object, **given: Any) -> Any:
        values, hidden = _split(given)
        return _result(_with_hidden(node, hidden).execute(**folded(found, values)))

    return execute


def _awaiting(node: type[ComfyNode], found: Sections) -> Any:
    async def execute(self: object, **given: Any) -> Any:
        values, hidden = _split(given)
        return _result(await _with_hidden(node, hidden).execute(**folded(found, values)))

    return execute


def _result(returned: Any) -> Any:
    """Write what a newer node gives as older ones do."""
    if not isinstance(returned, NodeOutput):
        return returned
    if returned.block_execution is not None:
        return ExecutionBlocker(returned.block_execution or None)
    found = {"ui": returned.ui, "expand": returned.expand, "result": returned.result}
    return {name: value for name, value in found.items() if value is not None}
