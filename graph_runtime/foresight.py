"""What can be told before a run: the digests of files that nodes read, and the results of nodes that cost nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from .builder import Given
from .calls import spread
from .declaration import Prospect
from .errors import GraphError, NodeError, Problem
from .injected import Folders
from .sockets import Socket
from .step import Step

T = TypeVar("T")


def foreseen(step: Step, sources: Mapping[str, Step | None], folders: Folders) -> tuple[Step, Problem | None]:
    """Fill in a step's fingerprint, and its result if it is static and all its inputs are known.

    Args:
        step: A step without problems.
        sources: The steps that feed it.
        folders: Where files lie.

    Returns:
        The step, and what the pack refused: a file that is not there, a model of an unknown kind.
    """
    if step.node.fingerprint is not None:
        fingerprint, problem = _attempt(lambda: _fingerprint(step, folders))
        if problem is not None:
            return step, problem
        step = replace(step, fingerprint=fingerprint)
    if (inspect := step.node.inspect) is not None:
        prospect = Prospect(step.id, _plain(step), _feeding(step, sources), folders)
        fingerprint, problem = _attempt(lambda: inspect(prospect))
        if problem is not None:
            return step, problem
        step = replace(step, fingerprint=fingerprint)
    if not step.node.static or step.mapped:
        return step, None
    linked: dict[str, object] = {}
    for name, wire in step.wires.items():
        source = sources[wire.node]
        if source is None or source.known is None:
            return replace(step, fingerprint=None), None
        linked[name] = source.known.outputs[wire.output]
    arguments = {**_plain(step), **linked, **dict.fromkeys(step.node.injected, folders)}
    known, problem = _attempt(lambda: spread(step.node, step.node.function(**arguments)))
    return replace(step, known=known), problem


def _fingerprint(step: Step, folders: Folders) -> str | None:
    """The digest of what a step reads; None where an input that decides it is known only in the run."""
    node = step.node
    assert node.fingerprint is not None
    if any(name in step.wires for name in node.fingerprint_inputs):
        return None
    plain = _plain(step)
    given = {name: plain[name] for name in node.fingerprint_inputs}
    return str(node.fingerprint(**given, **dict.fromkeys(node.fingerprint_injected, folders)))


def _feeding(step: Step, sources: Mapping[str, Step | None]) -> dict[str, Socket]:
    """The sockets that the linked inputs of a step are fed by."""
    linked = {name: (sources[wire.node], wire.output) for name, wire in step.wires.items()}
    return {name: source.outputs[output] for name, (source, output) in linked.items() if source is not None}


def _plain(step: Step) -> dict[str, object]:
    return {name: value.value if isinstance(value, Given) else value for name, value in step.values.items()}


def _attempt(work: Callable[[], T]) -> tuple[T | None, Problem | None]:
    """Call into a pack; whatever it raises becomes a problem, without a place."""
    try:
        return work(), None
    except NodeError as error:
        told = Problem("refused", error.message, input=error.input, nearest=error.nearest)
        return None, replace(told, missing=error.missing, remedy=error.remedy)
    except GraphError as error:
        return None, Problem("refused", str(error))
    except Exception as error:
        return None, Problem("failed", f"{type(error).__name__}: {error}")
