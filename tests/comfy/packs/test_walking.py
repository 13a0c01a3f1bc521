"""Libraries that go through all modules find nothing odd at those that packs import; in a process of its own each.

What a process has imported already is not gone through again, so none of this shows where torch is there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

PACK = """
import torch


class Sum:
    RETURN_TYPES, FUNCTION, CATEGORY = ("INT",), "add", "test"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"x": ("INT",)}}

    def add(self, x):
        return (int(torch.tensor([x, x]).sum()),)


NODE_CLASS_MAPPINGS = {"Sum": Sum}
"""

WALK = """
import copy, doctest, importlib.util, inspect, pickle, sys, typing

from graph_runtime.comfy.packs.modules import importable

with importable():
    import comfy.ldm.blocks, comfy.sd, comfy_extras.more, server
    from comfy.cli_args import args

    assert "torch" not in sys.modules
    queue = server.PromptServer.instance.prompt_queue
    function, part = comfy.sd.load, comfy.sd.Model.table
    ours = [name for name in sys.modules if name.partition(".")[0] in ("comfy", "comfy_api", "execution", "nodes")]
    assert len(ours) > 20
    for name in ours:
        assert importlib.util.find_spec(name), name
        doctest.DocTestFinder().find(sys.modules[name])
    for one in (*map(sys.modules.get, ours), function, part, args, queue):
        for asked in ("wrapped", "origin", "warningregistry", "test", "fspath", "array_interface", "version"):
            assert not hasattr(one, f"__{asked}__"), (one, asked)
        inspect.getmembers(one)
    for one in (function, part):
        assert inspect.unwrap(one) is copy.deepcopy(one) is pickle.loads(pickle.dumps(one)) is one
        assert typing.get_type_hints(one) == {}
    assert copy.copy(args).port == args.port and type(copy.copy(queue)) is type(queue)
    for module in list(sys.modules.values()):
        assert isinstance(getattr(module, "__file__", None), str | None), module
        inspect.getmodule(module)
        try:
            assert isinstance(inspect.getfile(module), str)
        except TypeError as error:
            assert "built-in" in str(error)
    import numpy, torch
"""


def _run(*arguments: str, at: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *arguments], cwd=at, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_pack_may_be_the_first_to_import_torch(tmp_path: Path) -> None:
    pack = tmp_path / "packs" / "first"
    pack.mkdir(parents=True)
    (pack / "__init__.py").write_text(PACK)
    said = _run("-c", "from graph_runtime.cli import main; main()", "nodes", "Sum", "--nodes", "packs", at=tmp_path)
    assert "cannot be loaded" not in said and "x  integer, required" in said


def test_modules_have_none_of_pythons_own_names_but_those_that_are_there(tmp_path: Path) -> None:
    _run("-c", WALK, at=tmp_path)
