"""What results depend on beside a node's inputs, and what surrounds each call of a node; told without torch."""

from __future__ import annotations

import os
import platform
import re
from contextlib import contextmanager, nullcontext
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from graph_runtime import NodeError, OutOfMemory
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.seeding import seeding
from sd_nodes.shortage import is_shortage
from sd_nodes.weights import WeightStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graph_runtime import Node

PACKAGES = ("torch", "diffusers", "transformers", "opencv-python-headless", "pillow", "xformers")
VECTORS = ("sve", "neon", "asimd", "avx2", "avx512f", "avx512_bf16", "amx_bf16")
"""Instruction sets by which the kernels of a CPU are chosen, and with them the last bits of results."""


def environment() -> dict[str, str]:
    """Return the versions of the libraries that compute, and the machine's own kinds of arithmetic."""
    found = {name: _version(name) for name in PACKAGES}
    kernels = os.environ.get("ATEN_CPU_CAPABILITY", "")
    machine = [platform.system(), platform.machine(), *_vectors(), kernels]
    machine_told = {"machine": " ".join(filter(None, machine)), "gpus": ", ".join(gpus())}
    return {**found, **machine_told, "noise seed": seeding()}


@contextmanager
def around(node: Node) -> Iterator[None]:
    """Compute a node without gradients; tell settings that do not fit, and memory that is short, as its problems.

    The libraries are imported here, so that no node's time counts them: torch, and those that load models for nodes
    that compute with models. Nodes that only read and write, and loaders, import nothing.
    """
    if WeightStore in node.injected.values() and not node.static:
        import sd_nodes.loading  # noqa: F401
    try:
        with nullcontext() if node.static or node.resource == "io" else _computing():
            yield
    except SettingError as error:
        raise NodeError(str(error)) from error


@contextmanager
def _computing() -> Iterator[None]:
    import torch

    try:
        with torch.inference_mode():
            yield
    except (MemoryError, RuntimeError) as error:
        if not is_shortage(error):
            raise
        raise OutOfMemory(
            "there is not enough memory for this. Draw smaller or fewer pictures at once, compute in bfloat16 (Model "
            "Dtype), or let weights wait in main memory (Model Offload)."
        ) from error


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _vectors() -> list[str]:
    """Read which instruction sets the CPU has, where the system tells it in a file."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return [platform.processor()]
    line = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    has = set(line[1].split()) if line else set()
    return [name for name in VECTORS if name in has]


def gpus() -> list[str]:
    """Read the models of the NVIDIA GPUs from their driver's files, as far as programs may see them."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1"):
        return []
    models: set[str] = set()
    for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        line = re.search(r"^Model:\s*(.+)$", file.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
        models.add(line[1].strip() if line else "NVIDIA")
    return sorted(models)
