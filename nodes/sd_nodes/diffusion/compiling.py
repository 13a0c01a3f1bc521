"""Compiles the blocks that a network repeats (regional compilation): each kind of block once, whatever the network."""

import os
from functools import cache
from pathlib import Path

import torch
from torch.nn import Module

BLOCKS = frozenset({"BasicTransformerBlock", "ResnetBlock2D", "CLIPEncoderLayer"})
"""The classes of repeated blocks: of attention, of convolutions, of text encoders."""

SHAPES = 64
"""How many shapes a kind of block is compiled for before it is computed as usual: each width and size is one."""

CACHE = "TORCHINDUCTOR_CACHE_DIR"
"""Where torch looks for compiled kernels."""


def compile_blocks(module: Module, device: torch.device, state: Path | None = None) -> str:
    """Has a network's repeated blocks compiled when they are first computed, for each size anew.

    What comes out differs in the last bits: compiled kernels round elsewhere.

    Args:
        module: The network, on its device.
        device: Where it computes.
        state: A folder that compiled kernels are kept in between processes, unless the environment names one.

    Returns:
        Why it is not compiled; empty where it is.
    """
    if state is not None:
        os.environ.setdefault(CACHE, str(state.absolute() / "compiled"))
    if reason := unusable(device.type):
        return reason
    torch._dynamo.config.recompile_limit = max(SHAPES, torch._dynamo.config.recompile_limit)
    for part in module.modules():
        if type(part).__name__ in BLOCKS:
            part.compile()
    return ""


@cache
def unusable(device: str) -> str:
    """Says in a sentence why nothing can be compiled for a kind of device; found out by trying, once."""
    try:
        probe = torch.zeros(8, device=device)
        torch.compile(lambda numbers: numbers * 2 + 1)(probe)
    except Exception as failure:  # compilers fail in their own ways, and each way means that there is none
        first = next(iter(str(failure).strip().splitlines()), type(failure).__name__)
        return f"torch.compile is not usable on {device}: {first}; the model is computed as it is"
    return ""
