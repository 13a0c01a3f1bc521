"""Every error of the runtime, and the words it is told in."""

from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

ProblemKind: TypeAlias = Literal[
    "unreadable",
    "no_nodes",
    "no_outputs",
    "malformed_node",
    "unknown_node",
    "unknown_input",
    "missing_input",
    "wrong_type",
    "too_small",
    "too_large",
    "not_a_choice",
    "bad_link",
    "type_mismatch",
    "cycle",
    "unknown_target",
    "refused",
    "failed",
]

PACKS = (
    "packs: name the folder of one with --nodes DIR; those in your pack folder are imported once they are trusted "
    "(controlgraph packs)."
)
"""Where nodes come from whose kind is not known."""

Hint: TypeAlias = Callable[[object, Iterable[str]], str]
"""Finds among names the one that comes nearest to what was found, or gives ""."""

_SHOWN = 80
_COMPARED = 500
_WORD = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps a graph from running, said so that it can be mended.

    Attributes:
        kind: What sort of problem it is, for programs.
        message: What was found and what is needed, for people; one sentence or two.
        node: The id of the node it is about, or "" for the file as a whole.
        title: The node's title.
        class_type: The kind of node.
        input: The name of the input it is about, or "".
        nearest: The right thing that is closest to what was found, or "".
        details: Facts for programs: bounds, types, the nodes of a cycle.
        missing: The name of the file that is not there, where that is the problem.
        remedy: The end of the message, where it says how to come by that file; several problems may share it, and
            together they are told it once.
    """

    kind: ProblemKind
    message: str
    node: str = ""
    title: str = ""
    class_type: str = ""
    input: str = ""
    nearest: str = ""
    details: tuple[tuple[str, object], ...] = ()
    missing: str = ""
    remedy: str = ""

    @property
    def place(self) -> str:
        """Where the problem is: `node 3 (Canny Edges), input low`; "" for the file."""
        if not self.node:
            return ""
        return f"node {self.name}, input {shown(self.input)}" if self.input else f"node {self.name}"

    @property
    def name(self) -> str:
        """The node for people: `3 (Canny Edges)`."""
        name = self.title or self.class_type
        return shown(self.node) + (f" ({shown(name)})" if name else "")

    @property
    def brief(self) -> str:
        """The problem without its remedy."""
        told = replace(self, message=self.message.removesuffix(self.remedy).rstrip(), remedy="").told
        return f"{self.place}: {told}" if self.node else told

    @property
    def told(self) -> str:
        """The message, and the right thing that is closest."""
        return f"{self.message} Did you mean {self.nearest}?" if self.nearest else self.message

    def __str__(self) -> str:
        return f"{self.place}: {self.told}" if self.node else self.told


def grouped(problems: Iterable[Problem]) -> list[str]:
    """Tell problems briefly, a line each; what is wrong with several nodes alike is one line that names them all."""
    alike: dict[object, list[Problem]] = {}
    for number, problem in enumerate(problems):
        key = (problem.message, problem.input, problem.nearest) if problem.node else number
        alike.setdefault(key, []).append(problem)
    return [_line(group) for group in alike.values()]


def _line(group: Sequence[Problem]) -> str:
    first, *more = group
    if not more:
        return first.brief
    place = f"nodes {listed(problem.name for problem in group)}"
    about = f"{place}, input {shown(first.input)}" if first.input else place
    return f"{about}: {replace(first, node='').brief}"


class GraphError(Exception):
    """What the user of a graph can mend; shown as its message, never as a traceback."""


class WorkflowError(GraphError):
    """A workflow cannot become a graph; carries every problem that was found.

    Args:
        problems: At least one problem, in the order of the file.
        source: The file, for the message.
        warnings: What is wrong with nodes that nothing wanted needs.
    """

    def __init__(self, problems: Sequence[Problem], source: str = "", warnings: Sequence[Problem] = ()) -> None:
        self.problems = tuple(problems)
        self.source = source
        self.warnings = tuple(warnings)
        missing = [f"  {line}" for line in remedies([self])]
        super().__init__("\n".join([self.brief, *missing]))

    @property
    def brief(self) -> str:
        """Every problem, without the remedies."""
        lines = grouped(self.problems)
        count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
        head = f"{self.source}: {count}" if self.source else count
        told = [*(f"  {line}" for line in lines), *(f"  warning: {line}" for line in grouped(self.warnings))]
        return "\n".join([head, *told])


def remedies(errors: Sequence[WorkflowError]) -> list[str]:
    """Tell how to come by what workflows lack: a heading, and each file once; and where packs come from.

    Args:
        errors: What is wrong with each workflow.
    """
    wanted: dict[tuple[str, str], int] = {}
    for error in errors:
        for file in {(one.missing, one.remedy): None for one in (*error.problems, *error.warnings) if one.remedy}:
            wanted[file] = wanted.get(file, 0) + 1
    several = len(errors) > 1
    lines = [
        f"  {shown(name)}{f' (in {count} workflows)' if several and count > 1 else ''}: {remedy}"
        for (name, remedy), count in wanted.items()
    ]
    unknown = any(problem.kind == "unknown_node" for error in errors for problem in (*error.problems, *error.warnings))
    return [*(["missing:", *lines] if lines else []), *([PACKS] if unknown else [])]


class NodeError(GraphError):
    """A node cannot do its work for a reason the user can mend: a file, a name, a size that does not fit.

    Args:
        message: A sentence that says what was found and what is needed.
        input: The input to blame, where there is one.
        nearest: The right thing that is closest, where there is one.
        missing: The name of the file that is not there, where that is the reason.
        remedy: How to come by that file; it is told behind the message.
    """

    def __init__(
        self, message: str, *, input: str = "", nearest: str = "", missing: str = "", remedy: str = ""
    ) -> None:
        self.message = message = f"{message} {remedy}".rstrip()
        self.missing = missing
        self.remedy = remedy
        self.input = input
        self.nearest = nearest
        super().__init__(message)


class OutOfMemory(NodeError):
    """A node ran out of memory: services let go of what is not in use, and it is tried once more."""


class Unavailable(NodeError):
    """A value that a node awaits cannot be had, because the node it comes from failed or was skipped.

    Args:
        node: The id of that node.
    """

    def __init__(self, node: str) -> None:
        self.node = node
        super().__init__(f"what node {shown(node)} puts out cannot be had: it did not succeed.")


class DeclarationError(GraphError):
    """A function cannot be a node, or a pack cannot be a library; told to who writes the pack."""


class Interrupted(Exception):
    """The run was cancelled; raised inside nodes at the next tick of their progress."""


def shown(value: object, limit: int = _SHOWN) -> str:
    """Render a value from a file for a person: short, on one line, and harmless to a terminal."""
    text = value if isinstance(value, str) else _as_json(value)
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def quoted(value: object, limit: int = _SHOWN) -> str:
    """Render a value as JSON writes it (text in quotation marks), shortened."""
    return f'"{shown(value, limit)}"' if isinstance(value, str) else shown(value, limit)


def _as_json(value: object) -> str:
    if isinstance(value, list | dict) and len(value) > _SHOWN:
        kind = "list" if isinstance(value, list) else "object"
        return f"a {kind} of {len(value)}"
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return f"a {type(value).__name__}"


def nearest(name: object, options: Iterable[str]) -> str:
    """Find the option that looks most like a name, or "" when none does; upper and lower case are alike.

    Where none does, it is one that begins with the name, or holds it from the beginning of a word.
    Of very many options only those with the same first letter are looked at, and of these not all.
    """
    if not isinstance(name, str) or len(name) > 256:
        return ""
    folded: dict[str, str] = {}
    for option in options:
        folded.setdefault(option.casefold(), option)
    meant = name.casefold()
    if meant in folded:
        return folded[meant]
    likely = list(folded)
    if len(folded) > _COMPARED:
        likely = list(itertools.islice((option for option in folded if option[:1] == meant[:1]), _COMPARED))
    close = difflib.get_close_matches(meant, likely, n=1, cutoff=0.6)
    if not close and len(meant) >= _WORD:
        holding = [option for option in likely if f" {meant}" in f" {option}"]
        close = sorted(holding, key=lambda option: not option.startswith(meant))
    return folded[close[0]] if close else ""


class Hints:
    """Finds the nearest names for the first of many problems; looking for them all would take longer than it helps.

    Args:
        most: How many are looked for.
    """

    def __init__(self, most: int = 100) -> None:
        self._left = most

    def __call__(self, name: object, options: Iterable[str]) -> str:
        """Find the option that looks most like a name, or give ""."""
        self._left -= 1
        return nearest(name, options) if self._left >= 0 else ""


def sized(count: int) -> str:
    """Write a number of bytes: `512 B`, `47.4 MB`, `2 GB`; units are powers of 1000."""
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 999.5:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if size >= 99.95 else f"{size:.1f}".removesuffix(".0") + f" {unit}"


def listed(names: Iterable[str], limit: int = 8) -> str:
    """Join names for a sentence: `a, b, c` and how many more there are."""
    names = list(names)
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")
