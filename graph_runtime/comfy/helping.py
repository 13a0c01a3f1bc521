"""The help page of a node in Markdown, made of what its declaration says."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from ..declaration import Node
from ..described import takes
from ..injected import Folders

_SPECIAL = re.compile(r"([\\*_|\[\]#])")


def help_page(node: Node, pack: str, folders: Folders) -> str:
    """Write the help page of a node.

    Args:
        node: The node.
        pack: The name of its pack.
        folders: Where the files lie that it offers to choose from.
    """
    return "\n".join(_lines(node, pack, folders)) + "\n"


def _lines(node: Node, pack: str, folders: Folders) -> Iterator[str]:
    yield f"# {_plain(node.title)}"
    for text in (node.docs.summary, node.docs.details):
        if text:
            yield from ("", text)
    yield from _list("Inputs", [(one.name, takes(one, folders), one.docs) for one in node.inputs.values()])
    yield from _list("Outputs", [(one.name, str(one.socket), one.docs) for one in node.outputs])
    yield ""
    yield f"`{node.id}` of the pack {_plain(pack)}, version {node.version}" + (
        "; saves or shows something." if node.sink else "."
    )


def _list(heading: str, rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """A list, not a table: the page stands in a narrow panel."""
    if rows:
        yield from ("", f"## {heading}", "")
    for name, kind, said in rows:
        yield f"- **{_plain(name)}**: {_plain(kind)}." + (f"  \n  {' '.join(said.split())}" if said else "")


def _plain(text: str) -> str:
    """A text that is no Markdown: names of files and the like stand as they are."""
    return _SPECIAL.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))
