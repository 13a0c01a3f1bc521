"""What an editor's document says of the model files that it names: address, folder and digest.

The editor keeps it with each node, in `properties.models`; some files keep it once for the whole workflow, in `models`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ...workflow import Origin, Workflow
from .document import entries, fields


def documented(workflow: Workflow, document: Mapping[str, object]) -> Workflow:
    """Give a workflow the editor's document that it came with, and with it what that says of files."""
    return replace(workflow, document=document, origins=origins_in(document))


def origins_in(document: Mapping[str, object]) -> tuple[Origin, ...]:
    """Read where files can be had; each address once, and what is malformed is passed over."""
    return tuple(dict.fromkeys(origin for item in _items(document) if (origin := _origin(fields(item))) is not None))


def _items(document: Mapping[str, object]) -> Iterator[object]:
    yield from entries(document.get("models"))
    definitions = entries(fields(document.get("definitions")).get("subgraphs"))
    for graph in (document, *map(fields, definitions)):
        for node in entries(graph.get("nodes")):
            yield from entries(fields(fields(node).get("properties")).get("models"))


def _origin(item: Mapping[str, object]) -> Origin | None:
    texts = {key: value for key, value in item.items() if isinstance(value, str)}
    if not texts.get("name") or not (texts.get("url") or texts.get("hash")):
        return None
    algorithm = texts.get("hash_type", "SHA256") if texts.get("hash") else ""
    return Origin(
        texts["name"], texts.get("url", ""), texts.get("directory", ""), texts.get("hash", ""), algorithm.upper()
    )
