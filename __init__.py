"""Only ComfyUI enters here: a clone of this repository in its `custom_nodes` folder gives it our nodes."""

import importlib.util
import sys
from pathlib import Path


def _package(name: str, folder: Path) -> None:
    """Load a package under its installed name, from this clone unless it is installed; no search path is touched."""
    if importlib.util.find_spec(name) is None:
        main, inside = folder / "__init__.py", [str(folder)]
        spec = importlib.util.spec_from_file_location(name, main, submodule_search_locations=inside)
        assert spec is not None and spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


if "folder_paths" in sys.modules:  # ComfyUI is there
    _package("graph_runtime", Path(__file__).parent / "graph_runtime")
    _package("sd_nodes", Path(__file__).parent / "nodes" / "sd_nodes")
    from graph_runtime.comfy.plugin import mappings
    from sd_nodes import LIBRARY

    NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS = mappings(LIBRARY)
