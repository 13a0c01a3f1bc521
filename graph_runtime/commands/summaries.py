"""What a function is for, as its docstring says it: read out of the source, since importing a pack takes long."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def summary(module: str, function: str) -> str:
    """Give the first paragraph of a function's docstring without importing its module.

    Args:
        module: The full name of the module, `pack.commands`.
        function: The name of the function in it.

    Returns:
        The paragraph on one line; "" where there is no such function, no docstring or no source.
    """
    import ast

    try:
        source = _source(module)
        tree = ast.parse(source.read_bytes()) if source is not None else ast.Module([], [])
    except (ImportError, OSError, SyntaxError, ValueError):
        return ""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())
    return ""


def _source(module: str) -> Path | None:
    """The file of a module; only the outermost package is asked for, because finding others imports what is around."""
    package, *inner = module.split(".")
    spec = importlib.util.find_spec(package)
    if spec is None:
        return None
    if not inner:
        return Path(spec.origin or "")
    for folder in spec.submodule_search_locations or ():
        place = Path(folder).joinpath(*inner)
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                return file
    return None
