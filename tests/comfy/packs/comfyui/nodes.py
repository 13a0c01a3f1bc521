"""Stands in for ComfyUI's module of this name: loads the packs of `custom_nodes` by their paths."""

import importlib.util
import sys
from pathlib import Path

NODE_CLASS_MAPPINGS = {"VAEDecode": object}
NODE_DISPLAY_NAME_MAPPINGS = {}


def load_custom_node(path: Path) -> None:
    """Load a pack; ids that are taken are skipped without a word."""
    name = str(path).replace(".", "_x_")
    spec = importlib.util.spec_from_file_location(name, path / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    for id, source in module.NODE_CLASS_MAPPINGS.items():
        if id not in NODE_CLASS_MAPPINGS:
            NODE_CLASS_MAPPINGS[id] = source
            source.RELATIVE_PYTHON_MODULE = f"custom_nodes.{path.name}"
    NODE_DISPLAY_NAME_MAPPINGS.update(module.NODE_DISPLAY_NAME_MAPPINGS)
