"""The stock nodes as an editor sees them: ids, sockets, and widgets with their order, defaults and bounds.

Saved workflows list the values of widgets by position, so the order counts as much as the names.
"""

import pytest

from graph_runtime import Folders
from graph_runtime.comfy.schema import entry
from sd_nodes import LIBRARY
from sd_nodes.places import EMBEDDED
from tests.sd_nodes.stock import conditionings, latents, masks, parts, pictures, primitives, sampling

NODES = {
    **pictures.NODES, **masks.NODES, **latents.NODES, **conditionings.NODES, **primitives.NODES, **sampling.NODES,
    **parts.NODES,
}  # fmt: skip


SHIPPED = {path.name for path in EMBEDDED.iterdir()}
"""Models that are offered wherever files are chosen."""


def seen(config: list[object], optional: bool) -> object:
    """What an editor reads off an input: a type, a choice, or a type with its default and bounds."""
    kind, options = config
    if isinstance(kind, list):
        shipped = any(str(each).partition("/")[0] in SHIPPED for each in kind)
        return kind if kind and not shipped else "CHOICES"
    if "default" not in options:
        return f"{kind}?" if optional else kind
    bounds = (options["min"], options["max"], options["step"]) if kind in ("INT", "FLOAT") else ()
    return (kind, options["default"], *bounds)


@pytest.mark.parametrize("id", NODES)
def test_a_stock_node_is_what_saved_workflows_expect(id, tmp_path):
    wanted, outputs = NODES[id]
    shown = entry(LIBRARY[id], "sd_nodes", Folders(tmp_path, tmp_path, (), tmp_path))
    inputs = shown["input"]
    found = {name: seen(config, False) for name, config in inputs["required"].items()}
    found |= {name: seen(config, True) for name, config in inputs.get("optional", {}).items()}
    assert found == wanted
    assert list(found) == list(wanted)
    assert shown["output_name"] == outputs


@pytest.mark.parametrize("id", NODES)
def test_the_first_choice_is_the_default(id):
    """ComfyUI's choices begin with what a new node stands on."""
    for name, spec in NODES[id][0].items():
        if isinstance(spec, list):
            assert LIBRARY[id].inputs[name].default == spec[0]


def test_rebatching_takes_and_gives_lists():
    for id in ("RebatchImages", "RebatchLatents"):
        first, *_ = LIBRARY[id].inputs.values()
        assert first.socket.is_list and LIBRARY[id].outputs[0].socket.is_list
